"""Feedback: what each kind says of real executions, which differ in how far they get."""

from dataclasses import dataclass, replace

import pytest
from sandboxes import DATA

from goutbench.errors import ConfigError
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.prompts.feedback.chances import MAX_MUTANTS, different
from goutbench.prompts.feedback.message import (
    EXTEND,
    FIX,
    RESTATE,
    Feedback,
    check_kinds,
    feedback,
    feedback_prompt,
)
from goutbench.records import Candidate, MutantStatus, MutantVerdict, Prompt

CODE = (DATA / "calc" / "calc.go").read_text()
HEAD = 'package calc\n\nimport "testing"\n\n'
CLAMP = """func TestClamp(t *testing.T) {
	if Clamp(5, 1, 9) != 5 {
		t.Error("inside")
	}
}
"""


@dataclass(frozen=True)
class Pair:
    code: str = CODE
    code_path: str = "math/calc.go"
    test_path: str = "math/calc_test.go"


def candidate_of(body: str, *focal: str) -> Candidate:
    return replace(text_candidate("calc", "m", HEAD + body), focal=focal, package="calc")


@dataclass(frozen=True)
class Writer:
    """Executes a test file and returns the feedback on it."""

    worker: Worker
    package: PackageUnderTest

    def __call__(
        self, body: str, *focal: str, kinds: tuple[str, ...] = ("build", "failures", "coverage")
    ) -> Feedback | None:
        mutants = 0 if "mutants" in kinds else None
        worker = replace(self.worker, options=replace(self.worker.options, mutants=mutants, test_seconds=2.0))
        candidate = candidate_of(body, *focal)
        return feedback(Pair(), candidate, climb(worker, self.package, candidate), kinds)


@pytest.fixture(scope="module")
def feedback_on(worker: Worker, package: PackageUnderTest) -> Writer:
    return Writer(worker, package)


def said(answer: Feedback | None, template: str) -> str:
    """The observations of a message, without the request at its end."""
    assert answer is not None
    assert answer.template == template
    return answer.text.removeprefix("That test file passes. ").rpartition("\n\n")[0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "func TestAdd(t *testing.T) {\n\tif Ad(1, 2) != 3 {\n\t\tt.Error()\n\t}\n}\n",
            "That test file does not compile:\n\n```\ncalc_test.go:6:5: undefined: Ad\n```\n\n"
            "The lines of the test file:\n\n```go\n    6 | \tif Ad(1, 2) != 3 {\n```",
        ),
        (
            "func TestAdd(t *testing.T {\n}\n",
            "That test file does not compile:\n\n```\ncalc_test.go:5:27: missing ',' in parameter list",
        ),
        (
            'func TestAdd(t *testing.T) {\n\tt.Errorf("%d", "x")\n}\n',
            "`go vet` rejects that test file:\n\n```\ncalc_test.go:6:12: (*testing.common).Errorf format %d",
        ),
    ],
)
def test_a_build_error_is_told_with_the_line_that_it_names(
    feedback_on: Writer, body: str, expected: str
) -> None:
    assert said(feedback_on(body), FIX).startswith(expected)
    assert feedback_on(body, kinds=("failures", "coverage")) is None


def test_a_failing_assertion_is_told_with_its_values_and_its_line(feedback_on: Writer) -> None:
    body = """func TestAdd(t *testing.T) {
	if got := Add(1, 2); got != 4 {
		t.Errorf("Add(1, 2) = %d, want 4", got)
	}
}

func TestFine(t *testing.T) {}

func TestDiv(t *testing.T) {
	t.Run("by zero", func(t *testing.T) {
		Div(1, 0)
		var none map[string]int
		none["a"]++
	})
}
"""
    text = said(feedback_on(body), FIX)
    assert text.startswith("These tests fail: `TestAdd`, `TestDiv`. The others pass: 1.\n\n```\n")
    assert "calc_test.go:7: Add(1, 2) = 3, want 4\n--- FAIL: TestAdd\n" in text
    assert "panic: assignment to entry in nil map" in text
    assert '    7 | \t\tt.Errorf("Add(1, 2) = %d, want 4", got)\n' in text
    assert '   17 | \t\tnone["a"]++\n' in text
    assert "goroutine" not in text
    assert "/" not in text.replace("TestDiv/by_zero", ""), "no folder of this machine"


def test_a_test_that_does_not_end_is_named(feedback_on: Writer) -> None:
    text = said(feedback_on("func TestAdd(t *testing.T) {\n\tselect {}\n}\n"), FIX)
    assert text.startswith("The tests did not end within the time limit; these did not end: `TestAdd`.")
    assert "--test-seconds" not in text, "a hint for the user, not for the model"


