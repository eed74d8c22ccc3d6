"""Answers calls from the replies of batch files, by the way that a server's replies take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from goutbench.inference.batch.offline import open_offline
from goutbench.inference.batch.replies import BatchReplies
from goutbench.inference.calls import (
    AnswerT,
    Call,
    CallTask,
    Connection,
    Failure,
    current_key,
)
from goutbench.inference.models import Server
from goutbench.records import MODEL_ERROR

if TYPE_CHECKING:
    from inspect_ai.model import Model, ModelOutput

_DETAIL = 300  # characters


@dataclass(frozen=True, slots=True)
class BatchConnection:
    """A model whose server is a set of batch files, in place of a Connection."""

    connection: Connection
    replies: BatchReplies

    @classmethod
    def open(
        cls, name: str, server: Server, replies: BatchReplies, *, temperature: float | None, logs: Path
    ) -> Self:
        """Raises ConfigError for a model of a provider without OpenAI's API."""

        def respond(url: str, content: bytes) -> tuple[int, Any]:
            reply = replies.by_id[current_key()]
            return reply.status, reply.body

        model = open_offline(name, server, respond, temperature=temperature)
        return cls(Connection(model, logs, server.display), replies)

    @property
    def model(self) -> "Model":
        return self.connection.model

    def ask(
        self, task: CallTask[AnswerT], calls: Sequence[Call[AnswerT]], journal: Any
    ) -> dict[str, AnswerT | Failure]:
        """By id what the files have for each call; the journal receives each answer."""
        results: dict[str, AnswerT | Failure] = {}
        responses: list[Call[AnswerT]] = []
        for call in calls:
            reply = self.replies.by_id.get(call.key)
            if reply is None:
                results[call.id] = Failure(MODEL_ERROR, f"the batch files have no reply to {call.key}")
            elif reply.reason:
                results[call.id] = Failure(MODEL_ERROR, reply.reason[:_DETAIL])
            else:
                responses.append(replace(call, read=_WithoutSeconds(call)))
        asked: dict[str, Any] = self.connection.ask(task, responses, journal) if responses else {}
        return results | {id: replace(result, seconds=0.0) for id, result in asked.items()}


@dataclass(frozen=True, slots=True)
class _WithoutSeconds:
    """Reads a reply whose duration nobody measured."""

    call: Call[Any]

    def __call__(self, model: "Model", output: "ModelOutput", seconds: float) -> Any:
        return replace(self.call.read(model, output, seconds), seconds=0.0)
