"""Train: rows without completion, speed against a bare TRL script, and steps with execution as reward.

python benchmarks/bench_train.py empty --dataset DATASET
python benchmarks/bench_train.py self_contained --dataset DATASET
python benchmarks/bench_train.py types --dataset DATASET
python benchmarks/bench_train.py memory --dataset DATASET --steps 3 --rounds 3
python benchmarks/bench_train.py speed --dataset DATASET --steps 6 --rounds 3
python benchmarks/bench_train.py grpo --dataset DATASET --steps 10

All use the embedded model or its tokenizer. `empty` truncates as TRL does without packing, at the recipe's
max_length, and counts the rows without any token of the test. `self_contained` counts the rows whose test
uses only names that the prompt shows. `types` measures the speed of matrix products by type. `memory`
compares steps with small and with large memory pages.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from goutbench.chunk import token_counter
from goutbench.inference.models import has_native_bfloat16, use_huge_pages
from goutbench.prompts.cross_file import PackageIndex
from goutbench.train.data.prepare import prepare
from goutbench.train.data.rows import make_rows
from goutbench.train.data.select import split_table
from goutbench.train.data.tokens import stop_ids
from goutbench.train.model.embedded import prepare_embedded
from goutbench.train.model.load import load_model, load_tokenizer, model_in_training, resolve_dtype
from goutbench.train.model.targets import make_trainable
from goutbench.train.recipe import DataChoice, ModelChoice, Recipe, load_recipe
from goutbench.train.run.estimate import measure_speed
from goutbench.train.run.trainer import make_trainer, sft_config
from goutbench.train.stage import PreparedRun, TrainingRun, prepare_run

EMBEDDED = ModelChoice(name="embedded")


def empty(options: argparse.Namespace) -> None:
    """The share of rows without a completion token: the paper's recipe and `focal-function`, on equal pairs.

    With and without packing. Packing that splits rows cuts nothing off; then the number of completion tokens
    that do not see the start of their prompt is what counts.
    """
    tokenizer = load_tokenizer(EMBEDDED)
    for name in ("llama-3.2-3b-full", "focal-function"):
        for packing in (False, True):
            recipe = load_recipe(name)
            data = recipe.data.model_copy(
                update={"where": None, "max_empty_share": 1.0, "max_rows": None, "max_eval_rows": 1}
            )
            sft = recipe.sft.model_copy(update={"packing": packing})
            changed = {"model": EMBEDDED, "data": data, "sft": sft, "forgetting": False}
            recipe = recipe.model_copy(update=changed)
            prepared = prepare(options.dataset, "leakfree", recipe, tokenizer, stop_ids(tokenizer))
            lengths = prepared.train_lengths
            print(
                f"{name}, {'packed' if packing else 'not packed'}: max_length {sft.max_length}, "
                f"{prepared.chosen_pairs} pairs, {prepared.trained_pairs} with a row, {lengths.rows} rows, "
                f"{lengths.dropped} too long, {lengths.cut_in_prompt} without any completion token "
                f"({lengths.empty_share:.1%}), {lengths.cut_in_completion} cut within the completion, "
                f"{lengths.detached_tokens / lengths.completion_tokens:.1%} completion tokens detached from "
                f"their prompt's start; excluded: {prepared.excluded}",
                flush=True,
            )


def self_contained(options: argparse.Namespace) -> None:
    """The share of self-contained rows among rows with one test, for two prompt sizes."""
    counter = token_counter(load_tokenizer(EMBEDDED).backend_tokenizer)
    table, packages = split_table(options.dataset, "leakfree", "train"), PackageIndex.read(options.dataset)
    for context, cross_file in ((256, 0), (4096, 512)):
        counts = {}
        for only in (False, True):
            choice = DataChoice(
                max_functions=12, max_tests=3, one_test=True, self_contained=only, context_tokens=context,
                cross_file_tokens=cross_file,
            )  # fmt: skip
            counts[only] = sum(1 for _ in make_rows(table, choice, counter, packages))
        share = f"{counts[True]} of {counts[False]} rows ({counts[True] / counts[False]:.1%})"
        print(f"{context} tokens of context, {cross_file} of cross-file context: {share}", flush=True)


def types(options: argparse.Namespace) -> None:
    """Speed of matrix products in both types, and which type `dtype: auto` chooses here."""
    import torch

    for name in ("float32", "bfloat16"):
        print(f"{name}: {measure_speed(name, side=512) / 1e9:,.1f} GFLOP/s")
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print(f"chosen: {'bfloat16' if has_native_bfloat16() else 'float32'}")


def speed(options: argparse.Namespace) -> None:
    """CPU and wall seconds of `train`'s trainer against a bare SFTTrainer, with equal rows and settings."""
    recipe = _short(options)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingRun(recipe, options.dataset, "leakfree", Path(folder))
        prepared = prepare_run(job)
        for number in range(options.rounds):
            spent = {}
            for kind in ("ours", "bare") if number % 2 else ("bare", "ours"):
                model, _ = make_trainable(load_model(model_in_training(recipe)), recipe)
                trainer: Any = (
                    _ours(recipe, prepared, model, Path(folder) / "ours")
                    if kind == "ours"
                    else _bare(recipe, prepared, model, Path(folder))
                )
                spent[kind] = _timed(trainer)
            ratios.append(spent["bare"][0] / spent["ours"][0])
            print({kind: f"{cpu:.1f} s CPU, {wall:.1f} s" for kind, (cpu, wall) in spent.items()}, flush=True)
    print(f"tokens per CPU second, against bare TRL: {statistics.median(ratios):.3f} (rounds: {ratios})")


