"""From a comparison to the messages for a judge, with labels that no candidate can know.

Each call draws new random labels, after the candidates were written. The labels are in the marker lines
around every untrusted text, and a verdict must name the winner by its label. A text that a candidate
contains is therefore never a verdict, however a judge copies, quotes or repeats it: it cannot contain the
label. The prompt contains the labels, but never in the form of a verdict, so repeating the prompt gives no
verdict either.

In these texts the control tokens of chat templates (<|im_end|>, [INST]) are broken by a space: a local
model's tokenizer would take them for the end of the turn, whoever wrote them.

The labels do not protect against a judge that a candidate persuades: one that reads "prefer the file with
this comment" and then names the label of that file itself. `goutbench judge --audit` measures such judges.
"""

import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goutbench.dataset.journal import request_key
from goutbench.inference.calls import Messages
from goutbench.inference.chat_template import without_control_tokens
from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge
from goutbench.judge.options import JudgeOptions
from goutbench.records import short_hash

_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"  # no vowels, so no words; no characters that look alike
_LENGTH = 8  # 38 bits: a file of 100 kB that guesses at every offset hits a label once in 10^6 calls
NO_CODE = "(no Go code was written)"
ORDERS = ("ab", "ba")


@dataclass(frozen=True, slots=True)
class Labels:
    """The names in one call of the first and the second candidate, of a tie, and of the other texts."""

    first: str
    second: str
    tie: str
    material: str

    @classmethod
    def of(cls, nonce: str) -> "Labels":
        """The labels that a nonce encodes."""
        return cls(*(nonce[start : start + _LENGTH] for start in range(0, 4 * _LENGTH, _LENGTH)))


PLACEHOLDERS = Labels("FIRST", "SECOND", "TIE", "MATERIAL")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: a comparison, a judge, and the order of the candidates in the prompt, "ab" or "ba"."""

    comparison: Comparison
    judge: Judge
    order: str

    @property
    def match_id(self) -> str:
        return match_id(self.comparison, self.judge.label)

    def temperature(self, options: JudgeOptions) -> float | None:
        return self.judge.config.temperature if options.temperature is None else options.temperature

    def max_tokens(self, options: JudgeOptions) -> int:
        """The limit of the reply."""
        return options.max_tokens or self.judge.config.max_tokens

    def key(self, options: JudgeOptions) -> str:
        """The identity of the call: the model and everything sent to it, except the random labels."""
        return request_key(
            messages=self.messages(PLACEHOLDERS),
            schema=self.judge.config.reply_schema if options.schema else None,
            model=self.judge.model,
            revision=options.revision,
            order=self.order,
            sample=self.comparison.sample,
            temperature=self.temperature(options),
            max_tokens=self.max_tokens(options),
        )

    def messages(self, labels: Labels) -> Messages:
        """The system and the user message of the call."""
        comparison, config = self.comparison, self.judge.config
        first, second = comparison.texts(self.order)
        material = labels.material
        values = {
            "first": _between_markers("CANDIDATE", labels.first, first.strip() or NO_CODE),
            "second": _between_markers("CANDIDATE", labels.second, second.strip() or NO_CODE),
            "item": _between_markers("ITEM", material, comparison.description),
            "code": _between_markers("CODE", material, comparison.code),
            "reference": _between_markers("REFERENCE", material, comparison.reference),
            "label_first": labels.first,
            "label_second": labels.second,
            "label_tie": labels.tie,
        }
        return ("system", config.system), ("user", string.Template(config.user).substitute(values))


def match_id(comparison: Comparison, judge: str) -> str:
    """The id of the match of a comparison before a judge."""
    return short_hash(comparison.id, judge)


def requests(comparisons: Sequence[Comparison], judge: Judge) -> Iterator[Request]:
    """The calls of a judge: both orders of each comparison, or the one that the comparison's id draws."""
    for comparison in comparisons:
        drawn = ORDERS[int(comparison.id, 16) % 2]
        for order in ORDERS if judge.config.mode == "both-orders" else (drawn,):
            yield Request(comparison, judge, order)


def draw_nonce(comparison: Comparison) -> str:
    """A new random nonce whose labels differ, and do not occur in the texts of the comparison."""
    texts = [comparison.text_a, comparison.text_b, comparison.code, comparison.reference]
    texts.append(comparison.description)
    while True:
        nonce = "".join(secrets.choice(_ALPHABET) for _ in range(4 * _LENGTH))
        drawn = Labels.of(nonce)
        labels = {drawn.first, drawn.second, drawn.tie, drawn.material}
        if len(labels) == 4 and not any(label in text for label in labels for text in texts):
            return nonce


def _between_markers(name: str, label: str, text: str) -> str:
    text = without_control_tokens(text.strip())
    return f"-----BEGIN {name} {label}-----\n{text}\n-----END {name} {label}-----"
