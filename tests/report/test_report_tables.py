"""What the report counts: rows from run folders, tables and their files, against counts by hand."""

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from judging import make_pair, write_dataset
from reporting import PASSED, UNDEFINED, write_judgement, write_run
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.errors import ConfigError, DatasetError
from goutbench.report.kinds import kinds
from goutbench.report.rows import PairFacts, Row, read_rows
from goutbench.report.stage import report
from goutbench.report.tables import leaderboard
from goutbench.report.taxonomy import CLASSES, failure_class


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


def test_every_table_lies_beside_the_page_in_both_formats(page: Path) -> None:
    folder = page.with_name("report_files") / "data"
    names = {path.stem for path in folder.glob("*.csv")}
    assert names == {path.stem for path in folder.glob("*.parquet")}
    assert {"leaderboard", "ladder", "failures", "repositories", "preferences"} <= names
    for name in names:
        assert pq.read_table(folder / f"{name}.parquet").num_rows == len(table(page, name))


def test_a_reply_that_never_came_is_its_own_class(page: Path) -> None:
    counts = {row["class"]: row["org/base"] for row in table(page, "failures")}
    assert counts == {"passed": "3", "model-error": "3", "undefined": "3", "assertion": "3"}


def test_the_paired_comparison_names_who_won(page: Path) -> None:
    text = page.read_text()
    assert "org/tuned: 9 of 12 candidates build and 9 pass" in text
    (row,) = [row for row in table(page, "comparison") if row["measure"] == "passes"]
    assert (row["model"], row["model_only"], row["base_only"]) == ("org/tuned", "6", "0")
    assert float(row["difference"]) == pytest.approx(0.5)
    assert float(row["p"]) == pytest.approx(2 * 0.5**6)


def test_a_model_without_an_answer_is_counted_as_one_that_failed(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / "whole", "whole", pairs, lambda number: PASSED),
        write_run(tmp_path / "half", "half", pairs[:3], lambda number: PASSED),
    ]
    rows = read_rows(runs, dataset)
    found = {row["model"]: (row["items"], row["passed"]) for row in leaderboard(rows).data}
    assert found == {"whole": (6, 6), "half": (6, 3)}


def test_what_only_the_references_were_run_for_is_no_item_of_a_group(tmp_path: Path) -> None:
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


def test_two_runs_of_one_model_are_told_apart_by_name(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    plain = write_run(tmp_path / "plain", "m", pairs, lambda number: UNDEFINED)
    shown = write_run(tmp_path / "shown", "m", pairs, lambda number: PASSED)
    out = tmp_path / "report.html"
    command = [
        "report",
        str(plain),
        f"an example={shown}",
        "--dataset",
        str(dataset),
        "--base",
        "m",
        "-o",
        str(out),
    ]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert {row["model"]: row["passed"] for row in table(out, "leaderboard")} == {"m": "0", "an example": "4"}
    with pytest.raises(ConfigError, match="4 items have an answer of 'm' in an earlier run too"):
        report([plain, shown], dataset, out)
    with pytest.raises(ConfigError, match="4 items"):
        report([plain, shown], dataset, out, names={shown: "m"})


def test_a_judges_word_goes_by_the_runs_names(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in ("old", "new")]
    judged = write_judgement(tmp_path / "judged", pairs, "old", "new", lambda number: "win")
    report(
        runs, dataset, tmp_path / "r.html", judgements=[judged], names={runs[0]: "before", runs[1]: "after"}
    )
    (row,) = table(tmp_path / "r.html", "preferences")
    assert {"before", "after"} <= set(row.values())


def test_every_class_has_words_and_every_execution_a_class() -> None:
    for status in ("NO_CODE", "BUILD_FAILED", "NO_TESTS_RAN", "TESTS_FAILED", "FLAKY", "PASSED", "TIMED_OUT"):
        for reason in ("", "undefined", "assertion", "what-nobody-knows"):
            row = {"status": status, "reason": reason, "rung": "none", "evidence": ""}
            assert failure_class(row) in CLASSES
    assert failure_class(None) == "not-run"


def test_bad_input_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(0)])
    with pytest.raises(ConfigError, match="no run"):
        report([tmp_path], dataset, tmp_path / "r.html")
    run = write_run(tmp_path / "run", "m", [make_pair(5)], lambda number: PASSED)
    with pytest.raises(DatasetError, match="not in it"):
        report([run], dataset, tmp_path / "r.html")
    run = write_run(tmp_path / "run", "m", [make_pair(0)], lambda number: PASSED)
    with pytest.raises(ConfigError, match="no model 'x'"):
        report([run], dataset, tmp_path / "r.html", base="x")
    with pytest.raises(ConfigError, match="no matches"):
        report([run], dataset, tmp_path / "r.html", judgements=[tmp_path])


def test_an_item_is_counted_by_its_own_functions_complexity() -> None:
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
    facts = PairFacts("x", "o/r", "", "p.go", "p_test.go", code, "package p\n\ntype fakeDoer struct{}\n", 20)
    whole, plain = (Row(("x", names, 0), "m", 0, facts, None, None, "") for names in ((), ("Plain",)))
    rest = ("concurrent", "declares interfaces", "tested with mocks")
    assert kinds(whole) == ("complexity 6 to 10", *rest)  # for, if, &&, ||, if, and 1
    assert kinds(plain) == ("complexity 1 to 2", *rest)
