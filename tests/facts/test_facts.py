"""Facts: from a real run to a copy of the dataset without a run, and to a run that repeats them."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from workfolder import shared_work

from goutbench.dataset.store import read_table, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.facts.repeat import differences, reference_executor, repeat_facts
from goutbench.facts.stage import collect_facts, join_facts
from goutbench.facts.table import read_facts, write_facts
from goutbench.locations import FACTS, REFERENCE_TABLE
from goutbench.records import Pair

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
OPTIONS = ExecuteOptions(repeat=2, mutants=4)
GOOD = """package calc

import "testing"

func TestSum(t *testing.T) {
	if Sum(3) != 6 {
		t.Error("no secret of the repository")
	}
}

func FuzzAdd(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) { Add(n, 1) }) }
"""
BAD = GOOD.replace("!= 6", "== 6")


def a_pair(id: str, test: str) -> Pair:
    code = (CALC / "calc.go").read_text()
    return replace(
        make_pair(0), id=id, repository="example/calc", code=code, test=test,
        code_path="calc.go", test_path=f"{id}_test.go",
    )  # fmt: skip


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repos")
    shutil.copytree(CALC, folder / "example" / "calc")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, repositories: Path) -> tuple[Path, Path]:
    """A dataset of two pairs with facts, and the folder of the run that they come from."""
    folder = tmp_path_factory.mktemp("facts")
    dataset = write_dataset(folder / "dataset", [a_pair("calc", GOOD), a_pair("wrong", BAD)])
    run_stage(
        None, dataset, repositories, folder / "run", options=OPTIONS, reference=True,
        work=shared_work("facts"),
    )  # fmt: skip
    assert collect_facts(dataset, [folder / "run"], dataset / FACTS) == {"PASSED": 1, "TESTS_FAILED": 1}
    return dataset, folder / "run"


def copy_of(dataset: Path, folder: Path) -> Path:
    shutil.copytree(dataset, folder)
    (folder / FACTS).unlink()
    (folder / REFERENCE_TABLE).unlink()
    return folder


def test_facts_have_numbers_and_hashes_and_no_texts(measured: tuple[Path, Path]) -> None:
    good, bad = read_facts(measured[0] / FACTS).rows
    assert (good.status, good.tests, good.fuzz_targets, good.repeats) == ("PASSED", 1, 1, 2)
    assert 0 < good.covered < good.statements
    assert good.mutation_killed
    assert bad.status == "TESTS_FAILED"
    assert bad.mutation_total is None
    content = (measured[0] / FACTS).read_bytes()
    assert b"secret" not in content
    assert not any("secret" in str(value) for value in (*asdict(good).values(), *asdict(bad).values()))


def test_another_copy_of_the_dataset_gets_the_same_references_without_a_run(
    measured: tuple[Path, Path], tmp_path: Path
) -> None:
    facts = read_facts(measured[0] / FACTS)
    copy = copy_of(measured[0], tmp_path / "copy")
    joined = join_facts(copy, facts)
    assert (joined.joined, joined.outdated, joined.unknown) == (2, 0, 0)
    assert (copy / FACTS).read_bytes() == (measured[0] / FACTS).read_bytes()
    was, now = (read_table(folder / REFERENCE_TABLE).to_pylist() for folder in (measured[0], copy))
    for row in (*was, *now):
        row["reference_seconds"] = None  # rounded in facts
    assert sorted(now, key=lambda row: row["id"]) == sorted(was, key=lambda row: row["id"])


def test_facts_of_anoutdated_or_text_are_not_joined(measured: tuple[Path, Path], tmp_path: Path) -> None:
    facts = read_facts(measured[0] / FACTS)
    later = replace(a_pair("calc", GOOD), revision="another")
    dataset = write_dataset(tmp_path / "dataset", [later, a_pair("wrong", BAD + "\n")])
    joined = join_facts(dataset, facts)
    assert (joined.joined, joined.outdated, joined.unknown) == (0, 1, 1)
    assert not (dataset / REFERENCE_TABLE).exists()


def test_errors_of_another_machine_bar_no_pair_and_what_was_measured_here_stays(
    measured: tuple[Path, Path], tmp_path: Path
) -> None:
    facts = read_facts(measured[0] / FACTS)
    good, bad = facts.rows
    foreign = replace(facts, rows=(replace(good, status="INFRA_FAILURE", reason="missing-module"), bad))
    copy = copy_of(measured[0], tmp_path / "copy")
    assert join_facts(copy, foreign).joined == 2
    assert [row["id"] for row in read_table(copy / REFERENCE_TABLE).to_pylist()] == ["wrong"]
    again = copy_of(measured[0], tmp_path / "again")
    shutil.copy(measured[0] / REFERENCE_TABLE, again / REFERENCE_TABLE)
    before = read_table(again / REFERENCE_TABLE).to_pylist()
    join_facts(again, replace(facts, rows=(replace(good, covered=1), bad)))
    assert read_table(again / REFERENCE_TABLE).to_pylist() == before


def test_a_repeated_sample_names_what_differs(
    measured: tuple[Path, Path], repositories: Path, tmp_path: Path
) -> None:
    dataset = copy_of(measured[0], tmp_path / "copy")
    facts = read_facts(measured[0] / FACTS)
    good, bad = facts.rows
    wrong = replace(bad, status="PASSED", covered=bad.covered + 1)
    write_facts(dataset / FACTS, [good, wrong], facts.measured)
    execute = reference_executor(dataset, repositories, work=shared_work("facts"))
    found = repeat_facts(dataset, 5, execute)
    assert [(one.pair_id, one.column) for one in found] == [("wrong", "status"), ("wrong", "covered")]
    assert (found[0].fact, found[0].now) == ("PASSED", "TESTS_FAILED")


def test_a_mutation_score_may_move_within_its_interval(measured: tuple[Path, Path]) -> None:
    good = read_facts(measured[0] / FACTS).rows[0]
    assert good.mutation_low is not None
    assert good.mutation_high is not None
    within, beyond = replace(good, mutation_score=good.mutation_high), replace(good, mutation_score=-1.0)
    assert list(differences(good, within)) == []
    assert [one.column for one in differences(good, beyond)] == ["mutation_score"]
    assert [one.column for one in differences(good, replace(good, mutation_score=None))] == ["mutation_score"]


def test_runs_that_are_not_the_datasets_are_errors(measured: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, run = measured
    other = write_dataset(tmp_path / "other", [make_pair(1)])
    larger = write_dataset(tmp_path / "larger", [a_pair("calc", GOOD), a_pair("third", GOOD)])
    with pytest.raises(ConfigError, match="the run is of another dataset"):
        collect_facts(larger, [run], tmp_path / FACTS)
    partial = shutil.copytree(run, tmp_path / "partial")
    write_rows(partial / "executions.parquet", read_table(run / "executions.parquet").to_pylist()[:1])
    with pytest.raises(DatasetError, match="1 of 2 pairs were not executed"):
        collect_facts(dataset, [partial], tmp_path / FACTS)
    shutil.copy(dataset / FACTS, other / FACTS)
    with pytest.raises(ConfigError, match="the facts hold for no pair"):
        repeat_facts(other, 1, lambda ids, options: [])
    with pytest.raises(ConfigError, match="is in two runs"):
        collect_facts(dataset, [run, run], tmp_path / FACTS)
    with pytest.raises(ConfigError, match="not the folder of a run"):
        collect_facts(dataset, [tmp_path], tmp_path / FACTS)
    with pytest.raises(ConfigError, match="the dataset has no facts"):
        repeat_facts(larger, 1, lambda ids, options: [])


def test_facts_come_in_parts_and_the_rest_is_listed(measured: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, run = measured
    rows = read_table(run / "executions.parquet").to_pylist()
    first, second = (shutil.copytree(run, tmp_path / name) for name in ("first", "second"))
    write_rows(first / "executions.parquet", rows[:1])
    write_rows(second / "executions.parquet", rows[1:])
    rest = tmp_path / "rest.parquet"
    collect_facts(dataset, [first], tmp_path / "part.parquet", rest=rest)
    assert [row["pair_id"] for row in read_table(rest).to_pylist()] == [rows[1]["pair_id"]]
    collect_facts(dataset, [tmp_path / "part.parquet", second], tmp_path / FACTS, rest=rest)
    assert (tmp_path / FACTS).read_bytes() == (dataset / FACTS).read_bytes()
    assert not rest.exists()
    with pytest.raises(ConfigError, match="is in two runs"):
        collect_facts(dataset, [tmp_path / "part.parquet", run], tmp_path / FACTS)
    elsewhere, was = tmp_path / "elsewhere.parquet", read_facts(tmp_path / "part.parquet")
    write_facts(elsewhere, was.rows, {**was.measured, "processors": 99})
    collect_facts(dataset, [elsewhere, second], tmp_path / FACTS, rest=rest)
    machines = read_facts(tmp_path / FACTS).measured["machines"]
    assert [machine["processors"] for machine in machines] == [99, was.measured["processors"]]
    settings = json.loads((second / "execute.json").read_text())
    newer = settings["options"] | {"newer": "1"}
    (second / "execute.json").write_text(json.dumps(settings | {"options": newer}))
    collect_facts(dataset, [first, second], tmp_path / FACTS)
    (second / "execute.json").write_text(json.dumps(settings | {"options": newer | {"seed": "7"}}))
    with pytest.raises(ConfigError, match="runs with other options: seed"):
        collect_facts(dataset, [first, second], tmp_path / FACTS)
    outdated = write_dataset(tmp_path / "outdated", [a_pair("calc", GOOD + "\n"), a_pair("wrong", BAD)])
    assert not collect_facts(outdated, [tmp_path / "part.parquet"], tmp_path / FACTS, rest=rest)
    assert len(read_table(rest)) == 2
