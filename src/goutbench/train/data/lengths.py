"""Applies the length limit to rows, and counts what it drops and truncates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goutbench.errors import ConfigError
from goutbench.train.data.tokens import EncodedRow, Sample
from goutbench.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class RowLengths:
    """What the length limit does to rows. Tokens are those trained on, after dropping and truncating.

    `cut_in_prompt` counts rows that end inside their prompt, without any completion token, and
    `cut_in_completion` rows that end inside the completion, without its stop token. `without_stop` counts
    rows without a stop token in their labels. `cut_tokens` are the tokens cut off. `detached_tokens` are
    completion tokens in a later sequence than the start of their prompt, where packing splits rows: there
    the model does not see the code under test.
    """

    rows: int
    dropped: int
    tokens: int
    completion_tokens: int
    longest: int
    cut_in_prompt: int
    cut_in_completion: int
    cut_tokens: int
    without_stop: int
    detached_tokens: int = 0

    @property
    def empty_share(self) -> float:
        """The share of rows without any completion token."""
        return self.cut_in_prompt / self.rows if self.rows else 0.0


def drop_long(rows: Sequence[EncodedRow], recipe: Recipe) -> tuple[list[EncodedRow], int]:
    """The rows that remain if the recipe drops those over `max_length`, and how many it drops."""
    if recipe.data.too_long == "truncate":
        return list(rows), 0
    remaining = [row for row in rows if len(row.ids) <= recipe.sft.max_length]
    return remaining, len(rows) - len(remaining)


def truncate(
    rows: Sequence[EncodedRow],
    recipe: Recipe,
    stops: frozenset[int],
    *,
    loss: str,
    dropped: int = 0,
    packs: bool = True,
) -> tuple[list[Sample], RowLengths]:
    """Truncate rows over `max_length`, as TRL does, and count it; `loss` is on the "completion" or on "all".

    `packs` is False for rows that are never packed, such as held-out ones. "wrapped" packing cuts nothing
    off: rows follow each other, and a sequence ends where it is full. A row that ends inside its prompt has
    nothing to learn if the loss is on the completion: it is counted and, as in TRL, not trained on. Raises
    ConfigError if a complete row has no stop token in its labels, since the model would learn never to stop.
    """
    samples: list[Sample] = []
    in_prompt = in_completion = cut_tokens = without_stop = completion = 0
    for row in rows:
        end = _end(row, recipe)
        labels = row.labels(loss)[:end]
        is_cut = end < len(row.ids)
        stops_there = any(label in stops for label in labels[row.prompt :])
        if not is_cut and not stops_there:
            what = f"row {row.row.id} has no stop token in its labels"
            raise ConfigError(what, where="model", hint="use a chat template that ends the answer's turn")
        in_prompt += end <= row.prompt
        in_completion += row.prompt < end < len(row.ids)
        cut_tokens += len(row.ids) - end
        without_stop += not stops_there
        completion += max(end - row.prompt, 0)
        if is_trained_on(row, recipe, loss):
            samples.append({"input_ids": row.ids[:end], "labels": labels})
    return samples, RowLengths(
        rows=len(rows),
        dropped=dropped,
        tokens=sum(len(sample["input_ids"]) for sample in samples),
        completion_tokens=completion,
        longest=max((len(row.ids) for row in rows), default=0),
        cut_in_prompt=in_prompt,
        cut_in_completion=in_completion,
        cut_tokens=cut_tokens,
        without_stop=without_stop,
        detached_tokens=_detached_tokens(rows, recipe) if packs and _splits_rows(recipe) else 0,
    )


def is_trained_on(row: EncodedRow, recipe: Recipe, loss: str) -> bool:
    """Whether any token of the truncated row counts for the loss."""
    return loss == "all" or _end(row, recipe) > row.prompt


def _end(row: EncodedRow, recipe: Recipe) -> int:
    return len(row.ids) if _splits_rows(recipe) else min(recipe.sft.max_length, len(row.ids))


def _splits_rows(recipe: Recipe) -> bool:
    """Whether packing splits rows over sequences, so that nothing is cut off."""
    return recipe.sft.packing and recipe.sft.packing_strategy in ("wrapped", "bfd_split")


def _detached_tokens(rows: Sequence[EncodedRow], recipe: Recipe) -> int:
    """Completion tokens in a later sequence than the start of their row.

    "wrapped" fills sequence after sequence with consecutive rows; "bfd_split" splits a row from its start.
    """
    limit, count, start = recipe.sft.max_length, 0, 0
    for row in rows:
        seen = limit - start % limit  # tokens of this row in the sequence where it starts
        count += len(row.ids) - max(row.prompt, min(seen, len(row.ids)))
        start += len(row.ids) if recipe.sft.packing_strategy == "wrapped" else 0
    return count


def refuse_empty(lengths: RowLengths, recipe: Recipe, excluded: Mapping[str, int]) -> None:
    """Raises ConfigError if there is nothing to train on, or if too many rows have no completion token."""
    if not lengths.rows:
        what = f"none of {lengths.dropped} rows is within max_length" if lengths.dropped else "no rows"
        reasons = "; ".join(f"{number} {reason}" for reason, number in excluded.items() if number)
        what += f" (excluded: {reasons})" if reasons else ""
        raise ConfigError(what, where="data", hint="raise max_length, or select other rows")
    if lengths.empty_share > recipe.data.max_empty_share:
        what = (
            f"{lengths.cut_in_prompt} of {lengths.rows} rows ({lengths.empty_share:.1%}) have no completion "
            f"token within {recipe.sft.max_length} tokens"
        )
        hint = "set too_long: drop, use function rows, or allow it with data.max_empty_share"
        raise ConfigError(what, where="data", hint=hint)
    if not lengths.tokens:
        what = f"all {lengths.rows} rows end inside their prompt, so that there is nothing to train on"
        raise ConfigError(what, where="data", hint="raise max_length")
