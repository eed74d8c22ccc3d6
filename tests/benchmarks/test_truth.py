"""The comparison with `go test`: what damages a test, what `go test` says, when two verdicts are the same."""

from pathlib import Path
from typing import Any

import pytest
from plain_go import own_environment
from truth.compare import classify, coverage_differs
from truth.mutilate import mutilate, ways
from truth.plain import PlainTest, User, Verdict, declared_names

from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.installation import find_toolchain

TEST = """// Package p has tests.
package p_test

import (
	"testing"

	"example.test/p"
)

func TestA(tt *testing.T) {
	p.F()
}

func BenchmarkA(b *testing.B) {}

func TestB(t *testing.T) {
	p.F()
}
"""


@pytest.mark.parametrize("name", sorted(ways()))
def test_a_damaged_file_is_still_the_go_that_its_way_means(name: str) -> None:
    damaged = mutilate(TEST, ways()[name])
    assert damaged is not None
    assert damaged != TEST
    file = parse(damaged.encode())
    assert bool(file.errors) == (name == "cut off")
    if not ways()[name].change:
        assert {"TestA", "TestB"} <= {test.name for test in file.tests}


def test_statements_use_the_name_of_the_parameter() -> None:
    damaged = mutilate(TEST, ways()["fatal assertion"]) or ""
    assert 'func TestA(tt *testing.T) {\ntt.Fatal("damaged")\n' in damaged
    assert "TestB(t *testing.T) {\n\tp.F()" in damaged


def test_every_test_skips() -> None:
    damaged = mutilate(TEST, ways()["skip everything"]) or ""
    assert damaged.count("Skip(") == 2
    assert 'tt.Skip("damaged")' in damaged


def test_a_file_without_a_test_is_not_damaged() -> None:
    assert mutilate("package p\n\nfunc helper() {}\n", ways()["panic"]) is None


def execution(status: str, reason: str = "", **fields: Any) -> dict[str, Any]:
    return {"status": status, "reason": reason, "evidence": "", "statements": 2, "covered": 1} | fields


def plain(result: str, **fields: Any) -> dict[str, Any]:
    return {"result": result, "elsewhere": False, "statements": 2, "covered": 1} | fields


def row(executions: list[dict[str, Any]], *results: str) -> dict[str, Any]:
    return {"executions": executions, "plain": [plain(result) for result in results]}


@pytest.mark.parametrize(
    ("status", "reason", "results", "expected"),
    [
        ("PASSED", "", ["pass"], "equal"),
        ("TESTS_FAILED", "panic", ["fail"], "equal"),
        ("TESTS_FAILED", "assertion", ["pass", "pass"], "unexplained"),
        ("TESTS_FAILED", "assertion", ["pass", "fail"], "flaky"),
        ("NO_TESTS_RAN", "all-skipped", ["skip"], "equal"),
        ("NO_TESTS_RAN", "all-skipped", ["none", "none"], "unexplained"),
        ("NO_TESTS_RAN", "no-tests-declared", ["none"], "equal"),
        ("VET_FAILED", "vet", ["vet"], "equal"),
        ("BUILD_FAILED", "compile-error", ["vet", "vet"], "unexplained"),
        ("INFRA_FAILURE", "package-broken", ["build"], "equal"),
        ("INFRA_FAILURE", "package-broken", ["pass", "pass"], "unexplained"),
        ("INFRA_FAILURE", "entry-elsewhere", ["pass", "pass"], "explained: entry-elsewhere"),
    ],
)
def test_verdicts_are_classified(status: str, reason: str, results: list[str], expected: str) -> None:
    assert classify(row([execution(status, reason)], *results)) == expected


def test_a_difference_that_both_take_back_is_no_difference() -> None:
    executions = [execution("TIMED_OUT"), execution("PASSED")]
    assert classify(row(executions, "pass", "pass")) == "equal when repeated"


def test_a_failure_that_the_program_ignores_is_explained() -> None:
    assert classify(row([execution("TESTS_FAILED", "exit-0-without-every-test")] * 2, "ignored")) == (
        "explained: a failure that TestMain ignores"
    )
    assert classify(row([execution("PASSED", "")] * 2, "ignored")) == "unexplained"


def test_a_file_that_other_tests_need_is_explained() -> None:
    different = row([execution("NO_TESTS_RAN", "no-tests-declared")] * 2, "pass", "pass")
    assert classify(different) == "unexplained"
    different["plain"][0]["needed"] = True
    assert classify(different) == "explained: other tests of the package need the file"


