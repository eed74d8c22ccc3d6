"""Reads the comparisons of two runs: their candidates, paired by item and sample."""

import random
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.chunk.stage import function_chunks
from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError
from goutbench.golang.syntax.parser import parse
from goutbench.judge.comparison import Comparison
from goutbench.judge.options import JudgeOptions
from goutbench.locations import CANDIDATES, EXECUTIONS
from goutbench.records import Candidate, Pair, Status, short_hash

_Key = tuple[str, tuple[str, ...], int]  # the id of the pair, the focal functions, the sample
_Shown = dict[tuple[str, ...], tuple[str, str]]  # code and reference test, by focal functions


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """The comparisons of two runs, and how many candidates of each have no counterpart in the other."""

    comparisons: tuple[Comparison, ...]
    unpaired_a: int
    unpaired_b: int


def read_comparisons(
    run_a: Path, run_b: Path, dataset: Path, options: JudgeOptions, only: Container[str] | None = None
) -> PairedRuns:
    """The comparisons of two runs, in the order of the dataset; candidates of feedback rounds are ignored.

    `options.limit` counts items: an item is drawn with all its samples. Of what is drawn, only comparisons of
    the pair ids `only` are returned, which may be none. Raises ConfigError if a folder is
    not a run, if the runs have no item in common, or if the dataset lacks all pairs of theirs; candidates of
    single unknown pairs count as without a counterpart.
    """
    a, b = _read_candidates(run_a), _read_candidates(run_b)
    keys_of_pair: dict[str, list[_Key]] = {}
    for key in sorted(a.keys() & b.keys()):
        keys_of_pair.setdefault(key[0], []).append(key)
    counter = token_counter(options.tokenizer)
    comparisons: list[Comparison] = []
    for pair in read_pairs(dataset):
        keys = keys_of_pair.pop(pair.id, [])
        shown = _shown_texts(pair, {focal for _, focal, _ in keys}, options, counter)
        comparisons += [_comparison(pair, shown[key[1]], a[key], b[key]) for key in keys]
    if keys_of_pair and not comparisons:
        raise ConfigError(
            f"the dataset has no pair {min(keys_of_pair)!r}",
            where=str(dataset),
            hint="give the dataset of the runs",
        )
    if not comparisons:
        raise ConfigError(
            "the runs have no item in common",
            where=f"{run_a}, {run_b}",
            hint="generate both with the same --unit and --split",
        )
    drawn = _draw_items(comparisons, options)
    part = tuple(one for one in drawn if only is None or one.pair_id in only)
    return PairedRuns(part, len(a) - len(comparisons), len(b) - len(comparisons))


def read_passing(*runs: Path) -> frozenset[str] | None:
    """The ids of the candidates that passed; None unless all runs were executed."""
    if not all((run / EXECUTIONS).is_file() for run in runs):
        return None
    return frozenset(
        row["candidate_id"]
        for run in runs
        for row in read_table(run / EXECUTIONS, ["candidate_id", "status"]).to_pylist()
        if row["status"] == Status.PASSED
    )


def _read_candidates(run: Path) -> dict[_Key, Candidate]:
    path = run / CANDIDATES
    if not path.is_file():
        raise ConfigError(f"{CANDIDATES} not found", where=str(run), hint="run `goutbench generate` first")
    candidates = [
        Candidate(
            id=row["id"],
            pair_id=row["pair_id"],
            model=row["model"],
            completion_ids=(),
            code=row["code"] or "",
            package=None,
            mode="",
            notes=(),
            focal=tuple(row["focal"] or ()),
            sample=row["sample"],
        )
        for row in read_table(path).to_pylist()
        if not row.get("round")
    ]
    models = {candidate.model for candidate in candidates}
    if len(models) != 1:
        raise ConfigError(
            f"a run must have one model, but this one has {len(models)}",
            where=str(path),
            hint="use one --out for each model",
        )
    by_key = {(candidate.pair_id, candidate.focal, candidate.sample): candidate for candidate in candidates}
    if len(by_key) < len(candidates):
        raise ConfigError("two candidates for one item", where=str(path), hint="generate the run again")
    return by_key


def _comparison(pair: Pair, shown: tuple[str, str], a: Candidate, b: Candidate) -> Comparison:
    return Comparison(
        id=short_hash(pair.id, *a.focal, str(a.sample), a.id, b.id),
        pair_id=pair.id,
        repository=pair.repository,
        path=pair.code_path,
        package=pair.package,
        focal=a.focal,
        sample=a.sample,
        code=shown[0],
        reference=shown[1],
        model_a=a.model,
        model_b=b.model,
        candidate_a=a.id,
        candidate_b=b.id,
        text_a=a.code,
        text_b=b.code,
    )


def _shown_texts(
    pair: Pair, focal: Iterable[tuple[str, ...]], options: JudgeOptions, counter: TokenCounter
) -> _Shown:
    """What a judge is shown of a pair, for each of these groups of focal functions."""
    shown = dict.fromkeys(focal, (pair.code, pair.test))
    if not any(shown):
        return shown
    code, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
    tests = parse(test)
    declarations = {function.name: tests.declarations[function.declaration] for function in tests.tests}
    for chunk in function_chunks(code, tests=test, budget=options.budget, counter=counter, pair_id=pair.id):
        if chunk.focal in shown and not chunk.over_budget:
            names = dict.fromkeys(exercise.test for exercise in chunk.tests if exercise.test in declarations)
            reference = b"\n\n".join(tests.text(declarations[name]).strip(b"\n") for name in names)
            shown[chunk.focal] = (chunk.text, reference.decode("utf-8", "replace") or pair.test)
    return shown


def _draw_items(comparisons: Sequence[Comparison], options: JudgeOptions) -> Sequence[Comparison]:
    items = list(dict.fromkeys(comparison.item for comparison in comparisons))
    if not options.limit or len(items) <= options.limit:
        return comparisons
    drawn = {items[index] for index in random.Random(options.seed).sample(range(len(items)), options.limit)}
    return [comparison for comparison in comparisons if comparison.item in drawn]
