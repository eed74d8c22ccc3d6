"""The `judge` stage: compares the candidates of runs, and writes verdicts, matches and figures."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

from goutbench.dataset.shards import ShardPlan, claim
from goutbench.dataset.store import file_hash, write_json, write_rows
from goutbench.inference.calls import CallPlan
from goutbench.inference.models import Server
from goutbench.judge.calls import collect_verdicts, judge_calls, open_journal
from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge, check_judges
from goutbench.judge.items import PairedRuns, read_comparisons, read_passing
from goutbench.judge.options import JudgeOptions
from goutbench.judge.outcome import by_match, match_of, panel_match
from goutbench.judge.requests import Request, match_id, requests
from goutbench.judge.results.costs import NO_PRICES, Prices, with_costs
from goutbench.judge.results.figures import Figures, figures
from goutbench.judge.results.rating_table import rating_rows
from goutbench.locations import CANDIDATES
from goutbench.ratings import Rating, ratings_by_judge
from goutbench.records import Match, Verdict

VERDICTS, MATCHES, RUN = "verdicts.parquet", "matches.parquet", "run.json"


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """The records of a run, its figures for each pair of runs, and the ratings by judge.

    `figures` are those of the first pair: all that there are for two runs.
    """

    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    matches: tuple[Match, ...]
    pairs: tuple[Figures, ...]
    ratings: Mapping[str, Sequence[Rating]]

    @property
    def figures(self) -> Figures:
        return self.pairs[0]

    def write(self, out: Path, **facts: Any) -> None:
        """Write the tables, and `run.json` with these facts about the run."""
        write_rows(out / VERDICTS, [asdict(verdict) for verdict in self.verdicts])
        write_rows(out / MATCHES, [asdict(match) for match in self.matches])
        versions = {name: version(name) for name in ("goutbench", "inspect_ai")}
        content = {**facts, "versions": versions, "figures": self.figures}
        if len(self.pairs) > 1:
            rated = {judge: rating_rows(rows) for judge, rows in self.ratings.items()}
            content = {**content, "pairs": self.pairs, "ratings": rated}
        write_json(out / RUN, json.loads(json.dumps(content)))


def judge(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    judges: Sequence[Judge],
    options: JudgeOptions,
    server: Server,
    *,
    reparse: bool = False,
    prices: Prices = NO_PRICES,
    shard: ShardPlan | None = None,
) -> JudgeResult:
    """Have the judges compare every pair of two or more runs, and write the folder: answers, verdicts,
    matches and `run.json`.

    The same call after a kill repeats no call that was answered, also if runs were added; `reparse` makes no
    call. Raises ConfigError, DatasetError, StorageError.
    """
    check_judges(judges)
    paired = paired_runs(runs, dataset, options, shard.pairs if shard else None)
    comparisons = [comparison for one in paired for comparison in one.comparisons]
    verdicts: list[Verdict] = []
    facts = judge_facts(runs, judges, options)
    units = [match_id(comparison, one.label) for comparison in comparisons for one in judges]
    with open_journal(out) as journal:
        claim(out, shard, "judge", facts, units)
        journal.open()
        for one in judges:
            asked = list(requests(comparisons, one))
            answered = collect_verdicts(asked, out, options, server, journal, reparse=reparse)
            verdicts += with_costs(answered, prices.get(one.model))
    return write_result(runs, dataset, out, judges, options, paired, verdicts)


def paired_runs(
    runs: Sequence[Path], dataset: Path, options: JudgeOptions, only: Container[str] | None = None
) -> list[PairedRuns]:
    """The comparisons of every pair of runs; with `only`, those of these pairs of files."""
    return [read_comparisons(*pair, dataset, options, only) for pair in combinations(runs, 2)]


def judge_facts(runs: Sequence[Path], judges: Sequence[Judge], options: JudgeOptions) -> dict[str, Any]:
    """What the shards of one comparison have in common."""
    hashes = {_letter(number): file_hash(run / CANDIDATES) for number, run in enumerate(runs)}
    return {"runs": hashes, "options": asdict(options), "judges": _descriptions(judges)}


def _descriptions(judges: Sequence[Judge]) -> dict[str, Any]:
    return {one.label: one.config.model_dump(by_alias=True) for one in judges}


def write_result(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    judges: Sequence[Judge],
    options: JudgeOptions,
    paired: Sequence[PairedRuns],
    verdicts: Sequence[Verdict],
) -> JudgeResult:
    """Make matches, figures and ratings of the verdicts on all comparisons, and write the tables and
    `run.json`. `paired` are the comparisons of every pair of runs."""
    comparisons = [comparison for one in paired for comparison in one.comparisons]
    of_match = by_match(verdicts)
    matches, shown, by_pair = [], [], []
    for pair, one_pair in zip(combinations(runs, 2), paired, strict=True):
        own = [
            match for comparison in one_pair.comparisons for match in _matches(comparison, judges, of_match)
        ]
        ids = {match.id for match in own}
        heard = [verdict for verdict in verdicts if verdict.match_id in ids]
        # a shard may have no item
        shown.append(figures(one_pair.comparisons, heard, own, judges, read_passing(*pair)) if own else {})
        matches += own
        by_pair.append((pair, own))
    ratings = ratings_by_judge(_with_runs(runs, by_pair)) if matches else {}
    result = JudgeResult(tuple(comparisons), tuple(verdicts), tuple(matches), tuple(shown), ratings)
    result.write(
        out,
        runs={**{_letter(number): str(run) for number, run in enumerate(runs)}, "dataset": str(dataset)},
        judges=_descriptions(judges),
        options=asdict(options),
        items=len({comparison.item for comparison in comparisons}),
        **{"without a counterpart": {"a": paired[0].unpaired_a, "b": paired[0].unpaired_b}},
    )
    return result


def _with_runs(
    runs: Sequence[Path], by_pair: Sequence[tuple[tuple[Path, Path], Sequence[Match]]]
) -> list[Match]:
    """The matches of each pair of runs, where models that are in several runs have the name of their run."""
    homes: dict[str, set[Path]] = {}
    for (first, second), own in by_pair:
        for match in own:
            homes.setdefault(match.model_a, set()).add(first)
            homes.setdefault(match.model_b, set()).add(second)
    letters = {run: _letter(number) for number, run in enumerate(runs)}

    def name(model: str, run: Path) -> str:
        return model if len(homes[model]) == 1 else f"{model} [{letters[run]}: {run.name}]"

    return [
        replace(match, model_a=name(match.model_a, first), model_b=name(match.model_b, second))
        for (first, second), own in by_pair
        for match in own
    ]


def _letter(number: int) -> str:
    """The name of a run in `run.json`: a, b, …, z, run 27, …"""
    return chr(ord("a") + number) if number < 26 else f"run {number + 1}"


def _matches(
    comparison: Comparison, judges: Sequence[Judge], of_match: Mapping[str, Sequence[Verdict]]
) -> list[Match]:
    """The match of each judge about a comparison; after those of a panel the panel's."""
    own = [match_of(comparison, one, of_match[match_id(comparison, one.label)]) for one in judges]
    return own if len(own) == 1 else [*own, panel_match(comparison, own)]


def plan(asked: Sequence[Request], out: Path, options: JudgeOptions) -> CallPlan:
    """What these requests would ask, without asking."""
    items = {(request.comparison.item, request.comparison.model_b) for request in asked}
    with open_journal(out) as journal:
        return CallPlan.of(judge_calls(asked, options), journal, options.window, items=len(items))
