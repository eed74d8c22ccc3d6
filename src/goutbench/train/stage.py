"""Trains a model on a dataset: recipe and dataset in, tuned weights and the record of the run out.

From top to bottom: `plan_training` is a dry run; `train` prepares rows, loads the model, trains, measures and
writes the outputs.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_json
from goutbench.errors import ConfigError, DatasetError
from goutbench.train.data.harvested import Harvested
from goutbench.train.data.preflight import Preflight, TrainingPlan, preflight
from goutbench.train.data.prepare import TrainingData, prepare
from goutbench.train.data.tokens import stop_ids
from goutbench.train.model.checkpointing import checkpointing_kind, enable_unsloth_checkpointing
from goutbench.train.model.load import (
    base_model,
    describe_model,
    end_ids,
    load_model,
    load_tokenizer,
    model_in_training,
)
from goutbench.train.model.outputs import recipe_prompt_settings, write_outputs
from goutbench.train.model.targets import make_trainable
from goutbench.train.recipe import Recipe
from goutbench.train.run.card import write_card
from goutbench.train.run.estimate import measure_speed
from goutbench.train.run.figure import write_curve
from goutbench.train.run.folder import RunFolder, checkpoint_step
from goutbench.train.run.losses import Loss, compare_losses, measure_losses
from goutbench.train.run.provenance import git_state, package_versions
from goutbench.train.run.sharding import memory_by_gpus
from goutbench.train.run.trainer import check_machine, check_names, make_trainer, run_steps, to_dataset


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The inputs of one run. The recipe's `dtype` is resolved (`resolve_dtype`), not `auto`."""

    recipe: Recipe
    dataset: Path
    scheme: str
    out: Path
    harvest: Harvested | None = None


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """All that a run needs but the weights."""

    preflight: Preflight
    data: TrainingData
    tokenizer: Any


def plan_training(run: TrainingRun, *, gpus: int = 0) -> TrainingPlan:
    """The plan of a run, without training; for `gpus` above 0 also the memory of each of them.

    If the recipe declares the model's shape, nothing is downloaded, and tokenizer and dataset may be missing.
    Raises ConfigError, DatasetError and ToolError.
    """
    is_declared = run.recipe.model.shape is not None
    model = describe_model(run.recipe)
    memory = memory_by_gpus(run.recipe, model, gpus) if gpus else ()
    try:
        report = prepare_run(run, offline=is_declared).preflight
        return TrainingPlan(model.weights, model.targets, report, "", memory)
    except (ConfigError, DatasetError) as error:
        may_be_missing = (f"model.name {run.recipe.model.name}", str(run.dataset))
        if not is_declared or not error.where.startswith(may_be_missing):
            raise
        return TrainingPlan(model.weights, model.targets, None, str(error).splitlines()[0], memory)


def prepare_run(run: TrainingRun, *, offline: bool = False) -> PreparedRun:
    """The rows of a run and its preflight, without loading any weights."""
    recipe = run.recipe
    check_names(recipe)
    tokenizer = load_tokenizer(recipe.model, offline=offline)
    model = describe_model(recipe)
    stops = stop_ids(tokenizer, end_ids(recipe.model, model.config, offline=offline))
    data = prepare(run.dataset, run.scheme, recipe, tokenizer, stops, run.harvest)
    if differing := data.harvested.differing_settings(recipe.data):
        others = "validation rows" if data.harvested.only else "the rows of the pairs"
        what = f"the harvested rows have other prompt settings than {others}"
        print(f"warning: {what}: {', '.join(differing)}", file=sys.stderr, flush=True)
    if recipe.sft.eval_steps and not data.evaluation:
        what = f"eval_steps is set, but there are no held-out rows: {data.held_out_summary()}"
        hint = "raise max_length, select other rows, or --set sft.eval_steps=null"
        raise ConfigError(what, where="sft.eval_steps", hint=hint)
    report = preflight(
        to_dataset(data.train),
        data.train_lengths,
        data.evaluation_lengths,
        data.excluded,
        recipe,
        model,
        measure_speed(recipe.model.dtype),
    )
    return PreparedRun(report, data, tokenizer)


