"""Whether models differ: paired tests on the items that both were asked."""

from collections.abc import Callable, Sequence
from typing import Any

from goutbench.report.rows import REFERENCE, Row
from goutbench.report.tables import Cell, Table, models_of, raw
from goutbench.statistics import cluster_bootstrap, holm, items_needed, permutation_test, sign_test

_FEW_REPOSITORIES = 5


def compare(rows: Sequence[Row], base: str) -> list[Table]:
    """Every model against `base`, item by item; no table where there is nobody to compare with."""
    others = [model for model in models_of(rows) if model not in (base, REFERENCE)]
    if not others:
        return []
    table = Table(
        "comparison",
        f"Against {base}",
        "The same items for both. p is of the exact sign test (McNemar) for builds and passes and of a "
        "permutation test for coverage and mutation, by Holm's correction over all rows. "
        "“Needed” is how many items would show such a difference four times in five.",
        ("model", "measure", "items", f"{base} only", "model only", "difference", "p, corrected", "needed"),
        [],
    )
    found = [each for model in others for each in _measures(rows, base, model)]
    for each, corrected in zip(found, holm([each["p"] for each in found]), strict=True):
        table.data.append({**each, "p_corrected": corrected})
        table.rows.append(_cells(each, corrected))
    return [table]


def _measures(rows: Sequence[Row], base: str, model: str) -> list[dict[str, Any]]:
    """Builds, passes, coverage and mutation of one model against the base."""
    theirs = {row.key: row for row in raw(rows, base)}
    both = [(theirs[row.key], row) for row in raw(rows, model) if row.key in theirs]
    if not both:
        return []
    found = [
        _rates(model, "builds", both, lambda row: row.built),
        _rates(model, "passes", both, lambda row: row.passed),
        _means(model, "coverage, all", both, lambda row: row.coverage or 0.0),
    ]
    if any(row.mutants_run for pair in both for row in pair):
        found.append(_means(model, "mutation, all", both, lambda row: row.mutation or 0.0))
    return found


Both = Sequence[tuple[Row, Row]]


def _rates(model: str, name: str, both: Both, value: Callable[[Row], bool]) -> dict[str, Any]:
    better = sum(value(new) and not value(old) for old, new in both)
    worse = sum(value(old) and not value(new) for old, new in both)
    needed = items_needed(better / len(both), worse / len(both))
    numbers = {"base_only": worse, "model_only": better, "p": sign_test(better, worse), "needed": needed}
    return _difference(model, name, both, lambda row: float(value(row))) | numbers


def _means(model: str, name: str, both: Both, value: Callable[[Row], float]) -> dict[str, Any]:
    p = permutation_test([value(new) - value(old) for old, new in both])
    numbers = {"base_only": None, "model_only": None, "p": p, "needed": None}
    return _difference(model, name, both, value) | numbers


def _difference(model: str, name: str, both: Both, value: Callable[[Row], float]) -> dict[str, Any]:
    """The mean difference; over enough repositories with an interval that takes these as the unit."""
    changes = [value(new) - value(old) for old, new in both]
    names = [new.pair.repository for _, new in both]
    units = names if len(set(names)) >= _FEW_REPOSITORIES else [new.pair.id for _, new in both]
    estimate = cluster_bootstrap(changes, units)
    return {
        "model": model,
        "measure": name,
        "items": len(both),
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "unit": "repository" if units is names else "pair",
    }


def _cells(each: dict[str, Any], corrected: float) -> list[Cell]:
    low, high = each["low"], each["high"]
    note = f"{100 * low:+.1f} to {100 * high:+.1f} points, by {each['unit']}"
    return [
        Cell(str(each["model"])),
        Cell(str(each["measure"])),
        Cell(str(each["items"])),
        *(Cell("–" if each[name] is None else str(each[name])) for name in ("base_only", "model_only")),
        Cell(f"{100 * each['difference']:+.1f} points", note),
        Cell("< 0.001" if corrected < 0.001 else f"{corrected:.3f}"),
        Cell("–" if each["needed"] is None else f"{each['needed']:,}"),
    ]
