"""The `report` stage: run folders and judgements in; a page, its items and its tables out."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from goutbench.dataset.store import read_manifest, write_text
from goutbench.errors import ConfigError
from goutbench.report.charts import colours, rates_by_group, reach
from goutbench.report.compare import compare
from goutbench.report.items import write_items
from goutbench.report.kinds import kinds, size
from goutbench.report.preferences import preference_blocks, read_judged, verdicts_of
from goutbench.report.render import Block, item_row, render
from goutbench.report.rows import REFERENCE, Judged, Key, Row, read_rows, read_texts
from goutbench.report.tables import (
    Table,
    by_group,
    failures,
    ladder,
    leaderboard,
    models_of,
    over_all,
    raw,
)  # fmt: skip


def report(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    *,
    names: Mapping[Path, str] | None = None,
    judgements: Sequence[Path] = (),
    base: str | None = None,
    title: str = "",
) -> list[Row]:
    """Write the page `out` and, beside it, the folder `<stem>_files` with its items and tables.

    `names` renames the model of a run, also in judgements of its candidates. `base` is the model, by that
    name, that the others are compared with; without it the first by name. Raises ConfigError and DatasetError
    for folders that are not what they should be, StorageError where nothing can be written.
    """
    rows = read_rows(runs, dataset, names)
    models = [model for model in models_of(rows) if model != REFERENCE]
    if not rows:
        raise ConfigError("there is nothing to report", where=", ".join(map(str, runs)))
    if base is not None and base not in models:
        raise ConfigError(
            f"no model {base!r} in the runs", where="--base", hint=f"one of: {', '.join(models)}"
        )
    judged = read_judged(judgements, {row.candidate["id"]: row.model for row in rows if row.candidate})
    beside = out.with_name(f"{out.stem}_files")
    blocks = _blocks(rows, judged, base or (models[0] if models else REFERENCE))
    for table in (block.table for block in blocks):
        if table is not None:
            _write_table(beside / "data", table)
    write_items(beside / "items", rows, read_texts(runs), judged)
    verdicts = verdicts_of(judged)
    page = render(
        title=title or _title(models),
        lead=_lead(rows, models),
        footer=_footer(dataset),
        blocks=blocks,
        rows=[
            item_row(row, verdicts.get((row.model, row.key), ()), (size(row), *kinds(row))) for row in rows
        ],
        files_folder=beside.name,
    )
    write_text(out, page)
    return rows


def _blocks(rows: Sequence[Row], judged: Sequence[Judged], base: str) -> list[Block]:
    models = models_of(rows)
    paint = colours(models, REFERENCE)
    repositories = by_group(
        rows, "repositories", "By repository", "First answers; every item in the denominator.",
        lambda row: (row.pair.repository,), "repository",
    )  # fmt: skip
    sizes = by_group(
        rows, "sizes", "By size of the code under test", "Lines of the focal file.",
        lambda row: (size(row),), "group",
    )  # fmt: skip
    sorts = by_group(
        rows, "kinds", "By kind of code under test",
        "Cyclomatic complexity of the focal function, or of the file's most complex one; the rest is of the "
        "file and its reference test. An item counts in several rows.",
        kinds, "group",
    )  # fmt: skip
    return [
        Block(table=leaderboard(rows)),
        Block(table=ladder(rows)),
        *(Block(table=table) for table in compare(rows, base)),
        *_distributions(rows, models, paint),
        Block(table=repositories),
        Block(
            name="repository-rates",
            svg=rates_by_group(_rates(repositories, models), paint, "pass rate, with its 95% interval"),
            caption="Pass rates by repository. A wide line is a small repository, not a bad model.",
        ),
        Block(table=sizes),
        Block(table=sorts),
        *preference_blocks(rows, judged),
        Block(table=failures(rows)),
    ]


def _distributions(rows: Sequence[Row], models: Sequence[str], paint: Mapping[str, str]) -> list[Block]:
    """Coverage and mutation scores as curves over all items."""
    found = []
    for name, value, words in (
        ("coverage", lambda row: row.coverage, "statements of the focal code covered"),
        ("mutation", lambda row: row.mutation, "mutants killed"),
    ):
        values = {model: over_all(raw(rows, model), value) for model in models}
        if any(any(each) for each in values.values()):
            caption = (
                "How far each model gets: the share of all its items whose tests reach at least this share "
                f"of {words}. An item that does not build reaches none."
            )
            found.append(Block(name=f"{name}-reach", svg=reach(values, dict(paint), words), caption=caption))
    return found


def _rates(table: Table, models: Sequence[str]) -> list[dict[str, object]]:
    from goutbench.statistics import wilson

    found: list[dict[str, object]] = []
    for row in table.data:
        for model in models:
            if f"{model} passed" in row and row["items"]:
                low, high = wilson(row[f"{model} passed"], row["items"])
                rate = row[f"{model} passed"] / row["items"]
                found.append(
                    {"group": row["repository"], "series": model, "rate": rate, "low": low, "high": high}
                )
    return found


def _title(models: Sequence[str]) -> str:
    return f"Go unit tests by {', '.join(models)}" if models else "Go unit tests of the repositories"


def _lead(rows: Sequence[Row], models: Sequence[str]) -> str:
    """The finding in a sentence or two."""
    said = []
    for model in models:
        mine = raw(rows, model)
        passed, built = sum(row.passed for row in mine), sum(row.built for row in mine)
        said.append(f"{model}: {built} of {len(mine)} candidates build and {passed} pass")
    return ("; ".join(said) or "The repositories' own tests, run by the same path as any model's") + "."


def _footer(dataset: Path) -> str:
    manifest = read_manifest(dataset)
    return (
        f"Made by goutbench from a dataset of {manifest['pairs']:,} pairs. Rates carry Wilson's 95% "
        "interval. A mutation score is killed ÷ viable mutants, with timed-out ones among the viable. "
        "Infrastructure failures stay in every denominator."
    )


def _write_table(folder: Path, table: Table) -> None:
    """A table as CSV and as Parquet."""
    import pyarrow as pa

    from goutbench.dataset.store import write_table

    if not table.data:
        return
    names = list(dict.fromkeys(name for row in table.data for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.data)
    write_text(folder / f"{table.name}.csv", out.getvalue())
    columns = {name: [row.get(name) for row in table.data] for name in names}
    write_table(pa.table(columns), folder / f"{table.name}.parquet")


def items_of(rows: Iterable[Row]) -> set[Key]:
    """The items that the rows are about."""
    return {row.key for row in rows}
