"""Bug fixes: which commits count as one, whether their tests show it, and what suites are worth."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bug_fixes.analyse import at_equal_coverage, at_equal_size, killed_shares, needed, superiority
from bug_fixes.checkout import Unusable, open_checkout
from bug_fixes.find import find
from bug_fixes.kills import changed_lines
from bug_fixes.suites import Pool
from bug_fixes.verify import verify
from workfolder import shared_work

from goutbench.execute.machine import open_machine
from goutbench.tasks.kinds.bug_fixes import BugFix

BUGGY = "package p\n\nfunc Larger(a, b int) int {\n\tif a < b {\n\t\treturn a\n\t}\n\treturn a\n}\n"
FIXED = BUGGY.replace("return a\n\t}", "return b\n\t}")
TEST = """package p

import "testing"

func TestFirst(t *testing.T) {
	if Larger(2, 1) != 2 {
		t.Error("not the first")
	}
}
"""
NEW_TEST = TEST + TEST.partition('"testing"\n')[2].replace("First", "Second").replace("2, 1", "1, 2")


class History:
    """A repository whose commits each write files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git("init", "-q", "-b", "main", str(folder))

    def commit(self, subject: str, **files: str) -> str:
        for name, text in files.items():
            (self.folder / name.replace("_go", ".go").replace("_mod", ".mod")).write_text(text)
        self._git("-C", str(self.folder), "add", "-A")
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        self._git("-C", str(self.folder), *author, "commit", "-q", "-m", subject)
        return self._git("-C", str(self.folder), "rev-parse", "HEAD").strip()

    @property
    def git_dir(self) -> Path:
        return self.folder / ".git"

    @staticmethod
    def _git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "repo")
    history.commit("begin", go_mod="module example.test/p\n\ngo 1.21\n", p_go=BUGGY, p_test_go=TEST)
    return history


def test_a_bug_fix_says_so_and_changes_one_file_with_its_test(history: History) -> None:
    history.commit("Fix Larger", p_go=FIXED)
    history.commit("Larger is shorter", p_go=BUGGY, p_test_go=NEW_TEST)
    history.commit("Fix a typo", p_go=FIXED, p_test_go=NEW_TEST + "//\n")
    history.commit("Fix it all", p_go=BUGGY, p_test_go=NEW_TEST + "//\n" * 2, q_go="package p\n")
    history.commit("Fix a lot", p_go=FIXED + "//\n" * 30, p_test_go=NEW_TEST + "//\n" * 3)
    history.commit("Fix without a new test", p_go=FIXED, p_test_go=NEW_TEST)
    parent = history.commit("prepare", p_go=BUGGY, p_test_go=TEST)
    commit = history.commit("Larger was wrong", p_go=FIXED, p_test_go=NEW_TEST, notes="text")
    assert list(find(history.git_dir, "o/p")) == [BugFix("o/p", commit, parent, "p.go", "Larger was wrong")]


def test_a_fix_is_verified_by_tests_that_fail_without_it(history: History) -> None:
    history.commit("Fix Larger", p_go=FIXED, p_test_go=NEW_TEST)
    history.commit("Fix the rest", p_go=FIXED + "\nvar _ = 1\n", p_test_go=NEW_TEST + "\n")
    machine = open_machine(work=shared_work("bug-fixes"))
    outcomes = {}
    for fix in find(history.git_dir, "o/p"):
        try:
            with open_checkout(machine, history.git_dir, fix) as checkout:
                verified = verify(machine, checkout)
                outcomes[verified.catching] = verified.profile.tests
        except Unusable as error:
            outcomes[str(error),] = ()
    passing = ("TestFirst", "TestSecond")
    assert outcomes == {("TestSecond",): passing, ("the tests pass without the fix",): ()}


def test_a_changed_line_is_new_or_follows_a_removed_one() -> None:
    assert changed_lines(b"a\nb\nc\n", b"a\nB\nc\n") == {2}
    assert changed_lines(b"a\nb\nc\n", b"a\nc\n") == {2}
    assert changed_lines(b"a\nc\n", b"a\n// b\nc\n") == set()


def row(killers: list[list[int]], blocks: list[list[int]]) -> dict[str, Any]:
    mutants = [
        {"near": 2, "sampled": True, "focused": True, "status": "killed", "reached": [0, 1, 2], "killers": k}
        for k in killers
    ]
    covered = [{"near": 0, "statements": 1, "tests": tests} for tests in blocks]
    tests = ["TestA", "TestB", "TestC"]
    fixed = {"tests": tests, "mutants": mutants, "blocks": covered}
    return {"catching": ["TestA"], "fixed": fixed}


def test_a_suite_kills_and_covers_what_its_tests_do() -> None:
    pool = Pool.of(row([[0], [0, 1], [2], []], [[0, 1, 2], [1]]))
    values = pool.measure(np.array([[True, False, True], [False, True, False]]))
    assert values[0].tolist() == [0.75, 0.25]
    assert values[2].tolist() == [0.5, 1.0]


def test_a_test_that_catches_and_kills_most_is_always_higher_at_equal_size() -> None:
    pool = Pool.of(row([[0], [0, 1], [0, 2]], [[0, 1, 2]]))
    assert at_equal_size(pool)[0] == 1.0
    assert at_equal_size(pool)[2] == 0.5
    assert at_equal_coverage(pool, 0, 2) == 1.0
    assert needed(pool, 0) == (1.0, 0.0)


def test_a_useless_score_is_even() -> None:
    pool = Pool.of(row([[0], [1], [2]], [[0, 1, 2]]))
    assert at_equal_size(pool)[0] == 0.5
    assert superiority(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == 0.375
    assert np.isnan(at_equal_size(pool)[3])  # no block is near the change


def test_shares_of_killed_mutants_are_of_the_changed_lines_and_of_elsewhere() -> None:
    mutants = [
        {"near": 2, "sampled": False, "reached": [0], "killers": [0]},
        {"near": 2, "sampled": True, "reached": [], "killers": []},
        {"near": 0, "sampled": True, "reached": [0], "killers": []},
        {"near": 0, "sampled": False, "reached": [0], "killers": [0]},
    ]
    bug = {"before": {"mutants": mutants}}
    assert killed_shares(bug, near=2, covered=False) == (0.5, 0.0)
    assert killed_shares(bug, near=2, covered=True) == (1.0, 0.0)
