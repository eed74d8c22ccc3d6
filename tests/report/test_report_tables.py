"""What the report counts: results of run folders, tables and their files, against counts by hand."""

import csv
import html
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator, ValidationError
from judging import make_pair, write_dataset
from reporting import PASSED, UNDEFINED, execution, write_judgement, write_run, write_samples
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import read_table, write_rows
from goutbench.describe.signals import signals_of
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.journal import write_table
from goutbench.records import Pair, Rung, Status
from goutbench.report.inputs import read_results, read_run
from goutbench.report.kinds import KindReader
from goutbench.report.stage import report
from goutbench.report.tables.leaderboard import leaderboard
from goutbench.report.taxonomy import ASKED, CODE, FAILURE_CLASSES, FUNNEL, failure_class


def table(page: Path, name: str) -> list[dict[str, str]]:
    with (page.with_name(f"{page.stem}_files") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_leaderboard_counts_every_item_and_puts_the_reference_last(page: Path) -> None:
    rows = table(page, "leaderboard")
    assert [row["model"] for row in rows] == ["org/tuned", "org/base", "reference"]
    tuned, base, _ = rows
    assert (tuned["built"], tuned["passed"], tuned["items"]) == ("9", "9", "12")
    assert (base["built"], base["passed"], base["items"]) == ("6", "3", "12")
    assert float(base["coverage_all"]) == pytest.approx(6 * 0.5 / 12)
    assert float(base["coverage_passing"]) == pytest.approx(0.5)
    assert float(tuned["mutation_all"]) == pytest.approx(9 * 0.75 / 12)


def test_every_table_is_written_as_csv_and_as_parquet(page: Path) -> None:
    folder = page.with_name("report_files") / "data"
    names = {path.stem for path in folder.glob("*.csv")}
    assert names == {path.stem for path in folder.glob("*.parquet")}
    assert {"leaderboard", "ladder", "failures", "repositories", "preferences"} <= names
    for name in names:
        assert pq.read_table(folder / f"{name}.parquet").num_rows == len(table(page, name))


def test_the_results_file_has_the_numbers_of_the_tables_and_follows_its_schema(page: Path) -> None:
    schema = json.loads((files("goutbench.report") / "results.schema.json").read_text("utf-8"))
    content = json.loads((page.with_name("report_files") / "results.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(content)
    assert [(row["model"], row["passed"], row["rank"]) for row in content["models"]] == [
        ("org/tuned", 9, 1.0), ("org/base", 3, 2.0), ("reference", 12, None),
    ]  # fmt: skip
    assert {"ladder", "failures", "preferences"} <= content["tables"].keys()
    content["models"][0]["pass_rate"] = 90
    with pytest.raises(ValidationError, match="90"):
        Draft202012Validator(schema).validate(content)


def test_a_missing_reply_is_a_failure_class_of_its_own(page: Path) -> None:
    counts = {row["class"]: row["org/base"] for row in table(page, "failures")}
    assert counts == {"passed": "3", "model-error": "3", "undefined": "3", "assertion": "3"}


def test_the_paired_comparison_counts_the_items_that_each_model_won(page: Path) -> None:
    (row,) = [row for row in table(page, "comparison") if row["measure"] == "passes"]
    assert (row["model"], row["model_better"], row["base_better"]) == ("org/tuned", "6", "0")
    assert float(row["difference"]) == pytest.approx(0.5)
    assert float(row["p"]) == pytest.approx(2 * 0.5**6)


def test_an_item_without_an_answer_counts_as_failed(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / "full", "full", pairs, lambda number: PASSED),
        write_run(tmp_path / "half", "half", pairs[:3], lambda number: PASSED),
    ]
    board = leaderboard(read_results([read_run(run) for run in runs], dataset))
    passed = {record["model"]: (record["items"], record["passed"]) for record in board.records}
    assert passed == {"full": (6, 6), "half": (6, 3)}


def test_a_run_that_was_not_executed_has_no_numbers_and_a_warning(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "data set", pairs)
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in ("a", "b", "c")]
    (runs[0] / "executions.parquet").unlink()
    judged = write_judgement(tmp_path / "judged", pairs, "a", "b", lambda n: "loss")
    out = tmp_path / "report.html"
    arguments = [*map(str, runs), "--dataset", str(dataset), "-o", str(out), "--judge", str(judged)]
    done = CliRunner().invoke(app, ["report", *arguments])
    assert done.exit_code == 0, done.output
    board = {row.pop("model"): row for row in table(out, "leaderboard")}
    assert list(board) == ["b", "c", "a"]
    assert {name: value for name, value in board["a"].items() if value} == {"items": "6", "unit": "files"}
    assert board["b"]["passed"] == "6"
    command = f"goutbench execute {runs[0]}/candidates.parquet --dataset '{dataset}' --out {runs[0]}"
    assert command in done.stderr
    page = out.read_text()
    assert command in html.unescape(page)
    assert "a: 6 items, not executed." in page
    assert {row["step"]: row["a"] for row in table(out, "ladder")} == {
        step: "6" if step in (ASKED, CODE) else "" for step in FUNNEL
    }
    assert all(row["a built"] == "" and row["b built"] for row in table(out, "repositories"))
    assert {row["model"] for row in table(out, "comparison")} == {"c"}  # with b, the first one executed
    assert {row["verdict"] for row in table(out, "judge-and-execution")} == {"not preferred"}


def test_a_report_on_a_run_that_was_not_executed_has_no_numbers(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(3)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    run = write_samples(tmp_path / "a", "a", pairs, lambda number, sample: PASSED, samples=2)
    (run / "executions.parquet").unlink()
    report([run], dataset, tmp_path / "report.html")
    (row,) = table(tmp_path / "report.html", "leaderboard")
    assert {name: value for name, value in row.items() if value} == {
        "model": "a", "items": "3", "unit": "files",
    }  # fmt: skip
    assert {row["a"] for row in table(tmp_path / "report.html", "samples")} == {""}


def test_a_model_executed_without_mutants_has_no_mutation_score(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / name, name, pairs, lambda number, outcome=outcome: outcome)
        for name, outcome in (("a", PASSED), ("b", PASSED), ("fails", UNDEFINED))
    ]
    without = [replace(record, mutation=None) for record in read_run(runs[1]).executions]
    write_table(runs[1] / "executions.parquet", without)
    report(runs, dataset, tmp_path / "report.html", base="a")
    board = {row["model"]: row for row in table(tmp_path / "report.html", "leaderboard")}
    scores = {model: row["mutation_all"] for model, row in board.items()}
    assert scores == {"a": "0.75", "b": "", "fails": "0.0"}  # with mutants, but no candidate passes
    compared = {(row["model"], row["measure"]) for row in table(tmp_path / "report.html", "comparison")}
    assert ("fails", "mutation, all") in compared
    assert ("b", "mutation, all") not in compared


def test_a_difference_of_zero_on_every_item_has_no_interval(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in ("a", "b")]
    report(runs, dataset, tmp_path / "report.html", base="a")
    for row in table(tmp_path / "report.html", "comparison"):
        assert (row["difference"], row["low"], row["high"]) == ("0.0", "", "")


def test_an_item_that_only_the_references_have_is_in_no_group(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / "m", "m", pairs[:3], lambda number: PASSED),
        write_run(tmp_path / "reference", "reference", pairs, lambda number: PASSED),
    ]
    out = tmp_path / "report.html"
    report(runs, dataset, out)
    for name in ("repositories", "sizes"):
        rows = table(out, name)
        assert sum(int(row["items"]) for row in rows) == sum(int(row["m passed"]) for row in rows) == 3
    report(runs[1:], dataset, out)
    assert sum(int(row["items"]) for row in table(out, "repositories")) == 6


