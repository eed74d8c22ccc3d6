"""Whether all shards were executed alike: with the same Go, in one sandbox."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from goutbench.dataset.shards import ShardRecord
from goutbench.dataset.store import read_table
from goutbench.execute.journal import MACHINE
from goutbench.locations import EXECUTIONS
from goutbench.merge.parts import Parts


def machine_differences(parts: Parts) -> list[str]:
    """ "Go is PATH go1.24.1 in part-1 and PATH go1.25.0 in part-2": what is not the same everywhere.

    The Go of a record says less: a go.mod may ask for another one, and a machine may have two.
    """
    users: dict[str, dict[str, Path]] = defaultdict(dict)
    for record in parts.records:
        for name, value in _used(record):
            users[name].setdefault(value, record.folder)
    return [
        f"{name} is " + " and ".join(f"{value} in {folder}" for value, folder in sorted(values.items()))
        for name, values in sorted(users.items())
        if len(values) > 1
    ]


def _used(record: ShardRecord) -> Iterator[tuple[str, str]]:
    """What a shard's executions used; one without a unit used nothing."""
    part = record.stages.get("execute")
    if part is None or not part.units:
        return
    if versions := part.facts.get(MACHINE):
        yield "Go", versions
    if (record.folder / EXECUTIONS).is_file():
        for name in {*read_table(record.folder / EXECUTIONS, ["sandbox"])["sandbox"].to_pylist()} - {""}:
            yield "the sandbox", name
