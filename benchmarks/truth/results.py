"""The result files of the comparison, and how they are shown."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seven import print_table

from goutbench.records import Pair
from truth.compare import classify, coverage_differs, coverage_explanation
from truth.plain import Verdict

CLASSES = ("equal", "equal when repeated", "flaky", "explained", "unexplained")
KEPT = ("status", "reason", "evidence", "statements", "covered", "declared", "passed", "failed", "skipped")
"""The fields of an execution that a result keeps."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def make_row(
    pair: Pair,
    way: str,
    executions: Sequence[dict[str, Any]],
    plain: Sequence[Verdict],
    in_memory: Sequence[Verdict] = (),
) -> dict[str, Any]:
    """A result, as it is stored."""
    row: dict[str, Any] = {"pair": pair.id, "repository": pair.repository, "test": pair.test_path, "way": way}
    row["executions"] = [{key: record[key] for key in KEPT if key in record} for record in executions]
    row["plain"] = [verdict.as_row() for verdict in plain]
    row["in_memory"] = [verdict.as_row() for verdict in in_memory]
    return row


def append_row(path: Path, row: dict[str, Any]) -> str:
    """Add a result to its repository's file; returns a line that describes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return describe(row)


def describe(row: dict[str, Any]) -> str:
    plain = row["plain"]
    theirs = ", ".join(p["result"] + (" elsewhere" if p["elsewhere"] else "") for p in plain)
    ours = ", ".join(f"{e['status']} {e['reason']}".strip() for e in row["executions"])
    text = f"{classify(row)}: {row['test']} {row['way']}: goutbench {ours}; go test {theirs}"
    if coverage_differs(row):
        ours, theirs = (
            ", ".join(f"{run['covered']}/{run['statements']}" for run in runs)
            for runs in (row["executions"], plain)
        )
        text += f"; covers {ours} and {theirs}; {coverage_explanation(row) or 'unexplained'}"
    return text


def show_results(folder: Path, *, full: bool) -> None:
    """The totals of each repository, then each difference, with its evidence if `full`."""
    rows, differences = [], []
    for path in sorted(folder.glob("*.jsonl")):
        results = read_rows(path)
        rows.append((path.stem.replace("__", "/"), *counts(results)))
        differences += [row for row in results if classify(row) != "equal" or coverage_differs(row)]
    totals = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    print_table(
        [folder.name, "tests", *CLASSES, "coverage compared", "explained", "differs"],
        [*rows, ("total", *totals)],
    )
    print()
    for row in differences:
        print(f"- {row['repository']}: {describe(row)}")
        if full:
            print(f"    goutbench: {' '.join(row['executions'][-1]['evidence'].split())[:600]}")
            print(f"    go test: {' '.join(row['plain'][-1]['output'].split())[-600:]}")


def counts(results: Sequence[dict[str, Any]]) -> list[int]:
    """The columns of a row of totals."""
    classes = Counter(classify(row).partition(":")[0] for row in results)
    differs = [coverage_differs(row) for row in results]
    compared = len(differs) - differs.count(None)
    explained = sum(bool(coverage_differs(row) and coverage_explanation(row)) for row in results)
    unexplained = differs.count(True) - explained
    return [len(results), *(classes[name] for name in CLASSES), compared, explained, unexplained]
