"""A taskset for `verifiers` (0.4 or later): the reward and its parts as `@reward` and `@metric`.

verifiers finds a taskset by the name of an installed module, without dots. Such a module is two lines:

    from goutbench.environments.verifiers import GoTestTaskset
    __all__ = ["GoTestTaskset"]
"""

import asyncio
import atexit
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Lock

import verifiers.v1 as vf

from goutbench.environments.tasks import read_tasks
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward import RewardSession
from goutbench.execute.reward.session import Score
from goutbench.generate.options import GenerateOptions

__all__ = ["GoTestTaskset"]

_opening = Lock()


class UnscorableError(Exception):
    """The reply could not be scored, through no fault of its own: an infrastructure error."""


class GoTestTaskConfig(vf.TaskConfig):
    """Where replies are executed, and how: parameters of `RewardSession`. `mutants` of −1 is without."""

    dataset: Path = Path("dataset")
    repositories: Path = Path("repositories")
    mutants: int = 20
    workers: int = 0
    limit_seconds: float = 120.0
    work: Path | None = None
    unsafe: bool = False


class GoTestTasksetConfig(vf.TasksetConfig):
    """Which functions of the dataset are tasks: fields of `GenerateOptions`."""

    task: GoTestTaskConfig = GoTestTaskConfig()
    unit: str = "function"
    split: str = ""
    limit: int = 0


class GoTestData(vf.TaskData):
    """The row of a task."""

    pair_id: str
    focal: tuple[str, ...] = ()


class GoTestTask(vf.Task[GoTestData, vf.State, GoTestTaskConfig]):
    """Write Go tests for some functions; the reply is executed when it is scored."""

    @vf.reward
    async def total(self, trace: vf.Trace) -> float:
        """The reward of the last reply."""
        return (await self._score(trace)).reward

    @vf.metric
    async def parts(self, trace: vf.Trace) -> dict[str, float]:
        """The parts of that reward by their names."""
        return dict((await self._score(trace)).parts)

    async def _score(self, trace: vf.Trace) -> Score:
        """Raises UnscorableError, which makes the trace a failed one, and no reply with the reward 0."""
        session = await asyncio.to_thread(open_session, self.config)  # the first call reads the dataset
        score = await session.score(trace.last_reply, self.data.pair_id, self.data.focal)
        if score is None:
            raise UnscorableError("an infrastructure error: see `omitted` of the session")
        return score


class GoTestTaskset(vf.Taskset[GoTestTask, GoTestTasksetConfig]):
    """One task for each function of a dataset's pairs that the reference tests exercise."""

    def load(self) -> Iterator[GoTestTask]:
        """The tasks. Raises ConfigError and DatasetError."""
        config = self.config
        options = GenerateOptions(unit=config.unit, split=config.split, limit=config.limit)
        for task in read_tasks(config.task.dataset, options):
            data = task.row() | {"id": task.id}
            yield GoTestTask(GoTestData.model_validate(data), config.task)


def open_session(config: GoTestTaskConfig) -> RewardSession:
    """The session of this process for these settings; it is closed as the process ends."""
    own = {*GoTestTaskConfig.model_fields} - {*vf.TaskConfig.model_fields}
    with _opening:
        return _session(config.model_dump_json(include=own))


@cache
def _session(settings: str) -> RewardSession:
    config = GoTestTaskConfig.model_validate_json(settings)
    mutants = None if config.mutants < 0 else config.mutants
    session = RewardSession.of_dataset(
        config.dataset, config.repositories, options=ExecuteOptions(repeat=1, mutants=mutants),
        workers=config.workers, limit_seconds=config.limit_seconds, work=config.work, unsafe=config.unsafe,
    )  # fmt: skip
    atexit.register(session.close)
    return session
