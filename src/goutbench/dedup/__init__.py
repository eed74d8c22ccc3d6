"""Which texts are the same, nearly the same, or the same but for names. Shared by `split` and `leakage`."""

from goutbench.dedup.near import Neighbours, compared, grouped, neighbours
from goutbench.dedup.sketch import Fingerprints, fingerprint

__all__ = ["Fingerprints", "Neighbours", "compared", "fingerprint", "grouped", "neighbours"]
