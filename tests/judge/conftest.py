"""A small dataset, and runs of imaginary models on it."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from judging import GOOD, IDLE, MakeRun, make_pair, write_dataset

from goutbench.dataset.store import write_rows
from goutbench.records import Candidate, Pair


@pytest.fixture
def pairs() -> list[Pair]:
    return [make_pair(number) for number in range(9)]


@pytest.fixture
def dataset(tmp_path: Path, pairs: list[Pair]) -> Path:
    return write_dataset(tmp_path / "dataset", pairs)


@pytest.fixture
def make_run(tmp_path: Path, pairs: list[Pair]) -> MakeRun:
    """Writes a run folder: the text of each pair's candidate by its number."""

    def make(
        name: str,
        text: Callable[[int], str],
        focal: Callable[[int], tuple[str, ...]] = lambda n: (),
        model: str = "",
    ) -> Path:
        candidates = [
            Candidate(
                f"{name}{n}", pair.id, model or f"made/{name}", (), text(n), "p", "merge", (), focal=focal(n)
            )
            for n, pair in enumerate(pairs)
        ]
        write_rows(tmp_path / name / "candidates.parquet", [asdict(candidate) for candidate in candidates])
        return tmp_path / name

    return make


@pytest.fixture
def runs(make_run: MakeRun) -> tuple[Path, Path]:
    """The runs of an idle model and of a good one, which wins every comparison on its merits."""
    return make_run("idle", lambda n: IDLE.format(n=n)), make_run("good", lambda n: GOOD.format(n=n))


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    gc.freeze()  # collecting the test's own objects only is fast
    yield
    gc.collect()
    gc.unfreeze()
