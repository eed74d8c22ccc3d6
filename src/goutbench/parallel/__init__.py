"""Parallel work: a function applied to many items by a runner.

To add a runner, write a function like those in `local.py` and add a line to RUNNERS.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from goutbench.parallel.cluster import ray_cluster
from goutbench.parallel.local import serial, threads
from goutbench.parallel.processes import processes
from goutbench.parallel.work import Crew as Crew
from goutbench.parallel.work import PerWorker as PerWorker
from goutbench.parallel.work import ProgressListener, Runner, Work
from goutbench.parallel.work import report_progress as report_progress

Item = TypeVar("Item")
Result = TypeVar("Result")

RUNNERS: dict[str, Runner] = {
    "serial": serial,
    "threads": threads,
    "processes": processes,
    "ray": ray_cluster,
}


def available_cpus() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_items(
    function: Callable[[Item], Result] | PerWorker[Item, Result],
    items: Iterable[Item],
    *,
    workers: int = 1,
    on_progress: ProgressListener = lambda message: None,
    on_crew: Callable[[Crew], None] = lambda crew: None,
    affinity: Callable[[Item], str] | None = None,
    lost: Callable[[Item], Result] | None = None,
    runner: str | None = None,
) -> Iterator[Result]:
    """Call a function on every item and yield the results as they arrive, in any order.

    `items` are taken as workers need them. Those of one `affinity` prefer one node. An item that kills its
    workers has the result `lost(item)`; without it, that ends the run. `on_crew` hears of the nodes of a
    cluster. `runner` is a key of RUNNERS, for a cluster with its address ("ray:auto", "ray:HOST:PORT"): by
    default processes for several workers, else the current thread. 0 `workers` are all of a cluster's.
    """
    if isinstance(items, Sized) and not len(items):
        return iter(())
    count = min(workers, len(items)) if isinstance(items, Sized) and workers else workers
    name, _, address = (runner or ("processes" if count > 1 else "serial")).partition(":")
    work = Work(function, count, on_progress, on_crew, affinity, lost, address)
    return RUNNERS[name](work, items)
