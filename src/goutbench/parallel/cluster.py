"""A runner on the nodes of a Ray cluster, and a function on each of its nodes.

Ray schedules, restarts and moves bytes; which item a node gets, and what becomes of an item whose worker is
lost, is decided here as for local processes. Each worker is an actor with one CPU.
"""

import os
import platform
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from goutbench.errors import ConfigError, GoutbenchError, ToolError
from goutbench.parallel.work import (
    MOST_KILLS,
    Backlog,
    Crew,
    PerWorker,
    WaitingItem,
    Work,
    after_kill,
    listen,
    open_function,
    portable,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKER_MEMORY = 1 << 30
"""Bytes of a node that a worker reserves for its processes, a compiler and a test."""

_AHEAD = 64  # items for each worker that affinity chooses from
_POLL_SECONDS = 1.0
_CONNECT_SECONDS = 10.0


def ray_cluster(work: Work[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
    """A runner on a Ray cluster. Messages of an item arrive with its result.

    A node on which a worker cannot open its function is not used; where none can, that error ends the run.
    """
    with connected(work.address) as ray:
        count = work.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        if isinstance(items, list | tuple):
            count = min(count, len(items))
        with ExitStack() as stack:
            yield from _Cluster(ray, work, count, stack).run(items)


def load_ray() -> Any:
    """The module `ray`. Raises ConfigError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        hint = "pip install 'goutbench[ray]'"
        raise ConfigError(f"Ray is not installed: {error}", where="--ray", hint=hint) from None
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; "auto" is the one of this machine.

    Raises ConfigError, ToolError.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    try:
        _knock(address)
        ray.init(address=address or "auto", log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        hint = "start a cluster with `ray start --head`, or give the address of one"
        text = str(error).strip().partition("\n")[0][:300]
        raise ToolError(f"no cluster: {text}", where=f"--ray {address}", hint=hint) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT: Ray itself tries for a minute."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


def on_all_nodes(function: Callable[[], Result], address: str) -> dict[str, Result | GoutbenchError]:
    """Call a function once on each node; returns by name of the node what it returned, or why it did not."""
    with connected(address) as ray:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        def call() -> Any:
            try:
                return function()
            except Exception as error:
                return portable(error)

        calls = {}
        for node in ray.nodes():
            if node["Alive"]:
                strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                remote = ray.remote(call).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
                calls[node_name(node["NodeManagerHostname"], node["NodeID"])] = remote.remote()
        results: dict[str, Result | GoutbenchError] = {}
        for name, reference in calls.items():
            try:
                results[name] = ray.get(reference)
            except Exception as error:
                results[name] = ToolError(f"the node does not answer: {type(error).__name__}")
        return results


def node_name(host: str, node: str) -> str:
    """The name of a node for people: hosts may have several."""
    return f"{host}/{node[:6]}"


class _Serving:
    """What an actor does. Its methods return an outcome, with the messages of the call, and raise nothing."""

    def __init__(self, function: Any, number: int) -> None:
        self._function: PerWorker[Any, Any] | Callable[[Any], Any] = function
        self._number = number
        self._stack = ExitStack()
        self._messages: list[Any] = []
        self._call: Callable[[Any], Any] | None = None

    def open(self) -> tuple[list[Any], Any, Exception | None]:
        """Open the function; the outcome is the name of the node."""
        listen(self._messages.append)
        return self._outcome(self._open)

    def _open(self) -> str:
        self._call = self._stack.enter_context(open_function(self._function, self._number))
        import ray

        return node_name(platform.node(), ray.get_runtime_context().get_node_id())

    def run(self, item: Any) -> tuple[list[Any], Any, Exception | None]:
        assert self._call is not None
        call = self._call
        return self._outcome(lambda: call(item))

    def close(self) -> None:
        self._stack.close()

    def _outcome(self, call: Callable[[], Any]) -> tuple[list[Any], Any, Exception | None]:
        result, problem = None, None
        try:
            result = call()
        except Exception as error:
            problem = portable(error)
        messages, self._messages[:] = list(self._messages), []
        return messages, result, problem


@dataclass(eq=False, slots=True)
class _Seat(Generic[Item]):
    """A worker: its actor, the node that it is on once it has opened, and the item that it has."""

    number: int
    actor: Any
    node: str = ""
    entry: WaitingItem[Item] | None = None


class _Cluster(Generic[Item, Result]):
    """The actors of one call."""

    def __init__(self, ray: Any, work: Work[Item, Result], count: int, stack: ExitStack) -> None:
        self._ray = ray
        self._work = work
        self._actor = ray.remote(_Serving).options(
            num_cpus=1, memory=WORKER_MEMORY, max_restarts=0, scheduling_strategy="SPREAD"
        )
        self._function = ray.put(work.function)
        self._running: dict[Any, _Seat[Item]] = {}
        self._free: list[_Seat[Item]] = []
        self._refused: dict[str, Exception] = {}
        self._count = count
        self._failed_starts = 0
        stack.callback(self._end)
        for number in range(count):
            self._start(number)

    def run(self, items: Iterable[Item]) -> Iterator[Result]:
        """The results as they arrive."""
        backlog = Backlog(items, self._work.affinity, _AHEAD * len(self._running))
        while True:
            self._give(backlog)
            if not any(seat.entry for seat in self._running.values()) and self._free:
                return  # nothing waits, or somebody free would have it
            if not self._running:
                raise next(iter(self._refused.values()), ToolError("the cluster has no node", where="--ray"))
            for reference in self._finished():
                yield from self._take(reference, backlog)

    def _finished(self) -> list[Any]:
        """Wait for a call; all that have returned, since to wait for each takes time for every worker."""
        calls = list(self._running)
        ready, _ = self._ray.wait(calls, num_returns=1, timeout=_POLL_SECONDS, fetch_local=False)
        if ready:
            ready, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0, fetch_local=False)
        return list(ready)

    def _start(self, number: int) -> None:
        seat = _Seat[Item](number, self._actor.remote(self._function, number))
        self._running[seat.actor.open.remote()] = seat

    def _give(self, backlog: Backlog[Item]) -> None:
        """Give each free worker the best item for its node."""
        while self._free and (entry := backlog.take(self._free[0].node)) is not None:
            seat = self._free.pop(0)
            seat.entry = entry
            self._running[seat.actor.run.remote(entry.item)] = seat

    def _take(self, reference: Any, backlog: Backlog[Item]) -> Iterator[Result]:
        """Receive what one call returned; its worker is free, refused, or lost."""
        seat = self._running.pop(reference)
        try:
            messages, result, problem = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # what the function raises is in the outcome
            self._ray.kill(seat.actor)
            if seat.entry is None and (failures := self._failed_starts + 1) > MOST_KILLS * self._count:
                cause = str(error).strip().splitlines()[-1]
                hint = "every node needs the same installation: see `goutbench doctor --ray`"
                raise ToolError(f"workers die at their start: {cause}", where="--ray", hint=hint) from None
            self._failed_starts = failures if seat.entry is None else 0
            yield from self._lose(seat, backlog)
            return
        for message in messages:
            self._work.on_progress(message)
        if seat.entry is None:
            self._join(seat, result, problem)
            return
        if problem is not None:
            raise problem
        seat.entry = None
        self._free.append(seat)
        yield result

    def _lose(self, seat: _Seat[Item], backlog: Backlog[Item]) -> Iterator[Result]:
        """A worker or its node has died: its item is tried again, by its successor or by another one."""
        self._start(seat.number)
        if seat.entry is not None:
            yield from after_kill(seat.entry, backlog, self._work)
        self._tell("")

    def _join(self, seat: _Seat[Item], node: str, problem: Exception | None) -> None:
        """A worker has opened its function, or its node cannot."""
        if problem is None:
            seat.node = node
            self._free.append(seat)
            self._tell("")
            return
        self._ray.kill(seat.actor)
        self._refused.setdefault(f"{problem}", problem)
        self._tell(f"a worker is not used: {problem}")

    def _tell(self, notice: str) -> None:
        seats = [*self._free, *(seat for seat in self._running.values() if seat.node)]
        self._work.on_crew(Crew(len({seat.node for seat in seats}), len(seats), notice))

    def _end(self) -> None:
        """Let free workers close what they have open, and kill all."""
        closing = [seat.actor.close.remote() for seat in self._free]
        if closing:
            self._ray.wait(closing, num_returns=len(closing), timeout=10.0)
        for seat in (*self._free, *self._running.values()):
            self._ray.kill(seat.actor)
