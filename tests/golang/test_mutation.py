import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import toymodule

from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, run_go
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan, apply_mutant, operators, plan_mutation

OPERATORS = """package toy

func f(a, b int, ok bool, p *int, s string) (int, *int) {
	if a < b && ok {
		a += b
	}
	for i := 0; i != 3; i++ {
		if !ok {
			break
		}
	}
	g(a &^ b)
	return a * b, p
}

func g(int) {}
"""

EXPECTED = {
    ("<", "<="),
    ("<", ">="),
    ("!=", "=="),
    ("ok", "!ok"),
    ("!", ""),
    ("&&", "||"),
    ("+=", "-="),
    ("*", "/"),
    ("&^", "&"),
    ("++", "--"),
    ("0", "1"),
    ("3", "4"),
    ("break", "continue"),
    ("a * b", "0"),
    ("p", "nil"),
    ("a += b", ""),
    ("g(a &^ b)", ""),
    ("break", ""),
    ("if !ok {\n\t\t\tbreak\n\t\t}", ""),
}

# constructs that a switch could break: all of them compile and behave as before
TRICKY = """package toy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

type flag bool

type number interface{ ~int | ~float64 }

const limit = 3

var table = [limit + 1]int{1, 2, 3, 4}

var early = sum(table[:]...) // runs before main and before every init

var broken = errors.New("broken")

func sum[T number](xs ...T) (total T) {
	for _, x := range xs {
		total += x * 2
	}
	return total / 2
}

func isSet(f flag) flag { return !f && f == false }

func shadow(x int) (n int, err error) {
	type string int
	int := string(x + 1)
	defer func() {
		if recover() != nil {
			err = broken
		}
	}()
	if int > 100 {
		panic("too large") // a comment
	}
	n = 1 << uint(x) >> 1
	return n, nil
}

func loops(words []string) string {
	out := ""
outer:
	for i, word := range words {
		switch {
		case word == "stop":
			break outer
		case strings.HasPrefix(word, "x"):
			continue outer
		case i > 5:
			fallthrough
		default:
			out += word + "," // strings have no minus
		}
	}
	i := 0
again:
	if i < 2 {
		i++
		goto again
	}
	for j := range 3 {
		if j == 1 {
			continue
		}
		out = out + fmt.Sprint(j)
	}
	select {
	case <-make(chan int):
	default:
		out += "d"
	}
	return out
}

func mode(name string) (os.FileMode, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm() &
		0o700, nil
}

func age(name string) bool {
	info, err := os.Stat(name)
	return err == nil &&
		// the type time.Duration is never named here
		info.ModTime().Sub(info.ModTime())+1 > 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func apply(f func(int) int, x int) int { return f(x + 1) }

func classify(x int) string {
	switch x {
	case 1, 2:
		return "few"
	case 3:
		return "three"
	}
	if x < 0 {
		return "negative"
	} else if x == 0 {
		return "none"
	} else {
		return apply2(func(y int) string {
			if y > 10 {
				return "many"
			}
			return "some"
		}, x)
	}
}

func apply2(f func(int) string, x int) string { return f(x) }

type job struct {
	name string
	size int
}

var errLarge, errMissing = errors.New("large"), errors.New("missing")

func collect(ctx context.Context, sizes map[string]int, names []string, limit *int) (jobs []job, err error) {
	var lock sync.Mutex
	results, stop := make(chan job), make(chan bool, 1)
	defer func() { jobs = slices.Clone(jobs) }()
	sorted := append([]string(nil), names...)
	slices.Sort(sorted)
	for _, name := range sorted[:len(names)] {
		lock.Lock()
		size, ok := sizes[name]
		lock.Unlock()
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, errMissing)
		}
		if limit != nil && size > *limit {
			return nil, errLarge
		}
		go func() {
			if wait(ctx, name) == nil {
				results <- job{name: name, size: size}
			}
		}()
	}
	stop <- len(sorted) == 0
	if <-stop {
		return nil, nil
	}
	for range sorted {
		select {
		case result := <-results:
			jobs = append(jobs, result)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return jobs, nil
}

func wait(ctx context.Context, name string) error {
	if name == "slow" {
		<-ctx.Done()
	}
	return ctx.Err()
}
"""