def train(
    run: TrainingRun, *, stop_at: int = 0, report: Callable[[Preflight], None] = lambda preflight: None
) -> dict[str, Any]:
    """Train, or resume a run that was killed; returns the content of train_run.json.

    With `stop_at` the run ends after that step with complete outputs; the same call without it resumes. A run
    that is complete is not repeated: its record is returned. Raises ConfigError if the recipe cannot be
    followed or if `out` has another run; DatasetError, StorageError and ToolError.
    """
    check_machine(run.recipe)
    prepared = prepare_run(run)
    report(prepared.preflight)
    record = _new_record(run, prepared)
    folder = RunFolder(run.out)
    earlier = folder.earlier_record(record["key"])
    if earlier and folder.is_complete(earlier, stop_at):
        print(f"{run.out} already has this run", file=sys.stderr, flush=True)
        return earlier
    trainer = _load_trainer(run.recipe, prepared, folder)
    checkpoint = folder.last_checkpoint()
    session: dict[str, Any] = {  # a session that was killed has no "to"
        "from": checkpoint_step(checkpoint),
        "versions": package_versions(),
        "git": git_state(Path.cwd()),
    }
    record["sessions"] = [*(earlier or {}).get("sessions", []), session]
    folder.write_record(record)
    before = _losses_before(folder, trainer, prepared.data)
    start = time.monotonic()
    with redirect_stdout(sys.stderr):  # libraries print, but standard output is for results
        run_steps(trainer, checkpoint, stop_at)
    state = trainer.state
    session |= {"to": state.global_step, "seconds": round(time.monotonic() - start, 1)}
    record |= {
        "log": state.log_history,
        "losses": compare_losses(before, _measure(trainer, prepared.data)),
        "steps": state.global_step,
        "state": "done" if state.global_step >= state.max_steps else "stopped",
        "outputs": write_outputs(
            trainer.model, prepared.tokenizer, run.recipe, run.out, _prompt_settings(run, prepared.data)
        ),
    }
    kind = "dft" if run.recipe.sft.loss_type == "dft" else run.recipe.data.loss
    write_curve(record["log"], run.out / "loss.svg", f"{record['base']['name']}: loss by step", kind=kind)
    write_card(record, run.out)
    folder.write_record(record)  # last: it states that everything else is there
    return record


def _new_record(run: TrainingRun, prepared: PreparedRun) -> dict[str, Any]:
    recipe = run.recipe.model_dump(mode="json")
    base, data = base_model(run.recipe.model), prepared.data
    identity = [recipe, base["version"], data.rows_hash, data.held_out_hash]
    return {
        "state": "running",
        "key": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "base": base,
        "recipe": recipe,
        "seeds": {"seed": run.recipe.sft.seed},
        "dataset": {
            "name": run.dataset.resolve().name,
            "sha256": data.dataset_hash,
            "split": run.scheme,
            "where": run.recipe.data.where,
            "pairs": data.pairs,
            "chosen_pairs": data.chosen_pairs,
            "trained_pairs": data.trained_pairs,
            "licences": data.licences,
            "rows_sha256": data.rows_hash,
            **data.harvested.record(),
        },
        "checkpointing": checkpointing_kind(run.recipe),
        "preflight": prepared.preflight.content(),
        "sessions": [],
    }


def _prompt_settings(run: TrainingRun, data: TrainingData) -> dict[str, Any]:
    """The prompt settings that `generate` should use: those of the rows, if only rows were trained on."""
    harvested = data.harvested
    return (harvested.settings if harvested.only else None) or recipe_prompt_settings(run.recipe)


def _load_trainer(recipe: Recipe, prepared: PreparedRun, folder: RunFolder) -> Any:
    """The trainer with the model as a run starts with it."""
    from transformers import set_seed

    choice = model_in_training(recipe)
    if checkpointing_kind(recipe) == "unsloth":
        enable_unsloth_checkpointing(choice.dtype)
    set_seed(recipe.sft.seed)  # LoRA draws its initial values when it is attached
    model, _ = make_trainable(load_model(choice), recipe)
    return make_trainer(
        recipe,
        folder.checkpoints,
        model,
        prepared.tokenizer,
        prepared.data.train,
        prepared.data.evaluation,
        tokens_per_step=prepared.preflight.tokens_per_step,
    )


def _losses_before(folder: RunFolder, trainer: Any, data: TrainingData) -> list[Loss]:
    """The losses of the base model, measured once: a resumed run reads them."""
    if folder.losses_before.is_file():
        return [Loss(**item) for item in json.loads(folder.losses_before.read_bytes())]
    losses = _measure(trainer, data)
    write_json(folder.losses_before, [asdict(loss) for loss in losses])
    return losses


def _measure(trainer: Any, data: TrainingData) -> list[Loss]:
    """The losses of the current model, computed in the same types before and after training.

    The trainer leaves a trained model wrapped in its own types, but not one that was only loaded.
    """
    with trainer.accelerator.autocast():
        return measure_losses(trainer.model, {"held-out completions": data.evaluation, **data.forgetting})
