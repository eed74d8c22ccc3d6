"""The reward as a service within a process: many completions, asynchronously, with one machine."""

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from goutbench.assemble.package_context import package_context
from goutbench.assemble.stage import assemble, candidate_of
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.execute.evaluate import ExecutionSession
from goutbench.execute.finder import PackageFinder
from goutbench.execute.inputs import read_excluded, read_settings, read_sources
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward.limit import limited
from goutbench.execute.reward.parts import parts_of, reward_of
from goutbench.execute.units import ExecutionJob, MissingPackage
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.settings import RepositorySettings
from goutbench.parallel import available_cpus
from goutbench.records import Candidate, Execution, Pair

_CACHED = 4096
"""Scores that are kept for equal completions: more than a step has."""
_STEP = 20
"""Limits of a rollout after which a step of training, whose functions must see the same results, is over."""
_BUILD_SHARE, _SHORTEST_BUILD = 1 / 3, 30.0
"""The share of a rollout's limit that one build may take, so that the ladder decides whose fault it is; at
least so many seconds, which other work on the machine may take."""

Completion = str | Sequence[Mapping[str, Any]]
"""A reply as a text, or a conversation whose last message is the reply."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a completion is worth: `reward_of` and `parts_of` its execution.

    `waited_seconds` is the wall time before a worker took it, `seconds` that of its execution.
    """

    reward: float
    parts: Mapping[str, float]
    record: Execution
    waited_seconds: float
    seconds: float


@dataclass(slots=True, eq=False)
class _Asked:
    """The execution of a completion, and when it ended."""

    future: Future[Score | None]
    ended: float = math.inf

    def end(self, _: object) -> None:
        self.ended = time.monotonic()

    def is_lost(self, since: float) -> bool:
        """Whether it failed, so that the caller tries again.

        An infrastructure error counts only if it ended before `since`: all functions of one step of training
        must see it.
        """
        if not self.future.done():
            return False
        failed = self.future.cancelled() or self.future.exception() is not None
        return failed or (self.ended < since and self.future.result() is None)


