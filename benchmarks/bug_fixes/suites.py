"""Test suites drawn from what single tests cover and kill: the union of theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Values = NDArray[np.float64]

MEASURES = ("score", "score of the functions", "coverage", "coverage of the functions")
"""What a suite is measured by: in the focal file, and in the functions that the fix changes."""

_SIZES, _DRAWN = 10, 100


@dataclass(frozen=True, slots=True)
class Pool:
    """The tests of one bug that reach the focal file: whether each catches the bug, and what it kills and
    covers, (tests, mutants or statements) for each of MEASURES."""

    catching: Bits
    marks: tuple[Bits, ...]
    weights: tuple[Values, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any], *, timed_out: bool = False) -> Self:
        """With `timed_out`, a mutant that times out is killed by all tests that reach it."""
        kills = row["fixed"]
        tests, mutants, blocks = kills["tests"], kills["mutants"], kills["blocks"]

        def killers(mutant: Mapping[str, Any]) -> list[int]:
            return list(mutant["reached" if timed_out and mutant["status"] == "timed_out" else "killers"])

        def matrix(sets: list[list[int]]) -> Bits:
            bits = np.zeros((len(tests), len(sets)), dtype=bool)
            for column, numbers in enumerate(sets):
                bits[numbers, column] = True
            return bits

        near = [block for block in blocks if block["near"]]
        marks = (
            matrix([killers(mutant) for mutant in mutants if mutant["sampled"]]),
            matrix([killers(mutant) for mutant in mutants if mutant["focused"]]),
            matrix([block["tests"] for block in blocks]),
            matrix([block["tests"] for block in near]),
        )
        weights = (
            np.ones(marks[0].shape[1]),
            np.ones(marks[1].shape[1]),
            np.array([block["statements"] for block in blocks], dtype=float),
            np.array([block["statements"] for block in near], dtype=float),
        )
        used = marks[2].any(axis=1)
        catching = np.array([name in row["catching"] for name in tests], dtype=bool)
        return cls(catching[used], tuple(bits[used] for bits in marks), weights)

    @property
    def usable(self) -> bool:
        """Whether suites of one size can differ in whether they catch the bug."""
        return bool(self.catching.any() and not self.catching.all())

    def measure(self, suites: Bits) -> Values:
        """Suites (suites, tests) → their values in [0, 1], (MEASURES, suites); NaN where there is nothing."""
        values = []
        for bits, weights in zip(self.marks, self.weights, strict=True):
            union = (suites.astype(np.float32) @ bits.astype(np.float32)) > 0
            total = weights.sum()
            values.append(union @ weights / total if total else np.full(len(suites), np.nan))
        return np.array(values)

    def equal_sizes(self) -> Iterator[tuple[Values, Values]]:
        """For sizes at which both kinds exist: values of suites that catch the bug, and of others."""
        rng = np.random.default_rng(1)
        for size in _spread(int((~self.catching).sum())):
            hits = self._draw(rng, size, catching=True)
            misses = self._draw(rng, size, catching=False)
            yield self.measure(hits), self.measure(misses)

    def natural(self) -> Iterator[tuple[Values, Bits]]:
        """For each size, random suites: their values, and whether they catch the bug."""
        rng, tests = np.random.default_rng(2), len(self.catching)
        for size in _spread(tests - 1):
            suites = _random_suites(rng, 2 * _DRAWN, np.arange(tests), tests, size)
            yield self.measure(suites), self._catches(suites)

    def _catches(self, suites: Bits) -> Bits:
        return np.asarray((suites & self.catching).any(axis=1))

    def _draw(self, rng: np.random.Generator, size: int, *, catching: bool) -> Bits:
        """Random suites of a size, given that they catch the bug or do not."""
        tests = len(self.catching)
        if not catching:
            return _random_suites(rng, _DRAWN, np.flatnonzero(~self.catching), tests, size)
        drawn = np.zeros((0, tests), dtype=bool)
        while len(drawn) < _DRAWN:
            suites = _random_suites(rng, 10 * _DRAWN, np.arange(tests), tests, size)
            drawn = np.concatenate([drawn, suites[self._catches(suites)]])
        return drawn[:_DRAWN]


def _spread(largest: int) -> list[int]:
    """At most `_SIZES` sizes from 1 to the largest."""
    return sorted({round(size) for size in np.linspace(1, largest, min(_SIZES, largest))})


def _random_suites(
    rng: np.random.Generator, count: int, of: NDArray[np.int64], tests: int, size: int
) -> Bits:
    order = rng.random((count, len(of))).argsort(axis=1)[:, :size]
    suites = np.zeros((count, tests), dtype=bool)
    np.put_along_axis(suites, of[order], True, axis=1)
    return suites