def test_a_file_without_code_or_without_tests_is_told_so(feedback_on: Writer) -> None:
    nothing = replace(candidate_of(""), code=" ")
    record = climb(feedback_on.worker, feedback_on.package, nothing)
    assert said(feedback(Pair(), nothing, record), RESTATE) == "There is no Go test file in that reply."
    assert said(feedback_on("var _ testing.TB\n"), FIX).startswith(
        "No test of that file ran: it declares no test."
    )


def test_uncovered_functions_and_lines_are_told_with_their_numbers(feedback_on: Writer) -> None:
    assert said(feedback_on(CLAMP), EXTEND) == (
        "The tests do not cover all of math/calc.go.\n\n"
        "- `Add` is never called.\n- `Div` is never called.\n- `Sum` is never called.\n\n"
        "These lines never run:\n\n```go\n"
        "   24 | \tif x < low {\n   25 | \t\treturn low\n   26 | \t}\n"
        "   27 | \tif x > high {\n   28 | \t\treturn high\n   29 | \t}\n```"
    )
    of_function = said(feedback_on(CLAMP, "Clamp"), EXTEND)
    assert "never called" not in of_function
    assert "   25 | \t\treturn low\n" in of_function


def test_branches_are_told_that_are_never_taken_although_their_lines_run(feedback_on: Writer) -> None:
    candidate = candidate_of("func TestAdd(t *testing.T) {\n\tAdd(1, 2)\n}\n", "Add")
    record = climb(feedback_on.worker, feedback_on.package, candidate)
    missed = ("11.9 if a > b: false", "16.5 if b == 0: true")
    record = replace(record, focal_branches=2, focal_branches_covered=1, uncovered_branches=missed)
    assert said(feedback(Pair(), candidate, record, ("coverage",)), EXTEND) == (
        "The tests do not cover all of math/calc.go.\n\nThese branches are never taken:\n\n"
        "- line 11: `if a > b`: false"
    )


def test_surviving_mutants_are_told_as_diffs_and_a_complete_test_ends_the_rounds(
    feedback_on: Writer,
) -> None:
    kinds = ("coverage", "mutants")
    weak = "func TestDiv(t *testing.T) {\n\tDiv(5, 1)\n\tDiv(5, 0)\n}\n"
    text = said(feedback_on(weak, "Div", kinds=kinds), EXTEND)
    assert text.startswith("No test notices any of these changes to the code under test:\n\nLine ")
    assert "-\treturn a / b, nil\n+\treturn a * b, nil\n" in text
    assert 1 < text.count("```diff\n") <= MAX_MUTANTS
    strong = """func TestAdd(t *testing.T) {
	if Add(2, 3) != 5 {
		t.Error("sum")
	}
}
"""
    assert feedback_on(strong, "Add", kinds=kinds) is None


def test_output_cannot_end_the_block_that_it_is_in(feedback_on: Writer) -> None:
    text = said(feedback_on('func TestAdd(t *testing.T) {\n\tt.Error("````")\n}\n'), FIX)
    assert "\n`````\ncalc_test.go:6: ````\n--- FAIL: TestAdd\n`````\n" in text


def mutant(number: int, line: int, function: str, operator: str) -> MutantVerdict:
    position = f"{line}.1-{line}.2"
    return MutantVerdict(number, position, function, operator, "a", "b", MutantStatus.SURVIVED)


def test_the_most_different_mutants_come_first() -> None:
    mutants = [
        mutant(1, 3, "F", "x"), mutant(2, 3, "F", "x"), mutant(3, 3, "F", "y"), mutant(4, 4, "F", "x"),
        mutant(5, 9, "G", "x"),
    ]  # fmt: skip
    assert [one.id for one in different(mutants)] == [1, 5, 4, 3, 2]


def test_the_next_prompt_is_the_first_one_with_the_candidate_and_the_feedback() -> None:
    first = Prompt("p", "calc", "c", (), "function-v2", "0", (("system", "s"), ("user", "u")), 2)
    candidate = candidate_of(CLAMP)
    prompt = feedback_prompt(first, candidate, Feedback(FIX, "wrong"))
    assert [role for role, _ in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[2][1] == f"```go\n{HEAD}{CLAMP}```\n"
    assert (prompt.messages[3][1], prompt.template, prompt.pair_id) == ("wrong", FIX, "calc")
    assert prompt.id != first.id
    assert prompt == feedback_prompt(first, candidate, Feedback(FIX, "wrong"))


def test_an_unknown_kind_of_feedback_is_an_error() -> None:
    check_kinds(("build",))
    for kinds in (("build", "style"), ()):
        with pytest.raises(ConfigError, match="feedback") as caught:
            check_kinds(kinds)
        assert "build, failures, coverage, mutants" in str(caught.value)
