"""The `describe` stage: a dataset in; its signals, tables, figures and a page out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.chunk.tokens import token_counter
from goutbench.console import OnStep, silent
from goutbench.dataset.card import DatasetConfig, write_configs
from goutbench.dataset.pages import free_folder, page_identity
from goutbench.dataset.store import (
    CARD,
    CROISSANT,
    extend_manifest,
    read_manifest,
    read_pairs,
    read_rejections,
    read_table,
    to_table,
    write_rows,
    write_table,
    write_text,
)
from goutbench.describe.components import principal_components
from goutbench.describe.content import DatasetContent
from goutbench.describe.figures import dataset_figures
from goutbench.describe.render import DescriptionPage, markdown, render
from goutbench.describe.signals import signals_of
from goutbench.describe.tables import DatasetTable, dataset_tables
from goutbench.embeddings import TFIDF, load_embedder
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import SIGNALS, SPLIT_FOLDER
from goutbench.records import Pair, Signals

FOLDER, PAGE = Path("description"), "index.html"
_PARTS = frozenset({"tables", "figures", "tables.md"})
_ADDED = frozenset({SIGNALS, CARD, CROISSANT})


@dataclass(frozen=True, slots=True)
class Description:
    """The tables, the signals of each pair, and the path of the page."""

    tables: tuple[DatasetTable, ...]
    signals: tuple[Signals, ...]
    page: Path


def describe(
    dataset: Path,
    out: Path | None = None,
    *,
    tokenizers: Sequence[str] = ("estimate",),
    embedder: str = TFIDF,
    workers: int = 1,
    runner: str | None = None,
    on_step: OnStep = silent,
) -> Description:
    """Describe a dataset: write `signals.parquet` into it, and everything else into `out`.

    The first tokenizer counts the tokens of the signals. Without `out`, that is the folder `description`, or
    `description-2` and so on where another dataset or other options were described. Raises ConfigError for an
    embedder or a tokenizer that does not exist and for an `out` with another description, DatasetError for a
    damaged or empty dataset, StorageError where writing fails. `runner` is that of `parallel.map_items`.
    `on_step` gets a text for each part of the work.
    """
    identity = _identity(dataset, tokenizers, embedder)
    out = _folder(out, identity)
    pairs = list(read_pairs(dataset))
    if not pairs:
        raise DatasetError("the dataset has no pairs", where=str(dataset), hint="curate more repositories")
    embed = load_embedder(embedder)
    on_step(f"computing the signals of {len(pairs):,} pairs")
    signals = signals_of(pairs, tokenizer=tokenizers[0], workers=workers, runner=runner)
    write_table(to_table(signals, Signals), dataset / SIGNALS)
    write_configs(dataset, [DatasetConfig("signals", {"train": SIGNALS})])
    extend_manifest(dataset, [SIGNALS, CARD], {})
    on_step("counting tokens")
    tokens = _count_tokens(pairs, signals, tokenizers)
    data = DatasetContent(pairs, list(read_rejections(dataset)), signals, _read_splits(dataset), tokens)
    on_step("embedding the code")
    components = principal_components(pairs, embed)
    tables = dataset_tables(data, components)
    for table in tables:
        write_rows(out / "tables" / f"{table.name}.parquet", table.rows)
    on_step("drawing figures")
    figures = dataset_figures(data, tables, components)
    page = DescriptionPage(
        identity=identity,
        title=f"{len(pairs):,} Go files and the tests that people wrote for them",
        lead=data.summary(),
        footer=f"Dataset: {dataset.resolve().name}. Embedder: {Path(embedder).name}. "
        f"Tokens by: {', '.join(tokens)}.",
        facts=data.facts(),
        tables=tables,
        figures=figures,
        drawings={figure.name: figure.write(out / "figures") for figure in figures},
    )
    write_text(out / "tables.md", markdown(page.title, tables))
    write_text(out / PAGE, render(page))
    return Description(tuple(tables), tuple(signals), out / PAGE)


def _identity(dataset: Path, tokenizers: Sequence[str], embedder: str) -> str:
    """The identity of a description: what it reads, without what `describe` itself adds to the dataset."""
    files = read_manifest(dataset)["files"]
    hashes = [f"{name} {files[name]['sha256']}" for name in sorted(files) if name not in _ADDED]
    return page_identity("describe", dataset.resolve().name, embedder, *tokenizers, *hashes)


def _folder(out: Path | None, identity: str) -> Path:
    """The folder to write. Raises ConfigError for one with another description, or with other files."""
    folder = free_folder(out or FOLDER, identity, PAGE, _PARTS)
    if out is not None and folder != out:
        what = "this folder holds the description of another dataset or of other options, or other files"
        raise ConfigError(what, where=f"--out {out}", hint=f"give another --out, such as {folder}")
    return folder


def _count_tokens(
    pairs: Sequence[Pair], signals: Sequence[Signals], tokenizers: Sequence[str]
) -> dict[str, list[tuple[int, int]]]:
    """(code, test) tokens of each pair, by the short name of the tokenizer."""
    counts = {_short_name(tokenizers[0]): [(row.code_tokens, row.test_tokens) for row in signals]}
    for tokenizer in tokenizers[1:]:
        counter = token_counter(tokenizer)
        code, test = (
            counter.count([pair.code for pair in pairs]),
            counter.count([pair.test for pair in pairs]),
        )
        counts[_short_name(tokenizer)] = list(zip(code, test, strict=True))
    return counts


def _short_name(tokenizer: str) -> str:
    path = Path(tokenizer)
    return f"{path.parent.name}/{path.name}" if path.is_file() else tokenizer


def _read_splits(dataset: Path) -> dict[str, dict[str, str]]:
    """Scheme → pair id → split, of every split of the dataset."""
    splits = {}
    for path in sorted((dataset / SPLIT_FOLDER).glob("*.parquet")):
        if "." not in path.stem:
            rows = read_table(path, ["pair_id", "split"]).to_pylist()
            splits[path.stem] = {row["pair_id"]: row["split"] for row in rows}
    return splits
