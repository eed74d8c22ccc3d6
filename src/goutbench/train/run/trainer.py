"""TRL's trainer with a recipe's settings: rows as they were counted, in an order that a resumed run keeps."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError
from goutbench.train.data.preflight import Preflight
from goutbench.train.data.prepare import Prepared
from goutbench.train.model.load import checkpointing
from goutbench.train.recipe import Recipe

if TYPE_CHECKING:
    from trl.trainer.sft_trainer import SFTTrainer

_OURS = ("gradient_checkpointing", "eval_steps", "report_to")  # settings that are not handed on as they are


def make_trainer(
    recipe: Recipe, out: Path, found: Preflight, made: Prepared, model: Any, tokenizer: Any
) -> "SFTTrainer":
    """The trainer, whose checkpoints go to `out`."""
    from transformers import PrinterCallback, ProgressCallback

    from goutbench.train.run.progress import Lines

    trainer: SFTTrainer = _class(recipe)(
        model=model,
        args=sft_config(recipe, out),
        train_dataset=as_dataset(made.train),
        eval_dataset=as_dataset(made.evaluation) if recipe.sft.eval_steps else None,
        processing_class=tokenizer,
        callbacks=[Lines(found.tokens_per_step)],
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


def check_names(recipe: Recipe) -> None:
    """Raises ConfigError for a schedule or an optimizer that transformers does not know."""
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    for name, known in (("lr_scheduler_type", SchedulerType), ("optim", OptimizerNames)):
        given = getattr(recipe.sft, name)
        if given not in {each.value for each in known}:
            words = ", ".join(each.value for each in known)
            raise ConfigError(f"no {name} {given!r}", where=f"sft.{name}", hint=f"one of: {words}")


def check_evaluation(recipe: Recipe, made: Prepared) -> None:
    """Raises ConfigError where a loss on held-out rows is asked for on the way, and there are none."""
    if recipe.sft.eval_steps and not made.evaluation:
        what = f"their loss is asked for, and no held-out row is left: {made.held_out_words()}"
        hint = "raise max_length, choose other rows, or --set sft.eval_steps=null"
        raise ConfigError(what, where="sft.eval_steps", hint=hint)


def check_devices() -> None:
    """Raises ConfigError where this process sees several GPUs, or is one of several: a run is one process on
    one device, and TRL refuses to spread it by itself."""
    import torch

    seen, processes = torch.cuda.device_count(), int(os.environ.get("WORLD_SIZE") or 1)
    if seen > 1:
        what, hint = f"{seen} GPUs are visible, and a run takes one", "set CUDA_VISIBLE_DEVICES=0"
        raise ConfigError(what, where="train", hint=hint)
    if processes > 1:
        what = f"it was started as one of {processes} processes, and a run is one"
        raise ConfigError(what, where="train", hint="start it without a launcher")


def advance(trainer: Any, checkpoint: Path | None, stop_at: int) -> None:
    """Train from the checkpoint to the end, or to step `stop_at`; a checkpoint that is there is only loaded.

    The trainer itself would make one step more before it looks whether it is at its end.
    """
    from transformers import TrainerState

    from goutbench.train.run.progress import StopAt

    if checkpoint is not None:
        print(f"going on from {checkpoint.name}", file=sys.stderr, flush=True)
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if state.global_step >= min(stop_at or state.max_steps, state.max_steps):
            trainer._load_from_checkpoint(str(checkpoint))
            trainer.state = state
            return
    if stop_at:
        trainer.add_callback(StopAt(stop_at))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def as_dataset(samples: list[dict[str, list[int]]]) -> Any:
    """The samples as TRL takes them."""
    from datasets import Dataset

    return Dataset.from_list(samples)


def _class(recipe: Recipe) -> Any:
    """SFTTrainer; for rows grouped by length, one that draws each epoch's order by seed and epoch alone.

    As it comes it draws it from torch's global state, which a run that goes on within a later epoch does not
    have: it would see other rows than a run that was never interrupted.
    """
    from trl.trainer.sft_trainer import SFTTrainer

    if recipe.sft.train_sampling_strategy != "group_by_length":
        return SFTTrainer
    import torch
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class ByLength(LengthGroupedSampler):
        def set_epoch(self, epoch: int) -> None:  # the data loader calls it at the start of each epoch
            self.generator = torch.Generator().manual_seed(recipe.sft.seed + epoch)

    class Trainer(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> ByLength:
            data: Any = self.train_dataset if train_dataset is None else train_dataset
            size = self.args.train_batch_size * self.args.gradient_accumulation_steps
            return ByLength(size, lengths=[len(ids) for ids in data["input_ids"]])

    return Trainer
