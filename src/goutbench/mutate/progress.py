"""What a run shows on standard error while it works."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from goutbench.mutate.results import TestedMutant
from goutbench.records import MutantStatus

_LINE_SECONDS = 5.0


class MutateProgress:
    """Collects what is shown; `show` gets a new state, of which nothing is shown where it is None."""

    def __init__(self, show: Callable[[str], None] | None = None) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._counts: Counter[MutantStatus | None] = Counter()
        self._expected, self._step = 0, ""
        self.first_verdict: float | None = None
        """When (time.monotonic) the first mutant had a verdict by a run of this process."""

    def step(self, text: str) -> None:
        """Something begins that may take a while."""
        with self._lock:
            self._step = text
            self._update()

    def expect(self, count: int) -> None:
        """There will be so many more mutants to run."""
        with self._lock:
            self._expected += count
            self._update()

    def add(self, mutants: list[TestedMutant]) -> None:
        """Mutants were run."""
        with self._lock:
            if self.first_verdict is None and any(mutant.status for mutant in mutants):
                self.first_verdict = time.monotonic()
            self._counts.update(mutant.status for mutant in mutants)
            self._update()

    def _update(self) -> None:
        if self._show is None:
            return
        done = self._counts.total()
        counts = ", ".join(
            f"{self._counts[status]} {status.value}" for status in _SHOWN if self._counts[status]
        )
        numbers = (
            f"{done} of {self._expected} mutants run{f': {counts}' if counts else ''}; "
            if self._expected
            else ""
        )
        self._show(f"{numbers}{self._step}")


_SHOWN = (MutantStatus.KILLED, MutantStatus.SURVIVED, MutantStatus.TIMED_OUT)


@contextmanager
def show_mutation() -> Iterator[MutateProgress]:
    """A progress that is shown during the block: a changing line on a terminal, else lines."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("starting") as status:
            yield MutateProgress(lambda text: status.update(text.replace("[", r"\[")))
        return
    last = -_LINE_SECONDS

    def show(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_SECONDS:
            last = time.monotonic()
            with suppress(OSError):  # a closed standard error must not stop the work
                print(text, file=sys.stderr, flush=True)

    yield MutateProgress(show)
