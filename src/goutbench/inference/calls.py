"""Calls to a model as an Inspect task: each ends as an answer or a failure; no answer is paid for twice."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from goutbench.dataset.journal import Journal
from goutbench.dataset.json_lines import clean_text
from goutbench.errors import without_credentials
from goutbench.inference.models import stdout_to_stderr
from goutbench.inference.reach import Patience
from goutbench.records import MODEL_ERROR

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from inspect_ai import Task
    from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver

Messages = tuple[tuple[str, str], ...]
"""The role and the content of each message."""

AnswerT = TypeVar("AnswerT", bound="DataclassInstance")

OVERFLOW = "context-overflow"
ANSWER, FAILURE = "answer", "failure"
"""Where a sample of Inspect's log stores what its call returned."""


_Receive = Callable[["Model", "ModelOutput", float], object]
_receive: ContextVar[_Receive | None] = ContextVar("receive", default=None)
"""What takes the output of the call that the current sample is making."""

_current_key: ContextVar[str] = ContextVar("current_key")


def current_key() -> str:
    """The key of the call that the current task is making."""
    return _current_key.get()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no answer. The journal holds no failures, so that the next run repeats the call.

    `error` is OVERFLOW or MODEL_ERROR, `seconds` the wall time of the call. A server's words in `detail` lose
    the keys and passwords that it repeats.
    """

    error: str
    detail: str
    seconds: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clean_text(without_credentials(self.detail)))


@dataclass(frozen=True, slots=True)
class Call(Generic[AnswerT]):
    """One request to a model.

    `id` names the call in Inspect's log, `key` is the identity of the request in the journal. `tokens` counts
    the messages, `max_tokens` limits the reply. `read` makes the answer from the model, its output and the
    seconds that it took.
    """

    id: str
    key: str
    messages: Messages
    tokens: int
    max_tokens: int
    read: Callable[["Model", "ModelOutput", float], AnswerT | Failure]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, window: int) -> bool:
        """Whether prompt and reply fit a context window of `window` tokens; 0 means no limit."""
        return not window or self.tokens + self.max_tokens <= window

    def record(
        self, journal: Journal[AnswerT] | None, model: "Model", output: "ModelOutput", seconds: float
    ) -> AnswerT | Failure:
        """The answer of this output, or the one in the journal; a new answer is written to the journal."""
        answer = journal.find(self.key) if journal is not None else None
        if answer is not None:
            return answer
        result = self.read(model, output, seconds)
        if journal is not None and not isinstance(result, Failure):
            journal.add(self.key, result)
        return result


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a run still has to ask: `calls` are neither `answered` earlier nor too long (`overflow`).

    Tokens are those of the calls; `max_output_tokens` is reached when every reply meets its limit.
    """

    items: int
    prompts: int
    calls: int
    answered: int
    overflow: int
    input_tokens: int
    max_output_tokens: int

    @classmethod
    def of(cls, calls: Sequence[Call[Any]], journal: Journal[Any], window: int, *, items: int) -> "CallPlan":
        """The plan for these calls, given the answers in the journal."""
        fitting = [call for call in calls if call.fits(window)]
        pending = [call for call in fitting if journal.find(call.key) is None]
        return cls(
            items=items,
            prompts=len({call.messages for call in calls}),
            calls=len(pending),
            answered=sum(journal.find(call.key) is not None for call in calls),
            overflow=len(calls) - len(fitting),
            input_tokens=sum(call.tokens for call in pending),
            max_output_tokens=sum(call.max_tokens for call in pending),
        )


@dataclass(frozen=True, slots=True)
class CallTask(Generic[AnswerT]):
    """What an Inspect task needs besides its calls: its name, its settings and the type of its answers."""

    name: str
    config: "GenerateConfig"
    answer: type[AnswerT]
    scorer: "Scorer | None" = None

    def build(self, calls: Iterable[Call[AnswerT]], journal: Journal[AnswerT] | None = None) -> "Task":
        """The task: one sample for each call. A journal receives the answers."""
        from inspect_ai import Task
        from inspect_ai.dataset import MemoryDataset, Sample

        by_id = {call.id: call for call in calls}
        samples = [
            Sample(input=chat(call.messages), id=call.id, metadata=dict(call.metadata))
            for call in by_id.values()
        ]
        return Task(
            dataset=MemoryDataset(samples, name=self.name),
            solver=self._solver(by_id, journal),
            scorer=self.scorer,
            config=self.config,
            name=self.name,
        )

    def _solver(self, calls: Mapping[str, Call[AnswerT]], journal: Journal[AnswerT] | None) -> "Solver":
        """A solver that makes the call of its sample, and stores the answer or the failure in the sample.

        A provider's final error, after Inspect's retries, is a Failure: one bad reply never stops a run.
        """
        from inspect_ai.model import get_model
        from inspect_ai.solver import Generate, TaskState, solver

        @solver(name="ask_once")
        def build() -> "Solver":
            async def solve(state: TaskState, generate: Generate) -> TaskState:
                call, start = calls[str(state.sample_id)], time.monotonic()
                token = _receive.set(lambda *output: call.record(journal, *output))
                key_token = _current_key.set(call.key)
                try:
                    state.output = await get_model().generate(state.messages)
                    result = call.record(journal, get_model(), state.output, time.monotonic() - start)
                except Exception as error:
                    result = Failure(MODEL_ERROR, error_text(error), time.monotonic() - start)
                finally:
                    _receive.reset(token)
                    _current_key.reset(key_token)
                state.store.set(FAILURE if isinstance(result, Failure) else ANSWER, asdict(result))
                return state

            return solve

        return build()


