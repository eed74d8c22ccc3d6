"""What a run will do, known before its first step: rows, tokens, cuts, packing, weights, memory, time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError
from goutbench.train.data.tokens import Encoded
from goutbench.train.model.targets import Target, Weights
from goutbench.train.recipe import Recipe
from goutbench.train.run.estimate import memory_bytes, run_seconds

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, slots=True)
class Lengths:
    """What the length limit does to rows. Tokens are those trained on, after dropping and cutting.

    `cut_in_prompt` rows end within their prompt, so that no completion token is left; `cut_in_completion`
    ones within the completion, with the stop token gone. `without_stop` rows have no stop token in their
    labels. `overhanging` tokens are those that were cut off. `apart` counts completion tokens that stand in
    a later sequence than the start of their prompt, where packing splits rows: the model does not see there
    what it is to write a test for.
    """

    rows: int
    dropped: int
    tokens: int
    completion_tokens: int
    longest: int
    cut_in_prompt: int
    cut_in_completion: int
    overhanging: int
    without_stop: int
    apart: int = 0

    @property
    def empty_share(self) -> float:
        """The share of trained rows without any completion token."""
        return self.cut_in_prompt / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """All of it; `sequences` are what a step's batch is made of (packs, where rows are packed).

    `left_out` says of what was not trained on how much it was, by reason.
    """

    train: Lengths
    eval: Lengths
    left_out: dict[str, int]
    sequences: int
    packing_efficiency: float
    steps: int
    tokens_per_step: float
    weights: Weights
    targets: tuple[Target, ...]
    memory_bytes: int
    seconds: float

    def content(self) -> dict[str, Any]:
        """As JSON values, with what is computed from them."""
        listed = asdict(self)
        listed["train"]["empty_share"] = self.train.empty_share
        listed["eval"]["empty_share"] = self.eval.empty_share
        listed["weights"]["share"] = self.weights.share
        return listed


def within(rows: Sequence[Encoded], recipe: Recipe) -> tuple[list[Encoded], int]:
    """The rows that stay where the recipe drops what is over `max_length`, and how many went."""
    if recipe.data.too_long == "truncate":
        return list(rows), 0
    kept = [row for row in rows if len(row.ids) <= recipe.sft.max_length]
    return kept, len(rows) - len(kept)


def fit(
    rows: Sequence[Encoded],
    recipe: Recipe,
    stops: frozenset[int],
    *,
    loss: str,
    dropped: int = 0,
    packs: bool = True,
) -> tuple[list[dict[str, list[int]]], Lengths]:
    """Cut what is over `max_length`, as TRL will, and count it; `loss` is on the "completion" or on "all".
    `packs` is False for rows that stand alone whatever the recipe says of packing, as held-out ones do.

    "wrapped" packing cuts nothing off: rows follow each other, and a sequence ends where it is full. A row
    that is cut within its prompt has nothing left to learn where the loss is on the completion: it is counted
    and, as by TRL, not trained on. Raises ConfigError where a row that was not cut has no stop token in its
    labels: a model trained so never stops.
    """
    ready: list[dict[str, list[int]]] = []
    in_prompt = in_completion = overhang = unstopped = completion = 0
    for row in rows:
        end = _end(row, recipe)
        labels = row.labels(loss)[:end]
        cut = end < len(row.ids)
        stopped = any(label in stops for label in labels[row.prompt :])
        if not cut and not stopped:
            what = f"row {row.row.id} has no stop token in its labels"
            raise ConfigError(what, where="model", hint="use a chat template that ends the answer's turn")
        in_prompt += end <= row.prompt
        in_completion += row.prompt < end < len(row.ids)
        overhang += len(row.ids) - end
        unstopped += not stopped
        completion += max(end - row.prompt, 0)
        if teaches(row, recipe, loss):
            ready.append({"input_ids": row.ids[:end], "labels": labels})
    lengths = Lengths(
        rows=len(rows),
        dropped=dropped,
        tokens=sum(len(each["input_ids"]) for each in ready),
        completion_tokens=completion,
        longest=max((len(row.ids) for row in rows), default=0),
        cut_in_prompt=in_prompt,
        cut_in_completion=in_completion,
        overhanging=overhang,
        without_stop=unstopped,
        apart=_apart(rows, recipe) if packs and splits_rows(recipe) else 0,
    )
    return ready, lengths


def teaches(row: Encoded, recipe: Recipe, loss: str) -> bool:
    """Whether anything of the row is left that the loss is on."""
    return loss == "all" or _end(row, recipe) > row.prompt


def _end(row: Encoded, recipe: Recipe) -> int:
    return len(row.ids) if splits_rows(recipe) else min(recipe.sft.max_length, len(row.ids))


def splits_rows(recipe: Recipe) -> bool:
    """Whether packing splits rows over sequences, so that nothing is cut off."""
    return recipe.sft.packing and recipe.sft.packing_strategy in ("wrapped", "bfd_split")


def _apart(rows: Sequence[Encoded], recipe: Recipe) -> int:
    """Completion tokens in a later sequence than the start of their row. "wrapped" fills sequence after
    sequence with rows as they follow; "bfd_split" splits a row from its own start."""
    limit, found, start = recipe.sft.max_length, 0, 0
    for row in rows:
        seen = limit - start % limit  # the tokens of this row that stand in the sequence where it starts
        found += len(row.ids) - max(row.prompt, min(seen, len(row.ids)))
        start += len(row.ids) if recipe.sft.packing_strategy == "wrapped" else 0
    return found


def refuse_empty(lengths: Lengths, recipe: Recipe, left_out: Mapping[str, int]) -> None:
    """Raises ConfigError where there is nothing to train on, or too many rows show nothing of a test."""
    if not lengths.rows:
        what = f"no row is left of {lengths.dropped}" if lengths.dropped else "there is no row"
        reasons = "; ".join(f"{number} {reason}" for reason, number in left_out.items() if number)
        what += f" (left out: {reasons})" if reasons else ""
        raise ConfigError(what, where="data", hint="raise max_length, or choose other rows")
    if lengths.empty_share > recipe.data.max_empty_share:
        what = (
            f"{lengths.cut_in_prompt} of {lengths.rows} rows ({lengths.empty_share:.1%}) have no completion "
            f"token left within {recipe.sft.max_length} tokens"
        )
        hint = "set too_long: drop, use function rows, or allow it with data.max_empty_share"
        raise ConfigError(what, where="data", hint=hint)
    if not lengths.tokens:
        what = f"each of {lengths.rows} rows is cut within its prompt: nothing is left to train on"
        raise ConfigError(what, where="data", hint="raise max_length")


def packed(ready: "Dataset", recipe: Recipe) -> tuple[int, float]:
    """How many sequences the rows make, and which share of their places is filled."""
    if not recipe.sft.packing:
        return len(ready), _padded(ready, recipe)
    from trl.data_utils import pack_dataset

    packs = pack_dataset(ready, recipe.sft.max_length, recipe.sft.packing_strategy)
    filled = sum(len(ids) for ids in packs["input_ids"])
    return len(packs), filled / (len(packs) * recipe.sft.max_length)


def _padded(ready: "Dataset", recipe: Recipe) -> float:
    """The share of places filled without packing, rows taken in their order: each batch is as long as its
    longest row. Shuffled batches are about the same; those grouped by length are better."""
    lengths = [len(ids) for ids in ready["input_ids"]]
    if recipe.sft.train_sampling_strategy == "group_by_length":
        lengths.sort()
    size = recipe.sft.per_device_train_batch_size
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return sum(lengths) / sum(max(batch) * len(batch) for batch in batches)


def step_count(sequences: int, recipe: Recipe) -> int:
    """Optimizer steps, by the Trainer's own rule: a last, smaller batch counts."""
    sft = recipe.sft
    if sft.max_steps > 0:
        return sft.max_steps
    batches = math.ceil(sequences / sft.per_device_train_batch_size)
    return math.ceil(max(math.ceil(batches / sft.gradient_accumulation_steps), 1) * sft.num_train_epochs)


def preflight(
    train: tuple["Dataset", Lengths],
    evaluation: Lengths,
    left_out: dict[str, int],
    recipe: Recipe,
    shape: Any,
    counted: Weights,
    targets: tuple[Target, ...],
    speed: float,
) -> Preflight:
    """Put together what is known; `shape` is the model's configuration, `speed` the device's."""
    ready, lengths = train
    sequences, efficiency = packed(ready, recipe)
    steps, sft = step_count(sequences, recipe), recipe.sft
    batch = sft.per_device_train_batch_size * sft.gradient_accumulation_steps
    per_step = lengths.tokens / max(sequences, 1) * min(batch, sequences)
    return Preflight(
        train=lengths,
        eval=evaluation,
        left_out=left_out,
        sequences=sequences,
        packing_efficiency=efficiency,
        steps=steps,
        tokens_per_step=per_step,
        weights=counted,
        targets=targets,
        memory_bytes=memory_bytes(recipe, shape, counted),
        seconds=run_seconds(per_step * steps, recipe, counted, speed),
    )
