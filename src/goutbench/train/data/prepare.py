"""From a dataset's splits to what the trainer takes: chosen, balanced, encoded, cut, counted."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.chunk import TokenCounter, token_counter
from goutbench.dataset.store import MANIFEST, file_hash, from_table
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool
from goutbench.records import Pair
from goutbench.train.data.preflight import Lengths, fit, refuse_empty, teaches, within
from goutbench.train.data.rows import Row, balanced, make_rows, sampled
from goutbench.train.data.select import BESIDE, choose, split_groups, split_table
from goutbench.train.data.tokens import Encoded, encode
from goutbench.train.recipe import Recipe
from goutbench.train.run.losses import Sample, other_tasks

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as tokens for training and evaluation, other tasks for the forgetting check, and their hashes.

    `left_out` counts what the choice left, by reason; `pairs` are those of the split, `chosen_pairs` those
    for which `where` holds, and `trained_pairs` those with a row that is trained on, whose `licences` are
    counted; `held_out_pairs` and `held_out_chosen` are the same of the validation split. `dataset_hash` is
    of the dataset's manifest and of the tables beside it; `rows_hash` of every token and label in the order
    of the rows, `held_out_hash` of those that are measured before and after.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, int]
    train: list[Sample]
    train_lengths: Lengths
    evaluation: list[Sample]
    evaluation_lengths: Lengths
    other: dict[str, list[Sample]]
    pairs: int
    chosen_pairs: int
    trained_pairs: int
    licences: dict[str, int]
    dataset_hash: str
    rows_hash: str
    held_out_hash: str
    held_out_pairs: int
    held_out_chosen: int

    def held_out_words(self) -> str:
        """What became of the validation split, as its rows' number alone does not say."""
        chosen = f"{self.held_out_pairs:,} pairs in the validation split, {self.held_out_chosen:,} chosen"
        return f"{chosen}, {self.evaluation_lengths.dropped:,} rows of them too long"


@dataclass(frozen=True, slots=True)
class _Maker:
    """What turns pairs into tokens, the same for those trained on and those held out."""

    recipe: Recipe
    tokenizer: Any
    stops: frozenset[int]
    counter: TokenCounter
    packages: PackageIndex
    examples: ExamplePool | None

    def encoded(self, table: "pa.Table", left_out: "Counter[str] | None" = None) -> list[Encoded]:
        beside = self.counter, self.packages, self.examples
        return encode(list(make_rows(table, self.recipe.data, *beside, left_out=left_out)), self.tokenizer)


def prepare(dataset: Path, scheme: str, recipe: Recipe, tokenizer: Any, stops: frozenset[int]) -> Prepared:
    """Read, choose and encode; `stops` are the ids at which generation ends. Raises ConfigError and
    DatasetError before anything heavy is loaded."""
    table, chosen = _chosen(dataset, scheme, "train", recipe)
    held, judged = _chosen(dataset, scheme, "validation", recipe)
    code = [pair.code for pair in from_table(held, Pair)]
    counter = _counter(tokenizer)
    examples = _examples(dataset, scheme, table, recipe, counter)
    maker = _Maker(recipe, tokenizer, stops, counter, PackageIndex.read(dataset), examples)
    left_out: Counter[str] = Counter()
    drawn, train, lengths = _trained(maker, chosen, left_out)
    evaluation, evaluation_lengths = _held_out(maker, judged)
    other = other_tasks(tokenizer, code, seed=recipe.sft.seed) if recipe.forgetting else {}
    used = {each.row.pair_id for each in drawn}
    licences = zip(chosen.column("id").to_pylist(), chosen.column("licence").to_pylist(), strict=True)
    return Prepared(
        rows=tuple(each.row for each in drawn),
        left_out={reason: number for reason, number in left_out.items() if number},
        train=train,
        train_lengths=lengths,
        evaluation=evaluation,
        evaluation_lengths=evaluation_lengths,
        other=other,
        pairs=table.num_rows,
        chosen_pairs=chosen.num_rows,
        trained_pairs=len(used),
        licences=dict(Counter(licence for key, licence in licences if key in used)),
        dataset_hash=_dataset_hash(dataset),
        rows_hash=_rows_hash(train),
        held_out_hash=_rows_hash([sample for task in (evaluation, *other.values()) for sample in task]),
        held_out_pairs=held.num_rows,
        held_out_chosen=judged.num_rows,
    )


def _chosen(dataset: Path, scheme: str, split: str, recipe: Recipe) -> tuple["pa.Table", "pa.Table"]:
    """The pairs of a split, and those of them for which the recipe's expression holds."""
    table, where = split_table(dataset, scheme, split), recipe.data.where
    if not where or not table.num_rows:  # `where` is not to blame for an empty split
        return table, table
    return table, choose(table, where, of=f"the {split} split", may_be_empty=split != "train")


def _trained(
    maker: _Maker, table: "pa.Table", left_out: "Counter[str]"
) -> tuple[list[Encoded], list[Sample], Lengths]:
    recipe, seed = maker.recipe, maker.recipe.sft.seed
    kept, dropped = within(maker.encoded(table, left_out), recipe)
    drawn = balanced(kept, [each.row.repository for each in kept], recipe.data, seed=seed)
    drawn = sampled(drawn, recipe.data.max_rows, seed=seed)
    left_out["rows not drawn"] = len(kept) - len({each.row.id for each in drawn})
    train, lengths = fit(drawn, recipe, maker.stops, loss=recipe.data.loss, dropped=dropped)
    refuse_empty(lengths, recipe, left_out)
    return [row for row in drawn if teaches(row, recipe, recipe.data.loss)], train, lengths


def _held_out(maker: _Maker, table: "pa.Table") -> tuple[list[Sample], Lengths]:
    """What is compared before and after must fit whole, whatever becomes of the rows trained on; and it is of
    completions, so that recipes can be compared."""
    recipe, rows = maker.recipe, maker.encoded(table)
    whole = [row for row in rows if len(row.ids) <= recipe.sft.max_length]
    drawn = sampled(whole, recipe.data.max_eval_rows, seed=recipe.sft.seed)
    return fit(drawn, recipe, maker.stops, loss="completion", dropped=len(rows) - len(whole), packs=False)


def _counter(tokenizer: Any) -> TokenCounter:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return token_counter(backend)
    return token_counter(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))


def _examples(
    dataset: Path, scheme: str, table: "pa.Table", recipe: Recipe, counter: TokenCounter
) -> ExamplePool | None:
    """In-context examples out of all training pairs, as `generate` has them; None where none are wanted."""
    data = recipe.data
    if not data.examples:
        return None
    groups, train = split_groups(dataset, scheme), from_table(table, Pair)
    return ExamplePool(train, groups, unit=data.rows, budget=data.context_tokens, counter=counter)


def _dataset_hash(dataset: Path) -> str:
    digest = hashlib.sha256()
    for name in (MANIFEST, *BESIDE):
        if (dataset / name).is_file():
            digest.update(f"{name} {file_hash(dataset / name)}\n".encode())
    return digest.hexdigest()


def _rows_hash(samples: Sequence[Sample]) -> str:
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample['input_ids']}{sample['labels']}\n".encode())
    return digest.hexdigest()
