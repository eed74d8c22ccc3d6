"""Mutate: what would the tests of a work tree not notice?"""

from goutbench.mutate.stage import mutate

__all__ = ["mutate"]
