"""Builds the messages that ask a model for tests: the same bytes in training and in generation.

The first message of a conversation is from a prompt folder (`library.py`). Messages of later turns are
versioned templates in `templates/`; such a template never changes, and a new version replaces it.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.prompts.library import DEFAULT, PromptFolder, load_prompt
from goutbench.records import Chunk, Prompt, short_hash

_LANGUAGE = {
    (1, 18): "type parameters",
    (1, 21): "min, max and clear",
    (1, 22): "range over integers",
    (1, 23): "range over functions",
}
"""What a go.mod must ask for at least this version of Go to use (the language's release notes)."""


class FocalFile(Protocol):
    """The facts about a pair that a prompt states."""

    @property
    def id(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def code_path(self) -> str: ...
    @property
    def package(self) -> str: ...


class Example(NamedTuple):
    """A solved example: the pair and chunk that the prompt asks about, and the test file that answers it."""

    pair: FocalFile
    chunk: Chunk
    test: str


class CrossFileContext(NamedTuple):
    """The code around a chunk; a field is empty where it is unknown.

    `declarations` are those from the package's other files that the chunk uses, in outline. `libraries` are
    the test libraries that go.mod requires; None where its requirements are unknown.
    """

    module: str = ""
    go_version: str = ""
    declarations: str = ""
    libraries: tuple[str, ...] | None = None


NO_CONTEXT = CrossFileContext()


class Start(NamedTuple):
    """What a task of another kind than "write" begins with.

    `text` is a test file that the prompt shows, or for the kind "reproduce" the code before a bug fix, which
    is then the code under test; `message` is that of the fix.
    """

    kind: str = ""
    text: str = ""
    message: str = ""


NO_START = Start()


def build_prompt(
    pair: FocalFile,
    chunk: Chunk,
    *,
    prompt: PromptFolder | None = None,
    examples: Sequence[Example] = (),
    context: CrossFileContext = NO_CONTEXT,
    start: Start = NO_START,
    counter: TokenCounter | None = None,
) -> Prompt:
    """The messages that ask for the tests of a chunk: of its function, or of the file (or part of it).

    Examples come first, as earlier turns of the same conversation. Without a prompt it is the default one;
    without a counter, tokens are estimated. Raises ConfigError for a prompt that has no template for this
    kind of chunk, or whose template fails.
    """
    prompt, unit = prompt or load_prompt(DEFAULT), _unit(chunk)
    fields = prompt_fields(pair, chunk, context, start)
    messages = [("system", prompt.system(fields))]
    for example in examples:
        solved = prompt_fields(example.pair, example.chunk, NO_CONTEXT)
        messages.append(("user", prompt.question(_unit(example.chunk), solved)))
        messages.append(("assistant", completion_text(example.test)))
    messages.append(("user", prompt.question(unit, fields)))
    tokens = sum((counter or token_counter()).count([content for _, content in messages]))
    texts = [text for message in messages for text in message]
    return Prompt(
        id=short_hash(pair.id, chunk.id, prompt.hash, *texts),
        pair_id=pair.id,
        chunk_id=chunk.id,
        focal=chunk.focal if chunk.kind == "function" else (),
        template=prompt.template_name(unit),
        template_hash=prompt.template_hash(unit),
        messages=tuple(messages),
        tokens=tokens,
        prompt=prompt.config.name,
        prompt_hash=prompt.hash,
    )


def completion_text(test: str) -> str:
    """The reply that training teaches: the test file in a Go code fence."""
    fence = "```"
    while fence in test:
        fence += "`"
    return f"{fence}go\n{test.rstrip()}\n{fence}\n"


@cache
def template(name: str) -> str:
    """The text of a template for a later turn."""
    return (files("goutbench.prompts") / "templates" / f"{name}.md").read_text("utf-8").strip("\n")


@cache
def template_hash(name: str) -> str:
    """SHA-256 of a template's text."""
    return hashlib.sha256(template(name).encode()).hexdigest()


def _unit(chunk: Chunk) -> str:
    return "function" if chunk.kind == "function" else "file"


def prompt_fields(
    pair: FocalFile, chunk: Chunk, context: CrossFileContext, start: Start = NO_START
) -> dict[str, Any]:
    """What a template can show of a chunk: the values of FIELDS."""
    number = _go_number(context.go_version)
    return {
        "path": pair.code_path,
        "package": pair.package,
        "repository": pair.repository,
        "focal": ", ".join(f"`{key}`" for key in chunk.focal) if chunk.kind == "function" else "",
        "code": chunk.text.rstrip(),
        "part": chunk.index + 1,
        "parts": chunk.count,
        "module": context.module,
        "go_version": context.go_version,
        "go": number,
        "lacking": tuple(feature for since, feature in _LANGUAGE.items() if number and number < since),
        "libraries": context.libraries,
        "declarations": context.declarations.rstrip(),
        "existing_test": "" if start.kind == "reproduce" else start.text.rstrip(),
        "message": start.message.rstrip(),
    }


def _go_number(version: str) -> tuple[int, ...]:
    """A version such as "1.25.3" as (1, 25); empty where it is none."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else ()
