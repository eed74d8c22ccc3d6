"""An OpenEnv environment (openenv 0.10 or later): `reset` gives a prompt, and one `step` scores the reply."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field

from goutbench.environments.tasks import Task
from goutbench.execute.reward import RewardSession
from goutbench.execute.reward.session import Score


class GoTestAction(Action):
    """A model's reply, as text."""

    reply: str


class GoTestObservation(Observation):
    """After `reset` the prompt; after `step` the reward and its parts.

    An infrastructure error has neither: `reward` is null, `parts` is empty. Leave that episode out.
    """

    messages: list[dict[str, str]]
    pair_id: str
    focal: list[str]
    parts: dict[str, float] = Field(default_factory=dict)


class GoTestState(State):
    """The task of the episode."""

    task_id: str = ""


class GoTestEnvironment(Environment[GoTestAction, GoTestObservation, GoTestState]):
    """One episode at a time, of one step. All environments of a server share a reward session."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, session: RewardSession, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.session = session
        self.tasks = tasks
        self._task = tasks[0]
        self._state = GoTestState()

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, index: int | None = None, **_: Any
    ) -> GoTestObservation:
        """The prompt of task number `index`, or of one that `seed` draws. Raises IndexError."""
        self._task = random.Random(seed).choice(self.tasks) if index is None else self.tasks[index]
        self._state = GoTestState(episode_id=episode_id or str(uuid.uuid4()), task_id=self._task.id)
        return self._observation()

    def step(self, action: GoTestAction, timeout_s: float | None = None, **_: Any) -> GoTestObservation:
        """The reward of the reply. Raises TimeoutError after `timeout_s`, which includes waiting."""
        future = self.session.submit(action.reply, self._task.pair_id, self._task.focal)
        return self._end(future.result(timeout_s))

    async def step_async(
        self, action: GoTestAction, timeout_s: float | None = None, **_: Any
    ) -> GoTestObservation:
        """`step`, and the server's event loop goes on meanwhile."""
        score = self.session.score(action.reply, self._task.pair_id, self._task.focal)
        return self._end(await asyncio.wait_for(score, timeout_s))

    @property
    def state(self) -> GoTestState:
        return self._state

    def _end(self, score: Score | None) -> GoTestObservation:
        self._state.step_count += 1
        observation = self._observation()
        observation.done = True
        if score is not None:
            observation.reward, observation.parts = score.reward, dict(score.parts)
        return observation

    def _observation(self) -> GoTestObservation:
        task = self._task
        return GoTestObservation(
            messages=task.conversation(), pair_id=task.pair_id, focal=list(task.focal), done=False
        )


def create_server(session: RewardSession, tasks: Sequence[Task], *, clients: int = 64) -> FastAPI:
    """The HTTP and WebSocket server for so many clients at a time; run it with uvicorn."""
    server: FastAPI = create_app(
        lambda: GoTestEnvironment(session, tasks), GoTestAction, GoTestObservation, state_cls=GoTestState,
        env_name="goutbench", max_concurrent_envs=clients,
    )  # fmt: skip
    return server
