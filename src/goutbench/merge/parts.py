"""The folders of one run's shards: that they belong together, and that none is missing."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import dataset_digest
from goutbench.dataset.shards import Shard, ShardRecord, read_shard
from goutbench.errors import ConfigError
from goutbench.execute.journal import MACHINE, OWN_CANDIDATES

Finished = Callable[[Path], Collection[str]]
"""The units of a stage that a folder has records of."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Parts:
    """The folders of all shards of a run, in the order of their numbers; a shard may have several."""

    records: Sequence[ShardRecord]

    @property
    def folders(self) -> list[Path]:
        return [record.folder for record in self.records]

    @property
    def stages(self) -> Collection[str]:
        return self.records[0].stages

    def facts(self, stage: str) -> Mapping[str, Any]:
        """What all shards of a stage have in common."""
        return self.records[0].stages[stage].facts


def read_parts(runs: Sequence[Path], dataset: Path) -> Parts:
    """The shards in these run folders.

    Raises ConfigError for a folder without a shard, for shards of different runs, and for missing shards.
    """
    records = []
    for run in runs:
        record = read_shard(run)
        if record is None:
            hint = "give folders that were written with --shard"
            raise ConfigError("the folder has no shard", where=str(run), hint=hint)
        records.append(record)
    records.sort(key=lambda record: (record.shard, str(record.folder)))
    first = records[0]
    if first.identity["dataset"] != dataset_digest(dataset):
        hint = "give the --dataset that the shards were made from"
        raise ConfigError("the shards are of another dataset", where=str(first.folder), hint=hint)
    for record in records[1:]:
        _check_same_run(first, record)
    _check_complete({record.shard for record in records})
    return Parts(records)


def _check_same_run(first: ShardRecord, record: ShardRecord) -> None:
    """Raises ConfigError where two shards are not of one run; their machines are checked apart."""
    differing = record.differences(first.identity)
    if record.shard.count != first.shard.count:
        differing.append(f"the count of shards is {first.shard.count} and was {record.shard.count}")
    if record.stages.keys() != first.stages.keys():
        was, now = (", ".join(sorted(one.stages)) for one in (record, first))
        differing.append(f"the stages are {now} and were {was}")
    else:
        for stage, part in first.stages.items():
            facts, others = ({**one.facts, MACHINE: None} for one in (part, record.stages[stage]))
            differing += _differences(stage, facts, others)
    if differing:
        hint = f"run the shard {record.shard} again with the version and the options of the others"
        where = f"{record.folder}, compared with {first.folder}"
        raise ConfigError(f"shards of different runs: {'; '.join(differing)}", where=where, hint=hint)


def _differences(name: str, now: Any, was: Any) -> list[str]:
    """ "execute options mutants is 5 and was None": the values in which two JSON texts differ."""
    if isinstance(now, dict) and isinstance(was, dict):
        return [
            text
            for key in sorted({*now, *was})
            for text in _differences(f"{name} {key}", now.get(key), was.get(key))
        ]
    return [] if now == was else [f"{name} is {_short(now)} and was {_short(was)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _check_complete(present: Collection[Shard]) -> None:
    """Raises ConfigError with the numbers of missing shards."""
    count = next(iter(present)).count
    numbers = {shard.number for shard in present}
    if missing := [str(Shard(number, count)) for number in range(1, count + 1) if number not in numbers]:
        hint = "run these shards, and give the folders of all"
        raise ConfigError(f"shards are missing: {', '.join(missing)}", where="merge", hint=hint)


def check_finished(parts: Parts, finished: Mapping[str, Finished], generated: Finished) -> None:
    """Raises ConfigError that names the units without a record, of all stages and shards.

    Of several folders of a shard, one must have the record. Where the folders' own candidates were executed,
    these must be the units: `generated` are their ids.
    """
    problems = _check_candidates(parts, generated)
    for stage in parts.stages:
        units: dict[Shard, set[str]] = defaultdict(set)
        records: dict[Shard, set[str]] = defaultdict(set)
        for record in parts.records:
            units[record.shard].update(record.stages[stage].units)
            records[record.shard].update(finished[stage](record.folder))
        for shard, of_shard in units.items():
            if missing := sorted(of_shard - records[shard]):
                shown = ", ".join(missing[:_SHOWN]) + (", …" if len(missing) > _SHOWN else "")
                counted = f"{len(missing)} of {len(of_shard)} units of {stage}"
                problems.append(f"the shard {shard} lacks {counted}: {shown}")
    if problems:
        hint = "run the same commands of these shards again: they resume"
        raise ConfigError("; ".join(problems), where="merge", hint=hint)


def _check_candidates(parts: Parts, generated: Finished) -> list[str]:
    """Which shards executed other candidates than those they have now."""
    if (
        not {"generate", "execute"} <= {*parts.stages}
        or parts.facts("execute")["candidates"] != OWN_CANDIDATES
    ):
        return []
    ids: dict[Shard, set[str]] = defaultdict(set)
    executed: dict[Shard, set[str]] = defaultdict(set)
    for record in parts.records:
        ids[record.shard].update(generated(record.folder))
        executed[record.shard].update(record.stages["execute"].units)
    return [
        f"the shard {shard} executed other candidates than it has: {len(own - executed[shard])} are new, "
        f"{len(executed[shard] - own)} are gone"
        for shard, own in ids.items()
        if own != executed[shard]
    ]
