"""Finds texts that are equal, near-duplicates, or equal but for names. Used by `split` and `leakage`."""

from goutbench.dedup.near import Neighbours, compare_sides, group_rows, neighbours
from goutbench.dedup.sketch import Fingerprints, fingerprint

__all__ = ["Fingerprints", "Neighbours", "compare_sides", "fingerprint", "group_rows", "neighbours"]