@dataclass(frozen=True, slots=True)
class Connection:
    """A model, with the folder of Inspect's logs and how Inspect shows its progress."""

    model: "Model"
    logs: Path
    display: str = "none"

    def __post_init__(self) -> None:
        """Pass each output on as soon as the provider returns it, before Inspect processes it.

        A process that is killed in between has then already written the answer to the journal. Inspect would
        repeat a call without end where no server listens.
        """
        model, provider_generate = self.model, self.model.api.generate
        patience, should_retry = Patience(), self.model.api.should_retry

        async def generate(*args: Any, **kwargs: Any) -> Any:
            start = time.monotonic()
            result = await provider_generate(*args, **kwargs)
            patience.answer()
            output = result[0] if isinstance(result, tuple) else result
            receive = _receive.get()
            if receive is not None and not isinstance(output, Exception):
                receive(model, output, time.monotonic() - start)
            return result

        def retry(error: Exception) -> Any:
            return False if patience.ends(error) else should_retry(error)

        model.api.generate = generate  # type: ignore[method-assign]
        model.api.should_retry = retry  # type: ignore[method-assign,assignment]

    def ask(
        self, task: CallTask[AnswerT], calls: Sequence[Call[AnswerT]], journal: Journal[AnswerT]
    ) -> dict[str, AnswerT | Failure]:
        """Make these calls and return by id what each returned. The journal receives each answer at once."""
        from inspect_ai import eval as run_tasks

        with stdout_to_stderr():
            logs = run_tasks(
                task.build(calls, journal),
                model=self.model,
                log_dir=str(self.logs),
                display=self.display,  # type: ignore[arg-type]
                score=task.scorer is not None,
                log_samples=True,
                fail_on_error=False,
            )
        results: dict[str, AnswerT | Failure] = {}
        for sample in (sample for log in logs for sample in log.samples or ()):
            if ANSWER in sample.store:
                results[str(sample.id)] = task.answer(**sample.store[ANSWER])
            elif FAILURE in sample.store:
                results[str(sample.id)] = Failure(**sample.store[FAILURE])
        return results


def answer_calls(
    calls: Sequence[Call[AnswerT]],
    journal: Journal[AnswerT],
    window: int,
    ask: Callable[[Sequence[Call[AnswerT]]], Mapping[str, AnswerT | Failure]],
) -> dict[str, AnswerT | Failure]:
    """By id the answer of each call: from the journal, or else from `ask`, which is called at most once.

    A call that does not fit the window fails before it is paid for.
    """
    pending = [call for call in calls if call.fits(window) and journal.find(call.key) is None]
    asked = ask(pending) if pending else {}
    results: dict[str, AnswerT | Failure] = {}
    for call in calls:
        result = asked.get(call.id) or journal.find(call.key)
        if result is None and not call.fits(window):
            detail = (
                f"the prompt has {call.tokens} tokens and the reply up to {call.max_tokens}, "
                f"but the window has {window}"
            )
            result = Failure(OVERFLOW, detail)
        results[call.id] = result or Failure(MODEL_ERROR, "no answer; run the same command to ask again")
    return results


def chat(messages: Messages) -> "list[ChatMessage]":
    """The messages as Inspect's."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[role](content=content) for role, content in messages]


def error_text(error: BaseException) -> str:
    """An error in one line of at most 300 characters: its cause where it has one, and the server's message.

    Inspect's own message repeats the request. The client's message may omit that of the server, which is in
    the error's `body`.
    """
    cause = error.__cause__ or error
    text = " ".join(str(cause).split())
    body = getattr(cause, "body", None)
    message = body.get("message") or body.get("detail") if isinstance(body, Mapping) else body
    if message and str(message) not in text:
        text = f"{text}: {' '.join(str(message).split())}"
    text = without_credentials(text)  # before it is cut
    return (f"{type(cause).__name__}: {text}" if text else type(cause).__name__)[:300]
