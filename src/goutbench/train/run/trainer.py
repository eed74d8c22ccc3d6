"""TRL's trainer with a recipe's settings: the rows as counted, in an order that a resumed run repeats."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError, ToolError
from goutbench.train.data.tokens import Sample
from goutbench.train.recipe import Recipe

if TYPE_CHECKING:
    from trl.trainer.sft_trainer import SFTTrainer

_OWN_SETTINGS = ("gradient_checkpointing", "eval_steps", "report_to")  # TRL gets these in another form


def make_trainer(
    recipe: Recipe,
    checkpoints: Path,
    model: Any,
    tokenizer: Any,
    train: list[Sample],
    evaluation: list[Sample],
    *,
    tokens_per_step: float,
) -> "SFTTrainer":
    """The trainer, which writes its checkpoints to a folder and its progress to standard error."""
    from transformers import PrinterCallback, ProgressCallback

    from goutbench.train.run.progress import ProgressLines

    trainer: SFTTrainer = _trainer_class(recipe)(
        model=model,
        args=sft_config(recipe, checkpoints),
        train_dataset=to_dataset(train),
        eval_dataset=to_dataset(evaluation) if recipe.sft.eval_steps else None,
        processing_class=tokenizer,
        callbacks=[ProgressLines(tokens_per_step)],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def sft_config(recipe: Recipe, checkpoints: Path) -> Any:
    """TRL's configuration of a recipe: every setting by its own name."""
    import torch
    from trl.trainer.sft_config import SFTConfig

    sft = recipe.sft.model_dump(exclude=set(_OWN_SETTINGS), exclude_none=True)
    return SFTConfig(
        **sft,
        output_dir=str(checkpoints),
        gradient_checkpointing=bool(recipe.sft.gradient_checkpointing),
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


def to_dataset(samples: list[Sample]) -> Any:
    """The samples as TRL takes them."""
    from datasets import Dataset

    return Dataset.from_list(samples)


def _trainer_class(recipe: Recipe) -> Any:
    """SFTTrainer; for rows grouped by length, one that draws every epoch's order from seed and epoch alone.

    By default the order comes from torch's global state, which a run resumed in a later epoch does not have:
    it would train on other rows than a run without interruption.
    """
    from trl.trainer.sft_trainer import SFTTrainer

    if recipe.sft.train_sampling_strategy != "group_by_length":
        return SFTTrainer
    import torch
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class ByLength(LengthGroupedSampler):
        def set_epoch(self, epoch: int) -> None:  # the data loader calls it at the start of every epoch
            self.generator = torch.Generator().manual_seed(recipe.sft.seed + epoch)

    class Trainer(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> ByLength:
            data: Any = self.train_dataset if train_dataset is None else train_dataset
            size = self.args.train_batch_size * self.args.gradient_accumulation_steps
            return ByLength(size, lengths=[len(ids) for ids in data["input_ids"]])

    return Trainer


def run_steps(trainer: Any, checkpoint: Path | None, stop_at: int) -> None:
    """Train from a checkpoint to step `stop_at` (0: to the end). A checkpoint of that step is only loaded.

    The trainer itself would run one more step before it checks whether it is at its end.
    """
    from transformers import TrainerState

    from goutbench.train.run.progress import StopAt

    if checkpoint is not None:
        print(f"resuming from {checkpoint.name}", file=sys.stderr, flush=True)
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if state.global_step >= min(stop_at or state.max_steps, state.max_steps):
            trainer._load_from_checkpoint(str(checkpoint))
            trainer.state = state
            return
    if stop_at:
        trainer.add_callback(StopAt(stop_at))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def check_names(recipe: Recipe) -> None:
    """Raises ConfigError for a schedule or an optimizer that transformers does not have."""
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    for name, options in (("lr_scheduler_type", SchedulerType), ("optim", OptimizerNames)):
        value = getattr(recipe.sft, name)
        values = [option.value for option in options]
        if value not in values:
            hint = f"use one of {', '.join(values)}"
            raise ConfigError(f"unknown {name} {value!r}", where=f"sft.{name}", hint=hint)


def check_machine(recipe: Recipe) -> None:
    """Raises ConfigError unless this is one process with at most one visible GPU: TRL spreads no run itself.

    Raises ToolError if the package that the recipe reports to is not installed.
    """
    import torch

    gpus, processes = torch.cuda.device_count(), int(os.environ.get("WORLD_SIZE") or 1)
    if gpus > 1:
        what, hint = f"{gpus} GPUs are visible, but a run uses one", "set CUDA_VISIBLE_DEVICES=0"
        raise ConfigError(what, where="train", hint=hint)
    if processes > 1:
        what = f"this is one of {processes} processes, but a run is one process"
        raise ConfigError(what, where="train", hint="start it without a launcher")
    name = recipe.sft.report_to
    if name != "none" and find_spec(name) is None:
        hint = f"pip install {name}, or --set sft.report_to=none"
        raise ToolError(f"the recipe reports to {name}, which is not installed", where=name, hint=hint)
