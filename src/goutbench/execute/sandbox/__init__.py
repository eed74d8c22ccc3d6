"""Running a command so that it can harm nothing."""