TRICKY_TEST = """package toy

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestCollect(t *testing.T) {
	sizes, limit := map[string]int{"a": 1, "b": 2, "c": 30, "slow": 4}, 9
	names := []string{"b", "a"}
	if jobs, err := collect(context.Background(), sizes, names, &limit); len(jobs) != 2 || err != nil {
		t.Fatal(jobs, err)
	} else if jobs[0].size+jobs[1].size != 3 || jobs[0].name+jobs[1].name == "" || names[0] != "b" {
		t.Fatal(jobs, names)
	}
	if _, err := collect(context.Background(), sizes, []string{"d"}, nil); !errors.Is(err, errMissing) {
		t.Fatal(err)
	}
	if _, err := collect(context.Background(), sizes, []string{"c"}, &limit); err != errLarge {
		t.Fatal(err)
	}
	if jobs, err := collect(context.Background(), sizes, nil, nil); jobs != nil || err != nil {
		t.Fatal(jobs, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := collect(ctx, sizes, []string{"slow"}, &limit); err != context.Canceled {
		t.Fatal(err)
	}
}

func TestTricky(t *testing.T) {
	if early != 10 || sum(1.5, 2) != 3.5 {
		t.Fatal(early)
	}
	if isSet(true) || !isSet(false) {
		t.Fatal()
	}
	if n, err := shadow(2); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := shadow(100); err != broken {
		t.Fatal(err)
	}
	if got := loops([]string{"a", "xb", "c", "stop", "d"}); got != "a,c,02d" {
		t.Fatal(got)
	}
	if m, err := mode("."); m == 0 || err != nil || !age(".") {
		t.Fatal(m, err)
	}
	if _, err := mode("nothing"); err == nil || age("nothing") {
		t.Fatal(err)
	}
	if classify(2)+classify(3)+classify(-1)+classify(0)+classify(5)+classify(11) !=
		"fewthreenegativenonesomemany" {
		t.Fatal()
	}
	if apply(func(x int) int { _, _, line, _ := runtime.Caller(1); return line * x }, 0) != LINE {
		t.Fatal("the switch moved the lines of the source")
	}
	defer func() {
		if text, ok := recover().(error); !ok || !strings.Contains(text.Error(), "bro") {
			t.Fatal(text)
		}
	}()
	must(broken)
}
"""


@dataclass(frozen=True, slots=True)
class Lab:
    """Builds and runs test binaries of one package with files laid over it."""

    toolchain: Toolchain
    env: dict[str, str]
    scratch: Path

    def overlay(self, files: dict[Path, bytes]) -> Path:
        replace = {}
        for number, (path, text) in enumerate(files.items()):
            (self.scratch / f"{number}.go").write_bytes(text)
            replace[str(path)] = str(self.scratch / f"{number}.go")
        out = self.scratch / "overlay.json"
        out.write_text(json.dumps({"Replace": replace}))
        return out

    def build(self, package: Path, files: dict[Path, bytes]) -> Path:
        overlay, binary = self.overlay(files), self.scratch / "x.test"
        command = ["test", "-c", "-vet=off", "-ldflags=-s -w", f"-overlay={overlay}", "-o", str(binary), "."]
        done = run_go(self.toolchain, command, cwd=package, env=self.env)
        assert done.returncode == 0, done.stderr
        return binary

    def passes(self, binary: Path, package: Path, extra: dict[str, str]) -> bool:
        command = [str(binary), "-test.timeout=3s"]
        return subprocess.run(command, cwd=package, env=self.env | extra, capture_output=True).returncode == 0


def schemata(plan: MutationPlan) -> dict[Path, bytes]:
    assert (plan.reason, plan.infra) == (None, None)
    return {plan.focal: plan.schemata, plan.focal.parent / plan.support_name: plan.support}


@pytest.fixture
def lab(toolchain: Toolchain, go_environment: dict[str, str], tmp_path: Path) -> Lab:
    (tmp_path / "scratch").mkdir()
    return Lab(toolchain, go_environment, tmp_path / "scratch")


def plan_of(helper: GoHelper, root: Path, text: str) -> MutationPlan:
    toymodule.write(root, {"go.mod": "module example.com/toy\n\ngo 1.22\n", "toy.go": text})
    return plan_mutation(helper, root, root / "toy.go")


def test_a_plan_has_the_mutants_of_the_operators_with_their_positions(
    helper: GoHelper, tmp_path: Path
) -> None:
    plan = plan_of(helper, tmp_path, OPERATORS)
    assert {(mutant.original, mutant.replacement) for mutant in plan.mutants} >= EXPECTED
    assert {mutant.operator for mutant in plan.mutants} <= {operator.name for operator in operators(helper)}
    assert plan.not_viable == ()
    assert [mutant.id for mutant in plan.mutants] == list(range(1, len(plan.mutants) + 1))
    boundary = next(mutant for mutant in plan.mutants if mutant.replacement == "<=")
    assert (boundary.line, boundary.column, boundary.end_line, boundary.end_column) == (4, 7, 4, 8)
    assert boundary.function == "f"
    for mutant in plan.mutants:
        source = OPERATORS.encode()
        assert source[mutant.start : mutant.end].decode() == mutant.original
        assert apply_mutant(source, mutant).decode().count("\n") <= OPERATORS.count("\n")


