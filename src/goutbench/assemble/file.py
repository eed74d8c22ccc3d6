"""Model replies in, one test file out: the last step of generation (Equation 3 of the paper).

Three ways, by `mode`:

- `append`: what the paper describes, the code of every reply one after the other and no more: the baseline.
- `merge`: one package clause, united imports, equal declarations folded, clashing ones renamed (`merge.py`).
- `llm`: the paper's suggestion, a model that combines them; the prompt is our own, templates/combine-v1.md.

The notes of an assembly use these kinds:

  in a reply     thinking_dropped, unwrapped, undone, block_skipped, lines_dropped, statement_refused,
                 truncated, broken, no_code
  in merging     source_repeated, folded, superseded, renamed, unqualified, dropped, package_chosen,
                 constraint_dropped
  in imports     import_added, import_dropped, import_renamed, import_corrected, unresolved
  by a model     lost
"""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Protocol

from goutbench.assemble.extract import Extraction, Unit, extract
from goutbench.assemble.merge import merge
from goutbench.assemble.package_context import PackageContext
from goutbench.errors import ConfigError
from goutbench.golang.syntax.file import parse
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.records import Assembly, Note

MODES = ("merge", "append", "llm")


class Complete(Protocol):
    """The model seam: chat messages (`role`, `content`) in, the text of the reply out."""

    def __call__(self, messages: Sequence[dict[str, str]]) -> str: ...


class ScriptedModel:
    """A model that answers with the given replies in turn, and keeps what it was asked: for tests."""

    def __init__(self, replies: Iterable[str]) -> None:
        self.replies = list(replies)
        self.asked: list[list[dict[str, str]]] = []

    def __call__(self, messages: Sequence[dict[str, str]]) -> str:
        self.asked.append(list(messages))
        return self.replies.pop(0)


def assemble(
    replies: Sequence[str],
    *,
    mode: str = "merge",
    context: PackageContext | None = None,
    complete: Complete | None = None,
) -> Assembly:
    """One test file out of the replies for one focal file.

    `context` says what the package of the focal file declares; without it, merging knows the replies alone.
    Raises ConfigError for an unknown mode or `llm` without a model, ToolError without a Go toolchain.
    """
    read = [extract(reply, number) for number, reply in enumerate(replies)]
    units = [unit for each in read for unit in each.units]
    notes = tuple(note for each in read for note in each.notes)
    if mode == "append":
        return _append(read, notes)
    if mode == "merge":
        merged = merge(units, context)
        return Assembly(merged.code, merged.package, mode, notes + merged.notes)
    if mode == "llm":
        if complete is None:
            raise ConfigError("mode llm needs a model", hint="name one, or use --mode merge")
        return _combine(units, notes, context, complete)
    raise ConfigError(f"unknown mode {mode!r}", hint=f"use one of {', '.join(MODES)}")


def _append(read: Sequence[Extraction], notes: tuple[Note, ...]) -> Assembly:
    units = [unit for each in read for unit in each.units]
    code = b"\n".join(unit.file.source for unit in units)
    done = gofmt([code])[0]  # several package clauses are no Go, and then there is nothing to format
    package = units[0].file.package if units else None
    return Assembly((code if done.code is None else done.code).decode(), package, "append", notes)


def _combine(
    units: Sequence[Unit], notes: tuple[Note, ...], context: PackageContext | None, complete: Complete
) -> Assembly:
    if not units:
        return Assembly("", None, "llm", notes)
    reply = complete([{"role": "user", "content": combining_prompt(units, context)}])
    read = extract(reply)
    merged = merge(read.units, context)
    got = {test.name for test in parse(merged.code.encode()).tests}
    lost = [
        Note("lost", test.name, "the combining model left it out or renamed it", unit.reply)
        for unit in units
        for test in unit.file.tests
        if test.name not in got
    ]
    return Assembly(merged.code, merged.package, "llm", (*notes, *read.notes, *merged.notes, *lost))


def combining_prompt(units: Sequence[Unit], context: PackageContext | None = None) -> str:
    """The text that asks a model to combine the parts, from templates/combine-v1.md."""
    template = (files("goutbench.prompts") / "templates" / "combine-v1.md").read_text("utf-8")
    parts = "\n\n".join(
        f"Part {number}:\n```go\n{unit.file.source.decode().strip()}\n```"
        for number, unit in enumerate(units, 1)
    )
    package = context.package if context else next((u.file.package for u in units if u.file.package), "main")
    return template.format(package=package, parts=parts)
