"""What a page says about replies, units, differences and names that programs mistake for their own."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import assert_readable_charts, launched, needs_chromium
from judging import make_pair, write_dataset
from reporting import ASSERTION, NO_CODE, PASSED, UNDEFINED, Outcome, execution, write_run

from goutbench.assemble.stage import assemble
from goutbench.dataset.store import read_table, write_rows
from goutbench.execute.journal import write_table
from goutbench.execute.stage import summary
from goutbench.records import MODEL_ERROR, TRUNCATED, Rung, Status
from goutbench.report.inputs import read_results, read_run
from goutbench.report.kinds import KINDS
from goutbench.report.results import Results
from goutbench.report.stage import report
from goutbench.report.tables.compare import compare, differences
from goutbench.report.tables.leaderboard import leaderboard
from goutbench.report.taxonomy import FAILURE_CLASSES, failure_class, failure_of_reply
from goutbench.report.warnings import warnings_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ODD_NAMES = ("__proto__", "constructor", "toString", "=1+1", "a\u2028b", "step", "class")
HALF = '```go\npackage p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {\n\tif x := f('


@pytest.mark.parametrize(
    ("reply", "errors", "expected"),
    [
        (HALF, {TRUNCATED}, "cut off at the token limit"),
        (HALF, set[str](), "code that does not parse"),
        ("```go\npackage p\n\nfunc TestIt() { if { }\n```\n", set[str](), "code that does not parse"),
        ("I cannot write tests.", {TRUNCATED}, "cut off at the token limit"),
        ("I cannot write tests.", set[str](), "no code in the reply"),
        ("", {"model-error"}, "no reply from the model"),
    ],
)
def test_an_item_without_code_says_why(reply: str, errors: set[str], expected: str) -> None:
    assembly = assemble([reply])
    assert not assembly.code.strip()
    assert FAILURE_CLASSES[failure_of_reply("no-code", errors, assembly.notes)] == expected


def test_code_without_a_test_function_has_its_own_class() -> None:
    record = execution("", make_pair(0), "m", Status.NO_TESTS_RAN, Rung.BUILD, "no-tests-declared")
    failure = failure_class(record)
    assert FAILURE_CLASSES[failure] == "no test function"
    assert FAILURE_CLASSES[failure_of_reply(failure, {TRUNCATED}, ())] == "cut off at the token limit"
    skipped = execution("", make_pair(0), "m", Status.NO_TESTS_RAN, Rung.RUNS, "all-skipped")
    assert FAILURE_CLASSES[failure_class(skipped)] == "no test ran"


def test_the_page_says_how_many_replies_were_cut_off(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(4)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    run = write_run(tmp_path / "run", "m", pairs, lambda number: NO_CODE if number else PASSED)
    rows = read_table(run / "completions.parquet").to_pylist()
    write_rows(run / "completions.parquet", [row | {"error": TRUNCATED} for row in rows[1:]] + rows[:1])
    results = read_results([read_run(run)], dataset)
    assert sorted({sample.failure for sample in results.samples}) == ["cut-off", "passed"]
    (warning,) = warnings_of(results, dataset)
    assert "m: 3 of 4 replies were cut off at the token limit" in warning
    write_rows(run / "completions.parquet", [row | {"error": MODEL_ERROR} for row in rows[1:]] + rows[:1])
    (warning,) = warnings_of(read_results([read_run(run)], dataset), dataset)
    assert "m: 3 of 4 calls have no reply, and count as failures of the model" in warning


def _results(tmp_path: Path, *outcomes: tuple[str, Outcome | None]) -> Results:
    pairs = [make_pair(number) for number in range(12)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / name, name, pairs, lambda n, same=same: same or (PASSED if n % 2 else UNDEFINED))
        for name, same in outcomes
    ]
    return read_results([read_run(run) for run in runs], dataset)


def test_a_zero_difference_has_no_sign_and_no_interval(tmp_path: Path) -> None:
    results = _results(tmp_path, ("a", None), ("b", None))
    (table,) = compare(results, "a", differences(results, "a"))
    assert {row[5].text for row in table.rows} == {"0.0 points"}
    assert {row[5].note for row in table.rows} == {"the same for every item"}
    assert {record["low"] for record in table.records} == {None}


def test_a_difference_that_the_items_do_not_bound_has_no_interval(tmp_path: Path) -> None:
    results = _results(tmp_path, ("a", UNDEFINED), ("b", PASSED))
    (table,) = compare(results, "a", differences(results, "a"))
    cell = table.rows[1][5]
    assert (cell.text, cell.note) == ("+100.0 points", "too few items for an interval")


def test_a_leaderboard_of_functions_and_files_says_so(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(3)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    run = write_run(tmp_path / "run", "m", pairs, lambda number: PASSED)
    reference = write_run(tmp_path / "reference", "reference", pairs, lambda number: PASSED)
    rows = read_table(run / "candidates.parquet").to_pylist()
    write_rows(run / "candidates.parquet", [row | {"focal": [f"Double{n}"]} for n, row in enumerate(rows)])
    table = leaderboard(read_results([read_run(run), read_run(reference)], dataset))
    assert "numbers are not comparable. Functions: m; files: reference." in table.note
    assert [record["unit"] for record in table.records] == ["functions", "files"]
    assert [row[-1].note.partition(",")[0] for row in table.rows] == ["functions", "files"]
    same = leaderboard(read_results([read_run(reference)], dataset))
    assert "not comparable" not in same.note


def test_the_terminal_counts_focal_code_as_the_page_does() -> None:
    pair = make_pair(0)
    passing = execution("a", pair, "m", *PASSED)
    records = [
        replace(passing, statements=20, covered=3, focal_statements=4, focal_covered=3),
        replace(passing, statements=20, covered=3, focal_statements=4, focal_covered=0),
        execution("b", pair, "m", *ASSERTION),
    ]
    assert summary(records)["covers_its_focal_code"] == 1
    assert summary(records)["mean_coverage_passing"] == pytest.approx(0.75 / 2)


# ── the page in a browser ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def odd_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of models whose names mean something to JavaScript, CSV, or the tables themselves."""
    folder = tmp_path_factory.mktemp("odd")
    pairs = [replace(make_pair(n), code_lines=(10, 100, 500, 900)[n % 4]) for n in range(8)]
    dataset = write_dataset(folder / "dataset", pairs)
    runs = [
        write_run(folder / str(number), name, pairs, lambda n, by=number: PASSED if n >= by else ASSERTION)
        for number, name in enumerate(ODD_NAMES)
    ]
    records = [
        replace(execution(f"{ODD_NAMES[0]}{n}", pair, ODD_NAMES[0], *PASSED), statements=20, covered=3,
                focal_statements=4, focal_covered=3, uncovered=())
        for n, pair in enumerate(pairs)
    ]  # fmt: skip
    write_table(runs[0] / "executions.parquet", records)
    report(runs, dataset, folder / "report.html")
    return folder / "report.html"


