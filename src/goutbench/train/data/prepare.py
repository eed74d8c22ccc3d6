"""Turns the splits of a dataset into what the trainer takes: selected, balanced, encoded, truncated."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.dataset.store import MANIFEST, file_hash, from_table
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool
from goutbench.records import Pair
from goutbench.train.data.harvested import Harvested, HarvestedRows, read_harvested
from goutbench.train.data.lengths import RowLengths, drop_long, is_trained_on, refuse_empty, truncate
from goutbench.train.data.rows import balanced, make_rows, sampled
from goutbench.train.data.select import BESIDE, select_pairs, split_groups, split_table
from goutbench.train.data.tokens import EncodedRow, Sample, TrainingRow, encode
from goutbench.train.recipe import Recipe
from goutbench.train.run.losses import forgetting_tasks

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows as tokens for training and evaluation, the tasks of the forgetting check, and hashes of both.

    `excluded` counts what is not trained on, by reason. `pairs` are those of the training split,
    `chosen_pairs` those for which `where` holds, and `trained_pairs` those with a row that is trained on, by
    licence in `licences`. `harvested` are the rows of a harvest among them. `held_out_pairs` and
    `held_out_chosen` count the validation split. `dataset_hash` covers the dataset's manifest and the tables
    beside it, `rows_hash` every token and label in order, and `held_out_hash` the samples that are measured
    before and after.
    """

    rows: tuple[TrainingRow, ...]
    excluded: dict[str, int]
    train: list[Sample]
    train_lengths: RowLengths
    evaluation: list[Sample]
    evaluation_lengths: RowLengths
    forgetting: dict[str, list[Sample]]
    pairs: int
    chosen_pairs: int
    trained_pairs: int
    licences: dict[str, int]
    dataset_hash: str
    rows_hash: str
    held_out_hash: str
    held_out_pairs: int
    held_out_chosen: int
    harvested: HarvestedRows

    def held_out_summary(self) -> str:
        """How many pairs and rows of the validation split are used, and why not more."""
        chosen = f"{self.held_out_pairs:,} pairs in the validation split, {self.held_out_chosen:,} selected"
        return f"{chosen}, {self.evaluation_lengths.dropped:,} of their rows too long"


def prepare(
    dataset: Path,
    scheme: str,
    recipe: Recipe,
    tokenizer: Any,
    stops: frozenset[int],
    harvest: Harvested | None = None,
) -> TrainingData:
    """Read, select and encode the rows of a run; `stops` are the ids that end generation.

    Rows of a harvest follow those of the pairs, or replace them.

    Raises ConfigError and DatasetError before anything heavy is loaded.
    """
    table, chosen = _select(dataset, scheme, "train", recipe)
    held_out, held_out_chosen = _select(dataset, scheme, "validation", recipe)
    harvested = read_harvested(harvest, table.column("id").to_pylist())
    if recipe.data.secrets == "redact":
        harvested = harvested.redacted()
    if harvested.only:
        chosen = chosen.slice(0, 0)
    counter = _token_counter(tokenizer)
    pool = None
    if recipe.data.examples:  # from all training pairs, as in `generate`
        train, groups = from_table(table, Pair), split_groups(dataset, scheme)
        budget = recipe.data.context_tokens
        pool = ExamplePool(train, groups, unit=recipe.data.rows, budget=budget, counter=counter)
    encoder = _RowEncoder(recipe, tokenizer, stops, counter, PackageIndex.read(dataset), pool)
    excluded: Counter[str] = Counter()
    rows = [*encoder.rows(chosen, excluded), *harvested.rows]
    drawn, samples, lengths = encoder.training_rows(rows, excluded)
    evaluation, evaluation_lengths = encoder.held_out_rows(held_out_chosen)
    forgetting: dict[str, list[Sample]] = {}
    if recipe.forgetting:
        code = [pair.code for pair in from_table(held_out, Pair)]
        forgetting = forgetting_tasks(tokenizer, code, seed=recipe.sft.seed)
    trained = {row.row.pair_id for row in drawn}
    licences = zip(table.column("id").to_pylist(), table.column("licence").to_pylist(), strict=True)
    return TrainingData(
        rows=tuple(row.row for row in drawn),
        excluded={reason: number for reason, number in excluded.items() if number},
        train=samples,
        train_lengths=lengths,
        evaluation=evaluation,
        evaluation_lengths=evaluation_lengths,
        forgetting=forgetting,
        pairs=table.num_rows,
        chosen_pairs=chosen.num_rows,
        trained_pairs=len(trained),
        licences=dict(Counter(licence for key, licence in licences if key in trained)),
        dataset_hash=_dataset_hash(dataset),
        rows_hash=_samples_hash(samples),
        held_out_hash=_samples_hash([item for task in (evaluation, *forgetting.values()) for item in task]),
        held_out_pairs=held_out.num_rows,
        held_out_chosen=held_out_chosen.num_rows,
        harvested=harvested,
    )