def _short(options: argparse.Namespace) -> Recipe:
    """The embedded model's recipe, limited to the requested steps and rows."""
    changed = {"max_steps": options.steps, "eval_steps": None, "logging_steps": 1, "save_steps": 10_000}
    changed |= {"train_sampling_strategy": "sequential"}  # both trainers see the same rows
    recipe = resolve_dtype(load_recipe("smollm2-135m-lora"))
    return recipe.model_copy(
        update={
            "sft": recipe.sft.model_copy(update=changed),
            "data": recipe.data.model_copy(update={"max_rows": options.rows}),
            "forgetting": False,
        }
    )


def memory(options: argparse.Namespace) -> None:
    """Steps with small and with large memory pages, alternating, each in a separate process."""
    for number in range(options.rounds):
        for large in (False, True) if number % 2 else (True, False):
            command = [sys.executable, __file__, "steps", "--dataset", str(options.dataset)]
            command += ["--steps", str(options.steps), "--rows", str(options.rows)]
            subprocess.run([*command, *(["--large"] if large else [])], check=True, stderr=subprocess.DEVNULL)


def steps(options: argparse.Namespace) -> None:
    """Run steps of the embedded model's recipe and print their cost; `memory` calls this."""
    if options.large:
        use_huge_pages()
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingRun(_short(options), options.dataset, "leakfree", Path(folder))
        prepared = prepare_run(job)
        model, _ = make_trainable(load_model(model_in_training(job.recipe)), job.recipe)
        trainer = _ours(job.recipe, prepared, model, Path(folder))
        before = resource.getrusage(resource.RUSAGE_SELF)
        cpu, wall = _timed(trainer)
        after = resource.getrusage(resource.RUSAGE_SELF)
    pages = "large pages" if options.large else "small pages"
    system = (after.ru_stime - before.ru_stime) / cpu
    faults = after.ru_minflt - before.ru_minflt
    print(f"{pages}: {cpu:.1f} s CPU, {system:.0%} of it in the kernel, {wall:.1f} s", end="; ")
    print(f"{faults:,} page faults, {after.ru_maxrss / 2**20:.1f} GiB", flush=True)


def _ours(recipe: Recipe, prepared: PreparedRun, model: Any, folder: Path) -> Any:
    data = prepared.data
    return make_trainer(
        recipe, folder, model, prepared.tokenizer, data.train, data.evaluation,
        tokens_per_step=prepared.preflight.tokens_per_step,
    )  # fmt: skip


def _bare(recipe: Recipe, prepared: PreparedRun, model: Any, folder: Path) -> Any:
    """A TRL script of twenty lines: messages, SFTTrainer, the same configuration."""
    from datasets import Dataset
    from trl.trainer.sft_trainer import SFTTrainer

    rows = [
        {
            "prompt": [{"role": role, "content": content} for role, content in row.prompt],
            "completion": [{"role": "assistant", "content": row.completion}],
        }
        for row in prepared.data.rows
    ]
    args = sft_config(recipe, folder / "bare")
    return SFTTrainer(
        model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=prepared.tokenizer
    )


def _timed(trainer: Any) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    trainer.train()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - start


def grpo(options: argparse.Namespace) -> None:
    """Steps of TRL's GRPO on the embedded model, with executions in the sandbox as the reward."""
    from datasets import Dataset
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from goutbench.execute.options import ExecuteOptions
    from goutbench.execute.reward import RewardSession, reward_functions

    recipe = resolve_dtype(load_recipe("smollm2-135m-lora"))
    tokenizer = load_tokenizer(EMBEDDED)
    prepared = prepare(options.dataset, "leakfree", recipe, tokenizer, stop_ids(tokenizer))
    chosen = sorted(prepared.rows, key=lambda row: sum(len(text) for _, text in row.prompt))[
        : 2 * options.steps
    ]
    rows = [
        {
            "prompt": [{"role": role, "content": content} for role, content in row.prompt],
            "pair_id": row.pair_id,
            "focal": list(row.functions),
        }
        for row in chosen
    ]
    executions = ExecuteOptions(repeat=1, mutants=10)
    with (
        RewardSession.of_dataset(options.dataset, options.repos, options=executions) as session,
        tempfile.TemporaryDirectory() as folder,
    ):
        args = GRPOConfig(
            output_dir=folder, max_steps=options.steps, per_device_train_batch_size=2, num_generations=2,
            max_completion_length=96, learning_rate=1e-5, logging_steps=1, report_to=[], use_cpu=True,
            save_strategy="no", bf16=False, seed=42,
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=options.model or str(prepare_embedded()),
            reward_funcs=reward_functions(session, ("total",)),
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        trainer.train()
    steps = [entry for entry in trainer.state.log_history if "reward" in entry]
    print(f"{len(steps)} steps, mean rewards: {[round(entry['reward'], 3) for entry in steps]}")


def main() -> None:
    """Run the chosen measurement."""
    kinds = {
        "empty": empty, "self_contained": self_contained, "types": types, "speed": speed, "memory": memory,
        "steps": steps, "grpo": grpo,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=tuple(kinds))
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--repos", type=Path, default=Path("repos"))
    parser.add_argument(
        "--model", default="", help="grpo: the folder of a model, instead of the embedded one"
    )
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--large", action="store_true", help="steps: use large pages, as `train` does")
    options = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    kinds[options.what](options)


if __name__ == "__main__":
    main()
