"""What `goutbench --version` prints: the versions that decide about results."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from goutbench import __version__
from goutbench.errors import GoutbenchError

LIBRARIES = (
    "inspect_ai", "openai", "pyarrow", "tree-sitter", "tree-sitter-go", "tokenizers", "torch", "transformers",
    "trl", "peft",
)  # fmt: skip
"""The libraries that prompts, calls, tables and training depend on."""


def version_lines() -> Iterator[str]:
    """A line for goutbench, Python, Go, the sandbox and each library that is installed."""
    yield f"goutbench {__version__}"
    yield f"python {platform.python_version()}"
    yield f"go {_go()}"
    yield f"sandbox {_sandbox()}"
    for name in LIBRARIES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} not installed"


def _go() -> str:
    from goutbench.golang.toolchain.installation import find_toolchain

    try:
        toolchain = find_toolchain()
    except GoutbenchError as error:
        return f"not available: {error.what}"
    return f"{toolchain.version.removeprefix('go')} ({toolchain.source})"


def _sandbox() -> str:
    """The strongest sandbox of which the program is here; `goutbench doctor` tries it."""
    from shutil import which

    return "bubblewrap" if which("bwrap") else "no bubblewrap: `goutbench doctor` looks for another"
