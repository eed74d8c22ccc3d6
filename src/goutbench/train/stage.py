"""The whole stage: recipe and dataset in, a tuned model out, with the record of how it was made."""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_json
from goutbench.errors import ConfigError, ToolError
from goutbench.train.data.preflight import Preflight, preflight
from goutbench.train.data.prepare import Prepared, prepare
from goutbench.train.data.tokens import stop_ids
from goutbench.train.model.checkpoints import last_whole
from goutbench.train.model.load import (
    base_model,
    checkpointing,
    ends,
    held,
    load_model,
    load_tokenizer,
    weigh,
    with_method,
)
from goutbench.train.model.outputs import write_outputs
from goutbench.train.recipe import Recipe
from goutbench.train.run.card import write_card
from goutbench.train.run.estimate import measure_speed
from goutbench.train.run.figure import write_curve
from goutbench.train.run.losses import Loss, measure
from goutbench.train.run.provenance import git_state, versions
from goutbench.train.run.trainer import (
    advance,
    as_dataset,
    check_devices,
    check_evaluation,
    check_names,
    make_trainer,
)

RUN, CHECKPOINTS, BEFORE = "train_run.json", "checkpoints", "before.json"


@dataclass(frozen=True, slots=True)
class Job:
    """What one call is about; the recipe is a settled one (`settled`): it says in which type to compute."""

    recipe: Recipe
    dataset: Path
    scheme: str
    out: Path


def look(job: Job, *, offline: bool = False) -> tuple[Preflight, Prepared, Any]:
    """The preflight, without any weights. Also gives the rows and the tokenizer."""
    check_names(job.recipe)
    tokenizer = load_tokenizer(job.recipe.model, offline=offline)
    shape, targets, counted = weigh(job.recipe)
    stops = stop_ids(tokenizer, ends(job.recipe.model, shape, offline=offline))
    made = prepare(job.dataset, job.scheme, job.recipe, tokenizer, stops)
    check_evaluation(job.recipe, made)
    speed = measure_speed(job.recipe.model.dtype)
    found = preflight(
        (as_dataset(made.train), made.train_lengths),
        made.evaluation_lengths,
        made.left_out,
        job.recipe,
        shape,
        counted,
        targets,
        speed,
    )
    return found, made, tokenizer


