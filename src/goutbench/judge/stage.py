"""The `judge` stage: compares the candidates of two runs, and writes verdicts, matches and figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
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
from goutbench.locations import CANDIDATES
from goutbench.records import Match, Verdict

VERDICTS, MATCHES, RUN = "verdicts.parquet", "matches.parquet", "run.json"


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """The records of a run, and its figures."""

    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    matches: tuple[Match, ...]
    figures: Figures

    def write(self, out: Path, **facts: Any) -> None:
        """Write the tables, and `run.json` with these facts about the run."""
        write_rows(out / VERDICTS, [asdict(verdict) for verdict in self.verdicts])
        write_rows(out / MATCHES, [asdict(match) for match in self.matches])
        versions = {name: version(name) for name in ("goutbench", "inspect_ai")}
        content = {**facts, "versions": versions, "figures": self.figures}
        write_json(out / RUN, json.loads(json.dumps(content)))


def judge(
    run_a: Path,
    run_b: Path,
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
    """Have the judges compare two runs, and write the folder: answers, verdicts, matches and `run.json`.

    The same call after a kill repeats no call that was answered; `reparse` makes no call. Raises ConfigError,
    DatasetError, StorageError.
    """
    check_judges(judges)
    paired = read_comparisons(run_a, run_b, dataset, options, shard.pairs if shard else None)
    verdicts: list[Verdict] = []
    facts = judge_facts(run_a, run_b, judges, options)
    units = [match_id(comparison, one.label) for comparison in paired.comparisons for one in judges]
    with open_journal(out) as journal:
        claim(out, shard, "judge", facts, units)
        journal.open()
        for one in judges:
            asked = list(requests(paired.comparisons, one))
            answered = collect_verdicts(asked, out, options, server, journal, reparse=reparse)
            verdicts += with_costs(answered, prices.get(one.model))
    return write_result(run_a, run_b, dataset, out, judges, options, paired, verdicts)


def judge_facts(run_a: Path, run_b: Path, judges: Sequence[Judge], options: JudgeOptions) -> dict[str, Any]:
    """What the shards of one comparison have in common."""
    runs = {name: file_hash(run / CANDIDATES) for name, run in (("a", run_a), ("b", run_b))}
    return {"runs": runs, "options": asdict(options), "judges": _descriptions(judges)}


def _descriptions(judges: Sequence[Judge]) -> dict[str, Any]:
    return {one.label: one.config.model_dump(by_alias=True) for one in judges}


def write_result(
    run_a: Path,
    run_b: Path,
    dataset: Path,
    out: Path,
    judges: Sequence[Judge],
    options: JudgeOptions,
    paired: PairedRuns,
    verdicts: Sequence[Verdict],
) -> JudgeResult:
    """Make matches and figures of the verdicts on all comparisons, and write the tables and `run.json`."""
    comparisons = paired.comparisons
    matches: list[Match] = []
    of_match = by_match(verdicts)
    for comparison in comparisons:
        own = [match_of(comparison, one, of_match[match_id(comparison, one.label)]) for one in judges]
        matches += own if len(own) == 1 else [*own, panel_match(comparison, own)]
    passing = read_passing(run_a, run_b)
    computed = figures(comparisons, verdicts, matches, judges, passing) if comparisons else {}
    result = JudgeResult(comparisons, tuple(verdicts), tuple(matches), computed)
    result.write(
        out,
        runs={"a": str(run_a), "b": str(run_b), "dataset": str(dataset)},
        judges=_descriptions(judges),
        options=asdict(options),
        items=len({comparison.item for comparison in comparisons}),
        **{"without a counterpart": {"a": paired.unpaired_a, "b": paired.unpaired_b}},
    )
    return result


def plan(asked: Sequence[Request], out: Path, options: JudgeOptions) -> CallPlan:
    """What these requests would ask, without asking."""
    items = {(request.comparison.item, request.comparison.model_b) for request in asked}
    with open_journal(out) as journal:
        return CallPlan.of(judge_calls(asked, options), journal, options.window, items=len(items))
