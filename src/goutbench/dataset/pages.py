"""Which file or folder a page is written to, so that no command replaces the page of other inputs.

A page names its inputs: `<meta name="goutbench" content="COMMAND HASH">`, which templates get from
`page_identity`. Without `--out`, a command takes the usual name, or that name with the next number where a
page of other inputs, or something else, has it.
"""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from goutbench.errors import ConfigError
from goutbench.records import short_hash

_META = re.compile(r'<meta name="goutbench" content="([a-z]+ [0-9a-f]{16})">')
_HEAD = 4096  # characters


def page_identity(command: str, *inputs: str) -> str:
    """The identity of a page: the command, and a hash of its inputs."""
    return f"{command} {short_hash(*inputs)}"


def read_identity(page: Path) -> str:
    """The identity of an existing page; empty for anything else."""
    if not page.is_file():
        return ""
    with page.open(encoding="utf-8", errors="replace") as file:
        match = _META.search(file.read(_HEAD))
    return match[1] if match else ""


def free_page(usual: Path, identity: str) -> Path:
    """The page of the usual name, or with the next number, that does not exist or has the same inputs."""
    return next(page for page in _numbered(usual) if not page.exists() or read_identity(page) == identity)


def free_folder(usual: Path, identity: str, page: str, parts: frozenset[str]) -> Path:
    """As `free_page`, for a folder with the page `page`. A folder with nothing but `parts` is unfinished."""
    for folder in _numbered(usual):
        if not folder.exists() or read_identity(folder / page) == identity:
            return folder
        if folder.is_dir() and {entry.name for entry in folder.iterdir()} <= parts:
            return folder
    raise AssertionError("numbers do not end")


def check_page(page: Path, command: str, option: str = "--out") -> None:
    """Raises ConfigError for an existing file that the command did not write; `option` names the page."""
    if page.exists() and read_identity(page).partition(" ")[0] != command:
        what = f"this file is not a page of `goutbench {command}`, and is not replaced"
        raise ConfigError(what, where=str(page), hint=f"give another {option}, or delete it")


def _numbered(path: Path) -> Iterator[Path]:
    """`name.html`, `name-2.html`, `name-3.html`, …"""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
