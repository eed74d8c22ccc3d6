"""A report shows no number that was not measured: a dash, and a warning with the reason."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import INFRA, PASSED, UNDEFINED, execution, write_judgement, write_run
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import read_table, write_rows
from goutbench.errors import DatasetError
from goutbench.execute.journal import write_table
from goutbench.execute.stage import summary
from goutbench.records import Execution, Mutation, Pair
from goutbench.report.inputs import read_run
from goutbench.report.stage import report
from goutbench.report.warnings import warnings_of


def table(page: Path, name: str) -> list[dict[str, str]]:
    with (page.with_name(f"{page.stem}_files") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def board(page: Path) -> dict[str, dict[str, str]]:
    return {row.pop("model"): row for row in table(page, "leaderboard")}


def change(run: Path, new: Callable[[Execution], Execution]) -> list[Execution]:
    """Rewrite the executions of a run; returns them."""
    records = [new(record) for record in read_run(run).executions]
    write_table(run / "executions.parquet", records)
    return records


@pytest.fixture
def pairs() -> list[Pair]:
    return [make_pair(number) for number in range(6)]


@pytest.fixture
def dataset(tmp_path: Path, pairs: Sequence[Pair]) -> Path:
    return write_dataset(tmp_path / "dataset", pairs)


def test_a_model_with_infrastructure_errors_only_has_their_count_and_no_rate(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    runs = [
        write_run(tmp_path / name, name, pairs, lambda number, outcome=outcome: outcome)
        for name, outcome in (("a", INFRA), ("b", PASSED), ("c", PASSED))
    ]
    judged = write_judgement(tmp_path / "judged", pairs, "a", "b", lambda n: "loss")
    out = tmp_path / "report.html"
    results = report(runs, dataset, out, judgements=[judged])
    assert {name: text for name, text in board(out)["a"].items() if text} == {
        "items": "6", "unit": "files", "infrastructure": "6",
    }  # fmt: skip
    assert "a: 6 items, infrastructure errors only" in out.read_text()
    (warning,) = warnings_of(results, dataset)
    assert warning.startswith("a: all executions ended with infrastructure errors (6 no-source)")
    assert all(row["a built"] == "" for row in table(out, "repositories"))
    assert {row["model"] for row in table(out, "comparison")} == {"c"}, "b is the first with results"
    assert {row["verdict"] for row in table(out, "judge-and-execution")} == {"not preferred"}
    assert summary(read_run(runs[0]).executions)["pass_rate"] is None
    assert summary(read_run(runs[0]).executions)["mean_coverage_all"] is None


def test_coverage_that_cannot_be_measured_counts_neither_on_the_page_nor_in_the_terminal(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    """Pair 0 passes without a counted statement; model b fails on it, and gets no 0 for it either."""
    runs = [
        write_run(tmp_path / "a", "a", pairs, lambda number: PASSED),
        write_run(tmp_path / "b", "b", pairs, lambda number: PASSED if number else UNDEFINED),
    ]
    first = pairs[0].id
    records = [
        change(run, lambda e: replace(e, statements=0, covered=0) if e.pair_id == first else e)
        for run in runs
    ]
    out = tmp_path / "report.html"
    report(runs, dataset, out)
    rows = board(out)
    assert (rows["a"]["coverage_all"], rows["b"]["coverage_all"]) == ("0.5", "0.5")
    assert {row["step"]: row["a"] for row in table(out, "ladder")}["covers"] == "5"
    for name, own in zip("ab", records, strict=True):
        both = summary([*own, *(e for e in records[0] if e not in own)])
        assert both["mean_coverage_passing"] == float(rows[name]["coverage_passing"]) == 0.5
    assert summary(records[0])["mean_coverage_all"] == 0.5
    alone = [replace(record, statements=0, covered=0, focal_statements=0) for record in records[0]]
    assert summary(alone)["mean_coverage_all"] is summary(alone)["covers_its_focal_code"] is None


def test_coverage_of_focal_functions_is_the_same_number_in_the_terminal_and_on_the_page(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    records = change(run, lambda e: replace(e, statements=10, covered=4, focal_statements=2, focal_covered=2))
    report([run], dataset, tmp_path / "report.html")
    assert float(board(tmp_path / "report.html")["a"]["coverage_all"]) == 1.0
    assert summary(records)["mean_coverage_all"] == summary(records)["mean_coverage_passing"] == 1.0


def test_one_run_of_each_candidate_says_nothing_about_stability(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in ("once", "thrice")]
    change(runs[0], lambda e: replace(e, repeats=1))
    report(runs, dataset, tmp_path / "report.html")
    stable = {row["step"]: row for row in table(tmp_path / "report.html", "ladder")}["stable"]
    assert (stable["once"], stable["thrice"]) == ("", "6")


def test_focal_code_without_mutants_is_left_out_of_the_mutation_score(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    none, blocked = Mutation(0, 0, 0, 0, 0, 0, None, None, None), Mutation(4, 0, 0, 0, 0, 0, None, None, None)
    equivalent = Mutation(4, 0, 0, 0, 0, 0, None, None, None, equivalent=2)  # a sample of equivalent ones
    changed = {pairs[0].id: none, pairs[1].id: blocked, pairs[2].id: equivalent}
    change(run, lambda e: replace(e, mutation=changed.get(e.pair_id, e.mutation)))
    report([run], dataset, tmp_path / "report.html")
    score = float(board(tmp_path / "report.html")["a"]["mutation_all"])
    assert score == pytest.approx(3 * 0.75 / 4), "a candidate that prevents its score gets 0"


def test_the_mutation_score_is_shown_in_three_conventions(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED if number % 2 else UNDEFINED)
    mutation = Mutation(5, 2, 1, 1, 0, 1, 2 / 5, 2 / 5, 2 / 5)
    records = change(run, lambda e: replace(e, mutation=mutation if e.mutation else None))
    out = tmp_path / "report.html"
    report([run], dataset, out)
    (row,) = table(out, "mutation-scores")
    assert (row["mutants"], row["timed_out"]) == ("15", "3")
    passing = [float(row[f"{name}_passing"]) for name in ("survived", "detected", "excluded")]
    assert passing == pytest.approx([2 / 5, 3 / 5, 2 / 4])
    every = [float(row[f"{name}_all"]) for name in ("survived", "detected", "excluded")]
    assert every == pytest.approx([1 / 5, 3 / 10, 1 / 4])
    assert board(out)["a"]["mutation_all"] == row["survived_all"]
    assert "timed out = survived (headline), all" in out.read_text()
    means = summary(records)
    assert means["mean_mutation_score"] == 0.4
    assert means["mean_mutation_score_timed_out_detected"] == 0.6
    assert means["mean_mutation_score_timed_out_excluded"] == 0.5


def test_candidates_that_were_not_executed_count_in_no_rate(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED if number else UNDEFINED)
    write_table(run / "executions.parquet", read_run(run).executions[:4])
    executed = {record.pair_id for record in read_run(run).executions}
    done = CliRunner().invoke(
        app, ["report", str(run), "--dataset", str(dataset), "-o", str(tmp_path / "r.html")]
    )
    assert done.exit_code == 0, done.output
    row = board(tmp_path / "r.html")["a"]
    assert (row["items"], row["passed"]) == ("6", str(len(executed - {pairs[0].id})))
    assert "a: 2 of 6 candidates were not executed; no rate counts them. To execute them: " in done.stderr
    assert f"goutbench execute {run}/candidates.parquet" in done.stderr
    assert "<small>files, 4 executed</small>" in (tmp_path / "r.html").read_text()


def test_a_feedback_round_that_was_not_executed_does_not_count_as_failed(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED if number > 1 else UNDEFINED)
    candidates = read_table(run / "candidates.parquet").to_pylist()
    rounds = [row | {"id": f"{row['id']}r{n}", "round": n} for n in (1, 2) for row in candidates[:2]]
    write_rows(run / "candidates.parquet", [*candidates, *rounds])
    results = report([run], dataset, tmp_path / "r.html")
    row = board(tmp_path / "r.html")["a"]
    assert (row["pass_rate_last"], row["passed_last"], row["passed"]) == ("", "", "4")
    (warning,) = warnings_of(results, dataset)
    assert "round 2 were not executed, so the columns “last round” have no numbers" in warning

    later = [execution(f"a{n}r1", pairs[n], "a", *PASSED) for n in range(2)]
    write_table(run / "executions.parquet", [*read_run(run).executions, *later])
    completions = read_table(run / "completions.parquet").to_pylist()
    asked = [row | {"id": f"{row['id']}r1", "round": 1} for row in completions[:2]]
    write_rows(run / "completions.parquet", [*completions, *asked])
    results = report([run], dataset, tmp_path / "r.html")
    assert board(tmp_path / "r.html")["a"]["passed_last"] == "6"
    (warning,) = warnings_of(results, dataset)
    assert "round 3 were not executed, so the columns “last round” show the results after round 2" in warning
    first, second = read_table(tmp_path / "r_files" / "data" / "rounds.parquet").to_pylist()
    assert [(row["round"], row["passes"], row["calls"]) for row in (first, second)] == [
        (1, 4 / 6, 6),
        (2, 1.0, 8),
    ]
    assert first["passes_low"] < 4 / 6 < first["passes_high"]
    assert second["output_tokens"] == first["output_tokens"] + sum(row["output_tokens"] for row in asked)
    assert (first["cost"], second["cost"]) == (1.5, 2.0)
    assert "Results after each round" in (tmp_path / "r.html").read_text()


def test_a_later_round_that_makes_it_worse_does_not_count(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    candidates = read_table(run / "candidates.parquet").to_pylist()
    write_rows(run / "candidates.parquet", [*candidates, candidates[0] | {"id": "worse", "round": 1}])
    worse = execution("worse", pairs[0], "a", *UNDEFINED)
    write_table(run / "executions.parquet", [*read_run(run).executions, worse])
    report([run], dataset, tmp_path / "r.html")
    assert board(tmp_path / "r.html")["a"]["passed_last"] == "6"


def test_a_round_whose_replies_are_all_empty_is_a_row_with_its_cost(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED if number > 1 else UNDEFINED)
    completions = read_table(run / "completions.parquet").to_pylist()
    empty = {"id": "empty", "round": 1, "text": "", "error": "empty"}
    write_rows(run / "completions.parquet", [*completions, completions[0] | empty])
    report([run], dataset, tmp_path / "r.html")
    first, second = read_table(tmp_path / "r_files" / "data" / "rounds.parquet").to_pylist()
    assert (first["passes"], first["calls"]) == (second["passes"], second["calls"] - 1)


def test_the_reference_row_covers_the_files_of_the_models_beside_it(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    model = write_run(tmp_path / "a", "a", pairs[:3], lambda number: PASSED)
    reference = write_run(
        tmp_path / "reference", "reference", pairs[1:], lambda number: PASSED if number < 2 else UNDEFINED
    )
    out = tmp_path / "report.html"
    results = report([model, reference], dataset, out)
    row = board(out)["reference"]
    assert (row["items"], row["pass_rate"]) == ("2", "1.0")
    assert "<small>files, the reference tests of the models&#39; 3 files</small>" in out.read_text()
    (warning,) = warnings_of(results, dataset)
    assert warning.startswith("3 executed reference tests are left out")
    report([reference], dataset, out)
    assert board(out)["reference"]["items"] == "5"


def test_a_candidate_of_an_unknown_pair_is_left_out_with_a_warning(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    stray = replace(make_pair(9), id="../../../escaped")
    run = write_run(tmp_path / "a", "a", [*pairs, stray], lambda number: PASSED)
    out = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", str(run), "--dataset", str(dataset), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert board(out)["a"]["items"] == "6"
    assert f"{run}: 1 candidates are left out" in done.stderr
    assert "'../../../escaped'" in done.stderr
    with pytest.raises(DatasetError, match="not in the dataset"):
        report([write_run(tmp_path / "b", "b", [stray], lambda number: PASSED)], dataset, out)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("executions", "execute"), ("candidates", "generate"), ("prompts", "generate"),
        ("completions", "generate"),
    ],
)  # fmt: skip
def test_a_damaged_table_names_the_stage_that_writes_it(
    name: str, stage: str, tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    (run / f"{name}.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(DatasetError) as caught:
        report([run], dataset, tmp_path / "report.html")
    assert caught.value.hint == f"run the same `goutbench {stage}` command again"


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("splits/leakfree.parquet", "split"), ("splits/leakfree.test.parquet", "split"),
        ("signals.parquet", "describe"), ("reference.parquet", "execute --reference"),
        ("data/o__r.parquet", "curate"), ("rejections.parquet", "curate"),
    ],
)  # fmt: skip
def test_a_damaged_table_of_a_dataset_names_its_stage(path: str, stage: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    write_rows(tmp_path / path, [{"id": "x"}])
    (tmp_path / path).write_bytes((tmp_path / path).read_bytes()[:-9])
    with pytest.raises(DatasetError) as caught:
        read_table(tmp_path / path)
    assert caught.value.hint == f"run the same `goutbench {stage}` command again"


def test_a_table_of_a_version_without_verdicts_is_read(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    rows = read_table(run / "executions.parquet").to_pylist()
    write_rows(
        run / "executions.parquet", [{k: v for k, v in row.items() if "mutants" not in k} for row in rows]
    )
    assert [asdict(r.mutation)["mutants"] for r in read_run(run).executions if r.mutation] == [()] * 6


def test_branches_count_where_they_were_measured(tmp_path: Path, dataset: Path, pairs: list[Pair]) -> None:
    """Pair 0 has no branches, so nobody gets a 0 for it; model c was executed by an earlier version."""
    runs = [
        write_run(tmp_path / name, name, pairs, lambda number: PASSED if number != 5 else UNDEFINED)
        for name in "abc"
    ]
    change(runs[0], lambda e: with_branches(e, pairs[0], 3))
    change(runs[1], lambda e: with_branches(e, pairs[0], 1))
    change(runs[2], lambda e: replace(e, branches=None, branches_covered=None))
    report(runs, dataset, tmp_path / "report.html")
    rows = board(tmp_path / "report.html")
    shown = {name: (rows[name]["branches_all"], rows[name]["branches_passing"]) for name in "abc"}
    assert shown == {"a": ("0.6", "0.75"), "b": ("0.2", "0.25"), "c": ("", "")}
    assert summary(read_run(runs[0]).executions)["mean_branch_coverage_passing"] == 0.75
    assert summary(read_run(runs[2]).executions)["mean_branch_coverage_passing"] is None
    report(runs[2:], dataset, tmp_path / "old.html")
    assert "branches_all" not in board(tmp_path / "old.html")["c"]


def test_an_item_without_branches_for_one_sample_counts_for_no_model(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    """It would be a 0 for that model, or leave that model without any branches. Model c always fails."""
    runs = [write_run(tmp_path / name, name, pairs, lambda number: PASSED) for name in "ab"]
    runs.append(write_run(tmp_path / "c", "c", pairs, lambda number: UNDEFINED))
    change(runs[0], lambda e: replace(e, branches_covered=3 if e.pair_id == pairs[0].id else 1))
    change(
        runs[1], lambda e: replace(e, branches=None if e.pair_id == pairs[0].id else 4, branches_covered=1)
    )
    report(runs, dataset, tmp_path / "report.html")
    rows = board(tmp_path / "report.html")
    assert [rows[name]["branches_all"] for name in "abc"] == ["0.25", "0.25", "0.0"]


def with_branches(record: Execution, without: Pair, covered: int) -> Execution:
    if record.branches is None or record.pair_id != without.id:
        return replace(record, branches_covered=record.branches and covered)
    return replace(record, branches=0, branches_covered=0)


def test_a_table_of_a_version_without_branches_is_read(
    tmp_path: Path, dataset: Path, pairs: list[Pair]
) -> None:
    run = write_run(tmp_path / "a", "a", pairs, lambda number: PASSED)
    rows = read_table(run / "executions.parquet").to_pylist()
    write_rows(
        run / "executions.parquet", [{k: v for k, v in row.items() if "branches" not in k} for row in rows]
    )
    assert {(r.branches, r.branch_coverage, r.uncovered_branches) for r in read_run(run).executions} == {
        (None, None, ())
    }
