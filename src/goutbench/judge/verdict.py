"""Parses a judge's reply: a verdict by the labels of its call, or none. A malformed reply is never repaired.

A reply has one of two forms. It is one JSON object (in a code fence or not) with exactly the requested
keys, none twice; or its last line (the last two for scores) states the verdict in the form of the prompt,
and no other line does. The parser does not search the rest of a reply. Reasoning between <think> and </think>
in front of it is not part of the reply; some chat templates write the first of these themselves.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from goutbench.errors import GoutbenchError
from goutbench.inference.calls import OVERFLOW, Failure
from goutbench.judge.options import JudgeOptions
from goutbench.judge.requests import Labels, Request
from goutbench.records import MODEL_ERROR, Verdict, short_hash

MAX_SCORE = 10.0
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)
_WINNER = re.compile(r"WINNER: ([A-Z0-9]+)", re.ASCII)
_SCORE = re.compile(r"SCORE ([A-Z0-9]+): ([0-9]{1,2}(?:\.[0-9]{1,6})?)", re.ASCII)
_REASONING = "think|thinking|thought|reasoning"
_REASONED = re.compile(rf"\s*<({_REASONING})>(?:.*?</\1>)?", re.DOTALL | re.IGNORECASE)
_REASONED_UNOPENED = re.compile(rf".*?</(?:{_REASONING})>", re.DOTALL | re.IGNORECASE)
_VERDICT_LIKE = re.compile(r"verdict|winner|score|prefer|better|best|\btie\b", re.IGNORECASE)


class UnreadableReply(Exception):
    """A reply without a verdict; the message says why. It never leaves this module."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one call as the journal stores it, with the nonce, so that it can be parsed again."""

    nonce: str
    text: str
    stop: str
    input_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ParsedVerdict:
    """A verdict by position: "first", "second" or "tie", with the scores of both if there are any."""

    position: str
    rationale: str
    scores: tuple[float, float] | None = None


def verdict_of(request: Request, answer: Answer, options: JudgeOptions) -> Verdict:
    """The record of an answer: a verdict, or the error "unreadable", "injected" or "context-overflow".

    "injected" means that a line of an unreadable reply looks like a verdict and occurs in a candidate.
    """
    if answer.stop == "model_length":  # the text is the server's refusal, not a reply
        return _record(request, options, answer, error="context-overflow")
    first, second = request.order[0], request.order[1]
    try:
        parsed = parse_reply(request.judge.config.parser, answer.text, Labels.of(answer.nonce))
    except UnreadableReply as error:
        lines = {line.strip(" \t`*") for line in answer.text.split("\n") if _VERDICT_LIKE.search(line)}
        candidates = request.comparison.texts(request.order)
        copied = any(line in text for line in lines if len(line) > 5 for text in candidates)
        name = "injected" if copied else "unreadable"
        return _record(request, options, answer, error=name, rationale=str(error))
    scores = dict(zip((first, second), parsed.scores or (None, None), strict=True))
    return _record(
        request,
        options,
        answer,
        choice={"first": first, "second": second, "tie": "tie"}[parsed.position],
        score_a=scores["a"],
        score_b=scores["b"],
        rationale=parsed.rationale,
    )


def require_answer(verdicts: Sequence[Verdict], where: str) -> str:
    """How many calls failed and why, in one line; empty where none did.

    Raises GoutbenchError where the judge answered no call.
    """
    failed = [verdict for verdict in verdicts if verdict.error in (MODEL_ERROR, OVERFLOW)]
    if not failed:
        return ""
    detail = next((verdict.rationale for verdict in failed if verdict.rationale), failed[0].error)
    text = f"{len(failed)} of {len(verdicts)} calls failed, such as: {' '.join(detail.split())}"
    if len(failed) == len(verdicts):
        hint = "check the server, its address and the key; the same command asks again"
        if failed[0].error == OVERFLOW:
            hint = "give a larger --window if the judge has one, or a smaller --budget"
        raise GoutbenchError(f"the judge answered no call: {text}", where=where, hint=hint)
    return text


def no_verdict(request: Request, failure: Failure, options: JudgeOptions) -> Verdict:
    """The record of a call without an answer."""
    answer = Answer("", "", "", 0, 0, 0.0)
    return _record(request, options, answer, error=failure.error, rationale=failure.detail)


