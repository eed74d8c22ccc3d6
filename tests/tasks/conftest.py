"""What tests of tasks share."""

import gc
from collections.abc import Iterator

import pytest
from taskbench import Workbench, make_workbench


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return make_workbench(tmp_path_factory.mktemp("kinds"))
