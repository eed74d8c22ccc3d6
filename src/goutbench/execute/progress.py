"""The progress of an execution: what happens now, how candidates ended, their rate and the time left."""

import statistics
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from goutbench.parallel import Crew
from goutbench.records import Execution

_LINE_SECONDS = 10.0
_RECENT = 60  # the last durations, which the estimate is made of
_SUFFICIENT = 5  # durations for each worker, before there is an estimate


def tally(records: Iterable[Execution]) -> str:
    """ "12 passed, 3 tests failed": the number of candidates with each status, the most frequent first."""
    counts = Counter(record.status for record in records)
    return ", ".join(f"{count} {status.label}" for status, count in counts.most_common())


class Pace:
    """The durations of executions, and from their median the seconds that the remaining ones take.

    A duration is the time in which as many executions end as there are workers. The median ignores the first
    ones, which compile what the others use. There is no estimate before enough durations are measured.
    """

    def __init__(self, workers: int) -> None:
        self.workers = max(1, workers)
        self._ends: deque[float] = deque(maxlen=_RECENT + self.workers)

    def add(self, now: float) -> None:
        """An execution ended at this time (seconds)."""
        self._ends.append(now)

    def of_workers(self, workers: int) -> "Pace":
        """The pace of so many workers: this one where their number is the same."""
        return self if max(1, workers) == self.workers else Pace(workers)

    def interval(self) -> float | None:
        """The seconds between two ends; None before they are known."""
        ends, step = list(self._ends), self.workers
        durations = [later - earlier for earlier, later in zip(ends, ends[step:], strict=False)]
        if len(durations) < _SUFFICIENT * step:
            return None
        return max(statistics.median(durations) / step, 1e-6)


class Progress:
    """Collects what is shown; this class shows nothing, its subclasses do.

    Its methods may be called by several threads.
    """

    def __init__(self) -> None:
        self.total = 0
        self.records: list[Execution] = []
        self.pace = Pace(1)
        self.nodes = 1
        self._executed = 0
        self._lock = threading.RLock()

    def join(self, crew: Crew) -> None:
        """These machines are at work now."""
        self.nodes, self.pace = crew.nodes, self.pace.of_workers(crew.workers)
        if crew.notice:
            self.step(crew.notice)

    def step(self, text: str) -> None:
        """Something begins that may take a while; `text` says what."""

    def expect(self, total: int, workers: int) -> None:
        """There will be so many records, of executions by so many workers."""
        self.total, self.pace = total, Pace(workers)

    def add(self, record: Execution, *, executed: bool = True, replaces: Execution | None = None) -> None:
        """A record is final, after its execution or from an earlier run; or it replaces one of this run."""
        with self._lock:
            if replaces is not None:
                self.records.remove(replaces)
            self.records.append(record)
            if executed and replaces is None:
                self.pace.add(time.monotonic())

    def estimate(self) -> str:
        """ "34/min, about 5 min left"; empty before it can be known and when nothing remains."""
        seconds, remaining = self.pace.interval(), self.total - len(self.records)
        if seconds is None or remaining <= 0:
            return ""
        nodes = f" on {self.nodes} nodes" if self.nodes > 1 else ""
        return f"{60 / seconds:.0f}/min{nodes}, about {duration(seconds * remaining)} left"


def duration(seconds: float) -> str:
    """Seconds in a unit that a person would use."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@contextmanager
def show_progress() -> Iterator[Progress]:
    """A progress that is shown during the block: as a bar on a terminal, else as lines of text."""
    with _terminal() if sys.stderr.isatty() else _lines() as progress:
        yield progress


class _Terminal(Progress):
    """A bar, and below it the current step with its time. `update` takes the fields of the bar."""

    def __init__(self, update: Callable[..., None], show_step: Callable[[str], None]) -> None:
        super().__init__()
        self._update, self._show_step, self._step = update, show_step, ""

    def step(self, text: str) -> None:
        if text != self._step:
            self._step = text
            self._show_step(text)

    def expect(self, total: int, workers: int) -> None:
        super().expect(total, workers)
        self._update(total=total)

    def add(self, record: Execution, **how: Any) -> None:
        with self._lock:
            super().add(record, **how)
            done = len(self.records)
            self._update(tally(self.records), completed=done, estimate=self.estimate())
            if done == self.total:
                self._show_step("")


@contextmanager
def _terminal() -> Iterator[Progress]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bar = Bars(
        TextColumn("executed"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[estimate]}"),
    )  # fmt: skip
    ends = Bars(TextColumn("{task.description}"))
    steps = Bars(SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    task, current = bar.add_task("executed", total=None, estimate=""), steps.add_task("starting")

    statuses = ends.add_task("", visible=False)

    def show_step(text: str) -> None:
        steps.reset(current, description=text, visible=bool(text))

    def update(ends_text: str = "", **fields: Any) -> None:
        bar.update(task, **fields)
        ends.update(statuses, description=ends_text, visible=bool(ends_text))

    with Live(Group(bar, ends, steps), console=Console(stderr=True), refresh_per_second=4):
        yield _Terminal(update, show_step)
        show_step("")


class _Lines(Progress):
    """A line for each step before the first record, one for the first record, then one every few seconds.

    A line appears as often where nothing happens: it has the current step and its seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._printed = self._begin = time.monotonic()
        self._step = ""

    def step(self, text: str) -> None:
        with self._lock:
            if text != self._step:
                self._step, self._begin = text, time.monotonic()
                if not self.records:
                    self._print(text)

    def add(self, record: Execution, **how: Any) -> None:
        with self._lock:
            first = not self.records
            super().add(record, **how)
            due = time.monotonic() - self._printed >= _LINE_SECONDS
            if due or first or len(self.records) == self.total:
                self._print(self._state())

    def beat(self) -> None:
        """Called regularly: prints a line after some seconds without one."""
        with self._lock:
            now = time.monotonic()
            if now - self._printed >= _LINE_SECONDS:
                step = f"{self._step}: {now - self._begin:.0f} s"
                self._print(f"{self._state()}; {step}" if self.records else step)

    def _state(self) -> str:
        estimate = self.estimate()
        ends = f"{estimate}: {tally(self.records)}" if estimate else tally(self.records)
        return f"[{len(self.records)}/{self.total}] {ends}"

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        with suppress(OSError):  # a closed standard error must not stop the work
            print(line, file=sys.stderr, flush=True)


@contextmanager
def _lines() -> Iterator[Progress]:
    progress, ended = _Lines(), threading.Event()

    def beat() -> None:
        while not ended.wait(1.0):
            progress.beat()

    clock = threading.Thread(target=beat, daemon=True)
    clock.start()
    try:
        yield progress
    finally:
        ended.set()
        clock.join()
