"""The module of tests/data/execute/calc as a repository, and as a dataset of one pair."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from judging import make_pair, write_dataset
from sandboxes import DATA

from goutbench.records import Pair

REFERENCE_TEST = """package calc

import "testing"

func TestAll(t *testing.T) {
	Add(1, 2)
	Div(1, 2)
	Clamp(1, 2, 3)
	Sum(1)
}
"""
"""A function is an item if the reference test exercises it."""


def calc_repository(folder: Path) -> Path:
    """Write the folder of repositories, with the module as `example/calc`."""
    work = folder / "calc"
    shutil.copytree(DATA / "calc", work)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    bare = folder / "repos" / "example__calc.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    return bare.parent


def repository_pair(repositories: Path) -> Pair:
    """The pair of calc.go in that repository."""
    git = ["git", "--git-dir", str(repositories / "example__calc.git"), "rev-parse", "HEAD"]
    head = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    return replace(
        make_pair(0), id="calc", repository="example/calc", revision=head, package="calc",
        code=(DATA / "calc" / "calc.go").read_text(), test=REFERENCE_TEST,
        code_path="calc.go", test_path="calc_test.go",
    )  # fmt: skip


def calc_dataset(folder: Path, repositories: Path) -> Path:
    """Write a dataset of that pair."""
    return write_dataset(folder / "dataset", [repository_pair(repositories)])
