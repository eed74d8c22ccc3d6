"""Reading a judge's reply: a verdict by the labels of its call, or none. Nothing is repaired.

Two forms are read, each strictly. The whole reply is one JSON object (a fence around it is let pass) with
exactly the keys that were asked for, none twice; or its last line (last two for scores) says it in the form
of the prompt, and no other line does. Whatever else a reply holds, no verdict is looked for inside it.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from goutbench.judge.asking import Labels, Request, key_of, labels_of
from goutbench.judge.options import Options
from goutbench.records import Verdict, short_hash

HIGHEST = 10.0
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)
_WINNER = re.compile(r"WINNER: ([A-Z0-9]+)", re.ASCII)
_SCORE = re.compile(r"SCORE ([A-Z0-9]+): ([0-9]{1,2}(?:\.[0-9]{1,6})?)", re.ASCII)
_VERDICT_LIKE = re.compile(r"verdict|winner|score|prefer|better|best|\btie\b", re.IGNORECASE)


class Unreadable(Exception):
    """A reply that holds no verdict; the message says why. It never leaves this module."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call brought, as the journal keeps it: with the nonce, so that it can be read again for
    nothing.
    """

    nonce: str
    text: str
    stop: str
    input_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A verdict by place: "first", "second" or "tie", with the scores of the two places if there are any."""

    place: str
    rationale: str
    scores: tuple[float, float] | None = None


def read(parser: str, text: str, labels: Labels) -> Reading:
    """The verdict in a reply. Raises Unreadable."""
    return {"winner": _winner, "scores": _scores}[parser](text, labels)


def verdict_of(request: Request, answer: Answer, options: Options) -> Verdict:
    """The record of an answer: a verdict, or the error "unreadable", "injected" or "context-overflow".

    "injected": there is no verdict, and a line of the reply that looks like one stands in a candidate.
    """
    labels, item = labels_of(answer.nonce), request.item
    if answer.stop == "model_length":  # the text is then the server's refusal, not the model's
        return _record(request, options, answer, error="context-overflow")
    try:
        reading = read(request.juror.judge.parser, answer.text, labels)
    except Unreadable as why:
        copied = _copied(answer.text, item.texts(request.order))
        return _record(request, options, answer, error="injected" if copied else "unreadable", why=str(why))
    first, second = request.order[0], request.order[1]
    scores = dict(zip((first, second), reading.scores or (None, None), strict=True))
    choice = {"first": first, "second": second, "tie": "tie"}[reading.place]
    return _record(request, options, answer, choice=choice, scores=scores, why=reading.rationale)


def no_verdict(request: Request, options: Options, error: str, why: str) -> Verdict:
    """The record of a call that brought no answer, or was never made."""
    return _record(request, options, Answer("", "", "", 0, 0, 0.0), error=error, why=why)


def _record(
    request: Request,
    options: Options,
    answer: Answer,
    *,
    choice: str = "",
    scores: Mapping[str, float | None] | None = None,
    error: str = "",
    why: str = "",
) -> Verdict:
    scores = scores or {}
    return Verdict(
        id=short_hash(request.match_id, request.order),
        match_id=request.match_id,
        judge=request.juror.label,
        order=request.order,
        prompt_hash=key_of(request, options),
        choice=choice,
        score_a=scores.get("a"),
        score_b=scores.get("b"),
        rationale=why,
        reply=answer.text,
        error=error,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        seconds=answer.seconds,
    )


def _winner(text: str, labels: Labels) -> Reading:
    found = _object(text, {"rationale", "winner"})
    if found is None:
        before, ((label,),) = _last_lines(text, _WINNER, 1)
        return Reading(_place(label, labels), before)
    return Reading(_place(found["winner"], labels), _text(found["rationale"]))


def _scores(text: str, labels: Labels) -> Reading:
    found = _object(text, {"rationale", "scores"})
    if found is None:
        before, lines = _last_lines(text, _SCORE, 2)
        pairs: list[tuple[Any, Any]] = [(label, float(score)) for label, score in lines]
        return _higher(pairs, before, labels)
    rows = found["scores"]
    if not isinstance(rows, list) or not all(
        isinstance(r, dict) and r.keys() == {"candidate", "score"} for r in rows
    ):
        raise Unreadable("`scores` is not a list of candidates and their scores")
    return _higher([(row["candidate"], row["score"]) for row in rows], _text(found["rationale"]), labels)


def _higher(pairs: list[tuple[Any, Any]], rationale: str, labels: Labels) -> Reading:
    """The reading of two labelled scores: the higher wins, equal ones tie."""
    if len(pairs) != 2 or not all(isinstance(label, str) for label, _ in pairs):
        raise Unreadable(f"{len(pairs)} scores, and not one for each of two labels")
    by_label = dict(pairs)
    if by_label.keys() != {labels.first, labels.second}:
        raise Unreadable("a score for something that is no label of this call")
    first, second = (_score(by_label[label]) for label in (labels.first, labels.second))
    place = "tie" if first == second else "first" if first > second else "second"
    return Reading(place, rationale, (first, second))


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= HIGHEST:
        raise Unreadable(f"a score is no number from 0 to {HIGHEST:g}")
    assert math.isfinite(value)  # NaN compares false above
    return float(value)


def _place(label: Any, labels: Labels) -> str:
    if not isinstance(label, str):
        raise Unreadable("the winner is not text")
    for place in ("first", "second", "tie"):
        if label == getattr(labels, place):
            return place
    raise Unreadable("the winner is no label of this call")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable("the rationale is not text")
    return value


def _object(text: str, keys: set[str]) -> dict[str, Any] | None:
    """The reply as a JSON object of exactly these keys; None where it is no JSON at all."""
    body = text.strip()
    fenced = _FENCE.fullmatch(body)
    try:
        found = json.loads(
            fenced.group(1) if fenced else body, object_pairs_hook=_distinct, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != keys:
        raise Unreadable(f"JSON, but not an object of {' and '.join(sorted(keys))} alone")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("a key stands twice")
    return found


def _refuse(constant: str) -> float:
    raise Unreadable(f"{constant} is no number")


def _last_lines(text: str, form: re.Pattern[str], count: int) -> tuple[str, list[tuple[str, ...]]]:
    """What the last lines say in this form, and all above them; no line above may have the form."""
    lines = text.rstrip().split("\n")
    above, last = lines[:-count], [form.fullmatch(line.strip()) for line in lines[-count:]]
    if len(last) < count or not all(last):
        raise Unreadable("neither the JSON that was asked for, nor the last line in its stead")
    if any(form.fullmatch(line.strip()) for line in above):
        raise Unreadable("more than one line in the form of a verdict")
    return "\n".join(above).strip(), [match.groups() for match in last if match]


def _copied(reply: str, candidates: Iterable[str]) -> bool:
    lines = {line.strip(" \t`*") for line in reply.split("\n") if _VERDICT_LIKE.search(line)}
    return any(line in text for line in lines if len(line) > 5 for text in candidates)
