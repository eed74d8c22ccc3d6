"""What a report consists of: rates and means as cells of the page and as fields of files, tables, blocks."""

import csv
import io
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from goutbench.dataset.json_lines import clean_text
from goutbench.dataset.store import csv_cell, write_table, write_text
from goutbench.statistics import Interval

Query = dict[str, str]
"""Which candidates a number counts: column of the candidate list → value."""

Scalar = str | int | float | None
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class ReportCell:
    """A number as a reader sees it, its interval as a note, and the candidates that it counts.

    `share` is drawn as a bar on a scale from 0 to 1, `interval` as its whisker. `details` are further numbers
    in small print, `role` says what the row is beside the models.
    """

    text: str
    note: str = ""
    query: Query | None = None
    share: float | None = None
    interval: Interval | None = None
    details: tuple["ReportCell", ...] = ()
    role: str = ""


class Header(NamedTuple):
    """The header of a column, and an explanation shown as a tooltip."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """`rows` is what the page shows; `records` are the same rows for CSV and Parquet."""

    name: str
    title: str
    note: str
    headers: tuple[Header, ...]
    rows: list[list[ReportCell]] = field(default_factory=list)
    records: list[dict[str, Scalar]] = field(default_factory=list)

    def add(self, cells: Sequence[ReportCell], record: dict[str, Scalar]) -> None:
        """Add one row in both forms."""
        self.rows.append(list(cells))
        self.records.append(record)

    def write(self, folder: Path) -> None:
        """Write the records as CSV and as Parquet; nothing for a table without rows."""
        import pyarrow as pa

        if not self.records:
            return
        names = list(dict.fromkeys(name for record in self.records for name in record))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(map(csv_cell, names))
        writer.writerows([csv_cell(record.get(name)) for name in names] for record in self.records)
        write_text(folder / f"{self.name}.csv", clean_text(out.getvalue()))
        columns = {name: [record.get(name) for record in self.records] for name in names}
        write_table(pa.table(columns), folder / f"{self.name}.parquet")


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate over items with its 95% interval. `count` is a sum of the items' shares of samples."""

    count: int | float
    of: int
    interval: Interval

    @property
    def value(self) -> float:
        return self.count / self.of

    def cell(self, query: Query | None = None) -> ReportCell:
        note = f"{number(self.count)} of {self.of}, {interval_text(self.interval)}"
        return ReportCell(percent(self.value), note, query, self.value, self.interval)

    def fields(self, name: str) -> dict[str, Scalar]:
        return {name: self.value, **_bounds(name, self.interval)}


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean share over items, with its 95% interval where it has one."""

    value: float
    of: int
    interval: Interval | None = None

    def cell(self, query: Query | None = None) -> ReportCell:
        note = f"mean of {self.of}" + (f", {interval_text(self.interval)}" if self.interval else "")
        return ReportCell(percent(self.value), note, query, self.value, self.interval)

    def fields(self, name: str) -> dict[str, Scalar]:
        return {name: self.value} | (_bounds(name, self.interval) if self.interval else {})


@dataclass(frozen=True, slots=True)
class Count:
    """A number of items, with a note on what they are."""

    value: int
    note: str = ""

    def cell(self, query: Query | None = None) -> ReportCell:
        return ReportCell(str(self.value), self.note, query)

    def fields(self, name: str) -> dict[str, Scalar]:
        return {name: self.value}


@dataclass(frozen=True, slots=True)
class Rank:
    """A model's rank from 1, with its 95% interval."""

    value: float
    interval: Interval

    def cell(self, query: Query | None = None) -> ReportCell:
        low, high = self.interval
        note = f"95% interval {low:g} to {high:g}"
        return ReportCell(f"{self.value:g} ({low:g}–{high:g})", note, query)

    def fields(self, name: str) -> dict[str, Scalar]:
        return {name: self.value, **_bounds(name, self.interval)}


Value = Scalar | Rate | Mean | Count | Rank


def cell_of(value: Value, query: Query | None = None) -> ReportCell:
    """A value as a cell; a dash where there is nothing to count."""
    if isinstance(value, Rate | Mean | Count | Rank):
        return value.cell(query)
    if value is None:
        return ReportCell(NOTHING)
    return ReportCell(value if isinstance(value, str) else number(value), query=query)


def fields_of(name: str, value: Value) -> dict[str, Scalar]:
    """A value as fields of a CSV or Parquet row."""
    return value.fields(name) if isinstance(value, Rate | Mean | Count | Rank) else {name: value}


def model_column(model: str, own: Container[str]) -> str:
    """The column of a model in a file that also has columns of its own."""
    return f"{model} (model)" if model in own else model


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def interval_text(interval: Interval) -> str:
    return f"95% interval {100 * interval.low:.1f} to {percent(interval.high)}"


def _bounds(name: str, interval: Interval) -> dict[str, Scalar]:
    return {f"{name}_low": interval.low, f"{name}_high": interval.high}


def number(count: int | float) -> str:
    """A count; one decimal where several samples per item make it fractional."""
    return str(count) if isinstance(count, int) else f"{count:.1f}"


@dataclass(frozen=True, slots=True)
class PageBlock:
    """One part of the page: a table, a figure (SVG with title and caption), or paragraphs under a title.

    A `folded` table is shown on demand: few readers need it.
    """

    name: str = ""
    title: str = ""
    table: ReportTable | None = None
    svg: str = ""
    caption: str = ""
    paragraphs: tuple[str, ...] = ()
    folded: bool = False
