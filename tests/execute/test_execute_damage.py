"""A damaged dataset: `execute` refuses it wherever the store does, and never reads other rows."""

import contextlib
import random
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset

from goutbench.dataset.store import data_files, read_table, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.inputs import read_candidates, read_locations, reference_candidates
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage

FLIPS = 120


def flips(content: bytes) -> list[bytes]:
    """The content with one bit changed at one of many positions, which are the same in every run."""
    positions = random.Random(17).sample(range(8 * len(content)), FLIPS)
    changed = []
    for bit in positions:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        changed.append(bytes(damaged))
    return changed


def rows(dataset: Path) -> list[object]:
    return [*read_locations(dataset).values(), *reference_candidates(dataset)]


def test_execute_refuses_every_flipped_bit_that_the_store_refuses(tmp_path: Path) -> None:
    pairs = [replace(make_pair(n), code=make_pair(n).code + f"// {n}\n" * n) for n in range(40)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    (path,) = data_files(dataset)
    content, intact = path.read_bytes(), rows(dataset)
    refused = 0
    for damaged in flips(content):
        path.write_bytes(damaged)
        try:
            read_table(path)
        except DatasetError:
            refused += 1
            with pytest.raises(DatasetError) as error:
                run_stage(None, dataset, tmp_path, tmp_path / "out", options=ExecuteOptions(), reference=True)
            assert error.value.exit_code == 4
        else:
            with contextlib.suppress(DatasetError):  # such as a changed name of a column
                assert rows(dataset) == intact
    assert refused > FLIPS // 2
    assert not (tmp_path / "out").exists()


def test_candidates_with_a_flipped_bit_are_refused_or_read_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "candidates.parquet"
    rows = [{"pair_id": str(n), "model": "m", "code": f"package p{n}\n" * (n + 1)} for n in range(40)]
    write_rows(path, rows)
    content, intact = path.read_bytes(), read_candidates(path)
    refused = 0
    for damaged in flips(content):
        path.write_bytes(damaged)
        try:
            assert read_candidates(path) == intact
        except ConfigError:
            refused += 1
    assert refused > FLIPS // 4
