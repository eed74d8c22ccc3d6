"""The tables of findings and packages, as CSV and Parquet."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.json_lines import clean_text
from goutbench.dataset.store import csv_cell, write_rows, write_text
from goutbench.gaps.finding import Finding, Kind, PackageGaps
from goutbench.gaps.links import SourceLinks


def write_tables(
    folder: Path, findings: Sequence[Finding], packages: Sequence[PackageGaps], links: SourceLinks
) -> None:
    """Write `gaps` and `packages` into the folder. A table without rows has its columns only as CSV."""
    _write(folder / "gaps", _FINDING_COLUMNS, [finding_row(finding, links) for finding in findings])
    rows = [package_row(package) for package in packages]
    _write(folder / "packages", tuple(rows[0]) if rows else (), rows)


_FINDING_COLUMNS = (
    "kind", "need", "repository", "package", "path", "line", "end_line", "function", "detail", "diff", "link",
)  # fmt: skip


def finding_row(finding: Finding, links: SourceLinks) -> dict[str, Any]:
    """A finding with its diff as one text, and the address of its first line."""
    first, last = finding.lines or (None, None)
    diff = "\n".join(f"{line.sign} {line.text}" for line in finding.diff)
    link = links.link(finding.repository, finding.path, first or 1)
    values = (
        finding.kind.value, finding.need, finding.repository, finding.package, finding.path, first, last,
        finding.function, finding.detail, diff, link,
    )  # fmt: skip
    return dict(zip(_FINDING_COLUMNS, values, strict=True))


def package_row(package: PackageGaps) -> dict[str, Any]:
    """The numbers of a package; None for what was not measured."""
    return {
        "repository": package.repository,
        "package": package.package,
        "findings": package.need,
        "files": package.files,
        **{kind.label: package.count(kind) for kind in Kind},
        "coverage": package.coverage,
        "mutation_score": package.mutation_score,
    }


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
    text = clean_text(out.getvalue())
    write_text(path.with_suffix(".csv"), text)
    if rows:
        write_rows(
            path.with_suffix(".parquet"), [{name: _utf8(v) for name, v in row.items()} for row in rows]
        )


def _utf8(value: Any) -> Any:
    return clean_text(value) if isinstance(value, str) else value
