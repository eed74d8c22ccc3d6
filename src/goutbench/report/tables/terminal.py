"""The results of a report in a terminal: one line for each model."""

from collections.abc import Mapping, Sequence
from typing import Any

from goutbench.report.tables.cells import NOTHING, percent

_COLUMNS = {
    "Builds": "build_rate",
    "Passes": "pass_rate",
    "Covered": "coverage_all",
    "Kills": "mutation_all",
}


def print_leaderboard(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print models with the shares of their items, by the mutants that they kill; – is not measured."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    units = {row["unit"] for row in rows}
    unit = units.pop() if len(units) == 1 else "items"
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Model", overflow="fold")
    for head in (unit.capitalize(), *_COLUMNS):
        table.add_column(head, justify="right")
    ordered = sorted(rows, key=lambda row: [-(row[name] or 0.0) for name in reversed(_COLUMNS.values())])
    for row in ordered:
        values = [row[name] for name in _COLUMNS.values()]
        shares = [NOTHING if value is None else percent(value) for value in values]
        table.add_row(*map(Text, (row["model"], f"{row['items']:,}", *shares)))
    Console().print(table)
    print("Shares of all items. Covered: statements of the focal code. Kills: mutants of it.")
