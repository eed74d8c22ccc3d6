"""Reads JSON lines that a user wrote, with an error that has file and line for anything else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goutbench.errors import ConfigError

_HINT = "write one JSON object per line, in UTF-8"


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object with where it is, as FILE:LINE; empty lines and a byte order mark are skipped.

    Bytes that are not UTF-8 become surrogates. Raises ConfigError for a file that is missing or a folder, and
    for a line that is not a JSON object.
    """
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise ConfigError(what, where=str(path), hint="give a file of JSON lines")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path}:{number}"
                yield where, _object(line, where)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except RecursionError:
        raise ConfigError("the JSON is nested too deeply", where=where, hint=_HINT) from None
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}", where=where, hint=_HINT) from None
    if not isinstance(row, dict):
        raise ConfigError("a line is not a JSON object", where=where, hint=_HINT)
    return row


def clean_text(text: str) -> str:
    """The text with a replacement character for each surrogate: it can be written and hashed."""
    return text.encode("utf-8", "replace").decode("utf-8")
