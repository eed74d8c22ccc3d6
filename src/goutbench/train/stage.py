"""The whole stage: recipe and dataset in, a tuned model out, with the record of how it was made."""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError
from goutbench.store import write_json
from goutbench.train.card import write_card
from goutbench.train.checkpoints import last_whole
from goutbench.train.estimate import measure_machine
from goutbench.train.figure import write_curve
from goutbench.train.losses import Loss, measure
from goutbench.train.model import (
    checkpointing,
    load_model,
    load_tokenizer,
    weigh,
    with_method,
)
from goutbench.train.outputs import write_outputs
from goutbench.train.preflight import Preflight, preflight
from goutbench.train.prepare import Prepared, prepare
from goutbench.train.provenance import git_state, versions
from goutbench.train.recipe import Recipe

if TYPE_CHECKING:
    from trl.trainer.sft_trainer import SFTTrainer

RUN, CHECKPOINTS, BEFORE = "train_run.json", "checkpoints", "before.json"
_OURS = ("gradient_checkpointing", "eval_steps", "report_to")  # settings that are not handed on as they are


@dataclass(frozen=True, slots=True)
class Job:
    """What one call is about; the recipe is a settled one (`settled`): it says in which type to compute."""

    recipe: Recipe
    dataset: Path
    scheme: str
    out: Path


def look(job: Job, *, offline: bool = False) -> tuple[Preflight, Prepared, Any]:
    """The preflight, without any weights. Also gives the rows and the tokenizer."""
    tokenizer = load_tokenizer(job.recipe.model, offline=offline)
    shape, targets, counted = weigh(job.recipe)
    made = prepare(job.dataset, job.scheme, job.recipe, tokenizer, shape)
    machine = measure_machine(job.recipe.model.dtype)
    found = preflight(
        (_as_dataset(made), made.train_lengths),
        made.evaluation_lengths,
        job.recipe,
        shape,
        counted,
        targets,
        machine,
    )
    return found, made, tokenizer


def train(
    job: Job, *, stop_at: int = 0, show: Callable[[Preflight], None] = lambda found: None
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped; returns the content of train_run.json.

    With `stop_at` it ends after that step, and what it leaves is as good as it is by then; called again, the
    run goes on. Raises ConfigError where the recipe cannot be kept to, or where `out` holds another run;
    DatasetError, StorageError and ToolError as its parts do.
    """
    found, made, tokenizer = look(job)
    show(found)
    record = _record(job, found, made)
    _claim(job.out, record)
    from transformers import set_seed

    from goutbench.train.progress import StopAt

    set_seed(job.recipe.sft.seed)  # LoRA's first values are drawn when it is attached
    model, _, _ = with_method(load_model(job.recipe.model), job.recipe)
    trainer = make_trainer(job, found, made, model, tokenizer)
    if stop_at:
        trainer.add_callback(StopAt(stop_at))
    checkpoint = last_whole(job.out / CHECKPOINTS)
    if checkpoint is not None:
        print(f"going on from {checkpoint.name}", file=sys.stderr, flush=True)
        record["resumed_from"] = [*record["resumed_from"], int(checkpoint.name.partition("-")[2])]
        write_json(job.out / RUN, record)
    before = _before(job, made, model)
    start = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    record["seconds"] = round(time.monotonic() - start, 1)
    record["log"] = trainer.state.log_history
    record["losses"] = _compare(before, measure(trainer.model, _tasks(made)))
    record["outputs"] = write_outputs(trainer.model, tokenizer, job.recipe, job.out)
    record["steps"] = trainer.state.global_step
    record["state"] = "done" if trainer.state.global_step >= trainer.state.max_steps else "stopped"
    write_curve(trainer.state.log_history, job.out / "loss.svg", f"{job.recipe.model.name}: loss by step")
    write_card(record, job.out)
    write_json(job.out / RUN, record)  # the last: it says that all the rest is there
    return record


def make_trainer(job: Job, found: Preflight, made: Prepared, model: Any, tokenizer: Any) -> "SFTTrainer":
    """TRL's trainer with the recipe's settings and the rows as they were counted."""
    from datasets import Dataset
    from transformers import PrinterCallback, ProgressCallback
    from trl.trainer.sft_trainer import SFTTrainer

    from goutbench.train.progress import Lines

    trainer = SFTTrainer(
        model=model,
        args=sft_config(job.recipe, job.out / CHECKPOINTS),
        train_dataset=_as_dataset(made),
        eval_dataset=Dataset.from_list(made.evaluation) if _evaluates(job.recipe, made) else None,
        processing_class=tokenizer,
        callbacks=[Lines(found.train.tokens * job.recipe.sft.num_train_epochs / found.steps)],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def sft_config(recipe: Recipe, out: Path) -> Any:
    """TRL's configuration of a recipe: every setting by its own name."""
    import torch
    from trl.trainer.sft_config import SFTConfig

    sft = recipe.sft.model_dump(exclude=set(_OURS), exclude_none=True)
    return SFTConfig(
        **sft,
        output_dir=str(out),
        gradient_checkpointing=checkpointing(recipe) != "none",
        eval_strategy="steps" if recipe.sft.eval_steps else "no",
        eval_steps=recipe.sft.eval_steps,
        eval_packing=False,
        save_strategy="steps",
        report_to=[] if recipe.sft.report_to == "none" else [recipe.sft.report_to],
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        logging_first_step=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _evaluates(recipe: Recipe, made: Prepared) -> bool:
    if recipe.sft.eval_steps and not made.evaluation:
        raise ConfigError(
            "no held-out row fits", where="data", mend="raise max_length, or leave eval_steps out"
        )
    return bool(recipe.sft.eval_steps)


def _as_dataset(made: Prepared) -> Any:
    from datasets import Dataset

    return Dataset.from_list(made.train)


def _tasks(made: Prepared) -> dict[str, Any]:
    return {"held-out completions": made.evaluation, **made.other}


def _before(job: Job, made: Prepared, model: Any) -> list[Loss]:
    """The losses of the untouched model, measured once; a resumed run reads what was measured then."""
    path = job.out / BEFORE
    if path.is_file():
        return [Loss(**each) for each in json.loads(path.read_bytes())]
    measured = measure(model, _tasks(made))
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
    key = hashlib.sha256(json.dumps([recipe, made.rows_hash], sort_keys=True).encode()).hexdigest()
    return {
        "state": "running",
        "key": key,
        "recipe": recipe,
        "seeds": {"seed": job.recipe.sft.seed},
        "dataset": {
            "name": job.dataset.resolve().name,
            "sha256": made.dataset_hash,
            "split": job.scheme,
            "where": job.recipe.data.where,
            "pairs": made.pairs,
            "chosen_pairs": made.chosen_pairs,
            "licences": made.licences,
            "rows_sha256": made.rows_hash,
        },
        "versions": versions(),
        "git": git_state(Path.cwd()),
        "checkpointing": checkpointing(job.recipe),
        "preflight": found.content(),
        "resumed_from": [],
    }


def _claim(out: Path, record: dict[str, Any]) -> None:
    """Make the folder this run's, or see that it is. Raises ConfigError where it holds another run."""
    path = out / RUN
    if path.is_file():
        earlier = json.loads(path.read_bytes())
        if earlier.get("key") != record["key"]:
            what = "it holds a run of another recipe, or on other rows"
            raise ConfigError(what, where=str(out), mend="give another folder for --out")
        record["resumed_from"] = earlier.get("resumed_from", [])
    write_json(path, record)
