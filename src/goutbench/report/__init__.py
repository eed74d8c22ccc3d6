"""Report: one page where every number leads to the items behind it."""

from goutbench.report.stage import report

__all__ = ["report"]
