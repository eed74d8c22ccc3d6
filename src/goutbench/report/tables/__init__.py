"""The tables of a report: pure functions of the results."""
