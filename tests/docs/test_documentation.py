"""The documentation is true: the site builds without a warning, and the architecture page runs."""

import doctest
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from goutbench.golang.toolchain.installation import find_toolchain

DOCS = Path(__file__).parents[2] / "docs"
GIN = "github.com/gin-gonic/gin@v1.11.0"


@pytest.fixture
def gin(tmp_path: Path) -> Path:
    """A release of gin from the module proxy, as a git repository with one commit."""
    go = str(find_toolchain().go)
    answer = subprocess.run(
        [go, "mod", "download", "-json", GIN], check=True, capture_output=True, cwd=tmp_path
    )
    repository = tmp_path / "gin-gonic" / "gin"
    shutil.copytree(json.loads(answer.stdout)["Dir"], repository)
    subprocess.run(["chmod", "-R", "u+w", str(repository)], check=True)
    for command in (["init", "-q", "-b", "master"], ["add", "-A"], ["commit", "-q", "-m", "v1.11.0"]):
        author = ["-c", "user.name=gin", "-c", "user.email=gin@example.org"]
        subprocess.run(["git", "-C", str(repository), *author, *command], check=True)
    return repository


@pytest.mark.filterwarnings("ignore")  # of Inspect and its dependencies
def test_the_architecture_page_follows_one_pair_to_the_leaderboard(gin: Path, tmp_path: Path) -> None:
    context = {"gin": gin, "folder": tmp_path, "work": None, "json": json}
    failures, examples = doctest.testfile(
        str(DOCS / "architecture.md"),
        module_relative=False,
        globs=context,
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert failures == 0
    assert examples > 20


def test_the_site_builds_and_every_link_in_it_works(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(DOCS),
        str(tmp_path),
    ]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.stderr == ""
    assert built.returncode == 0
    assert (tmp_path / "searchindex.js").exists()
