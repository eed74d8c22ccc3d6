"""The tables of a dataset's description: those of the paper, and more."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from goutbench.describe.components import Components
from goutbench.describe.content import DatasetContent
from goutbench.records import CODE_TOKENS, Signals

WINDOWS = (2_048, CODE_TOKENS, 131_072)
"""Tokens: TRL users' common limit, the paper's chunk, and a long window of today's models."""
_QUANTILES = (5, 25, 50, 75, 95, 99)
ALL = "all"
Value = TypeVar("Value")
Row = dict[str, Any]
"""Column → text or number."""


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """Rows with the same keys. A column named "share", "share …" or "… share" holds shares from 0 to 1."""

    name: str
    title: str
    note: str
    rows: tuple[Row, ...]


def dataset_tables(data: DatasetContent, components: Components | None) -> list[DatasetTable]:
    """Every table, in the order of the page."""
    return [
        pairs_table(data),
        *split_tables(data),
        lines_table(data),
        tokens_table(data),
        *([components_table(components)] if components else []),
        style_table(data),
        code_table(data),
        quality_table(data),
        licences_table(data),
        clusters_table(data),
        funnel_table(data),
    ]


def pairs_table(data: DatasetContent) -> DatasetTable:
    count = Counter(pair.repository for pair in data.pairs)
    domain = {pair.repository: pair.domain for pair in data.pairs}
    revision = {pair.repository: pair.revision for pair in data.pairs}
    rows: list[Row] = [
        {
            "repository": name,
            "pairs": count[name],
            "share": count[name] / len(data.pairs),
            "domain": domain[name],
            "revision": revision[name][:12],
        }
        for name in data.repositories
    ]
    total: Row = {
        "repository": ALL,
        "pairs": len(data.pairs),
        "share": 1.0,
        "domain": "",
        "revision": "",
    }
    return DatasetTable("table-1", "Pairs by repository", "The paper's Table 1.", (*rows, total))


def split_tables(data: DatasetContent) -> list[DatasetTable]:
    tables = []
    for scheme, assigned in sorted(data.splits.items()):
        count = Counter((pair.repository, assigned.get(pair.id, "")) for pair in data.pairs)
        names = [name for name in ("train", "validation", "test") if name in set(assigned.values())]
        total = {split: sum(count[repo, split] for repo in data.repositories) for split in names}
        rows = [
            {"repository": name}
            | {split: count[name, split] for split in names}
            | {f"{split} share": count[name, split] / total[split] for split in names}
            for name in data.repositories
        ]
        note = f"Figures 8 to 10 of the paper, for the scheme {scheme}. A share is of its split."
        tables.append(DatasetTable(f"split-{scheme}", f"Splits: {scheme}", note, tuple(rows)))
    return tables


def lines_table(data: DatasetContent) -> DatasetTable:
    rows = []
    for name, pairs in _by_repository(data, data.pairs):
        for side, values in (
            ("code", [p.code_lines for p in pairs]),
            ("test", [p.test_lines for p in pairs]),
        ):
            rows.append({"repository": name, "side": side, "total": sum(values), **_spread(values)})
    return DatasetTable("lines", "Lines", "Lines of code and of tests: Figure 2 of the paper.", tuple(rows))


def tokens_table(data: DatasetContent) -> DatasetTable:
    rows = []
    for tokenizer, counts in data.tokens.items():
        sides = {
            "code": [code for code, _ in counts],
            "test": [test for _, test in counts],
            "code + test": [code + test for code, test in counts],
        }
        for side, values in sides.items():
            over = {f"share over {limit:,}": _share(v > limit for v in values) for limit in WINDOWS}
            rows.append({"tokenizer": tokenizer, "side": side, **_spread(values), **over})
    note = "Text beyond the context window of a trainer or a model is cut off."
    return DatasetTable("tokens", "Tokens", note, tuple(rows))


def components_table(components: Components) -> DatasetTable:
    rows = [
        {
            "component": f"PC{index + 1}",
            "variance explained share": components.explained[index],
            "correlation with lines (Spearman)": round(components.lines[index], 3),
            "correlation with log lines (Pearson)": round(components.log_lines[index], 3),
        }
        for index in range(2)
    ]
    note = "Of the embeddings of the code. In the paper, the components correlate most with the line count."
    return DatasetTable("components", "Principal components", note, tuple(rows))


def style_table(data: DatasetContent) -> DatasetTable:
    styles: dict[str, Callable[[Signals], bool]] = {
        "table-driven": lambda s: s.table_driven,
        "subtests": lambda s: s.subtests > 0,
        "parallel": lambda s: s.parallel > 0,
        "testify": lambda s: "testify" in s.libraries,
        "other library": lambda s: bool(set(s.libraries) - {"testify"}),
        "mocks": lambda s: s.mocks,
        "benchmarks": lambda s: s.benchmarks > 0,
        "fuzz": lambda s: s.fuzz > 0,
        "examples": lambda s: s.examples > 0,
    }
    rows = [
        {"repository": name, "pairs": len(signals)}
        | {f"{style} share": _share(map(has_style, signals)) for style, has_style in styles.items()}
        for name, signals in _by_repository(data, data.signals)
    ]
    note = "The share of test files with at least one of each, according to their syntax."
    return DatasetTable("style", "Styles of the tests", note, tuple(rows))