def train(
    job: Job, *, stop_at: int = 0, show: Callable[[Preflight], None] = lambda found: None
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped; returns the content of train_run.json.

    With `stop_at` it ends after that step, and what it leaves is as good as it is by then; called again
    without, the run goes on. A run that is there already is not touched: its record is returned. Raises
    ConfigError where the recipe cannot be kept to, or where `out` holds another run; DatasetError,
    StorageError and ToolError as its parts do.
    """
    check_devices()
    _reporter(job.recipe)
    found, made, tokenizer = look(job)
    show(found)
    record = _record(job, found, made)
    earlier = _earlier(job.out, record)
    if earlier and _reached(earlier, stop_at, job.out):
        print(f"{job.out} holds this run already", file=sys.stderr, flush=True)
        return earlier
    from transformers import set_seed

    set_seed(job.recipe.sft.seed)  # LoRA's first values are drawn when it is attached
    model, _, _ = with_method(load_model(held(job.recipe)), job.recipe)
    trainer = make_trainer(job.recipe, job.out / CHECKPOINTS, found, made, model, tokenizer)
    checkpoint = last_whole(job.out / CHECKPOINTS)
    leg = _begin(job, record, earlier, checkpoint)
    before = _before(job, made, trainer)
    start = time.monotonic()
    with redirect_stdout(sys.stderr):  # what libraries say is no result
        advance(trainer, checkpoint, stop_at)
    leg |= {"to": trainer.state.global_step, "seconds": round(time.monotonic() - start, 1)}
    record["log"] = trainer.state.log_history
    record["losses"] = _compare(before, _measured(trainer, made))
    record["steps"] = trainer.state.global_step
    record["state"] = "done" if trainer.state.global_step >= trainer.state.max_steps else "stopped"
    record["outputs"] = write_outputs(trainer.model, tokenizer, job.recipe, job.out)
    title = f"{record['base']['name']}: loss by step"
    write_curve(trainer.state.log_history, job.out / "loss.svg", title, of=_curve_of(job.recipe))
    write_card(record, job.out)
    write_json(job.out / RUN, record)  # the last: it says that all the rest is there
    return record


def _curve_of(recipe: Recipe) -> str:
    return "dft" if recipe.sft.loss_type == "dft" else recipe.data.loss


def _tasks(made: Prepared) -> dict[str, Any]:
    return {"held-out completions": made.evaluation, **made.other}


def _measured(trainer: Any, made: Prepared) -> list[Loss]:
    """The losses of the model as it is now, in the types that training computes in: a model that was trained
    stays wrapped in these, and one that was only loaded is not."""
    with trainer.accelerator.autocast():
        return measure(trainer.model, _tasks(made))


def _before(job: Job, made: Prepared, trainer: Any) -> list[Loss]:
    """The losses of the untouched model, measured once; a resumed run reads what was measured then."""
    path = job.out / BEFORE
    if path.is_file():
        return [Loss(**each) for each in json.loads(path.read_bytes())]
    measured = _measured(trainer, made)
    write_json(path, [asdict(each) for each in measured])
    return measured


def _compare(before: list[Loss], after: list[Loss]) -> list[dict[str, Any]]:
    return [
        {
            "task": old.name,
            "tokens": old.tokens,
            "before": old.loss,
            "after": new.loss,
            "change": new.loss / old.loss - 1 if old.loss else None,
        }
        for old, new in zip(before, after, strict=True)
    ]


def _record(job: Job, found: Preflight, made: Prepared) -> dict[str, Any]:
    recipe = job.recipe.model_dump(mode="json")
    base = base_model(job.recipe.model)
    about = [recipe, base["version"], made.rows_hash, made.held_out_hash]
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return {
        "state": "running",
        "key": key,
        "base": base,
        "recipe": recipe,
        "seeds": {"seed": job.recipe.sft.seed},
        "dataset": {
            "name": job.dataset.resolve().name,
            "sha256": made.dataset_hash,
            "split": job.scheme,
            "where": job.recipe.data.where,
            "pairs": made.pairs,
            "chosen_pairs": made.chosen_pairs,
            "trained_pairs": made.trained_pairs,
            "licences": made.licences,
            "rows_sha256": made.rows_hash,
        },
        "checkpointing": checkpointing(job.recipe),
        "preflight": found.content(),
        "legs": [],
    }


def _earlier(out: Path, record: dict[str, Any]) -> dict[str, Any] | None:
    """What the folder says of this run; None for a new one. Raises ConfigError where it holds another."""
    path = out / RUN
    if not path.is_file():
        if (out / BEFORE).is_file() or any((out / CHECKPOINTS).glob("checkpoint-*")):
            what = f"it holds checkpoints or losses of a run, and no {RUN} that says of which"
            raise ConfigError(what, where=str(out), hint="give another folder for --out")
        return None
    earlier: dict[str, Any] = json.loads(path.read_bytes())
    if earlier.get("key") != record["key"]:
        what = "it holds a run of another recipe or model, or on other rows"
        raise ConfigError(what, where=str(out), hint="give another folder for --out")
    return earlier


def _reached(earlier: dict[str, Any], stop_at: int, out: Path) -> bool:
    """Whether the run has come as far as is asked for, with all that it leaves."""
    there = all((out / folder).is_dir() for folder in earlier.get("outputs", {}).values())
    enough = earlier["state"] == "done" or bool(stop_at and earlier.get("steps", 0) >= stop_at)
    return there and enough and earlier["state"] != "running"


def _begin(
    job: Job, record: dict[str, Any], earlier: dict[str, Any] | None, checkpoint: Path | None
) -> dict[str, Any]:
    """Make the folder this run's, and write down a leg of it: from which step, by which code.

    A leg that was killed has no end. Returns the leg, which stands in the record.
    """
    start = int(checkpoint.name.partition("-")[2]) if checkpoint else 0
    leg: dict[str, Any] = {"from": start, "versions": versions(), "git": git_state(Path.cwd())}
    record["legs"] = [*(earlier or {}).get("legs", []), leg]
    write_json(job.out / RUN, record)
    return leg


def _reporter(recipe: Recipe) -> None:
    """Raises ToolError where the recipe reports to a package that is not here, before anything is read."""
    name = recipe.sft.report_to
    if name != "none" and find_spec(name) is None:
        hint = f"pip install {name}, or --set sft.report_to=none"
        raise ToolError(f"the recipe reports to {name}, which is not installed", where=name, hint=hint)
