"""The verified set as a page: tables and figures from the facts of executed reference tests.

    verified_set.py --dataset DIR [--dataset DIR …] [--notes FILE] --out docs/results

A dataset has `facts.parquet` (`goutbench facts`, or joined by `curate --builtin`), `signals.parquet`
(`goutbench describe`) and a split of the scheme `paper` (`goutbench split --scheme paper`). Pairs without
facts count as not executed. Writes `verified.md` and its figures; equal facts give equal bytes.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from statistics import mean, median
from typing import Any

import altair as alt

from goutbench.dataset.store import read_pairs, read_table
from goutbench.facts.fact import Fact
from goutbench.facts.table import read_facts
from goutbench.locations import FACTS
from goutbench.plotting import PALETTE, svg
from goutbench.statistics import cluster_bootstrap, wilson

Row = dict[str, Any]
STYLES: dict[str, Callable[[Row], bool]] = {
    "table-driven": lambda row: bool(row["table_driven"]),
    "subtests": lambda row: row["subtests"] > 0,
    "parallel tests": lambda row: row["parallel"] > 0,
    "examples with output, or fuzz targets": lambda row: row["examples"] + row["fuzz"] > 0,
    "an assertion library": lambda row: bool(row["libraries"]),
    "mocks": lambda row: bool(row["mocks"]),
    "a test without an assertion": lambda row: bool(row["assertion_free_tests"]),
}


def read_rows(dataset: Path) -> list[Row]:
    """One row for each pair: signals, domain, split of the paper's scheme, and the fact, or None."""
    splits = {
        row["pair_id"]: row["split"] for row in read_table(dataset / "splits/paper.parquet").to_pylist()
    }
    signals = {row["id"]: row for row in read_table(dataset / "signals.parquet").to_pylist()}
    facts = {fact.pair_id: fact for fact in read_facts(dataset / FACTS).rows}
    return [
        {
            **signals[pair.id],
            "repository": pair.repository,
            "domain": pair.domain,
            "folder": (pair.repository, str(PurePosixPath(pair.code_path).parent)),
            "lines": pair.code_lines,
            "split": splits[pair.id],
            "fact": facts.get(pair.id),
        }
        for pair in read_pairs(dataset)
    ]


# ── what is fit to be a ground truth ──────────────────────────────────────────────────────────────


def fitness(fact: Fact) -> str:
    """The first thing that makes a reference test unfit as ground truth; "" if nothing does."""
    if fact.status == "INFRA_FAILURE":
        return "not in the build here" if fact.reason == "not-in-build" else "cannot be judged here"
    if fact.status == "FLAKY":
        return "flaky"
    if fact.status == "NO_TESTS_RAN":
        return "runs nothing"
    if fact.status != "PASSED":
        return "does not pass"
    if fact.statements and not fact.covered:
        return "passes, covers nothing of its file"
    if not fact.mutation_total:
        return "passes, has no mutants"
    if not fact.mutation_killed:
        return "passes, kills no mutant"
    return ""


# ── tables ────────────────────────────────────────────────────────────────────────────────────────


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "–"


def middle(values: Sequence[float | None]) -> str:
    measured = [value for value in values if value is not None]
    return f"{100 * median(measured):.0f}%" if measured else "–"


def rate(successes: int, of: int) -> str:
    if not of:
        return "–"
    low, high = wilson(successes, of)
    return f"{percent(successes, of)} [{100 * low:.1f}, {100 * high:.1f}]"


def average(values: Sequence[tuple[float, Any]]) -> str:
    """The mean of values with an interval that resamples the folders that they come from."""
    if not values:
        return "–"
    estimate = cluster_bootstrap([value for value, _ in values], [folder for _, folder in values])
    return f"{100 * estimate.value:.1f}% [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def coverage(fact: Fact) -> float | None:
    return fact.covered / fact.statements if fact.statements else None


def branch_coverage(fact: Fact) -> float | None:
    return (fact.branches_covered or 0) / fact.branches if fact.branches else None