def _column(page: Path, table: str, name: str) -> list[str]:
    path = page.with_name("report_files") / "data" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_odd_names_of_models_are_different_models(odd_page: Path) -> None:
    names = {name if name[0] != "=" else f"'{name}" for name in ODD_NAMES}
    assert set(_column(odd_page, "leaderboard", "model")) == names
    classes = _column(odd_page, "failures", "class")
    for name, passing in {"__proto__": 8, "constructor": 7, "'=1+1": 5, "class (model)": 2}.items():
        counts = dict(zip(classes, _column(odd_page, "failures", name), strict=True))
        assert counts == {"passed": str(passing), "assertion": str(8 - passing)}
    assert _column(odd_page, "ladder", "step (model)")[0] == "8"
    for path in odd_page.with_name("report_files").joinpath("data").glob("*.csv"):
        cells = path.read_text().replace("\n", ",").split(",")
        assert not [cell for cell in cells if cell.startswith(("=", "@"))]


@needs_chromium
def test_odd_names_of_models_are_different_on_the_page(browser: "Browser", odd_page: Path) -> None:
    errors: list[str] = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(odd_page.as_uri())
    for number, name in enumerate(ODD_NAMES):
        tab.select_option("#filter select[name=model]", name)
        tab.select_option("#filter select[name=class]", "passed")
        assert tab.inner_text("#count") == f"{8 - number} of 56 candidates"
    tab.goto(f"{odd_page.as_uri()}#items?model=constructor&class=__proto__")
    assert tab.locator("figure svg").count() >= 3
    tab.close()
    assert errors == []


@needs_chromium
def test_an_item_shows_the_coverage_that_the_leaderboard_counts(browser: "Browser", odd_page: Path) -> None:
    tab = browser.new_page()
    tab.goto(odd_page.as_uri())
    tab.select_option("#filter select[name=model]", ODD_NAMES[0])
    tab.click("#list tbody th a")
    tab.wait_for_selector("#body h3")
    text = tab.inner_text("#body")
    tab.close()
    assert "3 of 4 statements of the focal code covered, 3 of 20 statements of the file" in text


@needs_chromium
def test_equal_values_have_bars_of_equal_width(browser: "Browser", odd_page: Path) -> None:
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.goto(odd_page.as_uri())
    bars = tab.evaluate(
        """[...document.querySelectorAll('section > div td .scale')].map(bar => [
           bar.closest('table').className,
           bar.style.getPropertyValue('--share'), getComputedStyle(bar).width])"""
    )
    tab.close()
    widths: dict[tuple[str, str], set[str]] = {}
    for table, share, width in bars:
        assert width.endswith("px")
        widths.setdefault((table, share), set()).add(width)
    assert len(widths) > 10
    assert [key for key, different in widths.items() if len(different) > 1] == []


def test_groups_are_in_their_own_order(odd_page: Path) -> None:
    sizes = _column(odd_page, "sizes", "group")
    assert sizes == [kind for kind in KINDS if kind in sizes]
    assert len(sizes) == 4


@needs_chromium
def test_the_text_of_charts_is_readable_in_light_and_dark(browser: "Browser", odd_page: Path) -> None:
    for scheme in ("light", "dark"):
        assert_readable_charts(browser, odd_page, scheme)
