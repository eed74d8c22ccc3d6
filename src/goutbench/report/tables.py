"""The tables of a report: pure functions of rows. Every number knows the items behind it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from goutbench.report.rows import REFERENCE, Row
from goutbench.report.taxonomy import CLASSES, RUNGS
from goutbench.statistics import wilson

Query = dict[str, str]
"""Which items a number counts: column of the item list → value."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as a reader sees it, with its interval in words, and the items that it counts."""

    text: str
    note: str = ""
    query: Query | None = None
    share: float | None = None  # drawn as a bar


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` is what the page shows, `data` the same for files: plain values, a dict a row."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]
    data: list[dict[str, Any]] = field(default_factory=list)


STEPS = (
    ("items", "asked", 0),
    ("code", "gave Go code", 0),
    ("syntax", "parses", 1),
    ("types", "type-checks", 2),
    ("build", "builds", 3),
    ("runs", "runs a test", 4),
    ("pass", "passes", 5),
    ("stable", "passes every time", 6),
    ("covers", "covers its focal code", 7),
)
"""Steps of the ladder: column of the item list, words, the rung in RUNGS that counts."""


def at_step(row: Row, step: str) -> bool:
    """Whether a row got to a step of STEPS."""
    if step == "items":
        return True
    if step == "code":
        return bool(row.candidate and row.candidate["code"].strip()) or row.rung > 0
    if step in ("pass", "stable", "covers") and not row.passed:
        return step == "pass" and row.rung >= RUNGS.index("pass")
    if step == "covers":
        return bool(row.coverage)
    return row.rung >= next(rung for name, _, rung in STEPS if name == step)


def models_of(rows: Iterable[Row]) -> list[str]:
    """The models in order of their names, the reference last."""
    return sorted({row.model for row in rows}, key=lambda model: (model == REFERENCE, model))


def raw(rows: Iterable[Row], model: str) -> list[Row]:
    """A model's first answers: what every headline number counts."""
    return [row for row in rows if row.model == model and row.round == 0]


def repaired(rows: Iterable[Row], model: str) -> list[Row]:
    """A model's answers with the last repair of each item in place of the first answer."""
    last: dict[Any, Row] = {}
    for row in rows:
        if row.model == model and (row.key not in last or row.round > last[row.key].round):
            last[row.key] = row
    return list(last.values())


def rate_cell(count: int, of: int, query: Query | None = None) -> Cell:
    """A rate in percent with Wilson's 95% interval; "–" where there is nothing to count."""
    if not of:
        return Cell("–")
    low, high = wilson(count, of)
    return Cell(
        f"{100 * count / of:.1f}%",
        f"{count} of {of}, 95% interval {100 * low:.1f} to {100 * high:.1f}%",
        query,
        count / of,
    )


def mean_cell(values: Sequence[float], query: Query | None = None) -> Cell:
    """A mean share in percent; "–" where there is nothing to average."""
    if not values:
        return Cell("–")
    mean = sum(values) / len(values)
    return Cell(f"{100 * mean:.1f}%", f"mean of {len(values)}", query, mean)


def over_all(rows: Iterable[Row], value: Callable[[Row], float | None]) -> list[float]:
    """One value for every row: an item without a measurement reached 0."""
    return [value(row) or 0.0 for row in rows]


def over_passing(rows: Iterable[Row], value: Callable[[Row], float | None]) -> list[float]:
    """The values of passing rows that have one."""
    return [found for row in rows if row.passed and (found := value(row)) is not None]


def leaderboard(rows: Sequence[Row]) -> Table:
    """Models by pass rate; coverage and mutation both over all and over passing candidates."""
    columns = (
        "model", "items", "builds", "passes", "coverage, all", "coverage, passing", "mutation, all",
        "mutation, passing", "infrastructure",
    )  # fmt: skip
    order = sorted(
        models_of(rows), key=lambda m: (m == REFERENCE, -sum(row.passed for row in raw(rows, m)), m)
    )
    repairs = {row.model for row in rows if row.round > 0}
    mutants = any(row.mutants_run for row in rows)
    table = Table(
        "leaderboard",
        "Leaderboard",
        "First answers, every item in the denominator. A candidate passes when it builds, runs at least one "
        "test, and all its tests pass every time.",
        (*columns, "builds, repaired", "passes, repaired") if repairs else columns,
        [],
    )
    for model in order:
        mine = raw(rows, model)
        built, passed = [row for row in mine if row.built], [row for row in mine if row.passed]
        infra = sum(row.failure == "infrastructure" for row in mine)
        ask = {"model": model}
        cells = [
            Cell(model, query=ask),
            Cell(str(len(mine)), query=ask),
            rate_cell(len(built), len(mine), ask | {"at": "build"}),
            rate_cell(len(passed), len(mine), ask | {"class": "passed"}),
            mean_cell(over_all(mine, lambda row: row.coverage), ask),
            mean_cell(over_passing(mine, lambda row: row.coverage), ask | {"class": "passed"}),
            mean_cell(over_all(mine, lambda row: row.mutation), ask) if mutants else Cell("–"),
            mean_cell(over_passing(mine, lambda row: row.mutation), ask | {"class": "passed"}),
            Cell(str(infra), query=ask | {"class": "infrastructure"}),
        ]
        if repairs:
            fixed = repaired(rows, model)
            cells += [
                rate_cell(sum(row.built for row in fixed), len(fixed)) if model in repairs else Cell("–"),
                rate_cell(sum(row.passed for row in fixed), len(fixed)) if model in repairs else Cell("–"),
            ]
        table.rows.append(cells)
        table.data.append(_leader_data(model, mine, repaired(rows, model) if model in repairs else None))
    return table


def _leader_data(model: str, mine: Sequence[Row], fixed: Sequence[Row] | None) -> dict[str, Any]:
    built, passed = sum(row.built for row in mine), sum(row.passed for row in mine)
    content: dict[str, Any] = {"model": model, "items": len(mine), "built": built, "passed": passed}
    for name, count in (("build_rate", built), ("pass_rate", passed)):
        low, high = wilson(count, len(mine)) if mine else (None, None)
        content |= {name: count / len(mine) if mine else None, f"{name}_low": low, f"{name}_high": high}
    for name, value in (("coverage", Row.coverage), ("mutation", Row.mutation)):
        get: Callable[[Row], float | None] = value.fget  # type: ignore[attr-defined]
        content[f"{name}_all"] = _mean(over_all(mine, get))
        content[f"{name}_passing"] = _mean(over_passing(mine, get))
    content["infrastructure"] = sum(row.failure == "infrastructure" for row in mine)
    content["passed_repaired"] = sum(row.passed for row in fixed) if fixed else None
    return content


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def ladder(rows: Sequence[Row]) -> Table:
    """How many candidates of each model get to each step, beside the reference."""
    models = models_of(rows)
    table = Table(
        "ladder",
        "The ladder",
        "Where candidates fall: each bar is the share of a model's items that got at least this far.",
        ("step", *models),
        [],
    )
    for step, words, _ in STEPS:
        data: dict[str, Any] = {"step": step}
        cells = [Cell(words)]
        for model in models:
            mine = raw(rows, model)
            count = sum(at_step(row, step) for row in mine)
            query = {"model": model} | ({} if step == "items" else {"at": step})
            shown = rate_cell(count, len(mine), query)
            cells.append(Cell(str(count), f"{shown.text} · {shown.note}", query, shown.share))
            data[model] = count
        table.rows.append(cells)
        table.data.append(data)
    return table


def failures(rows: Sequence[Row]) -> Table:
    """Why candidates fell, by the first thing that went wrong."""
    models = [model for model in models_of(rows) if model != REFERENCE] or models_of(rows)
    counts = {model: Counter(row.failure for row in raw(rows, model)) for model in models}
    table = Table(
        "failures",
        "Why candidates fail",
        "One class for each candidate, by the first error. Every count opens its items.",
        ("what happened", *models),
        [],
    )
    for name, words in CLASSES.items():
        if any(counts[model][name] for model in models):
            total = {model: sum(counts[model].values()) for model in models}
            table.rows.append(
                [
                    Cell(words),
                    *(
                        Cell(
                            str(counts[model][name]),
                            query={"model": model, "class": name},
                            share=counts[model][name] / total[model] if total[model] else 0.0,
                        )
                        for model in models
                    ),
                ]
            )
            table.data.append({"class": name, **{model: counts[model][name] for model in models}})
    return table


def by_group(
    rows: Sequence[Row], name: str, title: str, note: str, groups: Callable[[Row], Sequence[str]], column: str
) -> Table:
    """Build and pass rates in each group of items (a repository, a size class), model by model.

    An item may be in several groups, and counts in each. References have a column only where nothing else is
    there, and else are no items: they are whole files where models may have been asked for functions.
    """
    models = [model for model in models_of(rows) if model != REFERENCE] or models_of(rows)
    heads = [f"{model}: {what}" for model in models for what in ("builds", "passes")]
    table = Table(name, title, note, (column, "items", *heads), [])
    members: dict[str, list[Row]] = {}
    for row in (row for row in rows if row.model in models):
        for value in groups(row):
            members.setdefault(value, []).append(row)
    for value, mine in sorted(members.items()):
        items = len({row.key for row in mine if row.round == 0})
        cells, data = [Cell(value), Cell(str(items))], {column: value, "items": items}
        for model in models:
            own = raw(mine, model)
            query = {"model": model, column: value}
            built, passed = sum(row.built for row in own), sum(row.passed for row in own)
            cells += [
                rate_cell(built, len(own), query | {"at": "build"}),
                rate_cell(passed, len(own), query | {"class": "passed"}),
            ]
            data |= {f"{model} built": built, f"{model} passed": passed}
        table.rows.append(cells)
        table.data.append(data)
    return table
