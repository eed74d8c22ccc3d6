"""Leakage: how much of a dataset stands in other corpora, row by row."""

from goutbench.leakage.stage import Leakage, leakage, load_embedder, write_leaks

__all__ = ["Leakage", "leakage", "load_embedder", "write_leaks"]
