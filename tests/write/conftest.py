"""Shared by the tests of `write`: a work tree in a git repository."""

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from workfolder import shared_work
from writing import FILES, Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "m"
    tree = Tree(root, shared_work(f"write-{os.environ.get('PYTEST_XDIST_WORKER', 'single')}"))
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    tree.commit(FILES)
    return tree


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()
