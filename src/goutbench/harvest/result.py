"""What a harvest returns."""

from collections.abc import Mapping
from dataclasses import dataclass

from goutbench.records import HarvestedRow, Overlap


@dataclass(frozen=True, slots=True)
class Harvest:
    """The rows, what they have in common with held-out pairs, and why other candidates are no rows."""

    rows: tuple[HarvestedRow, ...]
    proof: tuple[Overlap, ...]
    candidates: int
    excluded: Mapping[str, int]
