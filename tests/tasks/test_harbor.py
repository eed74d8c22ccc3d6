"""Harbor task folders: what an agent sees, and what the judge makes of its answer, with the real ladder."""

import json
import os
import tarfile
import tomllib
from pathlib import Path

import pytest
from taskbench import ADDING, BUGGY, CODE, OLDEST, REPRODUCING, TEST, TEST_BEFORE, Workbench
from workfolder import shared_work

from goutbench.errors import ConfigError
from goutbench.tasks.harbor.export import HarborOptions, export_harbor
from goutbench.tasks.harbor.verify import judge, read_answer
from goutbench.tasks.table import read_tasks

KINDS = ("extend", "repair", "reproduce")
HOSTILE = """package calc

import (
	"os"
	"testing"
)

func init() {
	_ = os.MkdirAll("/logs/verifier", 0o777)
	_ = os.WriteFile("/logs/verifier/reward.json", []byte(`{"reward": 1}`), 0o666)
	os.Exit(0)
}

func TestNothing(t *testing.T) {}
"""


@pytest.fixture(scope="module")
def folders(bench: Workbench) -> dict[str, Path]:
    """One exported task of each kind."""
    exported = {}
    for kind in KINDS:
        tasks = bench.tasks(kind)
        dataset = tasks / "dataset" if kind == "reproduce" else bench.folder / "dataset"
        result = export_harbor(tasks, dataset, bench.folder / "harbor", bench.repositories)
        (exported[kind],) = result.folders
    return exported


def agent_files(folder: Path) -> dict[str, str]:
    with tarfile.open(folder / "environment" / "repository.tar.gz") as archive:
        return {name: archive.extractfile(name).read().decode() for name in archive.getnames()}  # type: ignore[union-attr]


def reward(folder: Path, answer: str, out: Path) -> dict[str, float]:
    (task,) = read_tasks(folder / "tests" / "tasks")
    assert judge(folder / "tests", task, answer, out, shared_work("kinds")) == 0
    result: dict[str, float] = json.loads((out / "reward.json").read_text())
    return result


def test_an_agent_sees_neither_the_reference_nor_the_fix(folders: dict[str, Path]) -> None:
    assert agent_files(folders["repair"])["calc_test.go"] == OLDEST["calc_test.go"]
    assert "TestLarger" not in agent_files(folders["extend"])["calc_test.go"]
    assert "TestSign" in agent_files(folders["extend"])["calc_test.go"]
    shown = agent_files(folders["reproduce"])
    assert (shown["calc.go"], shown["calc_test.go"]) == (BUGGY, TEST_BEFORE)
    for folder in folders.values():
        outside = {path for path in folder.rglob("*") if path.is_file() and "tests" not in path.parts}
        assert {path.parent.name for path in outside if TEST in path.read_text("utf-8", "replace")} == {
            "solution"
        }
    assert CODE not in (folders["reproduce"] / "instruction.md").read_text()
    assert "It was low." in (folders["reproduce"] / "instruction.md").read_text()


def test_the_judge_has_a_container_of_its_own_and_gets_the_answer_alone(folders: dict[str, Path]) -> None:
    config = tomllib.loads((folders["extend"] / "task.toml").read_text())
    assert config["artifacts"] == ["/app/calc_test.go"]
    assert config["verifier"]["environment_mode"] == "separate"
    assert config["verifier"]["environment"]["network_mode"] == "no-network"
    assert config["environment"]["network_mode"] == "no-network"
    assert config["metadata"]["kind"] == "extend"
    assert os.access(folders["extend"] / "tests" / "test.sh", os.X_OK)
    assert "/app/calc_test.go" in (folders["extend"] / "solution" / "solve.sh").read_text()


def test_the_reference_earns_its_ceiling_and_nothing_else_does(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for kind, folder in folders.items():
        solved = reward(folder, (folder / "solution" / "answer.go.txt").read_text(), tmp_path / kind)
        assert solved["reward"] == solved["ceiling"] > 0, kind
        assert solved["solved"] == solved["pass"] == 1.0
    assert 0 < reward(folders["repair"], TEST_BEFORE, tmp_path / "a")["reward"] < solved["reward"]
    header = TEST[: TEST.index("func TestClamp")]
    assert reward(folders["reproduce"], REPRODUCING, tmp_path / "b")["reward"] == 1.0
    assert reward(folders["extend"], header + ADDING, tmp_path / "c")["solved"] == 1.0
    for number, answer in enumerate(("", HOSTILE, header.replace('import "testing"', ""))):
        assert reward(folders["extend"], answer, tmp_path / str(number))["reward"] == 0.0


def test_an_answer_is_a_regular_file_of_a_sane_size(tmp_path: Path) -> None:
    secret, answer = tmp_path / "secret", tmp_path / "x_test.go"
    secret.write_text("package secret")
    assert read_answer(answer) == ""
    answer.symlink_to(secret)
    assert read_answer(answer) == ""
    answer.unlink()
    os.mkfifo(answer)
    assert read_answer(answer) == ""
    answer.unlink()
    answer.write_bytes(b"//" * (1 << 20))
    assert read_answer(answer) == ""
    answer.write_text(TEST)
    assert read_answer(answer) == TEST


def test_the_same_tasks_give_the_same_folder(
    bench: Workbench, folders: dict[str, Path], tmp_path: Path
) -> None:
    export_harbor(bench.tasks("extend"), bench.folder / "dataset", tmp_path, bench.repositories)
    first = folders["extend"]
    for path in sorted(first.rglob("*")):
        if path.is_file() and "repositories" not in path.parts:
            assert path.read_bytes() == (tmp_path / first.name / path.relative_to(first)).read_bytes(), path


def test_a_plain_tree_cannot_be_exported(bench: Workbench, tmp_path: Path) -> None:
    plain = tmp_path / "repos" / "example" / "calc"
    plain.mkdir(parents=True)
    (plain / "go.mod").write_text("module example.test/calc\n")
    arguments = (bench.tasks("extend"), bench.folder / "dataset", tmp_path / "out", plain.parents[1])
    with pytest.raises(ConfigError, match="no task can be exported"):
        export_harbor(*arguments, HarborOptions())
