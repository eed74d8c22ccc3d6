"""Puts requests to a judge model, as the Inspect task `goutbench/pairwise`, and returns its verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.chunk.tokens import token_counter
from goutbench.dataset.journal import Journal
from goutbench.dataset.json_lines import clean_text
from goutbench.errors import without_credentials
from goutbench.inference.calls import (
    ANSWER,
    FAILURE,
    Call,
    CallTask,
    Connection,
    Failure,
    answer_calls,
)
from goutbench.inference.models import Server, open_model
from goutbench.judge.options import JudgeOptions
from goutbench.judge.requests import PLACEHOLDERS, Labels, Request, draw_nonce
from goutbench.judge.verdict import Answer, no_verdict, verdict_of
from goutbench.records import MODEL_ERROR, Verdict

if TYPE_CHECKING:
    from inspect_ai.model import Model, ModelOutput
    from inspect_ai.scorer import Scorer

NAME = "pairwise"
JOURNAL = "answers.jsonl"
_POINTS = {"b": 1.0, "tie": 0.5, "a": 0.0, "": 0.0}


def open_journal(out: Path) -> Journal[Answer]:
    """The answers that a judge folder already holds."""
    return Journal(out / JOURNAL, Answer)


def collect_verdicts(
    requests: Sequence[Request],
    out: Path,
    options: JudgeOptions,
    server: Server,
    journal: Journal[Answer],
    *,
    reparse: bool = False,
) -> list[Verdict]:
    """The verdicts of one judge on these requests; an answer in the journal is not requested again.

    With `reparse` nothing is requested: a request without an answer is an error.
    """

    def ask(pending: Sequence[Call[Answer]]) -> Mapping[str, Answer | Failure]:
        if reparse:
            return {}
        first = requests[0]
        model = open_model(first.judge.model, server, temperature=first.temperature(options))
        task = judge_task(requests, options)
        return Connection(model, out / "logs", server.display).ask(task, pending, journal)

    results = answer_calls(judge_calls(requests, options), journal, options.window, ask)
    return [
        no_verdict(request, result, options)
        if isinstance(result, Failure)
        else verdict_of(request, result, options)
        for request in requests
        for result in [results[_call_id(request)]]
    ]


def judge_task(requests: Sequence[Request], options: JudgeOptions) -> CallTask[Answer]:
    """The Inspect task for the requests to one judge."""
    from inspect_ai.model import GenerateConfig, ResponseSchema
    from inspect_ai.util import JSONSchema

    first, schema = requests[0], None
    if options.schema and first.judge.config.reply_schema is not None:
        json_schema = JSONSchema.model_validate(first.judge.config.reply_schema)
        schema = ResponseSchema(name="verdict", json_schema=json_schema, strict=True)
    config = GenerateConfig(
        response_schema=schema,
        temperature=first.temperature(options),
        max_tokens=first.max_tokens(options),
    )
    return CallTask(NAME, config, Answer, _prefers_b(requests, options))


def judge_calls(requests: Sequence[Request], options: JudgeOptions) -> list[Call[Answer]]:
    """The requests as calls, each with new random labels."""
    counter = token_counter(options.tokenizer)
    calls: list[Call[Answer]] = []
    for request in requests:
        nonce = draw_nonce(request.comparison)
        call = Call(
            id=_call_id(request),
            key=request.key(options),
            messages=request.messages(Labels.of(nonce)),
            tokens=sum(counter.count([text for _, text in request.messages(PLACEHOLDERS)])),
            max_tokens=request.max_tokens(options),
            read=_AnswerReader(nonce),
            metadata={"match": request.match_id, "comparison": request.comparison.id, "order": request.order},
        )
        calls.append(call)
    return calls


def _call_id(request: Request) -> str:
    return f"{request.match_id}-{request.order}"


@dataclass(frozen=True, slots=True)
class _AnswerReader:
    """Makes the answer of a call, with its nonce, from the output of its model."""

    nonce: str

    def __call__(self, model: "Model", output: "ModelOutput", seconds: float) -> Answer | Failure:
        if output.error or not output.choices:
            detail = output.error or "the reply of the server has no choice"
            return Failure(MODEL_ERROR, without_credentials(detail)[:300], seconds)
        usage = output.usage
        return Answer(
            nonce=self.nonce,
            text=clean_text(output.completion),
            stop=str(output.stop_reason),
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            seconds=round(output.time or seconds, 3),
        )


def _prefers_b(requests: Sequence[Request], options: JudgeOptions) -> "Scorer":
    """The score in Inspect's own tables: 1 where b is preferred, ½ for a tie, 0 for a and for an error."""
    from inspect_ai.scorer import Score, Target, mean, scorer, stderr
    from inspect_ai.solver import TaskState

    by_id = {_call_id(request): request for request in requests}

    @scorer(name="prefers_b", metrics=[mean(), stderr()])
    def build() -> "Scorer":
        async def score(state: TaskState, target: Target) -> Score:
            request, answer = by_id[str(state.sample_id)], state.store.get(ANSWER)
            if answer is None:
                stored = state.store.get(FAILURE)
                failure = Failure(**stored) if stored else Failure(MODEL_ERROR, "the sample has no answer")
                verdict = no_verdict(request, failure, options)
            else:
                verdict = verdict_of(request, Answer(**answer), options)
            metadata = {"choice": verdict.choice, "error": verdict.error}
            return Score(value=_POINTS[verdict.choice], explanation=verdict.rationale, metadata=metadata)

        return score

    return build()
