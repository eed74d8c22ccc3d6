"""Progress on standard error: live bars on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

_LINE_SECONDS = 10.0  # between two lines about one item


OnStep = Callable[[str], None]
"""Takes a text for each part of a stage's work as it begins."""


def silent(step: str) -> None:
    """Shows no step."""


class Step(Protocol):
    """The progress of one item of a stage, such as a repository."""

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
def show_progress(items: int, *, quiet: bool = False) -> Iterator[Callable[[Any], None]]:
    """A function that shows steps while the block runs; `items` is the number of all items."""
    if quiet:
        yield lambda step: None
    elif sys.stderr.isatty():
        with _bars(items) as show:
            yield show
    else:
        yield _lines(items)


@contextmanager
def show_steps(first: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A function that names what happens next, while the block runs; it begins with the step `first`.

    Each step is a line. A step that takes longer has a line every few seconds.
    """
    if quiet:
        yield lambda step: None
        return
    steps, ended = _Steps(first), threading.Event()

    def beat() -> None:
        while not ended.wait(1.0):
            steps.beat()

    clock = threading.Thread(target=beat, daemon=True)
    clock.start()
    try:
        yield steps.begin
    finally:
        ended.set()
        clock.join()


class _Steps:
    """Prints steps; its methods may be called by several threads."""

    def __init__(self, first: str) -> None:
        self._lock = threading.Lock()
        self.begin(first)

    def begin(self, step: str) -> None:
        with self._lock:
            self._step, self._start = step, time.monotonic()
            self._printed = self._start
            _print_line(step)

    def beat(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._printed >= _LINE_SECONDS:
                self._printed = now
                _print_line(f"{self._step}: {now - self._start:.0f} s")


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
        overall = progress.add_task("repositories", total=items, count=f"0/{items}", rate="", stage="")
        rows: dict[str, TaskID] = {}
        finished = 0

        def show(step: Step) -> None:
            nonlocal finished
            if step.stage == "done":
                if step.repository in rows:
                    progress.remove_task(rows.pop(step.repository))
                finished += 1
                note = "finished in an earlier run" if step.resumed else "done"
                progress.console.print(f"{step.repository}: {note}", highlight=False)
                progress.update(overall, completed=finished, count=f"{finished}/{items}")
                return
            row = rows.get(step.repository)
            task = next((task for task in progress.tasks if task.id == row), None)
            if task is None or task.fields["stage"] != step.stage:
                # a new row for each stage: a task's total cannot become unknown again
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
    """A line when an item is done, and one every few seconds for each that takes longer."""
    started: dict[str, float] = {}
    reported: dict[str, float] = {}
    start = time.monotonic()
    finished = 0

    def show(step: Step) -> None:
        nonlocal finished
        now = time.monotonic()
        started.setdefault(step.repository, now)
        if step.stage == "done":
            finished += 1
            remaining = (now - start) / finished * (items - finished)
            note = (
                "finished in an earlier run"
                if step.resumed
                else f"done in {now - started[step.repository]:.1f} s"
            )
            _print_line(f"[{finished}/{items}] {step.repository}: {note}; about {remaining:.0f} s remain")
        elif now - reported.setdefault(step.repository, now) >= _LINE_SECONDS:
            reported[step.repository] = now
            count = f" {step.done:,}" + (f" of {step.total:,}" if step.total else "") if step.done else ""
            _print_line(f"{step.repository}: {step.stage}{count}")

    return show


def _print_line(line: str) -> None:
    with suppress(OSError):  # a closed standard error must not stop the work
        print(line, file=sys.stderr, flush=True)
