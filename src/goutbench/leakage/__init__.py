"""Leakage: how much of a dataset is in other corpora, row by row."""

from goutbench.leakage.stage import Leakage, leakage, write_leaks

__all__ = ["Leakage", "leakage", "write_leaks"]
