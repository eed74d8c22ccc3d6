"""Fixtures of the execution tests: a real sandbox, a real workplace, a small Go module."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from goutbench.execute.evaluate import Site, open_site
from goutbench.execute.options import Options
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject
from goutbench.execute.workspace.trees import Tree

DATA = Path(__file__).parents[1] / "data" / "execute"


@pytest.fixture(scope="session")
def work_folder() -> Path:
    """Outside pytest's private folders, since sandboxed users must reach it; kept for its build cache.

    Each worker of pytest-xdist has its own: tests look at what is left in it.
    """
    folder = Path(os.environ.get("GOUTBENCH_TEST_CACHE") or f"/var/tmp/goutbench-tests-{os.geteuid()}")
    folder = folder / os.environ.get("PYTEST_XDIST_WORKER", "single")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def site(work_folder: Path) -> Site:
    """Fails, and does not skip, where bubblewrap does not work: these tests are about containment."""
    return open_site(work=work_folder)


@pytest.fixture(scope="session")
def calc(site: Site) -> Tree:
    """The module of tests/data/execute/calc, materialised as a plain tree."""
    root = site.place.trees / "calc"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "calc", root)
    return Tree("example/calc", "1", root.resolve())


@pytest.fixture
def subject(calc: Tree, site: Site) -> Subject:
    return Subject(calc, calc.root, "calc.go", "calc_test.go", site.toolchain)


@pytest.fixture
def bench(site: Site) -> Iterator[Bench]:
    """One run, short limits; tests make others with dataclasses.replace."""
    options = Options(repeat=1, test_seconds=8.0, memory_mib=512, build_seconds=60.0)
    with closing(Bench(site.place, site.sandbox, options, 0, b"salt")) as bench:
        yield bench
