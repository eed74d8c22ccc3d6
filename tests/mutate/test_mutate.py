"""Mutants of a work tree: what its tests do not notice, which test kills what, what a second run saves."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result
from typer.testing import CliRunner
from workfolder import shared_work

from goutbench.cli import app
from goutbench.errors import ConfigError, SourceError
from goutbench.execute.options import ExecuteOptions
from goutbench.mutate.options import MutateOptions, parse_duration
from goutbench.mutate.progress import MutateProgress
from goutbench.mutate.results import MutateResult, TestedMutant, redundant_tests
from goutbench.mutate.stage import mutate
from goutbench.records import MutantStatus

SCHEMA = (
    Path(__file__).parents[1]
    / "data"
    / "mutation-testing-report-schema"
    / "mutation-testing-report-schema.json"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

CALC = """package calc

func Max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// Sign tells „the“ sign.
func Sign(x int) string { return map[bool]string{true: "é-", false: "+"}[x < 0] }

func Half(x int) int { return x / 2 }

func Third(x int) int { return x / 3 }

func Double(x int) int { return x * 2 }

func Square(x int) int { return x * x }

func Never(x int) int { return x + 1 }
"""
CALC_TEST = """package calc

import (
	"reflect"
	"strings"
	"testing"
)

func TestMax(t *testing.T) {
	if Max(1, 2) != 2 || Max(4, 2) != 4 {
		t.Error("max")
	}
}

func TestSign(t *testing.T) {
	if Sign(-3) != "é-" || Sign(3) != "+" {
		t.Error("sign")
	}
}

func TestSignAgain(t *testing.T) {
	if Sign(-3) != "é-" {
		t.Error("sign")
	}
}

func TestWrong(t *testing.T) {
	if Max(1, 2) != 1 {
		t.Error("wrong without any mutant")
	}
}

type suite struct{ t *testing.T }

func (s suite) TestThird() {
	if Third(9) != 3 {
		s.t.Error("third")
	}
}

func TestSuite(t *testing.T) {
	value := reflect.ValueOf(suite{t})
	for i := 0; i < value.NumMethod(); i++ {
		if strings.HasPrefix(value.Type().Method(i).Name, "Test") {
			value.Method(i).Call(nil)
		}
	}
}

func FuzzSquare(f *testing.F) {
	f.Add(3)
	f.Fuzz(func(t *testing.T, x int) {
		if Square(x) != x*x {
			t.Error("square")
		}
	})
}
"""
EXTERNAL_TEST = """package calc_test

import (
	"fmt"
	"testing"

	"example.test/m/calc"
)

func TestHalf(t *testing.T) {
	t.Parallel()
	if calc.Half(8) != 4 {
		t.Error("half")
	}
}

func ExampleDouble() {
	fmt.Println(calc.Double(4))
	// Output: 8
}
"""
FILES = {
    "go.mod": "module example.test/m\n\ngo 1.22\n",
    "calc/calc.go": CALC,
    "calc/calc_test.go": CALC_TEST,
    "calc/external_test.go": EXTERNAL_TEST,
    "calc/tagged.go": "//go:build integration\n\npackage calc\n\nfunc Tagged() int { return 7 }\n",
    "calc/tagged_test.go": "//go:build integration\n\npackage calc\n\nimport \"testing\"\n\n"
    'func TestTagged(t *testing.T) {\n\tif Tagged() != 7 {\n\t\tt.Error("tagged")\n\t}\n}\n',
    "order/order.go": "package order\n\nvar ready bool\n\nfunc Prepare() { ready = true }\n\n"
    "func Ready() bool { return ready }\n",
    "order/order_test.go": 'package order\n\nimport "testing"\n\n'
    "func TestPrepare(t *testing.T) { Prepare() }\n\n"
    'func TestReady(t *testing.T) {\n\tif !Ready() {\n\t\tt.Error("not ready")\n\t}\n}\n',
    "plain/plain.go": "package plain\n\nfunc Plain() int { return 1 }\n",
}  # fmt: skip
OPTIONS = MutateOptions(execution=ExecuteOptions(tags=("integration",)), redundant=True)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(root), *author, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def work() -> Path:
    """A workspace with a build cache, and without verdicts of earlier runs."""
    folder = shared_work(f"mutate-{os.environ.get('PYTEST_XDIST_WORKER', 'single')}")
    shutil.rmtree(folder / "mutants", ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work tree in a private folder, as below a home folder."""
    root = tmp_path_factory.mktemp("mutate") / "m"
    write(root, FILES)
    git(root.parent, "init", "-q", "-b", "main", str(root))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


@pytest.fixture(scope="module")
def first(root: Path, work: Path) -> MutateResult:
    return mutate(root, ["./..."], OPTIONS, work=work, workers=2)


def mutants_of(result: MutateResult, function: str, file: str = "calc/calc.go") -> list[TestedMutant]:
    (mutated,) = (entry for entry in result.files if entry.path == file)
    return [entry for entry in mutated.mutants if entry.mutant.function == function]


