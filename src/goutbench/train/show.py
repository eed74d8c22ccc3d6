"""Plan, preflight and result in words."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goutbench.train.data.preflight import Lengths, Preflight
from goutbench.train.model.targets import Target, Weights
from goutbench.train.plan import Plan


def preflight_lines(found: Preflight) -> list[str]:
    """The preflight as lines of text, to be read before the first step."""
    return [
        *_length_lines("training", found.train),
        *_left_out(found),
        *_length_lines("held out", found.eval),
        f"sequences: {found.sequences:,}, filled to {found.packing_efficiency:.1%}",
        *_weight_lines(found.weights, found.targets),
        f"memory: about {found.memory_bytes / 2**30:.1f} GiB "
        "(weights, gradients, moments, activations, logits)",
        f"steps: {found.steps:,}; about {_duration(found.seconds)} by this machine's speed",
    ]


def plan_lines(found: Plan) -> list[str]:
    """A dry run in words."""
    if found.preflight:
        return preflight_lines(found.preflight)
    return [*_weight_lines(found.weights, found.targets), f"rows are not counted: {found.missing}"]


def result_lines(record: dict[str, Any], out: Path) -> list[str]:
    """A finished run in words."""
    steps = record["preflight"]["steps"]
    early = f"stopped after {record['steps']:,} of {steps:,} steps"
    return [
        *(
            [f"{early}; with a later --stop-at, or without, it goes on"]
            if record["state"] == "stopped"
            else []
        ),
        *(f"{row['task']}: loss {row['before']:.3f} → {row['after']:.3f}" for row in record["losses"]),
        *(f"{name}: {out / folder}" for name, folder in record["outputs"].items()),
    ]


def _weight_lines(weights: Weights, targets: Sequence[Target]) -> list[str]:
    return [
        f"trained weights: {weights.trainable:,} of {weights.total:,} ({weights.share:.3%})",
        *(f"  {_target(each)}" for each in targets),
    ]


def _length_lines(name: str, lengths: Lengths) -> list[str]:
    rows = f"{name}: {lengths.rows:,} rows ({lengths.dropped:,} too long and left out)"
    if not lengths.rows:
        return [rows]
    return [
        f"{rows}, {lengths.tokens:,} tokens, "
        f"{lengths.completion_tokens:,} in completions; the longest had {lengths.longest:,}",
        f"  cut within the prompt, no completion token left: {lengths.cut_in_prompt:,} "
        f"({lengths.empty_share:.1%}); cut within the completion: {lengths.cut_in_completion:,}; "
        f"tokens cut off: {lengths.overhanging:,}",
        f"  rows without a stop token in their labels: {lengths.without_stop:,}",
        *([_apart(lengths)] if lengths.apart else []),
    ]


def _apart(lengths: Lengths) -> str:
    share = f"{lengths.apart:,} ({lengths.apart / lengths.completion_tokens:.1%})"
    return f"  completion tokens in a later sequence than the start of their prompt: {share}"


def _left_out(found: Preflight) -> list[str]:
    if not found.left_out:
        return []
    listed = ", ".join(f"{number:,} {reason}" for reason, number in found.left_out.items())
    return [f"  left out before that: {listed}"]


def _target(each: Target) -> str:
    return f"LoRA on {each.target}: {len(each.matched)} {each.kind}s, {', '.join(_layers(each.matched))}"


def _layers(names: Sequence[str]) -> list[str]:
    """All the names, those that differ in the layer's number alone as one: "layers.{0-26}.q_proj"."""
    numbers: dict[str, list[int]] = {}
    for name in names:
        numbers.setdefault(re.sub(r"\b\d+\b", "{}", name, count=1), []).extend(
            int(found) for found in re.findall(r"\b\d+\b", name)[:1]
        )
    return [form.replace("{}", f"{{{_ranges(found)}}}", 1) for form, found in numbers.items()]


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as "0-5,7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