def scores(rows: Sequence[Row]) -> list[tuple[float, Any]]:
    """Mutation scores of the rows that pass, with their folders."""
    return [
        (row["fact"].mutation_score, row["folder"])
        for row in rows
        if row["fact"].status == "PASSED" and row["fact"].mutation_score is not None
    ]


def grouped(rows: Sequence[Row], names: Sequence[str], key: Callable[[Row], str]) -> str:
    """One line for each group of executed rows."""
    head = [
        "",
        "pairs executed",
        "pass",
        "statement coverage, median",
        "branch coverage, median",
        "mutation score, mean",
    ]
    lines = []
    for name in [*names, "all"]:
        group = [row for row in rows if name == "all" or key(row) == name]
        if not group:
            continue
        passed = [row["fact"] for row in group if row["fact"].status == "PASSED"]
        lines.append(
            [name, len(group), rate(len(passed), len(group)), middle([coverage(fact) for fact in passed]),
             middle([branch_coverage(fact) for fact in passed]), average(scores(group))]
        )  # fmt: skip
    return table(head, lines)


def quarters(
    rows: Sequence[Row], value: Callable[[Row], float], unit: str
) -> tuple[list[str], Callable[[Row], str]]:
    """Names of at most four groups of about equal size by a value, and what names a row's group."""
    ordered = sorted(value(row) for row in rows)
    # many equal values make fewer groups
    cuts = sorted({ordered[len(ordered) * part // 4] for part in (1, 2, 3)} - {ordered[0]})
    bounds = [ordered[0], *cuts, ordered[-1] + 1]
    names = [f"{low:g} to {high - 1:g} {unit}".strip() for low, high in pairwise(bounds)]
    return names, lambda row: names[sum(value(row) >= cut for cut in cuts)]


def styles(rows: Sequence[Row]) -> str:
    lines = []
    for name, has in STYLES.items():
        groups = [[row for row in rows if has(row) is wanted] for wanted in (True, False)]
        lines.append(
            [name, *(cell for group in groups for cell in (len(scores(group)), average(scores(group))))]
        )
    return table(
        ["the test file has", "files", "mutation score, mean", "files without", "their score"], lines
    )


def failures(rows: Sequence[Row]) -> str:
    counts = Counter(
        (row["fact"].status, row["fact"].reason or "–") for row in rows if row["fact"].status != "PASSED"
    )
    lines = [[status, reason, count] for (status, reason), count in counts.most_common()]
    return table(["status", "reason", "pairs"], lines)


def losses(rows: Sequence[Row]) -> str:
    """What is unfit, by split of the paper's scheme."""
    names = sorted({fitness(row["fact"]) for row in rows} - {""})
    splits = [
        split for split in ("train", "validation", "test") if any(row["split"] == split for row in rows)
    ]
    lines = []
    for name in ["", *names]:
        counts = [sum(fitness(r["fact"]) == name and r["split"] == split for r in rows) for split in splits]
        lines.append([name or "**fit**", *counts, sum(counts), percent(sum(counts), len(rows))])
    return table(["", *splits, "all", "share"], lines)


# ── figures ───────────────────────────────────────────────────────────────────────────────────────


def histogram(rows: Sequence[Row]) -> str:
    """Distributions of coverage and mutation score of references that pass."""
    passed = [row["fact"] for row in rows if row["fact"].status == "PASSED"]
    measures: dict[str, list[float | None]] = {
        "statement coverage": [coverage(fact) for fact in passed],
        "branch coverage": [branch_coverage(fact) for fact in passed],
        "mutation score": [fact.mutation_score for fact in passed],
    }
    data = [
        {"measure": name, "bin": min(9, int(value * 10)) * 10, "share": 100 / len(known)}
        for name, values in measures.items()
        for known in [[value for value in values if value is not None]]
        for value in known
    ]
    chart = (
        alt.Chart(alt.Data(values=data))
        .mark_bar(color=PALETTE[0])
        .encode(
            x=alt.X("bin:O", title="percent, from", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("sum(share):Q", title="percent of references that pass"),
            column=alt.Column("measure:N", title=None, sort=list(measures)),
        )
        .properties(width=190, height=150)
    )
    return svg(chart)


def scatter(rows: Sequence[Row]) -> str:
    """Coverage against mutation score: one point for each reference that passes."""
    data = [
        {
            "coverage": 100 * covered,
            "score": 100 * row["fact"].mutation_score,
            "repository": row["repository"],
        }
        for row in rows
        if row["fact"].status == "PASSED" and row["fact"].mutation_score is not None
        for covered in [coverage(row["fact"])]
        if covered is not None
    ]
    chart = (
        alt.Chart(alt.Data(values=data))
        .mark_circle(size=22, opacity=0.45)
        .encode(
            x=alt.X("coverage:Q", title="statement coverage, percent"),
            y=alt.Y("score:Q", title="mutants killed, percent"),
            color=alt.Color("repository:N", title=None, scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=420, height=300)
    )
    return svg(chart)


# ── the page ──────────────────────────────────────────────────────────────────────────────────────


def summary(rows: Sequence[Row], executed: Sequence[Row]) -> str:
    fit = [row for row in executed if not fitness(row["fact"])]
    covered = [value for row in fit if (value := coverage(row["fact"])) is not None]
    text = (
        f"{len(executed):,} of {len(rows):,} pairs are executed so far. Of these, "
        f"{rate(len(fit), len(executed))} have a reference test that is fit to be a ground truth: it runs, "
        "passes three shuffled runs, covers its file and kills a mutant of it."
    )
    if values := [score for score, _ in scores(fit)]:
        text += f" These cover {100 * mean(covered):.0f}% of the statements of their files and kill "
        text += f"{100 * mean(values):.0f}% of the mutants, on average."
    return text + "\n"


def by_repository(rows: Sequence[Row], repositories: Sequence[str]) -> str:
    """How far the executions are, and what is fit."""
    lines = []
    for name in repositories:
        own = [row for row in rows if row["repository"] == name]
        run = [row for row in own if row["fact"]]
        fit = sum(not fitness(row["fact"]) for row in run)
        go = ", ".join(sorted({row["fact"].toolchain for row in run} - {""}))
        lines.append([name, own[0]["domain"], len(own), len(run), rate(fit, len(run)), go])
    return table(["repository", "domain", "pairs", "executed", "fit", "Go"], lines)


def page(rows: Sequence[Row]) -> str:
    executed = [row for row in rows if row["fact"]]
    repositories = sorted({row["repository"] for row in rows})
    concurrency = ["concurrent", "not concurrent"]
    parts = {
        "# The verified set": "The tests of Go-UT-Bench's repositories, executed: which are fit to be a "
        "ground truth?\n\n" + summary(rows, executed) + "\n" + by_repository(rows, repositories),
        "## Results": "### By repository\n\n"
        + grouped(executed, repositories, lambda row: str(row["repository"])),
        "### By size of the focal file": grouped(
            executed, *quarters(executed, lambda row: row["lines"], "lines")
        ),
        "### By cyclomatic complexity of the focal file": grouped(
            executed, *quarters(executed, lambda row: row["complexity"], "")
        ),
        "### By concurrency": grouped(executed, concurrency, lambda row: concurrency[not row["concurrent"]]),
        "## Distributions": "![Coverage and mutation score](verified-distributions.svg)\n\n"
        "![Coverage against mutation score](verified-coverage-score.svg)\n",
        "## Test style and mutation score": "References that pass. These are no effects: files differ in "
        "more than the style of their tests.\n\n" + styles(executed),
        "## Why references do not pass": failures(executed),
        "## Unfit as ground truth, and what the paper's splits lose": losses(executed),
    }
    return "\n".join(f"{head}\n\n{text}" for head, text in parts.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, action="append", required=True)
    parser.add_argument("--notes", type=Path, help="Markdown that follows the tables: method and limits")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [row for dataset in arguments.dataset for row in read_rows(dataset)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    executed = [row for row in rows if row["fact"]]
    notes = "\n" + arguments.notes.read_text() if arguments.notes else ""
    (arguments.out / "verified.md").write_text(page(rows) + notes)
    (arguments.out / "verified-distributions.svg").write_text(histogram(executed))
    (arguments.out / "verified-coverage-score.svg").write_text(scatter(executed))


if __name__ == "__main__":
    main()
