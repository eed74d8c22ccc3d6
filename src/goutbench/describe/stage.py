"""The `describe` stage on files: a dataset in; signals beside it, tables, figures and a page out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.chunk import token_counter
from goutbench.dataset.card import Config, write_configs
from goutbench.dataset.store import (
    CARD,
    extend_manifest,
    read_pairs,
    read_rejections,
    read_table,
    to_table,
    whole_file,
    write_rows,
    write_table,
    write_text,
)
from goutbench.describe.components import components
from goutbench.describe.figures import figures
from goutbench.describe.render import markdown, page
from goutbench.describe.signals import signals_of
from goutbench.describe.tables import Data, Table, tables
from goutbench.embeddings import TFIDF, load_embedder
from goutbench.errors import DatasetError
from goutbench.plotting import png, svg
from goutbench.records import Signals

SIGNALS = "signals.parquet"


@dataclass(frozen=True, slots=True)
class Described:
    """What was found: the tables, the signals of each pair, and where the page lies."""

    tables: tuple[Table, ...]
    signals: tuple[Signals, ...]
    page: Path


def describe(
    dataset: Path,
    out: Path,
    *,
    tokenizers: Sequence[str] = ("estimate",),
    embedder: str = TFIDF,
    workers: int = 1,
) -> Described:
    """Describe a dataset: `signals.parquet` into it, everything else into `out`.

    The first tokenizer counts the tokens of the signals. Raises ConfigError, DatasetError, StorageError.
    """
    pairs = list(read_pairs(dataset))
    if not pairs:
        raise DatasetError("there is no pair in it", where=str(dataset), hint="curate more repositories")
    embed = load_embedder(embedder)
    found = signals_of(pairs, tokenizer=tokenizers[0], workers=workers)
    _add_signals(dataset, found)
    tokens = {tokenizers[0]: [(each.code_tokens, each.test_tokens) for each in found]}
    for name in tokenizers[1:]:
        counter = token_counter(name)
        sides = [counter.count([getattr(pair, side) for pair in pairs]) for side in ("code", "test")]
        tokens[name] = list(zip(*sides, strict=True))
    tokens = {_short(name): counts for name, counts in tokens.items()}
    data = Data(pairs, list(read_rejections(dataset)), found, _splits(dataset), tokens)
    principal = components(pairs, embed)
    made = tables(data, principal)
    drawn = figures(data, made, principal)
    for table in made:
        write_rows(out / "tables" / f"{table.name}.parquet", table.rows)
    drawings = {figure.name: svg(figure.chart) for figure in drawn}
    for figure in drawn:
        write_text(out / "figures" / f"{figure.name}.svg", drawings[figure.name])
        with whole_file(out / "figures" / f"{figure.name}.png") as draft:
            draft.write_bytes(png(figure.chart))
    title = f"{len(pairs):,} Go files and the tests that people wrote for them"
    write_text(out / "tables.md", markdown(title, made))
    text = page(
        title=title, lead=_lead(data), footer=_footer(dataset, embedder, tokenizers), facts=_facts(data),
        tables=made, figures=drawn, drawings=drawings,
    )  # fmt: skip
    write_text(out / "index.html", text)
    return Described(tuple(made), tuple(found), out / "index.html")


def _add_signals(dataset: Path, found: Sequence[Signals]) -> None:
    write_table(to_table(found, Signals), dataset / SIGNALS)
    write_configs(dataset, [Config("signals", {"train": SIGNALS})])
    extend_manifest(dataset, [SIGNALS, CARD], {})


def _splits(dataset: Path) -> dict[str, dict[str, str]]:
    """Scheme → pair → split, of every split that was made."""
    found = {}
    for path in sorted((dataset / "splits").glob("*.parquet")):
        if "." not in path.stem:
            rows = read_table(path, ["pair_id", "split"]).to_pylist()
            found[path.stem] = {row["pair_id"]: row["split"] for row in rows}
    return found


def _short(tokenizer: str) -> str:
    path = Path(tokenizer)
    return path.parent.name + "/" + path.name if path.is_file() else tokenizer


def _lead(data: Data) -> str:
    count = len(data.repositories)
    code, test = (sum(getattr(pair, side) for pair in data.pairs) for side in ("code_lines", "test_lines"))
    return (
        f"{count} {'repository' if count == 1 else 'repositories'}, {code:,} lines of code, {test:,} lines "
        "of tests. Every number stands in a table that can be loaded, and every row keeps its signals."
    )


def _facts(data: Data) -> list[tuple[str, str]]:
    signals, number = data.signals, len(data.pairs)
    shares = {
        "table-driven tests": sum(each.table_driven for each in signals),
        "touch concurrency": sum(each.concurrent for each in signals),
        "use mocks": sum(each.mocks for each in signals),
        "in near-duplicate clusters": sum(each.cluster_size > 1 for each in signals),
    }
    return [
        ("pairs", f"{number:,}"),
        ("test functions", f"{sum(each.tests for each in signals):,}"),
        ("assertions", f"{sum(each.assertions for each in signals):,}"),
        *((name, f"{count / number:.0%}") for name, count in shares.items()),
    ]


def _footer(dataset: Path, embedder: str, tokenizers: Sequence[str]) -> str:
    names = ", ".join(_short(name) for name in tokenizers)
    return f"Dataset: {dataset.resolve().name}. Embedder: {Path(embedder).name}. Tokens by: {names}."
