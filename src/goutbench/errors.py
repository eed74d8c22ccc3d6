"""Every exception that a user can see.

    GoutbenchError            exit code 1
    ├── ConfigError      2    a YAML file, an option or an argument is wrong
    ├── SourceError      3    a repository cannot be read, or its history is incomplete
    ├── DatasetError     4    a dataset folder is missing, unfinished or damaged
    ├── StorageError     5    the output cannot be written (disk full, permission)
    └── ToolError        6    a required program is missing or too old (git, go, bwrap)

A message says what is wrong and where, and its hint says how to fix it. It never has the user and password
of a URL. A bad reply of a model or a failing `go test` is a record, never an exception.
"""

import os
import re
from typing import ClassVar

_USER_INFO = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@'\"]*(?:@[^\s/?#@'\"]*)*@")

_AUTHORIZATION = re.compile(r"\b(Basic|Bearer)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_SECRET_NAMES = ("KEY", "KEY_ID", "TOKEN", "SECRET", "PASSWORD")
_SHORTEST_SECRET = 8  # characters


class GoutbenchError(Exception):
    """The base class; `exit_code` is the exit code of the command line."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(without_user_info(what))
        self.what = without_user_info(what)
        self.where = without_user_info(where)
        self.hint = without_user_info(hint)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # pickling between worker processes does not support keyword-only arguments by itself
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[GoutbenchError], what: str, where: str, hint: str) -> GoutbenchError:
    return kind(what, where=where, hint=hint)


class ConfigError(GoutbenchError):
    exit_code = 2


class SourceError(GoutbenchError):
    exit_code = 3


class DatasetError(GoutbenchError):
    exit_code = 4


class StorageError(GoutbenchError):
    exit_code = 5


class ToolError(GoutbenchError):
    exit_code = 6


def without_user_info(text: str) -> str:
    """The text with the names, passwords and tokens in its URLs left out, for messages and records."""
    return _USER_INFO.sub(r"\1", text)


def without_credentials(text: str) -> str:
    """A text without user information in URLs, authorization headers, and keys of our environment."""
    text = _AUTHORIZATION.sub(r"\1 …", without_user_info(text))
    for name, value in os.environ.items():
        if name.endswith(_SECRET_NAMES) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    return text


def first_line(error: BaseException) -> str:
    """The first line of the message of another package's error; its type if there is no message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
