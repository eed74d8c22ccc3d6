"""What a running stage shows: live bars on a terminal, plain lines elsewhere, both on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

_PLAIN_SECONDS = 10.0


class Step(Protocol):
    """What a stage reports of one of its items, such as a repository."""

    @property
    def repository(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def resumed(self) -> bool: ...


@contextmanager
def showing(items: int, *, quiet: bool = False) -> Iterator[Callable[[Any], None]]:
    """Give a function that shows steps while the block runs; `items` is how many there will be in all."""
    if quiet:
        yield lambda step: None
    elif sys.stderr.isatty():
        with _bars(items) as show:
            yield show
    else:
        yield _lines(items)


@contextmanager
def _bars(items: int) -> Iterator[Callable[[Step], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]:>15}"),
        TextColumn("{task.fields[rate]:>12}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=8) as progress:
        whole = progress.add_task("repositories", total=items, count=f"0/{items}", rate="", stage="")
        rows: dict[str, TaskID] = {}
        finished = 0

        def show(step: Step) -> None:
            nonlocal finished
            if step.stage == "done":
                if step.repository in rows:
                    progress.remove_task(rows.pop(step.repository))
                finished += 1
                note = "kept from an earlier run" if step.resumed else "done"
                progress.console.print(f"{step.repository}: {note}", highlight=False)
                progress.update(whole, completed=finished, count=f"{finished}/{items}")
                return
            row = rows.get(step.repository)
            task = next((task for task in progress.tasks if task.id == row), None)
            if task is None or task.fields["stage"] != step.stage:
                # a new row for each stage: a task's known total cannot become unknown again
                if row is not None:
                    progress.remove_task(row)
                row = progress.add_task(
                    step.repository, total=step.total, count="", rate="", stage=step.stage
                )
                rows[step.repository] = row
                task = next(task for task in progress.tasks if task.id == row)
            count = f"{step.done:,}" if step.done else ""
            count += f"/{step.total:,}" if step.total else ""
            rate = f"{task.speed:,.0f}/s" if task.speed else ""
            progress.update(task.id, completed=step.done, count=count, rate=rate)

        yield show


def _lines(items: int) -> Callable[[Step], None]:
    """A line when an item is done, and one for each that takes long; no control characters."""
    started: dict[str, float] = {}
    said: dict[str, float] = {}
    begin = time.monotonic()
    finished = 0

    def show(step: Step) -> None:
        nonlocal finished
        now = time.monotonic()
        started.setdefault(step.repository, now)
        if step.stage == "done":
            finished += 1
            left = (now - begin) / finished * (items - finished)
            note = (
                "kept from an earlier run"
                if step.resumed
                else f"done in {now - started[step.repository]:.1f} s"
            )
            _say(f"[{finished}/{items}] {step.repository}: {note}; about {left:.0f} s left")
        elif now - said.setdefault(step.repository, now) >= _PLAIN_SECONDS:
            said[step.repository] = now
            count = f" {step.done:,}" + (f" of {step.total:,}" if step.total else "") if step.done else ""
            _say(f"{step.repository}: {step.stage}{count}")

    return show


def _say(line: str) -> None:
    with suppress(OSError):  # whoever read along may have gone: the work goes on
        print(line, file=sys.stderr, flush=True)
