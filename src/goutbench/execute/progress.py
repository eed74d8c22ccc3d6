"""What a running execution shows: rungs reached, rate and time left; and the summary at the end."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from goutbench.records import Execution

_PLAIN_SECONDS = 10.0
_SHORT = {
    "PASSED": "passed", "TESTS_FAILED": "failed", "BUILD_FAILED": "no build", "NO_TESTS_RAN": "no tests",
    "FLAKY": "flaky", "TIMED_OUT": "timed out", "NO_CODE": "no code", "INFRA_FAILURE": "infra",
}  # fmt: skip


def tally(records: Iterable[Execution]) -> str:
    """ "12 passed, 3 failed, 1 infra": how many candidates came to which end, the most frequent first."""
    counts = Counter(_SHORT[record.status] for record in records)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


@contextmanager
def showing(total: int) -> Iterator[Callable[[Execution], None]]:
    """Give a function that takes each record while the block runs: a bar on a terminal, else plain lines."""
    records: list[Execution] = []
    if not sys.stderr.isatty():
        yield _lines(total, records)
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

        def show(record: Execution) -> None:
            records.append(record)
            rate = len(records) / max(time.monotonic() - begin, 1e-6) * 60
            progress.update(task, advance=1, rate=f"{rate:.0f}/min", ends=tally(records))

        yield show


def _lines(total: int, records: list[Execution]) -> Callable[[Execution], None]:
    begin = said = time.monotonic()

    def show(record: Execution) -> None:
        nonlocal said
        records.append(record)
        now = time.monotonic()
        if now - said < _PLAIN_SECONDS and len(records) < total:
            return
        said = now
        rate = len(records) / max(now - begin, 1e-6)
        left = (total - len(records)) / rate
        words = f"[{len(records)}/{total}] {rate * 60:.0f}/min, about {left:.0f} s left: {tally(records)}"
        print(words, file=sys.stderr, flush=True)

    return show
