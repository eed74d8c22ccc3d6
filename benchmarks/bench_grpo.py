"""Steps of TRL's GRPO with executions as the reward, on a toy set where the mean reward can rise.

    bench_grpo.py [--steps 20] [--generations 8] [--prompts 2] [--workers 2] [--seed 1] [--work DIR]

The toy set has a task for each function of tests/data/execute/calc. The model is a Llama of two layers with
random weights, and each token of its vocabulary is a statement of a test: an assertion that holds, one that
does not, a call without an assertion, or what does not compile. So a completion is the body of a test, and
few steps show whether the reward teaches. All else is real: GRPOTrainer, an asynchronous reward function for
each part, the weights of `part_weights`, sandbox, coverage, and all mutants. For each step it prints the mean
reward, and how long the trainer waited for it.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goutbench.config import CurateConfig, RepositoryConfig
from goutbench.curate.sources.source import SourceLocations
from goutbench.curate.stage import curate
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward import PARTS, RewardSession, part_weights, reward_functions

CALC = Path(__file__).parents[1] / "tests" / "data" / "execute" / "calc"
CALLS = {
    "Add": ("Add(2, 3)", "5"), "Clamp": ("Clamp(9, 0, 5)", "5"), "Sum": ("Sum(3)", "6"),
    "Div": ("first(Div(6, 3))", "2"),
}  # fmt: skip
"""A call of each function, and its result."""
MORE = {
    "Add": ("Add(-2, 2)", "0"), "Clamp": ("Clamp(-1, 0, 5)", "0"), "Sum": ("Sum(0)", "0"),
    "Div": ("first(Div(7, -7))", "-1"),
}  # fmt: skip
FIRST = "func first(n int, _ error) int { return n }"


def statements() -> list[str]:
    """The vocabulary. Tokens are joined by spaces, so each ends with a semicolon."""
    lines = ["t.Fatal(1);", "undefined();", "for {", "_ = 1;", "t.Log(1);"]
    for call, result in (*CALLS.values(), *MORE.values()):
        lines.append(f"if got := {call}; got != {result} {{ t.Error(got) }};")
        lines.append(f"_ = {call};")
    lines += [f"if got := {call}; got != 41 {{ t.Error(got) }};" for call, _ in CALLS.values()]
    return lines


def tokenizer() -> Any:
    """One token for each statement and for each function's name, which is the prompt."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<end>", *CALLS, *statements()]
    inner = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    inner.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<end>")


def model(vocabulary: int, seed: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=32, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def toy_dataset(folder: Path) -> Path:
    """A dataset of one pair: the module `calc`, as a repository."""
    work = folder / "calc"
    shutil.copytree(CALC, work)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    config = CurateConfig(repositories=[RepositoryConfig(name="toy/calc", source=str(work), licence="any")])
    curate(config, folder / "dataset", SourceLocations((), folder / "cache"))
    return folder / "dataset"


def as_test(statements: str, name: str) -> str:
    """The reply that a completion stands for."""
    body = f"func Test{name}(t *testing.T) {{ {statements} }}\n\n{FIRST}"
    return f'```go\npackage calc\n\nimport "testing"\n\n{body}\n```'


def wrapped(function: Any) -> Any:
    """A reward function for completions of statements."""

    async def reward(completions: Sequence[str], focal: Sequence[Sequence[str]], **columns: Any) -> Any:
        replies = [as_test(text, names[0]) for text, names in zip(completions, focal, strict=True)]
        return await function(completions=replies, focal=focal, **columns)

    reward.__name__ = function.__name__
    return reward


def train(arguments: argparse.Namespace, folder: Path) -> None:
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    waits: list[float] = []

    class TimedTrainer(GRPOTrainer):  # type: ignore[misc]
        def _calculate_rewards(self, *inputs: Any) -> Any:
            start = time.monotonic()
            rewards = super()._calculate_rewards(*inputs)
            waits.append(time.monotonic() - start)
            return rewards

    class Printer(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.start = 0.0
            self.rows: list[tuple[float, float, float]] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.monotonic()

        def on_log(self, _: Any, state: Any, control: Any, logs: dict[str, float], **__: Any) -> None:
            if "reward" in logs:
                step, wait = time.monotonic() - self.start, sum(waits)
                waits.clear()
                self.rows.append((logs["reward"], wait, step))
                means = ", ".join(f"{name} {logs[f'rewards/{name}_reward/mean']:.2f}" for name in PARTS)
                print(
                    f"step {state.global_step}: reward {logs['reward']:.3f} ({means}), "
                    f"waited {wait:.1f} of {step:.1f} s",
                    flush=True,
                )

    dataset, options = toy_dataset(folder), ExecuteOptions(repeat=1, mutants=0, test_seconds=5.0)
    words = tokenizer()
    with RewardSession.of_dataset(
        dataset, folder, options=options, workers=arguments.workers, work=arguments.work
    ) as session:
        (pair,) = session.pairs.values()
        rows = [{"prompt": name, "pair_id": pair.id, "focal": [name]} for name in CALLS]
        weights, printer = part_weights(options.mutants), Printer()
        settings = GRPOConfig(
            output_dir=str(folder / "model"), max_steps=arguments.steps, max_completion_length=3,
            num_generations=arguments.generations,
            per_device_train_batch_size=arguments.generations * arguments.prompts,
            learning_rate=arguments.rate, lr_scheduler_type="constant", logging_steps=1, report_to=[],
            use_cpu=True, save_strategy="no", bf16=False, seed=arguments.seed, disable_tqdm=True,
            reward_weights=[weights[name] for name in PARTS],
        )  # fmt: skip
        TimedTrainer(
            model=model(len(words), arguments.seed),
            reward_funcs=[wrapped(function) for function in reward_functions(session)],
            args=settings,
            train_dataset=Dataset.from_list(rows * arguments.steps),
            processing_class=words,
            callbacks=[printer],
        ).train()
    rewards = [reward for reward, _, _ in printer.rows]
    quarter = max(1, len(rewards) // 4)
    first, last = sum(rewards[:quarter]) / quarter, sum(rewards[-quarter:]) / quarter
    waited, whole = (sum(row[column] for row in printer.rows) for column in (1, 2))
    print(f"mean reward of the first {quarter} steps {first:.3f}, of the last {quarter} {last:.3f}; ", end="")
    print(f"{waited / whole:.0%} of the steps' time was waiting; left out: {dict(session.omitted)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        train(arguments, Path(folder))


if __name__ == "__main__":
    main()
