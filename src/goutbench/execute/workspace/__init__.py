"""The source trees, modules and folders that executions share."""
