"""A dataset of somebody else: no id and no name in it leads a reader or a writer anywhere."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import PASSED, write_run

from goutbench.dataset.names import name_problem
from goutbench.dataset.store import read_pairs
from goutbench.errors import DatasetError
from goutbench.execute.inputs import read_locations
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.trees import materialise
from goutbench.report.stage import report

HOSTILE = [
    {"id": "../../../escaped"},
    {"id": "/etc/cron.d/x"},
    {"id": "a/b"},
    {"id": ".."},
    {"id": "a\0b"},
    {"id": "a\nb"},
    {"id": "x" * 300},
    {"id": "<script>"},
    {"repository": "../.."},
    {"repository": "o/.."},
    {"repository": "/o/r"},
    {"repository": "o/r/../../x"},
    {"repository": "o"},
    {"repository": "o/r\n"},
    {"revision": "a\0b"},
    {"code_path": "/etc/passwd"},
    {"code_path": "a/../../b.go"},
    {"test_path": "../b_test.go"},
    {"test_path": "a\0_test.go"},
]


@pytest.mark.parametrize("names", HOSTILE, ids=str)
def test_a_pair_with_such_a_name_is_refused_by_every_reader(names: dict[str, str], tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [replace(make_pair(0), **names)])
    with pytest.raises(DatasetError):
        list(read_pairs(dataset))
    with pytest.raises(DatasetError):
        read_locations(dataset)


def test_a_report_writes_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    pair = replace(make_pair(0), id="../../../escaped")
    dataset = write_dataset(tmp_path / "a" / "dataset", [pair])
    run = write_run(tmp_path / "a" / "run", "model", [pair], lambda number: PASSED)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError):
        report([run], dataset, tmp_path / "a" / "page" / "report.html")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("revision", ["../../../escaped", "/etc", "..", "a/b", "x" * 300, ".hidden"])
def test_a_revision_is_no_path(revision: str, tmp_path: Path) -> None:
    source, workspace = tmp_path / "source", Workspace(tmp_path / "work")
    source.mkdir()
    (source / "pipe").symlink_to("/etc/passwd")  # makes a copy necessary
    (source / "a.go").write_text("package a\n")
    before = set(tmp_path.rglob("*"))
    tree = materialise(source, "o/r", revision, workspace)
    assert tree.root.is_relative_to(workspace.trees / "o__r")
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(workspace.root) for path in new)
    assert not (tree.root / "pipe").exists()


def test_the_names_of_a_curated_dataset_are_accepted() -> None:
    row = {
        "id": "0123456789abcdef",
        "repository": "gin-gonic/gin",
        "revision": "v1.2.3",
        "code_path": "a b/ü.go",
    }
    assert name_problem(row) == ""
    assert name_problem(json.loads("{}")) == ""