def verdicts(mutants: Sequence[TestedMutant]) -> set[tuple[str, tuple[str, ...]]]:
    return {(str(entry.status), entry.killers) for entry in mutants}


def killed_by(*names: str) -> set[tuple[str, tuple[str, ...]]]:
    return {("killed", names)}


def test_a_mutant_is_killed_by_tests_that_reach_it_wherever_they_are_declared(first: MutateResult) -> None:
    by_function = {
        "Half": "TestHalf",
        "Double": "ExampleDouble",
        "Third": "TestSuite",
        "Square": "FuzzSquare",
    }
    for function, test in by_function.items():
        mutants = mutants_of(first, function)
        assert {entry.reached_by for entry in mutants} == {(test,)}
        assert verdicts(mutants) & killed_by(test), function
    assert verdicts(mutants_of(first, "Tagged", "calc/tagged.go")) == killed_by("TestTagged")
    assert {entry.status for entry in mutants_of(first, "Never")} == {MutantStatus.NO_COVERAGE}
    assert {entry.status for entry in mutants_of(first, "Plain", "plain/plain.go")} == {
        MutantStatus.NO_COVERAGE
    }
    survivors = {
        (entry.mutant.original, entry.mutant.replacement)
        for entry in mutants_of(first, "Max")
        if entry.survived
    }
    assert survivors == {(">", ">=")}


def test_a_test_that_kills_nothing_of_its_own_is_redundant(first: MutateResult) -> None:
    (package,) = (entry for entry in first.packages if entry.path == "example.test/m/calc")
    assert [test.name for test in redundant_tests(package, first.files)] == ["TestSignAgain"]
    assert ("killed", ("TestSign", "TestSignAgain")) in verdicts(mutants_of(first, "Sign"))


def test_tests_that_fail_without_a_mutant_judge_none(first: MutateResult) -> None:
    assert any("left out" in notice and "TestWrong" in notice for notice in first.notices)
    assert not any("TestWrong" in entry.killers for entry in first.mutants)


def test_tests_that_need_each_other_run_together(first: MutateResult) -> None:
    assert any("order: some tests need the others" in notice for notice in first.notices)
    mutants = mutants_of(first, "Prepare", "order/order.go")
    assert {entry.reached_by for entry in mutants} == {("TestPrepare", "TestReady")}
    assert verdicts(mutants) == killed_by("TestReady")


def test_a_second_run_runs_nothing_and_an_edit_only_what_depends_on_it(
    root: Path, work: Path, first: MutateResult, tmp_path: Path
) -> None:
    def run() -> MutateResult:
        return mutate(root, ["./..."], OPTIONS, work=work)

    def statuses(result: MutateResult) -> list[MutantStatus | None]:
        return [entry.status for entry in result.mutants]

    def ran(result: MutateResult) -> set[str]:
        return {
            m.mutant.function
            for m in result.mutants
            if not m.cached and m.status is not MutantStatus.NO_COVERAGE
        }

    second = run()
    assert ran(second) == set()
    assert statuses(second) == statuses(first)
    path = root / "calc" / "calc.go"
    path.write_text("\n// a line above\n" + CALC.replace("x / 2", "(x + x) / 4"))
    try:
        third = run()
        assert ran(third) == {"Half"}
        assert verdicts(mutants_of(third, "Half")) & killed_by("TestHalf")
        (root / "calc" / "calc_test.go").write_text(CALC_TEST.replace("Max(4, 2) != 4", "Max(4, 2) < 0"))
        fourth = run()
        assert ran(fourth) == {"Max"}
        before, after = (sum(m.survived for m in mutants_of(result, "Max")) for result in (third, fourth))
        assert after > before
        (root / "calc" / "calc_test.go").write_text(CALC_TEST.replace("Third(9) != 3", "Third(9) > 30"))
        assert ran(run()) >= {"Max", "Sign", "Half", "Third"}, "any test may call what is no test"
        changed = mutate(root, ["./..."], replace(OPTIONS, changed_since="main"), work=work)
        assert {entry.mutant.function for entry in changed.mutants} == {"Half"}
        assert [file.path for file in changed.files] == ["calc/calc.go"]
    finally:
        write(root, FILES)


def test_functions_and_tests_are_selected_by_name(root: Path, work: Path, first: MutateResult) -> None:
    options = replace(OPTIONS, functions="^(Sign|Max)$", tests="Again$")
    result = mutate(root, ["./calc"], options, work=work)
    assert {entry.mutant.function for entry in result.mutants} == {"Sign", "Max"}
    assert {entry.killers for entry in result.mutants} <= {(), ("TestSignAgain",)}
    assert {entry.status for entry in mutants_of(result, "Max")} == {MutantStatus.NO_COVERAGE}


def test_a_spent_budget_is_reported_and_the_next_run_goes_on(
    root: Path, work: Path, first: MutateResult
) -> None:
    progress = MutateProgress()
    result = mutate(root, ["./calc"], replace(OPTIONS, budget=0.01), work=work, progress=progress)
    assert progress.first_verdict is None
    assert any("not run within the budget" in notice for notice in result.notices)
    assert parse_duration("1m30s") == 90
    with pytest.raises(ConfigError, match="not a duration"):
        parse_duration("60")


