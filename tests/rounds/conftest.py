"""A dataset of one pair whose repository is there to be executed."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from calc_repository import calc_dataset, calc_repository
from workfolder import shared_work

from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import RunExecutor


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of repositories with the module of tests/data/execute/calc."""
    return calc_repository(tmp_path_factory.mktemp("rounds"))


@pytest.fixture(scope="session")
def dataset(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calc_dataset(tmp_path_factory.mktemp("rounds-data"), repositories)


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
