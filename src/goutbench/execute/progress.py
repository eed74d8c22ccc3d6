"""The progress of an execution: how many candidates ended with which status, their rate and the time left."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from goutbench.records import Execution

_LINE_SECONDS = 10.0


def tally(records: Iterable[Execution]) -> str:
    """ "12 passed, 3 tests failed": the number of candidates with each status, the most frequent first."""
    counts = Counter(record.status for record in records)
    return ", ".join(f"{count} {status.label}" for status, count in counts.most_common())


@contextmanager
def show_progress(total: int) -> Iterator[Callable[[Execution], None]]:
    """A function that takes each record during the block: a bar on a terminal, else lines of text."""
    if not sys.stderr.isatty():
        yield _print_lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("executed"), BarColumn(bar_width=24), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[ends]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as progress:
        task = progress.add_task("executed", total=total, rate="", ends="")
        begin = time.monotonic()
        records: list[Execution] = []

        def show(record: Execution) -> None:
            records.append(record)
            rate = len(records) / max(time.monotonic() - begin, 1e-6) * 60
            progress.update(task, advance=1, rate=f"{rate:.0f}/min", ends=tally(records))

        yield show


def _print_lines(total: int) -> Callable[[Execution], None]:
    begin = printed = time.monotonic()
    records: list[Execution] = []

    def show(record: Execution) -> None:
        nonlocal printed
        records.append(record)
        now = time.monotonic()
        if now - printed < _LINE_SECONDS and len(records) < total:
            return
        printed = now
        rate = len(records) / max(now - begin, 1e-6)
        seconds = (total - len(records)) / rate
        line = f"[{len(records)}/{total}] {rate * 60:.0f}/min, about {seconds:.0f} s left: {tally(records)}"
        print(line, file=sys.stderr, flush=True)

    return show
