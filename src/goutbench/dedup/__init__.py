"""Which texts are the same, nearly the same, or the same but for names. Shared by `split` and `leakage`."""

from goutbench.dedup.near import Neighbours, grouped, neighbours
from goutbench.dedup.sketch import Fingerprints, fingerprint

__all__ = ["Fingerprints", "Neighbours", "fingerprint", "grouped", "neighbours"]