def test_a_name_distinguishes_two_runs_of_one_model(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    plain = write_run(tmp_path / "plain", "m", pairs, lambda number: UNDEFINED)
    example = write_run(tmp_path / "example", "m", pairs, lambda number: PASSED)
    out = tmp_path / "report.html"
    command = [
        "report",
        str(plain),
        f"an example={example}",
        "--dataset",
        str(dataset),
        "--base",
        "m",
        "-o",
        str(out),
    ]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert {row["model"]: row["passed"] for row in table(out, "leaderboard")} == {"m": "0", "an example": "4"}
    with pytest.raises(ConfigError, match="4 items already have an answer of 'm' from an earlier run"):
        report([plain, example], dataset, out)
    with pytest.raises(ConfigError, match="4 items"):
        report([plain, example], dataset, out, names={example: "m"})


def test_two_prompts_of_one_model_are_two_contestants_with_their_names(tmp_path: Path) -> None:
    """Also where the runs have no item in common, and where two folders give their prompts one name."""
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)

    def run(name: str, prompt: str, digest: str, own: list[Pair]) -> Path:
        folder = write_run(tmp_path / name, "m", own, lambda number: PASSED)
        rows = read_table(folder / "candidates.parquet").to_pylist()
        write_rows(
            folder / "candidates.parquet", [row | {"prompt": prompt, "prompt_hash": digest} for row in rows]
        )
        return folder

    default = run("a", "default", "1" * 64, pairs[:3])
    other, changed = run("b", "short", "2" * 64, pairs[3:]), run("c", "short", "3" * 64, pairs[3:])

    def names(*runs: Path, **named: Path) -> set[str]:
        out = tmp_path / "r.html"
        report([*runs, *named.values()], dataset, out, names={path: name for name, path in named.items()})
        return {str(row["model"]) for row in table(out, "leaderboard")}

    assert names(default) == {"m"}
    assert names(other) == {"m [short]"}
    assert names(default, other) == {"m [default]", "m [short]"}
    assert names(other, changed) == {"m [short@22222222]", "m [short@33333333]"}
    assert names(default, n=other) == {"m", "n"}


