"""The module of the entry point `inspect_ai`: Inspect lists no task of a file whose name begins with _."""

from goutbench.environments.inspect_tasks import pairwise, scripted, scripted_judge, unit_tests

__all__ = ["pairwise", "scripted", "scripted_judge", "unit_tests"]
