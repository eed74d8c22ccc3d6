"""Completions in, candidates out: many focal files' replies from one JSON-lines file."""

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from goutbench.assemble.file import Complete, assemble
from goutbench.assemble.package_context import PackageContext
from goutbench.errors import ConfigError
from goutbench.records import Assembly, Candidate, short_hash


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of the file: the raw text of a completion, and what it belongs to."""

    id: str
    pair_id: str
    model: str
    text: str


def read_replies(path: Path) -> list[Reply]:
    """Reads lines like `{"id": …, "pair_id": …, "model": …, "text": …}`; all but `text` may be missing.

    Raises ConfigError, with the line, when a line is no such object.
    """
    replies = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"not JSON: {error}", where=where, hint="one JSON object a line") from error
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ConfigError("no string `text`", where=where, hint='{"pair_id": …, "model": …, "text": …}')
        identity = str(row.get("id") or short_hash(str(path), str(number), row["text"]))
        replies.append(Reply(identity, str(row.get("pair_id", "")), str(row.get("model", "")), row["text"]))
    return replies


def read_text(path: Path) -> str:
    """The file as text; bytes that are no UTF-8 are replaced. Raises ConfigError when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _lines(path: Path) -> list[str]:
    return read_text(path).split("\n")


def candidates(
    replies: list[Reply],
    *,
    mode: str = "merge",
    context: PackageContext | None = None,
    complete: Complete | None = None,
) -> Iterator[Candidate]:
    """One candidate for each pair and model, in the order in which these come up first."""
    groups: dict[tuple[str, str], list[Reply]] = {}
    for reply in replies:
        groups.setdefault((reply.pair_id, reply.model), []).append(reply)
    for (pair_id, model), group in groups.items():
        texts = [reply.text for reply in group]
        assembly = assemble(texts, mode=mode, context=context, complete=complete)
        yield candidate_of(assembly, pair_id, model, tuple(reply.id for reply in group))


def candidate_of(assembly: Assembly, pair_id: str, model: str, completion_ids: tuple[str, ...]) -> Candidate:
    """The record of an assembled file; its id depends on the completions, the mode and the code."""
    identity = short_hash(pair_id, model, assembly.mode, *completion_ids, assembly.code)
    return Candidate(
        identity,
        pair_id,
        model,
        completion_ids,
        assembly.code,
        assembly.package,
        assembly.mode,
        assembly.notes,
    )


def load_model(name: str) -> Complete:
    """The callable behind `package.module:name`. Raises ConfigError when there is none."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "name a callable as package.module:name"
        raise ConfigError(f"no model {name!r}: {error}", where="--model", hint=hint) from error
    return cast(Complete, found)
