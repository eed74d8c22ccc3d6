"""Know the data: counts, lengths, styles, signals for every row, figures, and a page that shows them."""

from goutbench.describe.stage import Described, describe

__all__ = ["Described", "describe"]
