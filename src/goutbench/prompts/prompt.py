"""Builds the messages that ask a model for tests: the same bytes in training and in generation.

The texts are the versioned templates in `templates/`. A template never changes; a new version replaces it.
The paper's prompts are not public, so these are our own.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol

from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.records import Chunk, Prompt, short_hash

FUNCTION, FILE = "function-v3", "file-v3"
CROSS_FILE_TOKENS = 512
"""Default limit for the cross-file context of a prompt, in tokens."""

_SYSTEM_END = "\n---\n"
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


def build_prompt(
    pair: FocalFile,
    chunk: Chunk,
    *,
    examples: Sequence[Example] = (),
    context: CrossFileContext = NO_CONTEXT,
    counter: TokenCounter | None = None,
) -> Prompt:
    """The messages that ask for the tests of a chunk: of its function, or of the file (or part of it).

    Examples come first, as earlier turns of the same conversation. Without a counter, tokens are estimated.
    """
    name = FUNCTION if chunk.kind == "function" else FILE
    messages = [("system", parts_of(name)[0])]
    for example in examples:
        messages.append(("user", _user_message(example.pair, example.chunk, NO_CONTEXT)))
        messages.append(("assistant", completion_text(example.test)))
    messages.append(("user", _user_message(pair, chunk, context)))
    tokens = sum((counter or token_counter()).count([content for _, content in messages]))
    texts = [text for message in messages for text in message]
    return Prompt(
        id=short_hash(pair.id, chunk.id, template_hash(name), *texts),
        pair_id=pair.id,
        chunk_id=chunk.id,
        focal=chunk.focal if chunk.kind == "function" else (),
        template=name,
        template_hash=template_hash(name),
        messages=tuple(messages),
        tokens=tokens,
    )


def completion_text(test: str) -> str:
    """The reply that training teaches: the test file in a Go code fence."""
    fence = "```"
    while fence in test:
        fence += "`"
    return f"{fence}go\n{test.rstrip()}\n{fence}\n"


@cache
def template(name: str) -> str:
    """The text of a template."""
    return (files("goutbench.prompts") / "templates" / f"{name}.md").read_text("utf-8").strip("\n")


@cache
def template_hash(name: str) -> str:
    """SHA-256 of a template's text."""
    return hashlib.sha256(template(name).encode()).hexdigest()


def _user_message(pair: FocalFile, chunk: Chunk, context: CrossFileContext) -> str:
    name = FUNCTION if chunk.kind == "function" else FILE
    return parts_of(name)[1].format_map(prompt_fields(pair, chunk, context))


def prompt_fields(pair: FocalFile, chunk: Chunk, context: CrossFileContext) -> dict[str, str]:
    """The texts that templates of prompts have places for."""
    is_function = chunk.kind == "function"
    declarations = context.declarations.rstrip()
    siblings = f"Declarations from other files of the package:\n\n```go\n{declarations}\n```\n\n"
    return {
        "path": pair.code_path,
        "package": pair.package,
        "repository": pair.repository,
        "focal": ", ".join(f"`{key}`" for key in chunk.focal) if is_function else "",
        "part": f" This is part {chunk.index + 1} of {chunk.count} of the file." if chunk.count > 1 else "",
        "module": _module_text(context),
        "cross_file_context": siblings if declarations else "",
        "code": chunk.text.rstrip(),
    }


def parts_of(name: str) -> tuple[str, str]:
    """The system message and the user message of a template."""
    system, user = template(name).split(_SYSTEM_END)
    return system, user


def _module_text(context: CrossFileContext) -> str:
    """The module, what its version of Go lacks, and what a test may import; empty where it is unknown."""
    if not context.module:
        return ""
    version = f" (Go {context.go_version}{_lacking(context.go_version)})" if context.go_version else ""
    text = f"The module is {context.module}{version}."
    if context.libraries:
        text += " A test can import the standard library, this module, what the code imports, and these test "
        text += f"libraries: {', '.join(context.libraries)}."
    elif context.libraries is not None:
        text += " A test can import the standard library, this module and what the code imports, but no test "
        text += "library: go.mod requires none."
    return f"{text}\n\n"


def _lacking(version: str) -> str:
    """ ", without range over functions": the features that a version of Go lacks; empty for a recent one."""
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None:
        return ""
    number = int(match[1]), int(match[2])
    features = [feature for since, feature in _LANGUAGE.items() if number < since]
    return f", without {', '.join(features)}" if features else ""