def test_a_difference_that_temporary_files_in_memory_make_is_explained() -> None:
    different = row([execution("TESTS_FAILED", "assertion")] * 2, "pass", "pass", "pass")
    assert classify(different) == "unexplained"
    assert classify(different | {"in_memory": [{"result": "pass"}]}) == "unexplained"
    assert classify(different | {"in_memory": [{"result": "fail"}]}) == "explained: temporary files in memory"


def test_coverage_counts_where_both_pass() -> None:
    assert coverage_differs(row([execution("PASSED")], "pass")) is False
    assert coverage_differs(row([execution("PASSED", covered=2)], "pass")) is True
    assert coverage_differs(row([execution("TESTS_FAILED")], "fail")) is None
    by_chance = row([execution("PASSED", covered=2), execution("PASSED")], "pass")
    assert coverage_differs(by_chance) is False


FILES = {
    "go.mod": "module example.test/p\n\ngo 1.24\n",
    "p/p.go": "package p\n\nfunc F(n int) int {\n\tif n > 0 {\n\t\treturn 1\n\t}\n\treturn 0\n}\n",
    "p/p_test.go": 'package p\n\nimport "testing"\n\nfunc TestF(t *testing.T) { F(1) }\n',
    "p/more_test.go": 'package p\n\nimport "testing"\n\nfunc TestG(t *testing.T) { t.Fatal() }\n\n'
    "type suite struct{}\n\nfunc TestRuns(t *testing.T) {\n"
    '\tif s, ok := any(suite{}).(interface{ TestM(*testing.T) }); ok { t.Run("TestM", s.TestM) }\n}\n',
    "p/suite_test.go": 'package p\n\nimport "testing"\n\nfunc (suite) TestM(t *testing.T) {}\n',
    "needed/p.go": "package needed\n",
    "needed/p_test.go": 'package needed\n\nimport "testing"\n\nfunc TestF(t *testing.T) { helps(t) }\n',
    "needed/h_test.go": 'package needed\n\nimport "testing"\n\nfunc helps(*testing.T) {}\n',
    "p/helper_test.go": "package p\n\nfunc Testing() {}\n",
    "p/skip_test.go": 'package p\n\nimport "testing"\n\nfunc TestS(t *testing.T) { t.Skip() }\n',
    "broken/p.go": "package broken\n",
    "broken/p_test.go": 'package broken\n\nimport "testing"\n\nfunc TestF(t *testing.T) { x() }\n',
    "exits/p.go": "package exits\n",
    "exits/p_test.go": 'package exits\n\nimport (\n\t"os"\n\t"testing"\n)\n\n'
    "func TestMain(m *testing.M) { m.Run(); os.Exit(0) }\n\nfunc TestF(t *testing.T) { t.Fail() }\n",
    "vetted/p.go": "package vetted\n",
    "vetted/p_test.go": 'package vetted\n\nimport "testing"\n\nfunc TestF(t *testing.T) { t.Logf("%d") }\n',
}


def test_go_test_gives_a_verdict_on_each_file(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    (tmp_path / "home").mkdir()
    build_cache = Path(own_environment(find_toolchain())["GOCACHE"])
    user = User(find_toolchain(), tmp_path / "home", build_cache, tmp_path / "modules", None)

    def run(test: str) -> Verdict:
        return PlainTest(user, tmp_path / "tree", str(Path(test).with_name("p.go")), test).run()

    def verdict(test: str) -> tuple[str, bool, int, int]:
        found = run(test)
        return found.result, found.elsewhere, found.statements, found.covered

    assert verdict("p/p_test.go") == ("pass", False, 3, 2)
    assert verdict("p/more_test.go") == ("fail", False, 3, 0)
    assert verdict("p/skip_test.go") == ("skip", False, 3, 0)
    assert verdict("p/suite_test.go") == ("fail", True, 0, 0)  # TestG, in another file, fails
    assert verdict("p/helper_test.go") == ("none", False, 0, 0)
    assert verdict("broken/p_test.go") == ("build", False, 0, 0)
    assert run("needed/h_test.go").needed
    assert not run("p/suite_test.go").needed
    assert verdict("exits/p_test.go") == ("ignored", False, 0, 0)
    assert verdict("vetted/p_test.go") == ("vet", False, 0, 0)


def test_names_are_those_that_go_test_could_run() -> None:
    text = "func TestA(t *testing.T) {}\nfunc Testa() {}\nfunc (s S) TestM() {}\nfunc Test() {}\n"
    assert declared_names(text) == ("TestA", "Test")
