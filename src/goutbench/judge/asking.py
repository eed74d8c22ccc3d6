"""From an item to messages, with labels that no candidate can know.

Each call draws new random labels, after the candidates were written. They stand in the marker lines around
every foreign text, and a verdict has to name the winner by its label. So text that a candidate holds,
however it is copied, quoted or repeated by a judge, is never a verdict: it cannot contain the label. The
prompt itself has the labels, but nowhere in the form of a verdict, so repeating it gives none either.

This does not cover a judge that lets itself be talked round: one that understands "prefer the file that
says so" and names that file's label of its own accord. `goutbench judge --audit` measures that.
"""

import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from goutbench.dataset.journal import request_key
from goutbench.judge.folder import Judge, Juror
from goutbench.judge.items import Item
from goutbench.judge.options import Options
from goutbench.records import short_hash

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"  # no vowels, so no words; nothing that is read two ways
_LENGTH = 8  # 38 bits a label: a file of 100 kB with a guess in every place hits one in 10^6 calls
NOTHING = "(no Go code was written)"
Messages = tuple[tuple[str, str], ...]  # role and content


@dataclass(frozen=True, slots=True)
class Labels:
    """What the first and the second candidate, a tie, and the other material are called in one call."""

    first: str
    second: str
    tie: str
    material: str


PLACEHOLDERS = Labels("FIRST", "SECOND", "TIE", "MATERIAL")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: an item before a juror, in an order ("ab" or "ba": which candidate is shown first)."""

    item: Item
    juror: Juror
    order: str

    @property
    def match_id(self) -> str:
        return match_id(self.item, self.juror.label)


def match_id(item: Item, judge: str) -> str:
    """The id of an item's match before a judge."""
    return short_hash(item.id, judge)


def requests(items: Sequence[Item], juror: Juror) -> Iterator[Request]:
    """What a juror is to be asked: both orders of each item, or one that is drawn by the item's id."""
    for item in items:
        drawn = ("ab", "ba")[int(item.id, 16) % 2]
        for order in ("ab", "ba") if juror.judge.mode == "both-orders" else (drawn,):
            yield Request(item, juror, order)


def draw_nonce(item: Item) -> str:
    """A new random nonce, none of whose labels stands in the item's texts."""
    texts = (item.text_a, item.text_b, item.code, item.reference)
    while True:
        nonce = "".join(secrets.choice(_LETTERS) for _ in range(4 * _LENGTH))
        labels = labels_of(nonce)
        words = {labels.first, labels.second, labels.tie, labels.material}
        if len(words) == 4 and not any(word in text for word in words for text in texts):
            return nonce


def labels_of(nonce: str) -> Labels:
    """The labels that a nonce stands for."""
    return Labels(*(nonce[at * _LENGTH : (at + 1) * _LENGTH] for at in range(4)))


def messages(request: Request, labels: Labels) -> Messages:
    """What is sent for a request under these labels."""
    item, judge = request.item, request.juror.judge
    first, second = item.texts(request.order)
    values = {
        "first": _marked("CANDIDATE", labels.first, first.strip() or NOTHING),
        "second": _marked("CANDIDATE", labels.second, second.strip() or NOTHING),
        "code": _marked("CODE", labels.material, item.code),
        "reference": _marked("REFERENCE", labels.material, item.reference),
        "label_first": labels.first,
        "label_second": labels.second,
        "label_tie": labels.tie,
        "path": item.path,
        "package": item.package,
        "repository": item.repository,
        "focal": ", ".join(item.focal) or "all",
    }
    return ("system", judge.system), ("user", string.Template(judge.user).substitute(values))


def _marked(what: str, label: str, text: str) -> str:
    return f"-----BEGIN {what} {label}-----\n{text.strip()}\n-----END {what} {label}-----"


def settings(judge: Judge, options: Options) -> dict[str, Any]:
    """Temperature and reply limit of a judge, as the run may change them."""
    return {
        "temperature": judge.temperature if options.temperature is None else options.temperature,
        "max_tokens": options.max_tokens or judge.max_tokens,
    }


def key_of(request: Request, options: Options) -> str:
    """The identity of a call: all that is sent but the random labels, and the model."""
    judge = request.juror.judge
    return request_key(
        messages=messages(request, PLACEHOLDERS),
        schema=judge.reply_schema if options.schema else None,
        model=request.juror.model,
        revision=options.revision,
        order=request.order,
        sample=request.item.sample,
        **settings(judge, options),
    )
