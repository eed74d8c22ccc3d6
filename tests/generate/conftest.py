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
    """Inspect leaves streams unclosed; they are collected here, where the warning of it is let pass."""
    yield
    gc.collect()
