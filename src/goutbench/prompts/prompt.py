"""A chunk as messages to a model: the same, byte for byte, in training and in generation.

The texts are versioned templates in `goutbench/templates`; a template is never changed, only followed by the
next version. These are our own: the paper's prompts are not public.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol

from goutbench.chunk import TokenCounter, token_counter
from goutbench.records import Chunk, Prompt, short_hash

FUNCTION, FILE, REPAIR = "function-v1", "file-v1", "repair-v1"
_BREAK = "\n---\n"
_ERRORS = 20


class Place(Protocol):
    """The part of a pair that a prompt tells of."""

    @property
    def id(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def code_path(self) -> str: ...
    @property
    def package(self) -> str: ...


class Example(NamedTuple):
    """One worked example: the place and chunk that it was asked with, and the test file that answers."""

    pair: Place
    chunk: Chunk
    test: str


class Surroundings(NamedTuple):
    """What is known of the code around a chunk; empty where it is not.

    `neighbours` are declarations of other files of the package that the chunk uses, in outline.
    """

    module: str = ""
    go: str = ""
    neighbours: str = ""


_NOTHING = Surroundings()


def build_prompt(
    pair: Place,
    chunk: Chunk,
    *,
    examples: Sequence[Example] = (),
    around: Surroundings = _NOTHING,
    counter: TokenCounter | None = None,
) -> Prompt:
    """The messages that ask for the tests of a chunk: of its one function, or of the whole (part of a) file.

    Examples come first, as turns of the same conversation. Without a counter tokens are estimated.
    """
    name = FUNCTION if chunk.kind == "function" else FILE
    messages: list[tuple[str, str]] = []
    for example in examples:
        messages += _ask(example.pair, example.chunk, _NOTHING)[bool(messages) :]
        messages.append(("assistant", completion_text(example.test)))
    messages += _ask(pair, chunk, around)[bool(messages) :]
    tokens = sum((counter or token_counter()).count([content for _, content in messages]))
    return Prompt(
        id=short_hash(pair.id, chunk.id, template_hash(name), *(text for each in messages for text in each)),
        pair_id=pair.id,
        chunk_id=chunk.id,
        focal=chunk.focal if chunk.kind == "function" else (),
        template=name,
        template_hash=template_hash(name),
        messages=tuple(messages),
        tokens=tokens,
    )


def completion_text(test: str) -> str:
    """The reply that a model is trained to give: the test file in a Go fence."""
    fence = "```"
    while fence in test:
        fence += "`"
    return f"{fence}go\n{test.rstrip()}\n{fence}\n"


def repair_text(errors: Sequence[str]) -> str:
    """The message that hands the type checker's errors back."""
    return template(REPAIR).format_map({"errors": "\n".join(errors[:_ERRORS])})


@cache
def template(name: str) -> str:
    """The text of a template of the package."""
    return (files("goutbench.prompts") / "templates" / f"{name}.md").read_text("utf-8").strip("\n")


@cache
def template_hash(name: str) -> str:
    """SHA-256 of a template's text."""
    return hashlib.sha256(template(name).encode()).hexdigest()


def _ask(pair: Place, chunk: Chunk, around: Surroundings) -> list[tuple[str, str]]:
    name = FUNCTION if chunk.kind == "function" else FILE
    system, user = template(name).split(_BREAK)
    facts = {
        "path": pair.code_path,
        "package": pair.package,
        "repository": pair.repository,
        "focal": ", ".join(f"`{key}`" for key in chunk.focal) if chunk.kind == "function" else "",
        "part": f" This is part {chunk.index + 1} of {chunk.count} of the file." if chunk.count > 1 else "",
        "neighbours": _neighbours(around),
        "code": chunk.text.rstrip(),
    }
    return [("system", system), ("user", user.format_map(facts))]


def _neighbours(around: Surroundings) -> str:
    lines = []
    if around.module:
        go = f", Go {around.go}" if around.go else ""
        lines.append(f"The module is {around.module}{go}.\n")
    if around.neighbours:
        lines.append(f"Declared elsewhere in the package:\n\n```go\n{around.neighbours.rstrip()}\n```\n")
    return "\n".join([*lines, ""]) if lines else ""
