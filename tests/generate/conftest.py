"""A small dataset to write tests for."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from judging import make_pair, write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(12)])


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()