def test_schemata_of_tricky_code_behave_the_same_on_the_same_lines(
    helper: GoHelper, lab: Lab, tmp_path: Path
) -> None:
    plan = plan_of(helper, tmp_path, TRICKY)
    line = 1 + TRICKY[: TRICKY.index("func apply(")].count("\n")
    (tmp_path / "toy_test.go").write_text(TRICKY_TEST.replace("LINE", str(line)))
    binary = lab.build(tmp_path, schemata(plan))
    assert lab.passes(binary, tmp_path, plan.environment(0))
    assert lab.passes(binary, tmp_path, {})
    for change in (("+=", "-="), ("!", ""), ("n", "0"), ("total += x * 2", "_ = x")):
        mutant = next(m for m in plan.mutants if (m.original, m.replacement) == change)
        assert not lab.passes(binary, tmp_path, plan.environment(mutant.id)), mutant
    # the schemata import package time to name the type time.Duration
    assert any(m.original == "1" and m.line == source_line(TRICKY, "ModTime().Sub") for m in plan.mutants)


def source_line(text: str, part: str) -> int:
    return 1 + text[: text.index(part)].count("\n")


def test_a_package_level_initialiser_runs_with_its_mutant(helper: GoHelper, lab: Lab, tmp_path: Path) -> None:
    text = "package toy\n\nvar early = double(4)\n\nfunc double(x int) int { return x * 2 }\n"
    plan = plan_of(helper, tmp_path, text)
    test = (
        'package toy\n\nimport "testing"\n\nfunc TestE(t *testing.T) { if early != 8 { t.Fatal(early) } }\n'
    )
    (tmp_path / "toy_test.go").write_text(test)
    binary = lab.build(tmp_path, schemata(plan))
    assert lab.passes(binary, tmp_path, plan.environment(0))
    assert len(plan.mutants) == 4  # the literals 4 and 2, the product, the returned value
    assert not any(lab.passes(binary, tmp_path, plan.environment(mutant.id)) for mutant in plan.mutants)


def test_a_mutant_behind_the_switch_gets_the_result_of_the_mutant_alone(
    helper: GoHelper, lab: Lab, tmp_path: Path
) -> None:
    plan = plan_of(helper, tmp_path, TRICKY)
    line = source_line(TRICKY, "func apply(")
    (tmp_path / "toy_test.go").write_text(TRICKY_TEST.replace("LINE", str(line)))
    of_operator: dict[str, list[Mutant]] = {}
    for mutant in plan.mutants:
        of_operator.setdefault(mutant.operator, []).append(mutant)
    # conditions, values and statements have three forms of the switch; the rest of an operator is alike
    chosen = [mutants[len(mutants) // 2] for mutants in of_operator.values()]
    assert of_operator.keys() == {operator.name for operator in operators(helper)}
    binary = lab.build(tmp_path, schemata(plan))
    switched = [lab.passes(binary, tmp_path, plan.environment(mutant.id)) for mutant in chosen]
    for mutant in chosen:
        folder = tmp_path / "alone" / str(mutant.id)
        folder.mkdir(parents=True)
        (folder / "toy.go").write_bytes(apply_mutant(TRICKY.encode(), mutant))
        (folder / "toy_test.go").write_text((tmp_path / "toy_test.go").read_text())
    command = ["test", "-vet=off", "-ldflags=-s -w", "-timeout=3s", "./alone/..."]
    output = run_go(lab.toolchain, command, cwd=tmp_path, env=lab.env).stdout
    assert "build failed" not in output
    alone = [bool(re.search(rf"^ok\s+example.com/toy/alone/{m.id}\s", output, re.MULTILINE)) for m in chosen]
    assert alone == switched, output


ENDLESS = """package toy

func count(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i
	}
	return sum
}

func down(n int) int {
	if n <= 0 {
		return 0
	}
	return 1 + down(n-1)
}
"""


def test_a_mutant_that_never_ends_exits_at_its_step_limit(helper: GoHelper, lab: Lab, tmp_path: Path) -> None:
    plan = plan_of(helper, tmp_path, ENDLESS)
    test = "func TestE(t *testing.T) { if count(40_000) != 799_980_000 || down(50) != 50 { t.Fatal() } }"
    (tmp_path / "toy_test.go").write_text(f'package toy\n\nimport "testing"\n\n{test}\n')
    binary = lab.build(tmp_path, schemata(plan))

    def run(extra: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary)], cwd=tmp_path, env={**lab.env, **extra}, capture_output=True, text=True, timeout=30
        )

    counted = run(plan.counting())
    assert counted.returncode == 0
    steps = plan.steps(counted.stderr.encode())
    assert steps is not None
    taken = 1 + 40_000 + 51
    assert taken <= steps <= taken + taken // 8 + 1024
    assert run(plan.environment(0, limit=steps)).returncode == 0
    endless = {
        (m.original, m.replacement)
        for m in plan.mutants
        if plan.exceeded_steps((done := run(plan.environment(m.id, limit=10_000))).returncode, done.stderr)
    }
    assert {("++", "--"), ("-", "+")} <= endless