def code_table(data: DatasetContent) -> DatasetTable:
    rows = [
        {
            "repository": name,
            "functions": sum(s.functions for s in signals),
            "concurrent share": _share(s.concurrent for s in signals),
            "goroutines share": _share(s.goroutines > 0 for s in signals),
            "channels share": _share(s.channels > 0 for s in signals),
            "locks share": _share(s.locks > 0 for s in signals),
            "interfaces share": _share(s.interfaces > 0 for s in signals),
            **{f"complexity p{q}": v for q, v in _quantiles([s.complexity for s in signals], (50, 90, 99))},
        }
        for name, signals in _by_repository(data, data.signals)
    ]
    note = (
        "Shares of files that use each feature; cyclomatic complexity of each file's most complex function."
    )
    return DatasetTable("code", "Features of the code", note, tuple(rows))


def quality_table(data: DatasetContent) -> DatasetTable:
    rows = []
    for (name, signals), (_, pairs) in zip(
        _by_repository(data, data.signals), _by_repository(data, data.pairs), strict=True
    ):
        rows.append(
            {
                "repository": name,
                "pairs": len(pairs),
                "generated": sum(pair.generated for pair in pairs),
                "vendored": sum(pair.vendored for pair in pairs),
                "not parsed": sum(not (s.code_parses and s.test_parses) for s in signals),
                "without tests": sum(not s.tests for s in signals),
                "assertion-free": sum(s.assertion_free for s in signals),
                "with secrets": sum(s.secrets > 0 for s in signals),
                "in clusters": sum(s.cluster_size > 1 for s in signals),
                "median tests": float(np.median([s.tests for s in signals])),
                "median assertions": float(np.median([s.assertions for s in signals])),
            }
        )
    note = (
        "For information; no row is dropped. signals.parquet has these signals for every row. "
        "Assertion-free: the file has tests, and no check can fail any of them, only a panic. "
        "assertion_free_tests names such tests in every file."
    )
    return DatasetTable("quality", "Quality signals", note, tuple(rows))


def licences_table(data: DatasetContent) -> DatasetTable:
    count = Counter(pair.licence for pair in data.pairs)
    repositories: dict[str, set[str]] = {}
    for pair in data.pairs:
        repositories.setdefault(pair.licence, set()).add(pair.repository)
    rows = [
        {
            "licence": name,
            "pairs": number,
            "share": number / len(data.pairs),
            "repositories": ", ".join(sorted(repositories[name])),
        }
        for name, number in count.most_common()
    ]
    return DatasetTable("licences", "Licences", "The licence of each pair.", tuple(rows))


def clusters_table(data: DatasetContent) -> DatasetTable:
    size = {signal.cluster: signal.cluster_size for signal in data.signals}
    count = Counter(size.values())
    rows = [
        {"pairs in a cluster": number, "clusters": count[number], "pairs": number * count[number]}
        for number in sorted(count)
    ]
    note = "Clusters link pairs whose code or tests are equal, near-duplicates, or equal but for names."
    return DatasetTable("clusters", "Near-duplicates", note, tuple(rows))


def funnel_table(data: DatasetContent) -> DatasetTable:
    names = data.repositories
    names += sorted({rejection.repository for rejection in data.rejections} - set(names))
    rules = sorted({rejection.rule for rejection in data.rejections})
    rows = []
    for name in [*names, ALL]:
        pairs = [pair for pair in data.pairs if name in (ALL, pair.repository)]
        rejected = [rejection for rejection in data.rejections if name in (ALL, rejection.repository)]
        is_test = Counter(rejection.path.endswith("_test.go") for rejection in rejected)
        tests = {(pair.repository, pair.test_path) for pair in pairs}
        sources = {(pair.repository, pair.code_path) for pair in pairs}
        rows.append(
            {
                "repository": name,
                "Go files": len(sources) + len(tests) + len(rejected),
                "sources": len(sources) + is_test[False],
                "tests": len(tests) + is_test[True],
                "pairs": len(pairs),
                "tests paired share": len(tests) / max(1, len(tests) + is_test[True]),
                **{rule: sum(rejection.rule == rule for rejection in rejected) for rule in rules},
            }
        )
    note = "Every Go file is in a pair or has a row in rejections.parquet with its reason."
    return DatasetTable("funnel", "The pairing funnel", note, tuple(rows))


def _by_repository(data: DatasetContent, values: Sequence[Value]) -> list[tuple[str, list[Value]]]:
    """Values in the order of the pairs, for each repository and then for all."""
    groups: dict[str, list[Value]] = {name: [] for name in data.repositories}
    for pair, value in zip(data.pairs, values, strict=True):
        groups[pair.repository].append(value)
    return [*groups.items(), (ALL, list(values))]


def _share(conditions: Iterable[bool]) -> float:
    values = list(conditions)
    return sum(values) / len(values) if values else 0.0


def _spread(values: Sequence[int]) -> dict[str, float]:
    spread = {f"p{q}": number for q, number in _quantiles(values, _QUANTILES)}
    return {"mean": round(float(np.mean(values)), 1), **spread, "max": float(max(values))}


def _quantiles(values: Sequence[int], percentages: Sequence[int]) -> list[tuple[int, float]]:
    return [(q, round(float(np.percentile(values, q)), 1)) for q in percentages]