class RewardSession:
    """Scores completions for pairs by executing them; machine, trees and workers are opened once.

    Completions are assembled into test files and executed, as `generate` and `execute` do. Equal completions
    for the same functions share one execution. Any thread and any event loop may ask; nothing of the work is
    done on the event loop. `omitted` counts the reasons of infrastructure errors, which get no score.

    `workers` is 0 for one of each processor. `limit_seconds` is wall time from the start of an execution, not
    of waiting: a candidate whose own test runs exceed it has timed out; if something else did, it is an
    infrastructure error. The other parameters are those of `evaluate`.
    """

    def __init__(
        self,
        pairs: Mapping[str, Pair],
        *,
        repositories: Path,
        sources: Mapping[str, str] | None = None,
        settings: Mapping[str, RepositorySettings] | None = None,
        excluded: Mapping[str, str] | None = None,
        options: ExecuteOptions | None = None,
        workers: int = 0,
        limit_seconds: float = 120.0,
        work: Path | None = None,
        go: Path | None = None,
        unsafe: bool = False,
        sandbox: str = "",
        image: str = "",
    ) -> None:
        self.pairs = pairs
        options = options or ExecuteOptions(repeat=1, mutants=20)
        seconds = min(options.build_seconds, max(limit_seconds * _BUILD_SHARE, _SHORTEST_BUILD))
        self.options = replace(options, build_seconds=seconds)
        self.workers = workers or available_cpus()
        self.limit_seconds = limit_seconds
        self.omitted: Counter[str] = Counter()
        self._excluded = excluded or {}
        self.repositories, self.sources, self.settings = repositories, sources or {}, settings
        self._machine: dict[str, Any] = {
            "work": work, "go": go, "unsafe": unsafe, "sandbox": sandbox, "image": image
        }  # fmt: skip
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="reward")
        self._opening, self._asking, self._finding = threading.Lock(), threading.Lock(), threading.Lock()
        self._session: ExecutionSession | None = None
        self._fault: GoutbenchError | None = None
        self._packages: dict[str, PackageUnderTest] = {}
        self._scores: dict[tuple[str, str, tuple[str, ...]], _Asked] = {}

    @classmethod
    def of_dataset(cls, dataset: Path, repositories: Path, **settings: Any) -> Self:
        """A session for all pairs of a dataset. Raises DatasetError."""
        from goutbench.dataset.store import read_pairs

        options = settings.get("options")
        return cls(
            {pair.id: pair for pair in read_pairs(dataset)}, repositories=repositories,
            sources=read_sources(dataset), settings=read_settings(dataset),
            excluded=read_excluded(dataset, cgo=options is not None and options.with_cgo), **settings,
        )  # fmt: skip

    def open(self) -> ExecutionSession:
        """Find Go and the sandbox and execute the canary, if this was not done before.

        The first completion does it, too. Raises ToolError when no sandbox works here or when the canary
        fails.
        """
        with self._opening:
            if self._fault is not None:
                raise self._fault
            if self._session is None:
                machine = open_machine(**self._machine)
                finder = PackageFinder(machine, self.repositories, self.sources, self.settings)
                within_limit = limited(climb, self.limit_seconds)
                session = ExecutionSession(machine, finder, self.options, self.workers, within_limit)
                try:
                    session.pool.check()
                except GoutbenchError as error:
                    self._fault = error  # every other completion would try it again
                    session.pool.close()
                    raise
                self._session = session
            return self._session

    def close(self) -> None:
        """Wait for the executions that run, drop those that wait, and end the helper processes."""
        self._threads.shutdown(cancel_futures=True)
        if self._session is not None:
            self._session.pool.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.open)
        return self

    async def __aexit__(self, *reason: object) -> None:
        await asyncio.to_thread(self.close)

    async def score(self, completion: Completion, pair_id: str, focal: Sequence[str] = ()) -> Score | None:
        """What a completion is worth; None for an infrastructure error.

        `focal` are the names of the functions under test; none: the complete file. If the caller is
        cancelled, the execution goes on, because others may wait for it. Raises ConfigError for an unknown
        pair, GoutbenchError where the session is closed meanwhile, and what `open` raises.
        """
        future = self.submit(completion, pair_id, focal)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if future.cancelled():  # the caller was not
                raise GoutbenchError("the session was closed before the completion was executed") from None
            raise

    def submit(self, completion: Completion, pair_id: str, focal: Sequence[str] = ()) -> Future[Score | None]:
        """`score` for callers without an event loop."""
        if pair_id not in self.pairs:
            hint = "make the training set from the dataset that the session reads"
            raise ConfigError(f"no pair has the id {pair_id}", where="pair_id", hint=hint)
        text = completion if isinstance(completion, str) else str(completion[-1]["content"] or "")
        key, now = (pair_id, text, tuple(focal)), time.monotonic()
        with self._asking:
            asked = self._scores.pop(key, None)
            if asked is None or asked.is_lost(now - _STEP * self.limit_seconds):
                asked = _Asked(self._threads.submit(self._score, *key, now))
                asked.future.add_done_callback(asked.end)
            self._scores[key] = asked
            if len(self._scores) > _CACHED:
                oldest = next(iter(self._scores))
                if self._scores[oldest].future.done():
                    del self._scores[oldest]
        return asked.future

    def _score(self, pair_id: str, text: str, focal: tuple[str, ...], asked: float) -> Score | None:
        session, start = self.open(), time.monotonic()
        record = self._execute(session, self._candidate(pair_id, text, focal))
        reward, parts = reward_of(record), parts_of(record, self.limit_seconds)
        if reward is None or parts is None:
            with self._asking:
                self.omitted[record.reason] += 1
            return None
        return Score(reward, parts, record, start - asked, time.monotonic() - start)

    def _candidate(self, pair_id: str, text: str, focal: tuple[str, ...]) -> Candidate:
        code = self.pairs[pair_id].code.encode("utf-8", "surrogateescape")
        assembly = assemble([text], mode="merge", context=package_context(code))
        return replace(candidate_of(assembly, pair_id, "policy", ()), focal=focal)

    def _execute(self, session: ExecutionSession, candidate: Candidate) -> Execution:
        try:
            package = self._package(session, candidate)
        except MissingPackage as error:
            return error.record(candidate, self.options)
        return session.pool.execute(ExecutionJob(0, package, candidate))

    def _package(self, session: ExecutionSession, candidate: Candidate) -> PackageUnderTest:
        """The package of a candidate, found once for each pair. Raises MissingPackage."""
        with self._finding:
            if candidate.pair_id not in self._packages:
                package = session.finder.package_of(candidate, self.pairs, self._excluded)
                session.pool.expect([package])
                self._packages[candidate.pair_id] = package
            return self._packages[candidate.pair_id]
