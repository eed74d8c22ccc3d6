"""The model that combines test files in mode `llm`, and the prompt for it."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Protocol

from goutbench.assemble.pieces import PackageContext, Unit

TEMPLATE = "combine-v2"
"""The template's name in prompts/templates."""


class Complete(Protocol):
    """The model seam: chat messages (`role`, `content`) in, the text of the reply out."""

    def __call__(self, messages: Sequence[dict[str, str]]) -> str: ...


class ScriptedModel:
    """Answers with the given replies in turn and records the messages: for tests."""

    def __init__(self, replies: Iterable[str]) -> None:
        self.replies = list(replies)
        self.requests: list[list[dict[str, str]]] = []

    def __call__(self, messages: Sequence[dict[str, str]]) -> str:
        self.requests.append(list(messages))
        return self.replies.pop(0)


def combine_prompt(units: Sequence[Unit], context: PackageContext | None = None) -> str:
    """The prompt that asks a model to combine the units."""
    parts = "\n\n".join(
        f"Part {number}:\n```go\n{unit.file.source.decode().strip()}\n```"
        for number, unit in enumerate(units, 1)
    )
    package = context.package if context else next((u.file.package for u in units if u.file.package), "main")
    template = (files("goutbench.prompts") / "templates" / f"{TEMPLATE}.md").read_text("utf-8").strip("\n")
    return template.format(package=package, parts=parts)
