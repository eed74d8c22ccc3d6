"""The requests of a run as batch files. Their results come back through `generate(…, replies=…)`."""

from pathlib import Path
from typing import Any

from goutbench.dataset.shards import ShardPlan
from goutbench.errors import ConfigError
from goutbench.generate.complete import completion_task, open_journal
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import calls_of, check_mode
from goutbench.generate.tuned import with_weights_revision
from goutbench.inference.batch.requests import write_requests
from goutbench.inference.calls import Call
from goutbench.inference.models import Server


def export_requests(
    dataset: Path,
    out: Path,
    model: str,
    options: GenerateOptions,
    path: Path,
    *,
    server: Server | None = None,
    shard: ShardPlan | None = None,
) -> dict[str, Any]:
    """Write to batch files the requests that `generate` would make now; returns the counts.

    A request that the run folder `out` has an answer to, or that exceeds the window, is not among them.
    Raises ConfigError, also where nothing remains to be asked; DatasetError, StorageError.
    """
    check_mode(options)
    options = with_weights_revision(options, model)
    items = read_items(dataset, options, shard.pairs if shard else None)

    def pending(name: str) -> list[Call[Any]]:
        with open_journal(out) as journal:
            calls = [
                call
                for call in calls_of(items, name, options)
                if call.fits(options.window) and journal.find(call.key) is None
            ]
        if not calls:
            hint = "run the same command without --export-batch"
            raise ConfigError("no request is left to be made", where=f"--out {out}", hint=hint)
        return calls

    files, count = write_requests(completion_task(options), pending, path, model, server or Server())
    return {"requests": count, "files": [str(file) for file in files]}
