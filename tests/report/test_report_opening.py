"""What the page opens with: the verdict, by rule, and the facts; and the funnel that follows the results."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import ASSERTION, PASSED, UNDEFINED, Outcome, write_run

from goutbench.execute.journal import write_table
from goutbench.records import Execution
from goutbench.report.inputs import read_results, read_run
from goutbench.report.opening.facts import facts_of
from goutbench.report.opening.verdict import verdict
from goutbench.report.results import Results
from goutbench.report.tables.compare import differences
from goutbench.report.tables.ladder import funnel
from goutbench.report.tables.leaderboard import leaderboard

ITEMS = 24


class Written:
    """Runs of models on 24 items, of 24 files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pairs = [make_pair(number) for number in range(ITEMS)]
        self.dataset = write_dataset(folder / "dataset", self.pairs)
        self.runs: list[Path] = []

    def add(
        self,
        model: str,
        passing: int = ITEMS,
        kills: Callable[[int], int] | None = lambda number: 3,
        other: Outcome = UNDEFINED,
    ) -> Path:
        """A model that passes the first `passing` items and kills so many of the four mutants of each; None:
        it was executed without mutants. What fails ends as `other`."""
        run = write_run(
            self.folder / model.replace("/", "-"), model, self.pairs,
            lambda number: PASSED if number < passing else other,
        )  # fmt: skip
        records = read_run(run).executions
        write_table(run / "executions.parquet", [_with_kills(n, r, kills) for n, r in enumerate(records)])
        self.runs.append(run)
        return run

    @property
    def results(self) -> Results:
        return read_results([read_run(run) for run in self.runs], self.dataset)

    def verdict(self, base: str) -> str:
        return verdict(self.results, base, differences(self.results, base))


def _with_kills(number: int, record: Execution, kills: Callable[[int], int] | None) -> Execution:
    if record.mutation is None or kills is None:
        return replace(record, mutation=None)
    killed = kills(number)
    mutation = replace(
        record.mutation, killed=killed, survived=4 - killed, score=killed / 4, low=0.0, high=1.0
    )
    return replace(record, mutation=mutation)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_the_verdict_is_the_best_model_by_mutants_and_its_distance_to_the_base(written: Written) -> None:
    written.add("base", passing=12)
    written.add("tuned")
    written.add("worse", passing=6)
    text = written.verdict("base")
    start = (
        "tuned kills 75.0% of the mutants, 37.5 percentage points more than base with 37.5% (95% interval "
    )
    assert text.startswith(start)
    (row,) = [
        row
        for row in differences(written.results, "base")
        if (row.model, row.measure) == ("tuned", "mutation, all")
    ]
    assert row.low is not None
    assert row.high is not None
    assert text == f"{start}{100 * row.low:.1f} to {100 * row.high:.1f})."
    assert "These data" not in text
    assert "Coverage" not in text


def test_the_verdict_says_where_coverage_is_blind(written: Written) -> None:
    written.add("baseline/reference", kills=lambda number: 4 - number % 2)
    written.add("baseline/no-assertions", kills=lambda number: number % 3)
    text = written.verdict("baseline/reference")
    assert text.startswith(
        "baseline/reference kills 87.5% of the mutants, 62.5 percentage points more than "
        "baseline/no-assertions with 25.0% (95% interval "
    )
    assert text.endswith("Coverage does not tell them apart: both cover 50.0% of the statements.")
    written.add("m", passing=12)
    about_the_model = written.verdict("baseline/reference")
    assert about_the_model.startswith("m kills 37.5% of the mutants, 50.0 percentage points fewer than")
    assert about_the_model.endswith(
        "Coverage does not tell baseline/no-assertions from baseline/reference (50.0% and 50.0%); the "
        "mutants do (25.0% and 87.5%)."
    )


def test_the_verdict_does_not_claim_what_the_data_do_not_show(written: Written) -> None:
    written.add("a", kills=lambda number: 2 + (number % 2))
    written.add("b", kills=lambda number: 3 - (number % 2) + (number == 4))
    text = written.verdict("a")
    assert text.startswith(
        "These data do not tell b from a: they kill 63.5% of the mutants and 62.5%, a difference of +1.0 "
        "points (95% interval -"
    )
    assert "adjusted p 1.00" in text
    written.add("baseline/empty", kills=lambda number: 0)
    assert written.verdict("a").startswith("These data do not tell b from a"), "a baseline is no rival"


