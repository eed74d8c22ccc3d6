"""Mutants with the machine code of the original, by the real compiler."""

import json
from pathlib import Path

import pytest
import toymodule

from goutbench.golang.toolchain import machine_code
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, run_go
from goutbench.golang.toolchain.machine_code import MACHINE_CODE, prove_equivalent
from goutbench.golang.toolchain.mutation import plan_mutation

# a line that ends in "same" has mutants that change nothing: their value is never used
CODE = """package toy

import "fmt"

type T struct{ n int }

func dead(x int) int {
	y := x * 2 // same
	y = x + 1
	return y
}

func (t *T) describe(a any, words []string) string {
	type pair struct{ a, b int }
	size := len(words) + 1 // same
	size = 7
	defer func() { t.n++ }()
	switch a.(type) {
	case fmt.Stringer:
		return "stringer"
	}
	return fmt.Sprint(pair{1, size}, []string{"a", "b"})
}

func product(n uint) uint {
	_ = n + 3 // same
	if n == 0 {
		return 1
	}
	return n * product(n-1)
}

func generic[K comparable](k K, n int) int {
	n = n + 3
	n = 2
	return n
}

var data = map[string]int{"a": 1}
"""


@pytest.mark.parametrize(("batch", "count"), [(machine_code._BATCH, 1), (4000, 2)])
def test_mutants_with_the_machine_code_of_the_original_are_found_in_few_builds(
    helper: GoHelper, toolchain: Toolchain, go_environment: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, batch: int, count: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(machine_code, "_BATCH", batch)
    root = toymodule.write(
        tmp_path / "toy", {"go.mod": "module example.com/toy\n\ngo 1.22\n", "toy.go": CODE}
    )
    plan = plan_mutation(helper, root, root / "toy.go")
    builds = []

    def list_code(source: bytes) -> Path:
        builds.append(source)
        (tmp_path / "copies.go").write_bytes(source)
        overlay, listing = tmp_path / "overlay.json", tmp_path / "listing"
        overlay.write_text(json.dumps({"Replace": {str(root / "toy.go"): str(tmp_path / "copies.go")}}))
        done = run_go(
            toolchain, ["build", "-gcflags=-S", f"-overlay={overlay}", "."], cwd=root, env=go_environment
        )
        assert done.returncode == 0, done.stderr
        listing.write_text(done.stderr)
        return listing

    answers: dict[int, bool] = {}
    proofs = prove_equivalent(plan, CODE.encode(), plan.mutants, answers, list_code)
    lines = CODE.splitlines()
    assert set(proofs.values()) == {MACHINE_CODE}
    equivalent = [mutant for mutant in plan.mutants if mutant.id in proofs]
    assert {lines[mutant.line - 1] for mutant in equivalent} == {
        line for line in lines if line.endswith("same")
    }
    assert {(m.original, m.replacement) for m in equivalent} == {
        ("*", "/"), ("2", "3"), ("+", "-"), ("1", "2"), ("3", "4"),
    }  # fmt: skip
    # of what is known, and of what is in no function that can be copied, no build is made
    assert prove_equivalent(plan, CODE.encode(), plan.mutants, answers, list_code) == proofs
    assert len(builds) == count
    uncopied = [m.id for m in plan.mutants if m.function == "generic"]
    assert uncopied
    assert not answers.keys() - {m.id for m in plan.mutants}


def test_without_a_listing_no_mutant_is_equivalent(helper: GoHelper, tmp_path: Path) -> None:
    root = toymodule.write(
        tmp_path / "toy", {"go.mod": "module example.com/toy\n\ngo 1.22\n", "toy.go": CODE}
    )
    plan = plan_mutation(helper, root, root / "toy.go")
    answers: dict[int, bool] = {}
    assert prove_equivalent(plan, CODE.encode(), plan.mutants, answers, lambda source: None) == {}
    assert set(answers.values()) == {False}