def _record(
    request: Request,
    options: JudgeOptions,
    answer: Answer,
    *,
    choice: str = "",
    score_a: float | None = None,
    score_b: float | None = None,
    rationale: str = "",
    error: str = "",
) -> Verdict:
    return Verdict(
        id=short_hash(request.match_id, request.order),
        match_id=request.match_id,
        judge=request.judge.label,
        order=request.order,
        prompt_hash=request.key(options),
        choice=choice,
        score_a=score_a,
        score_b=score_b,
        rationale=rationale,
        reply=answer.text,
        error=error,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        seconds=answer.seconds,
    )


def parse_reply(parser: str, text: str, labels: Labels) -> ParsedVerdict:
    """The verdict in a reply. Raises UnreadableReply."""
    parse = _parse_winner if parser == "winner" else _parse_scores
    if reasoning := _REASONED.match(text):
        if not reasoning[0].endswith(">") or "</" not in reasoning[0]:
            raise UnreadableReply("the reply ends inside its reasoning")
        return parse(text[reasoning.end() :], labels)
    try:
        return parse(text, labels)
    except UnreadableReply:
        # second, because the explanation in a complete reply may quote the tag
        if (unopened := _REASONED_UNOPENED.match(text)) is None:
            raise
        return parse(text[unopened.end() :], labels)


def _parse_winner(text: str, labels: Labels) -> ParsedVerdict:
    reply = _parse_json(text, {"rationale", "winner"})
    if reply is None:
        rationale, ((label,),) = _parse_last_lines(text, _WINNER, 1)
    else:
        label, rationale = reply["winner"], reply["rationale"]
    positions = {labels.first: "first", labels.second: "second", labels.tie: "tie"}
    if not isinstance(label, str) or label not in positions:
        raise UnreadableReply("the winner is not a label of this call")
    return ParsedVerdict(positions[label], _check_rationale(rationale))


def _parse_scores(text: str, labels: Labels) -> ParsedVerdict:
    reply = _parse_json(text, {"rationale", "scores"})
    scores: list[tuple[Any, Any]]
    if reply is None:
        rationale, lines = _parse_last_lines(text, _SCORE, 2)
        scores = [(label, float(score)) for label, score in lines]
    else:
        rationale, rows = reply["rationale"], reply["scores"]
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and row.keys() == {"candidate", "score"} for row in rows
        ):
            raise UnreadableReply("`scores` must be a list of objects with `candidate` and `score`")
        scores = [(row["candidate"], row["score"]) for row in rows]
    if len(scores) != 2 or not all(isinstance(label, str) for label, _ in scores):
        raise UnreadableReply(f"{len(scores)} scores instead of one for each of the two labels")
    by_label = dict(scores)
    if by_label.keys() != {labels.first, labels.second}:
        raise UnreadableReply("a score has a label that is not of this call")
    first, second = _check_score(by_label[labels.first]), _check_score(by_label[labels.second])
    position = "tie" if first == second else "first" if first > second else "second"
    return ParsedVerdict(position, _check_rationale(rationale), (first, second))


def _check_score(value: Any) -> float:
    # NaN fails the comparison
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SCORE:
        raise UnreadableReply(f"a score must be a number from 0 to {MAX_SCORE:g}")
    return float(value)


def _check_rationale(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadableReply("the rationale must be a string")
    return value


def _parse_json(text: str, keys: set[str]) -> dict[str, Any] | None:
    """The reply as a JSON object with exactly these keys; None if it is not JSON."""

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            raise UnreadableReply("the JSON has a key twice")
        return content

    def reject_constant(constant: str) -> float:
        raise UnreadableReply(f"{constant} is not a JSON number")

    body = text.strip()
    fenced = _FENCE.fullmatch(body)
    try:
        reply = json.loads(
            fenced.group(1) if fenced else body,
            object_pairs_hook=unique_keys,
            parse_constant=reject_constant,
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(reply, dict) or reply.keys() != keys:
        raise UnreadableReply(f"the JSON must be an object with the keys {' and '.join(sorted(keys))} only")
    return reply


def _parse_last_lines(text: str, pattern: re.Pattern[str], count: int) -> tuple[str, list[tuple[str, ...]]]:
    """The text above the last lines, and the groups of each; only the last lines may match the pattern."""
    lines = [line.strip() for line in text.rstrip().split("\n")]
    matches = [match for line in lines[-count:] if (match := pattern.fullmatch(line))]
    if len(matches) < count:
        raise UnreadableReply("neither the requested JSON nor the requested last line")
    if any(pattern.fullmatch(line) for line in lines[:-count]):
        raise UnreadableReply("several lines have the form of a verdict")
    above = "\n".join(text.rstrip().split("\n")[:-count]).strip()
    return above, [match.groups() for match in matches]
