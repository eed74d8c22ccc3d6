"""Reads what `goutbench assemble` works on: replies from files, and the model to combine them."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from goutbench.assemble.combine import Complete
from goutbench.dataset.json_lines import clean_text, read_json_lines
from goutbench.errors import ConfigError
from goutbench.records import short_hash


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion's raw text, and the pair and model that it belongs to."""

    id: str
    pair_id: str
    model: str
    text: str


def read_replies(path: Path) -> list[Reply]:
    """Read lines like `{"id": …, "pair_id": …, "model": …, "text": …}`; only `text` is required.

    Raises ConfigError, with the line's number, for any other line.
    """
    replies = []
    for where, row in read_json_lines(path):
        if not isinstance(row.get("text"), str):
            hint = 'write lines like {"pair_id": …, "model": …, "text": …}'
            raise ConfigError("no string `text`", where=where, hint=hint)
        text = clean_text(row["text"])
        id, pair_id, model = (clean_text(str(row.get(name) or "")) for name in ("id", "pair_id", "model"))
        replies.append(Reply(id or short_hash(*where.rsplit(":", 1), row["text"]), pair_id, model, text))
    return replies


def read_text(path: Path) -> str:
    """The file as text, with bytes that are not UTF-8 replaced. Raises ConfigError if it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error


def load_model(name: str) -> Complete:
    """The callable `package.module:name`. Raises ConfigError if it does not exist."""
    module, _, attribute = name.partition(":")
    try:
        model = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "name a callable as package.module:name"
        raise ConfigError(f"model {name!r} not found: {error}", where="--model", hint=hint) from error
    return cast(Complete, model)