def test_matches_use_the_names_given_to_the_runs(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in ("old", "new")]
    judged = write_judgement(tmp_path / "judged", pairs, "old", "new", lambda number: "win")
    report(
        runs, dataset, tmp_path / "r.html", judgements=[judged], names={runs[0]: "before", runs[1]: "after"}
    )
    (row,) = table(tmp_path / "r.html", "preferences")
    assert {"before", "after"} <= set(row.values())


def test_every_execution_has_a_failure_class_with_a_label() -> None:
    pair = make_pair(0)
    for status in Status:
        for reason in ("", "undefined", "assertion", "what-nobody-knows"):
            assert FAILURE_CLASSES[failure_class(execution("", pair, "m", status, Rung.NONE, reason))]
    assert failure_class(None) == "not-run"


def test_bad_input_is_an_error_with_its_place(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(0)])
    with pytest.raises(ConfigError, match="not a run folder"):
        report([tmp_path], dataset, tmp_path / "r.html")
    run = write_run(tmp_path / "run", "m", [make_pair(5)], lambda number: PASSED)
    with pytest.raises(DatasetError, match="not in the dataset"):
        report([run], dataset, tmp_path / "r.html")
    run = write_run(tmp_path / "run", "m", [make_pair(0)], lambda number: PASSED)
    with pytest.raises(ConfigError, match="no run has the model 'x'"):
        report([run], dataset, tmp_path / "r.html", base="x")
    with pytest.raises(ConfigError, match=r"matches\.parquet not found"):
        report([run], dataset, tmp_path / "r.html", judgements=[tmp_path])


def test_an_item_is_grouped_by_the_complexity_of_its_own_functions() -> None:
    code = """package p

import "sync"

var mu sync.Mutex

type Doer interface{ Do() }

func Plain() {}

func Knotty(a, b bool) {
	for a {
		if a && b || !a {
			return
		}
	}
	if b {
		return
	}
}
"""
    pair = replace(make_pair(0), code=code, test="package p\n\ntype fakeDoer struct{}\n", code_lines=20)
    of_file = ("concurrent", "declares interfaces", "tested with mocks")
    for reader in (KindReader(), KindReader(signals_of([pair], tokenizer="estimate"))):
        assert reader.kinds(pair, ()) == ("complexity 6 to 10", *of_file)  # for, if, &&, ||, if, and 1
        assert reader.kinds(pair, ("Plain",)) == ("complexity 1 to 2", *of_file)


def test_the_kinds_of_a_file_are_those_of_its_signals() -> None:
    pair = make_pair(1)
    (signals,) = signals_of([pair], tokenizer="estimate")
    other = replace(signals, complexity=7, concurrent=True, interfaces=2, mocks=True)
    of_file = ("concurrent", "declares interfaces", "tested with mocks")
    assert KindReader([other]).kinds(pair, ()) == ("complexity 6 to 10", *of_file)
