"""Gaps: one page on where the tests of repositories are missing or weak."""

from goutbench.gaps.stage import gaps

__all__ = ["gaps"]
