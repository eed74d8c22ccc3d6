"""The tables of a dataset's description: the paper's, and those it lacks. A table is rows of plain values."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goutbench.describe.components import Components
from goutbench.records import Pair, Rejection, Signals

WINDOWS = (2_048, 15_360, 131_072)
"""Tokens: TRL users' common limit, the paper's chunk, and a long window of today's models."""
_QUANTILES = (5, 25, 50, 75, 95, 99)
ALL = "all"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with the same keys. A value named `share…` or ending in `share` is one, from 0 to 1."""

    name: str
    title: str
    note: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset, read once. `splits` maps scheme → pair id → split; `tokens` maps tokenizer → (code, test)
    tokens of each pair."""

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


def tables(data: Data, found: Components | None) -> list[Table]:
    """Every table, in the page's order."""
    made = [_table_one(data), *_splits(data), _lines(data), _tokens(data)]
    if found is not None:
        made.append(_components(found))
    return [*made, _style(data), _code(data), _quality(data), _licences(data), _clusters(data), _funnel(data)]


def _table_one(data: Data) -> Table:
    count = Counter(pair.repository for pair in data.pairs)
    domain = {pair.repository: pair.domain for pair in data.pairs}
    revision = {pair.repository: pair.revision for pair in data.pairs}
    rows = [
        {
            "repository": name,
            "pairs": count[name],
            "share": count[name] / len(data.pairs),
            "domain": domain[name],
            "revision": revision[name][:12],
        }
        for name in data.repositories
    ]
    total = {"repository": ALL, "pairs": len(data.pairs), "share": 1.0, "domain": "", "revision": ""}
    return Table("table-1", "Pairs by repository", "The paper's Table 1.", (*rows, total))


def _splits(data: Data) -> list[Table]:
    made = []
    for scheme, assigned in sorted(data.splits.items()):
        count = Counter((pair.repository, assigned.get(pair.id, "")) for pair in data.pairs)
        names = [name for name in ("train", "validation", "test") if name in set(assigned.values())]
        whole = {split: sum(count[repo, split] for repo in data.repositories) for split in names}
        rows = [
            {"repository": name}
            | {split: count[name, split] for split in names}
            | {f"{split} share": count[name, split] / whole[split] for split in names}
            for name in data.repositories
        ]
        note = f"Figures 8 to 10 of the paper, of the scheme {scheme}: each share is of its split."
        made.append(Table(f"split-{scheme}", f"Splits: {scheme}", note, tuple(rows)))
    return made


def _lines(data: Data) -> Table:
    rows = []
    for name, pairs in _by_repository(data, data.pairs):
        for side, values in (
            ("code", [p.code_lines for p in pairs]),
            ("test", [p.test_lines for p in pairs]),
        ):
            rows.append({"repository": name, "side": side, "total": sum(values), **_spread(values)})
    return Table("lines", "Lines", "Lines of code and of tests: Figure 2 of the paper.", tuple(rows))


def _tokens(data: Data) -> Table:
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
    note = "What is cut from a pair that is longer than a trainer's or a model's window is never seen."
    return Table("tokens", "Tokens", note, tuple(rows))


def _components(found: Components) -> Table:
    rows = [
        {
            "component": f"PC{at + 1}",
            "variance explained share": found.explained[at],
            "correlation with lines (Spearman)": round(found.lines[at], 3),
            "correlation with log lines (Pearson)": round(found.log_lines[at], 3),
        }
        for at in range(2)
    ]
    note = "Of the embeddings of the code. The paper names the line count as what its components follow most."
    return Table("components", "Principal components", note, tuple(rows))


def _style(data: Data) -> Table:
    marks: dict[str, Callable[[Signals], bool]] = {
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
        {"repository": name, "pairs": len(found)}
        | {f"{mark} share": _share(has(s) for s in found) for mark, has in marks.items()}
        for name, found in _by_repository(data, data.signals)
    ]
    note = "The share of test files with at least one of each, read off their syntax."
    return Table("style", "How the tests test", note, tuple(rows))


def _code(data: Data) -> Table:
    rows = [
        {
            "repository": name,
            "functions": sum(s.functions for s in found),
            "concurrent share": _share(s.concurrent for s in found),
            "goroutines share": _share(s.goroutines > 0 for s in found),
            "channels share": _share(s.channels > 0 for s in found),
            "locks share": _share(s.locks > 0 for s in found),
            "interfaces share": _share(s.interfaces > 0 for s in found),
            **{f"complexity p{q}": v for q, v in _quantiles([s.complexity for s in found], (50, 90, 99))},
        }
        for name, found in _by_repository(data, data.signals)
    ]
    note = "Files that mention concurrency; cyclomatic complexity of each file's most complex function."
    return Table("code", "What the code is like", note, tuple(rows))


