"""The documentation site: `make docs` writes docs/_build/html; every warning is an error."""

import subprocess
import sys
from pathlib import Path

from goutbench import __version__

project = "goutbench"
author = "the goutbench authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_generated"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
html_theme = "furo"
html_title = "goutbench"
html_show_copyright = False


def _write_command_reference() -> None:
    """Have Typer write the reference of all commands, which reference/cli.md includes."""
    command = (sys.executable, "-m", "typer", "goutbench.cli", "utils", "docs", "--name", "goutbench")
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    folder = Path(__file__).parent / "_generated"
    folder.mkdir(exist_ok=True)
    # the first heading is the page's own
    (folder / "commands.md").write_text(text.split("\n", 1)[1], "utf-8")


_write_command_reference()