def test_variables_and_imports_of_removed_code_remain_used(helper: GoHelper, tmp_path: Path) -> None:
    text = """package toy

import "fmt"

func f(x int) {
	y := x
	fmt.Println(y)
}

func g() int {
	if true {
		return 1
	}
	panic("never")
}
"""
    plan = plan_of(helper, tmp_path, text)
    removed = next(m for m in plan.mutants if m.original == "fmt.Println(y)")
    assert removed.replacement == "_ = y; _ = fmt.Println"
    (refused,) = [row for row in plan.not_viable if row.original == 'panic("never")']
    assert (refused.line, refused.replacement, refused.reason) == (14, "", "missing return")


@pytest.mark.parametrize(
    ("code", "original", "reason"),
    [
        ("func f(x int) int { return x / 1_0 }", "1_0", None),
        ("func f(x uint8) bool { return x == 255 }", "255", "overflows"),
        ("func f(x int) { switch x { case 1: case 2: } }", "1", "duplicate case"),
        ("var _ = map[int]int{1: 0, 2: 0}", "1", "duplicate key"),
        ("var _ = [...]int{5: 1}", "5", "constant"),
        ("func f(x [4]int) int { return x[3] }", "3", "out of bounds"),
        ("func f(x int) int { return x % 3 }", "%", None),
        ("func f(x float64) float64 { return x + 1 }", "1", None),
        ("func f() int { return 1 + recover().(int) }", "+", "recover"),
        ("//go:nosplit\nfunc f(x int) int { return x + 1 }", "+", "directive"),
    ],
)  # fmt: skip
def test_a_mutant_that_does_not_compile_has_a_reason(
    helper: GoHelper, tmp_path: Path, code: str, original: str, reason: str | None
) -> None:
    plan = plan_of(helper, tmp_path, f"package toy\n\n{code}\n")
    if reason is None:
        assert original in {mutant.original for mutant in plan.mutants}
        return
    assert original not in {mutant.original for mutant in plan.mutants}
    assert reason in next(row.reason for row in plan.not_viable if row.original == original)


def test_the_environment_does_not_reveal_the_mutant(helper: GoHelper, toy: Path) -> None:
    plan = plan_mutation(helper, toy / "toy", toy / "toy" / "toy.go", salt=b"secret")
    values = [plan.environment(number) for number in (0, 1, 2)]
    assert len({next(iter(value)) for value in values}) == 1
    assert all(len(text) > 16 and text[:16].strip("0") for value in values for text in value.values())
    other = plan_mutation(helper, toy / "toy", toy / "toy" / "toy.go", salt=b"another")
    assert (other.switch, other.key) != (plan.switch, plan.key)
    assert other.mutants == plan.mutants
    assert (
        plan_mutation(helper, toy / "toy", toy / "toy" / "toy.go", salt=b"secret").schemata == plan.schemata
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"toy.go": "//go:build plan9\n\npackage toy\n"}, "build constraints"),
        ({"toy.go": "package toy\n\nvar x = nothing\n"}, "undefined: nothing"),
        ({"toy.go": "package toy\n\nfunc {\n"}, "expected"),
        ({"toy.go": "package toy\n\nimport _ \"example.com/none\"\n"}, "example.com/none"),
        ({"toy.go": "package toy\n\nimport \"C\"\n\nvar x C.int\n"}, "cgo"),
    ],
)  # fmt: skip
def test_a_focal_file_without_mutants_has_a_reason(
    helper: GoHelper, tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    root = toymodule.write(
        tmp_path, {"go.mod": "module example.com/toy\n", "doc.go": "package toy\n", **files}
    )
    plan = plan_mutation(helper, root, root / "toy.go")
    assert reason in str(plan.reason)
    assert (plan.mutants, plan.schemata, plan.infra) == ((), b"", None)


@pytest.mark.parametrize("name", ["unicode/utf8/utf8.go", "errors/join.go"])
def test_packages_that_os_depends_on_are_mutated_without_importing_it(
    helper: GoHelper, lab: Lab, toolchain: Toolchain, name: str
) -> None:
    focal = toolchain.goroot / "src" / name
    plan = plan_mutation(helper, focal.parent, focal)
    assert plan.mutants
    assert b'"os"' not in plan.support
    overlay = lab.overlay(schemata(plan))
    command = ["build", f"-overlay={overlay}", "-o", "/dev/null", "."]
    done = run_go(toolchain, command, cwd=focal.parent, env=lab.env)
    assert done.returncode == 0, done.stderr
