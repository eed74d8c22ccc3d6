"""Describe a dataset: counts, lengths, styles, quality signals of every row, figures, and a page."""

from goutbench.describe.stage import Description, describe

__all__ = ["Description", "describe"]
