"""A dataset of one pair whose repository is there to be executed."""

import gc
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from sandboxes import DATA
from workfolder import shared_work

from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import RunExecutor

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


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of repositories with the module of tests/data/execute/calc."""
    work = tmp_path_factory.mktemp("rounds") / "calc"
    shutil.copytree(DATA / "calc", work)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    bare = work.parent / "repos" / "example__calc.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    return bare.parent


@pytest.fixture(scope="session")
def dataset(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    git = ["git", "--git-dir", str(repositories / "example__calc.git"), "rev-parse", "HEAD"]
    head = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    pair = replace(
        make_pair(0), id="calc", repository="example/calc", revision=head, package="calc",
        code=(DATA / "calc" / "calc.go").read_text(), test=REFERENCE_TEST,
        code_path="calc.go", test_path="calc_test.go",
    )  # fmt: skip
    return write_dataset(tmp_path_factory.mktemp("rounds-data") / "dataset", [pair])


@pytest.fixture
def executor(dataset: Path, repositories: Path, tmp_path: Path) -> Iterator[RunExecutor]:
    options = ExecuteOptions(repeat=1, test_seconds=8.0, memory_mib=512, build_seconds=600.0)
    run, work = tmp_path / "run", shared_work("rounds")
    with RunExecutor(dataset, run, repositories, options, workers=2, work=work) as executor:
        yield executor


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()
