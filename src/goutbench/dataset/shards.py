"""Shards: parts of a run for several machines that do not know of each other.

A pair goes to one shard with all its items, candidates and comparisons, in every stage. Every machine
computes the same assignment from the dataset alone. A pair without a recorded cost goes to the first choice
of its hash, whatever else the dataset has. One with a cost goes to the first choice that has room: consistent
hashing with bounded loads, which balances the shards, and moves few pairs when others are added.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from goutbench.dataset.reading import dataset_digest
from goutbench.dataset.store import data_files, read_table, write_json
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import FACTS

SHARD = "shard.json"
"""Which shard a run folder has, and of what: another one does not resume it."""

_ROOM = 1.1  # a shard takes up to this many times the mean of all shards
_CHOICES = 8
_BUILD_SECONDS = 3.0  # facts have no CPU time of builds: this is the median of a few repositories
_SPELLING = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """Part `number` of `count`, counted from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that "3/16" means. Raises ConfigError."""
        match = _SPELLING.fullmatch(text.strip())
        number, count = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= count:
            hint = "give NUMBER/COUNT with numbers from 1, such as 3/16"
            raise ConfigError("not a shard", where=f"--shard {text}", hint=hint)
        return cls(number, count)


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """A shard of a dataset: its pairs by id, and what the assignment depends on.

    `pair_id in plan` also holds for the ids of its share of pairs that the dataset lacks: each is in one
    shard, which records that it is unknown.
    """

    shard: Shard
    pairs: frozenset[str] = field(repr=False)
    elsewhere: frozenset[str] = field(repr=False)
    dataset: str
    costs: str

    def __contains__(self, pair: object) -> bool:
        if pair in self.pairs or pair in self.elsewhere:
            return pair in self.pairs
        return next(_choices(str(pair), self.shard.count)) == self.shard.number

    @classmethod
    def of(cls, dataset: Path, shard: Shard, executions: Path | None = None) -> Self:
        """The plan of a shard; costs are those of earlier `executions`, else of the dataset's facts.

        Raises DatasetError.
        """
        costs = recorded_costs(dataset, executions)
        ids = [id for path in data_files(dataset) for id in read_table(path, ["id"])["id"].to_pylist()]
        assigned = assign(ids, costs, shard.count)
        own = frozenset(id for id in ids if assigned[id] == shard.number)
        text = json.dumps(sorted(costs.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16] if costs else ""
        return cls(shard, own, frozenset(ids) - own, dataset_digest(dataset), digest)

    @property
    def identity(self) -> dict[str, str]:
        """What the shards of one run have in common, but for the number of the shard."""
        versions = {"goutbench": version("goutbench")}
        return {"shard": str(self.shard), "dataset": self.dataset, "costs": self.costs} | versions


def assign(pairs: Iterable[str], costs: Mapping[str, float], count: int) -> dict[str, int]:
    """The number of the shard of each pair id; those with a `costs` entry (any unit) are balanced."""
    assigned: dict[str, int] = {}
    by_cost: list[tuple[float, str]] = []
    for pair in pairs:
        if pair in costs:
            by_cost.append((costs[pair], pair))
        else:
            assigned[pair] = next(_choices(pair, count))
    loads = [0.0] * (count + 1)
    room = _ROOM * sum(cost for cost, _ in by_cost) / count
    for cost, pair in sorted(by_cost, key=lambda entry: (-entry[0], entry[1])):
        fitting = (number for number in _choices(pair, count) if loads[number] + cost <= room)
        number = next(fitting, 0) or min(range(1, count + 1), key=loads.__getitem__)
        assigned[pair], loads[number] = number, loads[number] + cost
    return assigned


def _choices(pair: str, count: int) -> Iterator[int]:
    """Numbers of shards in the order in which a pair prefers them."""
    for choice in range(_CHOICES):
        digest = hashlib.sha256(f"{choice} {pair}".encode()).digest()
        yield int.from_bytes(digest[:8], "big") % count + 1


def recorded_costs(dataset: Path, executions: Path | None = None) -> dict[str, float]:
    """The CPU seconds of executing each pair, where they are recorded. Raises DatasetError."""
    costs: dict[str, float] = defaultdict(float)
    if executions is not None:
        columns = ["pair_id", "build_seconds", "run_seconds", "mutation_seconds"]
        for row in read_table(executions, columns).to_pylist():
            costs[row["pair_id"]] += sum(row.get(name) or 0.0 for name in columns[1:])
    elif (dataset / FACTS).is_file():
        for row in read_table(dataset / FACTS, ["pair_id", "seconds", "mutation_seconds"]).to_pylist():
            costs[row["pair_id"]] = (
                _BUILD_SECONDS + (row["seconds"] or 0.0) + (row["mutation_seconds"] or 0.0)
            )
    return dict(costs)


# ── the shard of a run folder ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StagePart:
    """What one stage does in a shard: options and inputs, equal in all shards, and the keys of its units."""

    facts: Mapping[str, Any]
    units: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """The content of a run folder's `shard.json`."""

    folder: Path
    identity: Mapping[str, str]
    stages: Mapping[str, StagePart]

    @property
    def shard(self) -> Shard:
        return Shard.parse(self.identity["shard"])

    def differences(self, identity: Mapping[str, str]) -> list[str]:
        """ "goutbench is 2 and was 1": how an identity differs from this one, but for the shard."""
        names = sorted({*identity, *self.identity} - {"shard"})
        return [
            f"{name} is {identity.get(name) or 'none'} and was {self.identity.get(name) or 'none'}"
            for name in names
            if identity.get(name) != self.identity.get(name)
        ]


def read_shard(folder: Path) -> ShardRecord | None:
    """Which shard a run folder has; None without one. Raises DatasetError for a damaged file."""
    path = folder / SHARD
    try:
        content = json.loads(path.read_bytes())
        stages = {name: StagePart(**part) for name, part in content.pop("stages").items()}
        record = ShardRecord(folder, content, stages)
        Shard.parse(record.identity["shard"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise DatasetError(f"unreadable: {error}", where=str(path), hint="give another --out") from None
    return record


def claim(
    out: Path, plan: ShardPlan | None, stage: str, facts: Mapping[str, Any], units: Iterable[str]
) -> None:
    """Write which shard a stage writes to a run folder; without a plan only check that it has none.

    Raises ConfigError where the folder has another shard, or a run without shards.
    """
    earlier = read_shard(out)
    if plan is None:
        if earlier is not None:
            hint = f"add --shard {earlier.shard}, or give another --out"
            raise ConfigError(f"the folder has the shard {earlier.shard}", where=str(out), hint=hint)
        return
    if earlier is None and (existing := _run_files(out)):
        what = f"the folder has a run without shards: {existing[0]}"
        raise ConfigError(what, where=str(out), hint="give another --out")
    if earlier is not None:
        differing = earlier.differences(plan.identity)
        if earlier.shard != plan.shard:
            differing.insert(0, f"shard is {plan.shard} and was {earlier.shard}")
        if differing:
            what = f"the folder has another shard: {'; '.join(differing)}"
            raise ConfigError(what, where=str(out), hint="give another --out")
    stages = earlier.stages if earlier is not None else {}
    parts = {name: {"facts": part.facts, "units": part.units} for name, part in stages.items()}
    parts[stage] = {"facts": json.loads(json.dumps(facts)), "units": sorted({*units})}
    write_json(out / SHARD, {**plan.identity, "stages": parts})


def _run_files(out: Path) -> list[str]:
    """The tables and journals of a run folder."""
    return sorted(path.name for path in (*out.glob("*.parquet"), *out.glob("*.jsonl")))