def _quality(data: Data) -> Table:
    rows = []
    for (name, found), (_, pairs) in zip(
        _by_repository(data, data.signals), _by_repository(data, data.pairs), strict=True
    ):
        rows.append(
            {
                "repository": name,
                "pairs": len(pairs),
                "generated": sum(pair.generated for pair in pairs),
                "vendored": sum(pair.vendored for pair in pairs),
                "not parsed": sum(not (s.code_parses and s.test_parses) for s in found),
                "without tests": sum(not s.tests for s in found),
                "assertion-free": sum(s.assertion_free for s in found),
                "with secrets": sum(s.secrets > 0 for s in found),
                "in clusters": sum(s.cluster_size > 1 for s in found),
                "median tests": float(np.median([s.tests for s in found])),
                "median assertions": float(np.median([s.assertions for s in found])),
            }
        )
    note = (
        "Rows, not reasons to drop them: signals.parquet has these for each row. Assertion-free: the file "
        "has tests and no call that could fail one, as where a helper of another file does all the checking."
    )
    return Table("quality", "Quality signals", note, tuple(rows))


def _licences(data: Data) -> Table:
    count = Counter(pair.licence for pair in data.pairs)
    where: dict[str, set[str]] = {}
    for pair in data.pairs:
        where.setdefault(pair.licence, set()).add(pair.repository)
    rows = [
        {
            "licence": name,
            "pairs": number,
            "share": number / len(data.pairs),
            "repositories": ", ".join(sorted(where[name])),
        }
        for name, number in count.most_common()
    ]
    return Table("licences", "Licences", "The licence that each pair's file stands under.", tuple(rows))


def _clusters(data: Data) -> Table:
    size = {signal.cluster: signal.cluster_size for signal in data.signals}
    count = Counter(size.values())
    rows = [
        {"pairs in a cluster": number, "clusters": count[number], "pairs": number * count[number]}
        for number in sorted(count)
    ]
    note = "Pairs whose code or test is the same, nearly the same, or the same but for names, in any steps."
    return Table("clusters", "Near-duplicates", note, tuple(rows))


def _funnel(data: Data) -> Table:
    names = data.repositories
    names += sorted({each.repository for each in data.rejections} - set(names))
    rows = []
    for name in [*names, ALL]:
        pairs = [pair for pair in data.pairs if name in (ALL, pair.repository)]
        out = [each for each in data.rejections if name in (ALL, each.repository)]
        lost = Counter(each.path.endswith("_test.go") for each in out)
        tests = {(pair.repository, pair.test_path) for pair in pairs}
        sources = {(pair.repository, pair.code_path) for pair in pairs}
        rows.append(
            {
                "repository": name,
                "Go files": len(sources) + len(tests) + len(out),
                "sources": len(sources) + lost[False],
                "tests": len(tests) + lost[True],
                "pairs": len(pairs),
                "tests paired share": len(tests) / max(1, len(tests) + lost[True]),
                **{
                    rule: sum(each.rule == rule for each in out)
                    for rule in sorted({e.rule for e in data.rejections})
                },
            }
        )
    note = "Every Go file is in a pair, or has a row in rejections.parquet with its reason."
    return Table("funnel", "The pairing funnel", note, tuple(rows))


def _by_repository(data: Data, values: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Values in the pairs' order, for each repository and then for all."""
    found: dict[str, list[Any]] = {name: [] for name in data.repositories}
    for pair, value in zip(data.pairs, values, strict=True):
        found[pair.repository].append(value)
    return [*found.items(), (ALL, list(values))]


def _share(marks: Iterable[bool]) -> float:
    values = list(marks)
    return sum(values) / len(values) if values else 0.0


def _spread(values: Sequence[int]) -> dict[str, float]:
    spread = {f"p{q}": number for q, number in _quantiles(values, _QUANTILES)}
    return {"mean": round(float(np.mean(values)), 1), **spread, "most": float(max(values))}


def _quantiles(values: Sequence[int], wanted: Sequence[int]) -> list[tuple[int, float]]:
    return [(q, round(float(np.percentile(values, q)), 1)) for q in wanted]
