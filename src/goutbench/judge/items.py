"""What is judged: the candidates of two runs, item by item, with the code and the reference test."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.chunk import TokenCounter, function_chunks, token_counter
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError
from goutbench.golang.syntax.file import parse
from goutbench.judge.options import Options
from goutbench.records import Pair, short_hash

CANDIDATES, EXECUTIONS = "candidates.parquet", "executions.parquet"
Key = tuple[str, tuple[str, ...], int]  # pair, focal functions, sample


@dataclass(frozen=True, slots=True)
class Item:
    """Two candidates for one thing to be tested. `focal`: its functions; empty: the whole file.

    `code` and `reference` are what a judge is shown: of a function only itself with its context, and only the
    reference's tests that exercise it.
    """

    id: str
    pair_id: str
    repository: str
    path: str
    package: str
    focal: tuple[str, ...]
    sample: int
    code: str
    reference: str
    model_a: str
    model_b: str
    candidate_a: str
    candidate_b: str
    text_a: str
    text_b: str

    def texts(self, order: str) -> tuple[str, str]:
        """The two candidates as they are shown in an order, "ab" or "ba"."""
        return (self.text_a, self.text_b) if order == "ab" else (self.text_b, self.text_a)


@dataclass(frozen=True, slots=True)
class Paired:
    """The items of two runs, and how many candidates of each have no counterpart in the other."""

    items: tuple[Item, ...]
    only_a: int
    only_b: int


def read_items(run_a: Path, run_b: Path, dataset: Path, options: Options) -> Paired:
    """Pair up the first answers of two runs by pair, functions and sample, in the dataset's order.

    Raises ConfigError where a run is none, or where the two have no item in common.
    """
    a, b = _candidates(run_a), _candidates(run_b)
    shared = a.keys() & b.keys()
    wanted: dict[str, list[Key]] = {}
    for key in sorted(shared):
        wanted.setdefault(key[0], []).append(key)
    counter = token_counter(options.tokenizer)
    found = []
    for pair in read_pairs(dataset):
        keys = wanted.pop(pair.id, [])
        shown = _shown(pair, {key[1] for key in keys}, options, counter)
        found += [_item(pair, key, shown[key[1]], a[key], b[key]) for key in keys]
    if wanted:
        raise ConfigError(
            f"the dataset has no pair {min(wanted)!r}", where=str(dataset), hint="give the runs' dataset"
        )
    if not found:
        raise ConfigError(
            "the runs have no item in common", where=f"{run_a}, {run_b}", hint="generate both alike"
        )
    return Paired(tuple(_drawn(found, options)), len(a) - len(shared), len(b) - len(shared))


def read_passing(*runs: Path) -> frozenset[str] | None:
    """The ids of the runs' candidates that pass when executed; None where a run was not executed."""
    if not all((run / EXECUTIONS).is_file() for run in runs):
        return None
    rows = [
        row for run in runs for row in read_table(run / EXECUTIONS, ["candidate_id", "status"]).to_pylist()
    ]
    return frozenset(row["candidate_id"] for row in rows if row["status"] == "PASSED")


def _drawn(items: Sequence[Item], options: Options) -> Sequence[Item]:
    if not options.limit or len(items) <= options.limit:
        return items
    kept = sorted(random.Random(options.seed).sample(range(len(items)), options.limit))
    return [items[at] for at in kept]


def _candidates(run: Path) -> dict[Key, dict[str, Any]]:
    path = run / CANDIDATES
    if not path.is_file():
        raise ConfigError(f"no {CANDIDATES} is there", where=str(run), hint="run `goutbench generate`")
    rows = [row for row in read_table(path).to_pylist() if not row.get("round")]
    models = sorted({row["model"] for row in rows})
    if len(models) != 1:
        raise ConfigError(
            f"has {len(models)} models, and not one", where=str(path), hint="give one run a model"
        )
    found = {(row["pair_id"], tuple(row["focal"] or ()), row["sample"]): row for row in rows}
    if len(found) < len(rows):
        raise ConfigError("has two candidates for one item", where=str(path), hint="generate it again")
    return found


def _item(pair: Pair, key: Key, shown: tuple[str, str], a: dict[str, Any], b: dict[str, Any]) -> Item:
    return Item(
        id=short_hash(pair.id, *key[1], str(key[2]), a["id"], b["id"]),
        pair_id=pair.id,
        repository=pair.repository,
        path=pair.code_path,
        package=pair.package,
        focal=key[1],
        sample=key[2],
        code=shown[0],
        reference=shown[1],
        model_a=a["model"],
        model_b=b["model"],
        candidate_a=a["id"],
        candidate_b=b["id"],
        text_a=a["code"] or "",
        text_b=b["code"] or "",
    )


def _shown(
    pair: Pair, wanted: set[tuple[str, ...]], options: Options, counter: TokenCounter
) -> dict[tuple[str, ...], tuple[str, str]]:
    """Code and reference to show, by focal functions."""
    shown = dict.fromkeys(wanted, (pair.code, pair.test))
    if not any(wanted):
        return shown
    code, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
    tests = parse(test)
    where = {each.name: tests.declarations[each.declaration] for each in tests.tests}
    for chunk in function_chunks(code, tests=test, budget=options.budget, counter=counter, pair_id=pair.id):
        if chunk.focal in shown and not chunk.over_budget:
            named = [each.test for each in chunk.tests if each.test in where]
            cut = b"\n\n".join(tests.text(where[name]).strip(b"\n") for name in dict.fromkeys(named))
            shown[chunk.focal] = (chunk.text, cut.decode("utf-8", "replace") or pair.test)
    return shown