def run_command(work: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["mutate", "--work", str(work), "--tags", "integration", *arguments])


def test_the_command_reports_for_people_and_machines(
    root: Path, work: Path, first: MutateResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "calc")
    report, page = tmp_path / "mutants.json", tmp_path / "mutants.html"
    files = ("--json", str(report), "--page", str(page), "--redundant")
    done = run_command(work, "--github", "--threshold", "10", "--show", "1", *files)
    assert done.exit_code == 0, done.output
    header, calc, _, everything = done.stdout.splitlines()[:4]
    assert " ".join(header.split()) == "file mutants killed survived not covered timed out score"
    assert calc.startswith("calc/calc.go ")
    assert everything.startswith("all files ")
    assert "more; --show" in done.stdout
    assert "calc/calc_test.go: kill nothing that no other test kills: TestSignAgain" in done.stdout
    assert (
        "::warning file=calc/calc.go,line=4,endLine=4,title=Surviving mutant (conditional-boundary)::"
        in done.stdout
    )
    assert "%0A-\tif a > b {%0A+\tif a >= b {" in done.stdout

    content = json.loads(report.read_text())
    jsonschema.validate(content, json.loads(SCHEMA.read_text()))
    mutants = content["files"]["calc/calc.go"]["mutants"]
    assert {row["status"] for row in mutants} == {"Killed", "Survived", "NoCoverage"}
    (boundary,) = (
        row for row in mutants if row["mutatorName"] == "conditional-boundary" and row["replacement"] == "<="
    )
    line = CALC.split("\n")[boundary["location"]["start"]["line"] - 1]
    start, end = (boundary["location"][side]["column"] - 1 for side in ("start", "end"))
    assert line[start:end] == "<", "columns are characters"
    (test,) = (row for row in content["testFiles"]["calc/calc_test.go"]["tests"] if row["name"] == "TestMax")
    assert any(row["killedBy"] == [test["id"]] for row in mutants)

    assert run_command(work, "--threshold", "99", "--redundant").exit_code == 1
    assert '<meta name="goutbench" content="mutate ' in page.read_text()
    page.write_text("<p>mine")
    with pytest.raises(ConfigError, match="not a page of `goutbench mutate`"):
        raise run_command(work, "--page", str(page)).exception or AssertionError


def test_a_baseline_fails_for_new_survivors_only(
    root: Path, work: Path, first: MutateResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    report = tmp_path / "before.json"
    run_command(work, "./calc", "--json", str(report), "--redundant")
    try:
        moved = "// lines above\n// do not matter\n" + CALC
        (root / "calc" / "calc.go").write_text(moved)
        assert run_command(work, "./calc", "--baseline", str(report), "--redundant").exit_code == 0
        (root / "calc" / "calc.go").write_text(
            moved.replace("return x / 2", "if x > 100 { x = 3 }; return x / 2")
        )
        done = run_command(work, "./calc", "--baseline", str(report), "--redundant")
        assert done.exit_code == 1
        assert "in Half" in done.stdout
        assert "in Max" not in done.stdout
    finally:
        write(root, FILES)
    report.write_text("{}")
    with pytest.raises(ConfigError, match="not a report of mutants"):
        raise run_command(work, "--baseline", str(report)).exception or AssertionError


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium")
def test_the_page_shows_mutants_inside_the_source(first: MutateResult, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    from goutbench.mutate.output.page import render

    path, errors = tmp_path / "page.html", list[str]()
    path.write_text(render(first))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        survivor = page.locator("details.survived", has_text="if a > b {")
        assert survivor.locator(".added", has_text="if a >= b {").is_visible()
        killed = page.locator("details.killed").first
        assert not killed.locator(".mutant").first.is_visible()
        killed.locator("summary").click()
        assert "by " in (killed.locator(".mutant p").first.text_content() or "")
        assert page.locator("#redundant", has_text="TestSignAgain").is_visible()
        browser.close()
    assert errors == []


def test_what_cannot_be_tested_is_an_error_with_its_cause(tmp_path: Path, work: Path) -> None:
    with pytest.raises(SourceError, match="not in a Go module"):
        mutate(tmp_path, ["./..."], OPTIONS, work=work)
    write(tmp_path, {"go.mod": FILES["go.mod"], "p/p.go": "package p\n\nfunc P() int { return 1 }\n"})
    with pytest.raises(SourceError, match=r"no package for \./missing/\.\.\.: .*no such file"):
        mutate(tmp_path, ["./missing/..."], OPTIONS, work=work)
    with pytest.raises(SourceError, match="not a git repository"):
        mutate(tmp_path, ["./..."], replace(OPTIONS, changed_since="main"), work=work)
    write(tmp_path, {"p/p_test.go": 'package p\n\nimport "testing"\n\nfunc TestP(t *testing.T) { P(1) }\n'})
    with pytest.raises(SourceError, match=r"(?s)do not build.*too many arguments"):
        mutate(tmp_path, ["./..."], OPTIONS, work=work)