def _select(dataset: Path, scheme: str, split: str, recipe: Recipe) -> tuple["pa.Table", "pa.Table"]:
    """The pairs of a split, and those for which the recipe's expression holds."""
    table, where = split_table(dataset, scheme, split), recipe.data.where
    if not where or not table.num_rows:  # an empty split is not the fault of `where`
        return table, table
    return table, select_pairs(table, where, source=f"the {split} split", may_be_empty=split != "train")


def _token_counter(tokenizer: Any) -> TokenCounter:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return token_counter(backend)
    return token_counter(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))


@dataclass(frozen=True, slots=True)
class _RowEncoder:
    """Turns pairs into tokens, the same way for training and held-out rows."""

    recipe: Recipe
    tokenizer: Any
    stops: frozenset[int]
    counter: TokenCounter
    packages: PackageIndex
    examples: ExamplePool | None

    def rows(self, table: "pa.Table", excluded: "Counter[str] | None" = None) -> list[TrainingRow]:
        """The rows of pairs."""
        sources = self.counter, self.packages, self.examples
        return list(make_rows(table, self.recipe.data, *sources, excluded=excluded))

    def training_rows(
        self, rows: Sequence[TrainingRow], excluded: "Counter[str]"
    ) -> tuple[list[EncodedRow], list[Sample], RowLengths]:
        data, seed = self.recipe.data, self.recipe.sft.seed
        short, dropped = drop_long(encode(rows, self.tokenizer), self.recipe)
        drawn = balanced(short, [row.row.repository for row in short], data, seed=seed)
        drawn = sampled(drawn, data.max_rows, seed=seed)
        excluded["rows not drawn"] = len(short) - len({row.row.id for row in drawn})
        samples, lengths = truncate(drawn, self.recipe, self.stops, loss=data.loss, dropped=dropped)
        refuse_empty(lengths, self.recipe, excluded)
        return [row for row in drawn if is_trained_on(row, self.recipe, data.loss)], samples, lengths

    def held_out_rows(self, table: "pa.Table") -> tuple[list[Sample], RowLengths]:
        """Held-out rows are never truncated, and their loss is on completions, so that recipes compare."""
        recipe, rows = self.recipe, encode(self.rows(table), self.tokenizer)
        fitting = [row for row in rows if len(row.ids) <= recipe.sft.max_length]
        drawn = sampled(fitting, recipe.data.max_eval_rows, seed=recipe.sft.seed)
        dropped = len(rows) - len(fitting)
        return truncate(drawn, recipe, self.stops, loss="completion", dropped=dropped, packs=False)


def _dataset_hash(dataset: Path) -> str:
    digest = hashlib.sha256()
    for name in (MANIFEST, *BESIDE):
        if (dataset / name).is_file():
            digest.update(f"{name} {file_hash(dataset / name)}\n".encode())
    return digest.hexdigest()


def _samples_hash(samples: Sequence[Sample]) -> str:
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample['input_ids']}{sample['labels']}\n".encode())
    return digest.hexdigest()
