"""Runs in shards, of small datasets."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()
