"""Formats Go sources with gofmt, many with one run of the program."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.golang.toolchain.installation import find_toolchain


@dataclass(frozen=True, slots=True)
class Formatted:
    """The formatted source, or None and gofmt's first error."""

    code: bytes | None
    error: str = ""


def gofmt(sources: Sequence[bytes]) -> list[Formatted]:
    """Formats each source, a complete file, in order. Raises ToolError if the toolchain has no gofmt."""
    with tempfile.TemporaryDirectory(prefix="goutbench-gofmt-") as folder:
        paths = [Path(folder, f"{number}.go") for number in range(len(sources))]
        for path, source in zip(paths, sources, strict=True):
            path.write_bytes(source)
        done = subprocess.run([_program(), "-w", folder], capture_output=True, check=False)
        errors = dict(reversed(re.findall(rb"(\d+)\.go:(\d+:\d+: .*)", done.stderr)))
        return [
            Formatted(None, errors[name].decode("utf-8", "replace"))
            if (name := str(number).encode()) in errors
            else Formatted(path.read_bytes())
            for number, path in enumerate(paths)
        ]


@cache
def _program() -> str:
    toolchain = find_toolchain()
    for program in (toolchain.go.parent / "gofmt", toolchain.goroot / "bin" / "gofmt"):
        if program.is_file():
            return str(program)
    raise ToolError(
        "gofmt was not found beside go", where=str(toolchain.go), hint="install a complete Go toolchain"
    )
