"""The Inspect task: a sample for each call, a solver that makes no call twice, and a plain score."""

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from goutbench.dataset.journal import Journal
from goutbench.judge.asking import Request, draw_nonce, key_of, labels_of, messages, settings
from goutbench.judge.folder import Juror
from goutbench.judge.options import Options
from goutbench.judge.verdict import Answer, no_verdict, verdict_of
from goutbench.records import Verdict

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ResponseSchema
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver

NAME = "pairwise"
VERDICT = "verdict"
_asking: ContextVar[tuple[str, str] | None] = ContextVar("asking", default=None)
"""The key and nonce of the call that the current task is making."""
_POINTS = {"b": 1.0, "tie": 0.5, "a": 0.0, "": 0.0}


def make_task(
    asked: Sequence[Request],
    juror: Juror,
    options: Options,
    done: Journal[Answer] | None,
    failed: dict[str, str] | None = None,
) -> "Task":
    """The task `goutbench/pairwise`: these requests before one juror; a journal keeps the answers.

    Why a request got no answer is put into `failed`, by its key.
    """
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample

    samples = [
        Sample(
            input=f"{request.item.path}: {', '.join(request.item.focal) or 'the whole file'}",
            id=_id(request),
            metadata={"match": request.match_id, "item": request.item.id, "order": request.order},
        )
        for request in asked
    ]
    return Task(
        dataset=MemoryDataset(samples, name=NAME),
        solver=compare({_id(request): request for request in asked}, options, done, failed),
        scorer=preference(),
        config=_config(juror, options),
        name=NAME,
    )


def _id(request: Request) -> str:
    return f"{request.match_id}-{request.order}"


def _config(juror: Juror, options: Options) -> "GenerateConfig":
    from inspect_ai.model import GenerateConfig

    schema = _schema(juror) if options.schema else None
    return GenerateConfig(response_schema=schema, **settings(juror.judge, options))


def _schema(juror: Juror) -> "ResponseSchema | None":
    from inspect_ai.model import ResponseSchema
    from inspect_ai.util import JSONSchema

    if juror.judge.reply_schema is None:
        return None
    schema = JSONSchema.model_validate(juror.judge.reply_schema)
    return ResponseSchema(name="verdict", json_schema=schema, strict=True)


def compare(
    asked: Mapping[str, Request],
    options: Options,
    done: Journal[Answer] | None,
    failed: dict[str, str] | None,
) -> "Solver":
    """A solver that reads the verdict from the journal's answer, or from a new one, which it writes down.

    What is no verdict, and what a model's server refuses after Inspect's own retries, is a record: the
    sample ends well either way, so that one bad answer never stops a run.
    """
    from inspect_ai.model import get_model
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name="compare")
    def build() -> "Solver":
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            request = asked[str(state.sample_id)]
            key = key_of(request, options)
            found: Answer | str | None = done.find(key) if done is not None else None
            if found is None:
                nonce = draw_nonce(request.item)
                state.messages = _chat(request, nonce)
                found = await _ask(get_model(), state.messages, key, nonce)
            if isinstance(found, str):
                verdict = no_verdict(request, options, "model-error", found)
                if failed is not None:
                    failed[key] = found
            else:
                found = _kept(done, key, found)
                verdict = verdict_of(request, found, options)
                state.output.completion = found.text
            state.store.set(VERDICT, verdict)
            return state

        return solve

    return build()


def preference() -> "Scorer":
    """A score for Inspect's own tables: 1 where b is preferred, ½ for a tie, else 0: an error is lost."""
    from inspect_ai.scorer import Score, Target, mean, scorer, stderr
    from inspect_ai.solver import TaskState

    @scorer(name="prefers_b", metrics=[mean(), stderr()])
    def build() -> "Scorer":
        async def score(state: TaskState, target: Target) -> Score:
            verdict = state.store.get(VERDICT)
            found = verdict if isinstance(verdict, Verdict) else Verdict(**verdict)
            words = {"choice": found.choice, "error": found.error}
            return Score(value=_POINTS[found.choice], explanation=found.rationale, metadata=words)

        return score

    return build()


def _chat(request: Request, nonce: str) -> "list[ChatMessage]":
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    return [kinds[role](content=content) for role, content in messages(request, labels_of(nonce))]


async def _ask(model: "Model", chat: "list[ChatMessage]", key: str, nonce: str) -> Answer | str:
    """A new answer, or why there is none."""
    start = time.monotonic()
    asking = _asking.set((key, nonce))
    try:
        output = await model.generate(chat)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    finally:
        _asking.reset(asking)
    return _answer(output, nonce, time.monotonic() - start)


def _answer(output: "ModelOutput", nonce: str, seconds: float) -> Answer | str:
    if output.error or not output.choices:
        return (output.error or "the server gave no choice")[:300]
    usage = output.usage
    return Answer(
        nonce=nonce,
        text=output.completion,
        stop=str(output.stop_reason),
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        seconds=round(output.time or seconds, 3),
    )


def _kept(done: Journal[Answer] | None, key: str, found: Answer) -> Answer:
    """The answer as the journal has it."""
    if done is None:
        return found
    earlier = done.find(key)
    if earlier is None:
        done.add(key, found)
    return earlier or found


def keep_at_once(model: "Model", done: Journal[Answer]) -> None:
    """Have answers written down before Inspect does anything with them: a kill then loses none that came."""
    ask = model.api.generate

    async def generate(*arguments: Any, **named: Any) -> Any:
        start = time.monotonic()
        result = await ask(*arguments, **named)
        output = result[0] if isinstance(result, tuple) else result
        asking = _asking.get()
        if asking is not None and not isinstance(output, Exception):
            key, nonce = asking
            found = _answer(output, nonce, time.monotonic() - start)
            if isinstance(found, Answer):
                _kept(done, key, found)
        return result

    model.api.generate = generate  # type: ignore[method-assign]
