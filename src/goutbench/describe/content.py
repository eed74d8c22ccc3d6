"""What is described: a dataset with its signals, splits and token counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goutbench.records import Pair, Rejection, Signals


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """The content of a dataset.

    `splits` maps scheme → pair id → split, `tokens` maps tokenizer → (code, test) tokens of each pair.
    """

    pairs: Sequence[Pair]
    rejections: Sequence[Rejection]
    signals: Sequence[Signals]
    splits: Mapping[str, Mapping[str, str]]
    tokens: Mapping[str, Sequence[tuple[int, int]]]

    @property
    def repositories(self) -> list[str]:
        """Names, the one with most pairs first."""
        counts = Counter(pair.repository for pair in self.pairs)
        return sorted(counts, key=lambda name: (-counts[name], name))

    def summary(self) -> str:
        """One sentence on the size of the dataset, and one on its files."""
        count = len(self.repositories)
        code, test = sum(pair.code_lines for pair in self.pairs), sum(pair.test_lines for pair in self.pairs)
        return (
            f"{count} {'repository' if count == 1 else 'repositories'}, {code:,} lines of code, {test:,} "
            "lines of tests. Every table is a Parquet file, and signals.parquet has the signals of every row."
        )

    def facts(self) -> list[tuple[str, str]]:
        """The most important numbers, each with its name."""
        signals, number = self.signals, len(self.pairs)
        shares = {
            "table-driven tests": sum(row.table_driven for row in signals),
            "touch concurrency": sum(row.concurrent for row in signals),
            "use mocks": sum(row.mocks for row in signals),
            "in near-duplicate clusters": sum(row.cluster_size > 1 for row in signals),
        }
        return [
            ("pairs", f"{number:,}"),
            ("test functions", f"{sum(row.tests for row in signals):,}"),
            ("assertions", f"{sum(row.assertions for row in signals):,}"),
            *((name, f"{count / number:.0%}") for name, count in shares.items()),
        ]
