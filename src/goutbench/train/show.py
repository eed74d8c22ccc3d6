"""Formats plan, preflight and result of a run as lines of text."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goutbench.train.data.lengths import RowLengths
from goutbench.train.data.preflight import Preflight, TrainingPlan
from goutbench.train.model.targets import LoraTarget, WeightCounts
from goutbench.train.run.sharding import memory_lines


def preflight_lines(preflight: Preflight) -> list[str]:
    """The preflight, which is shown before the first step."""
    excluded = ", ".join(f"{number:,} {reason}" for reason, number in preflight.excluded.items())
    seconds = preflight.seconds
    duration = (
        f"{seconds:.0f} s" if seconds < 90
        else f"{seconds / 60:.0f} min" if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )  # fmt: skip
    return [
        *_length_lines("training", preflight.train),
        *([f"  excluded before that: {excluded}"] if excluded else []),
        *_length_lines("held out", preflight.eval),
        f"sequences: {preflight.sequences:,}, {preflight.packing_efficiency:.1%} filled",
        *_weight_lines(preflight.weights, preflight.targets),
        f"memory: about {preflight.memory_bytes / 2**30:.1f} GiB "
        "(weights, gradients, moments, activations, logits)",
        f"steps: {preflight.steps:,}; about {duration} at the measured speed of this machine",
    ]


def plan_lines(plan: TrainingPlan) -> list[str]:
    """A dry run."""
    memory = memory_lines(plan.memory) if plan.memory else []
    if plan.preflight:
        return preflight_lines(plan.preflight) + memory
    return [*_weight_lines(plan.weights, plan.targets), f"rows not counted: {plan.missing}", *memory]


def result_lines(record: dict[str, Any], out: Path) -> list[str]:
    """A finished or stopped run."""
    lines = []
    if record["state"] == "stopped":
        steps = f"{record['steps']:,} of {record['preflight']['steps']:,} steps"
        lines.append(f"stopped after {steps}; resume with a later --stop-at, or without it")
    lines += [f"{row['task']}: loss {row['before']:.3f} → {row['after']:.3f}" for row in record["losses"]]
    return lines + [f"{name}: {out / folder}" for name, folder in record["outputs"].items()]


def _weight_lines(weights: WeightCounts, targets: Sequence[LoraTarget]) -> list[str]:
    return [
        f"trained weights: {weights.trainable:,} of {weights.total:,} ({weights.share:.3%})",
        *(
            f"  LoRA on {target.target}: {len(target.matched)} {target.kind}s, "
            f"{', '.join(_layer_ranges(target.matched))}"
            for target in targets
        ),
    ]


def _length_lines(name: str, lengths: RowLengths) -> list[str]:
    rows = f"{name}: {lengths.rows:,} rows ({lengths.dropped:,} too long and dropped)"
    if not lengths.rows:
        return [rows]
    lines = [
        f"{rows}, {lengths.tokens:,} tokens, "
        f"{lengths.completion_tokens:,} in completions; longest row: {lengths.longest:,}",
        f"  cut in the prompt, without completion tokens: {lengths.cut_in_prompt:,} "
        f"({lengths.empty_share:.1%}); cut in the completion: {lengths.cut_in_completion:,}; "
        f"tokens cut off: {lengths.cut_tokens:,}",
        f"  rows without a stop token in their labels: {lengths.without_stop:,}",
    ]
    if lengths.detached_tokens:
        share = f"{lengths.detached_tokens / lengths.completion_tokens:.1%}"
        count = f"{lengths.detached_tokens:,} ({share})"
        lines.append(f"  completion tokens in a later sequence than the start of their prompt: {count}")
    return lines


def _layer_ranges(names: Sequence[str]) -> list[str]:
    """The names, where those that differ only in the layer's number become one: "layers.{0-26}.q_proj"."""
    numbers: dict[str, list[int]] = {}
    for name in names:
        numbers.setdefault(re.sub(r"\b\d+\b", "{}", name, count=1), []).extend(
            int(number) for number in re.findall(r"\b\d+\b", name)[:1]
        )
    return [form.replace("{}", f"{{{_ranges(layers)}}}", 1) for form, layers in numbers.items()]


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as "0-5,7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