def test_the_verdict_of_equal_models_and_of_one_alone(written: Written) -> None:
    written.add("a", passing=12)
    assert written.verdict("a").startswith("a kills 37.5% of the mutants (95% interval ")
    written.add("b", passing=12)
    assert written.verdict("a") == (
        "These data do not tell a from b: they kill 37.5% of the mutants and 37.5%, the same for every item."
    )


def test_without_mutants_the_verdict_is_about_coverage_and_else_about_passes(written: Written) -> None:
    written.add("a", passing=12, kills=None)
    tuned = written.add("b", kills=None)
    assert written.verdict("a").startswith(
        "b covers 50.0% of the statements, 25.0 percentage points more than a with 25.0% (95% interval "
    )
    for run in (written.runs[0], tuned):
        records = [replace(record, statements=0, covered=0) for record in read_run(run).executions]
        write_table(run / "executions.parquet", records)
    assert written.verdict("a").startswith(
        "b writes tests that pass for 100.0% of the items, 50.0 percentage points more than a with 50.0% ("
    )


def test_the_verdict_on_the_repositories_own_tests(written: Written) -> None:
    written.add("reference", passing=12)
    assert written.verdict("reference").startswith("The repositories' own tests kill 37.5% of the mutants (")


def test_the_facts_are_those_that_the_runs_record(written: Written) -> None:
    for model, limit in (("a", 512), ("b", 2048), ("baseline/empty", 4096)):
        run = written.add(model)
        options = {"split": "s:test", "max_tokens": limit, "temperature": 0.0, "prompt": "default"}
        (run / "run.json").write_text(json.dumps({"options": options}))
        (run / "execute.json").write_text(json.dumps({"options": {"repeat": "3", "mutants": "20"}}))
    facts = dict(facts_of(written.results, written.dataset))
    facts.pop("Report of")
    assert facts == {
        "Dataset": facts["Dataset"], "Split": "s:test", "Items": "24 files", "Prompt": "default",
        "Temperature": "0.0", "Token limit": "512 (a); 2,048 (b)", "Runs": "3 per candidate",
        "Mutants": "20 per item at most", "Sandbox": "bubblewrap", "Go": "1.26",
    }  # fmt: skip
    assert facts["Dataset"].startswith("dataset, 24 pairs")
    (written.runs[0] / "run.json").write_text("{broken")
    assert dict(facts_of(written.results, written.dataset))["Token limit"] == "2,048"


def test_results_are_in_the_order_of_mutants_killed_with_floor_and_ceiling(written: Written) -> None:
    written.add("a", passing=12)
    written.add("z")
    written.add("baseline/empty", kills=lambda number: 0)
    written.add("baseline/reference", kills=lambda number: 4)
    board = leaderboard(written.results)
    assert [row[0].text for row in board.rows] == ["baseline/reference", "z", "a", "baseline/empty"]
    assert [row[0].role for row in board.rows] == ["ceiling", "", "", "floor"]
    assert [header.text for header in board.headers][:2] == ["model", "mutation, all"]
    mutants = board.rows[2][1]
    assert (mutants.text, mutants.share, [detail.text for detail in mutants.details]) == (
        "37.5%", 0.375, ["passing: 75.0%"],
    )  # fmt: skip
    assert mutants.interval is not None
    assert mutants.interval.low < 0.375 < mutants.interval.high


def test_the_funnel_ends_with_mutants_and_says_what_was_lost_between_two_steps(written: Written) -> None:
    written.add("a", passing=20, kills=lambda number: number % 2, other=ASSERTION)
    table = funnel(written.results, ["a"])
    steps = {row[0].text: (row[1].text, [lost.text for lost in row[1].details]) for row in table.rows}
    assert steps["builds"] == ("24", [])
    assert steps["passes"] == ("20", ["lost 4: assertion failed"])
    assert steps["covers its focal code"] == ("20", [])
    assert steps["kills a mutant"] == ("10", ["lost 10: no mutant killed"])
    assert list(steps)[-1] == "mutants killed, mean"
    assert steps["mutants killed, mean"][0] == "10.4%"
