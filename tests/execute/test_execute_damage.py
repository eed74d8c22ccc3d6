"""A damaged dataset: `execute` refuses it, as every stage does, and never reads other rows."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset

from goutbench.dataset.store import data_files, read_pairs, read_table, write_rows
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


def test_execute_refuses_a_dataset_with_any_flipped_bit(tmp_path: Path) -> None:
    pairs = [replace(make_pair(n), code=make_pair(n).code + f"// {n}\n" * n) for n in range(40)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    (path,) = data_files(dataset)
    for damaged in flips(path.read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError) as error:
            run_stage(None, dataset, tmp_path, tmp_path / "out", options=ExecuteOptions(), reference=True)
        assert error.value.exit_code == 4
        with pytest.raises(DatasetError):
            rows(dataset)
    assert not (tmp_path / "out").exists()


def test_a_valid_file_that_is_not_the_one_in_the_manifest_is_refused(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(1)])
    other = write_dataset(tmp_path / "other", [make_pair(2)])
    (path,), (foreign,) = data_files(dataset), data_files(other)
    path.write_bytes(foreign.read_bytes())
    with pytest.raises(DatasetError, match="SHA-256"):
        rows(dataset)
    with pytest.raises(DatasetError, match="SHA-256"):
        list(read_pairs(dataset))
    assert read_table(path, check_hash=False).num_rows == 1


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
