"""Candidates that tests of other files run: suites, specs, and whatever fills a list.

Small packages take the place of the frameworks; those with flags have the import paths of the real ones.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.type_check import type_checks
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.golang.analysis.registrations import registration, without_registrations
from goutbench.golang.syntax.parser import parse
from goutbench.records import Execution, short_hash

MODULE = """module example.test/hook

go 1.24

require (
	github.com/onsi/ginkgo/v2 v2.0.0
	gopkg.in/check.v1 v1.0.0
)

replace (
	github.com/onsi/ginkgo/v2 => ./ginkgo
	gopkg.in/check.v1 => ./check
)
"""

FOCAL = """package hook

func Five() int { return 5 }

func Six() int { return 6 }

func Sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}
"""
"""Five statements: the last function has three."""

SUITE = """package suite

import (
	"reflect"
	"strings"
	"testing"
)

// Run runs the methods of a suite, as testify and grpctest do.
func Run(t *testing.T, suite any) {
	if setup, ok := suite.(interface{ SetupSuite(*testing.T) }); ok {
		setup.SetupSuite(t)
	}
	value := reflect.ValueOf(suite)
	for i := range value.NumMethod() {
		name := value.Type().Method(i).Name
		if run, ok := value.Method(i).Interface().(func(*testing.T)); ok && strings.HasPrefix(name, "Test") {
			t.Run(strings.TrimPrefix(name, TRIMMED), run)
		}
	}
}
"""

GINKGO = """package ginkgo

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"testing"
)

type spec struct {
	file string
	run  func()
}

var (
	specs []spec
	focus = flag.String("ginkgo.focus-file", "", "")
	_     = flag.Int64("ginkgo.seed", 0, "")
	_     = flag.Bool("ginkgo.no-color", false, "")
)

func Describe(_ string, run func()) bool {
	_, file, _, _ := runtime.Caller(1)
	specs = append(specs, spec{file, run})
	return true
}

func RunSpecs(t *testing.T, _ string) {
	ran := 0
	defer func() {
		fmt.Printf("\\nRan %d of %d Specs in 0.001 seconds\\n", ran, len(specs))
		if problem := recover(); problem != nil {
			fmt.Println("[FAIL]", problem)
			t.Fail()
		}
	}()
	for _, s := range specs {
		if regexp.MustCompile(*focus).MatchString(s.file) {
			ran++
			s.run()
		}
	}
}
"""

CHECK = """package check

import (
	"flag"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

type C struct{ failed bool }

func (c *C) Fail() { c.failed = true }

var (
	suites []any
	filter = flag.String("check.f", "", "")
)

func Suite(suite any) any { suites = append(suites, suite); return suite }

func TestingT(t *testing.T) {
	passed := 0
	for _, suite := range suites {
		value := reflect.ValueOf(suite)
		kind := value.Elem().Type().Name()
		for i := range value.NumMethod() {
			name := value.Type().Method(i).Name
			re := regexp.MustCompile(*filter)
			if !strings.HasPrefix(name, "Test") || !re.MatchString(kind) && !re.MatchString(kind+"."+name) {
				continue
			}
			c := &C{}
			value.Method(i).Interface().(func(*C))(c)
			if c.failed {
				t.Fail()
			} else {
				passed++
			}
		}
	}
	println("OK:", passed, "passed")
}
"""

LIBRARIES = {
    "go.mod": MODULE,
    "suite/suite.go": SUITE.replace("TRIMMED", '""'),
    "grpctest/suite.go": SUITE.replace("package suite", "package grpctest").replace("TRIMMED", '"Test"'),
    "ginkgo/go.mod": "module github.com/onsi/ginkgo/v2\n\ngo 1.24\n",
    "ginkgo/ginkgo.go": GINKGO,
    "check/go.mod": "module gopkg.in/check.v1\n\ngo 1.24\n",
    "check/check.go": CHECK,
}


def go(code: str, *imports: str, package: str = "hook") -> str:
    """A Go file; an import is a path, or a name and a quoted path."""
    specs = (name if name.endswith('"') else f'"{name}"' for name in ("testing", *imports))
    lines = "".join(f"\t{spec}\n" for spec in specs)
    used = code if "testing." in code else f"{code}\n\nvar _ testing.TB"
    return f"package {package}\n\nimport (\n{lines})\n\n{used}\n"


LOOP = go("var checks []func(*testing.T)\n\nfunc TestAll(t *testing.T) { for _, c := range checks { c(t) } }")
NAMED = go(
    "var checks = map[string]func(*testing.T){}\n\n"
    "func TestAll(t *testing.T) { for name, c := range checks { t.Run(name, c) } }"
)
FILL = "func init() { checks = append(checks, func(t *testing.T) { BODY }) }"
FIVE = "if Five() != 5 { t.Fatal() }"
FIVE_WRONG = "if Five() != 6 { t.Fatal() }"
SIX = "if Six() != 6 { t.Fatal() }"
BY_REFLECTION = """package hook

import (
	"reflect"
	"strings"
	"testing"
)

type S struct{}

func TestS(t *testing.T) {
	v := reflect.ValueOf(&S{})
	for i := 0; i < v.NumMethod(); i++ {
		if name := v.Type().Method(i).Name; strings.HasPrefix(name, "Check") {
			t.Run(name, func(t *testing.T) { v.Method(i).Call([]reflect.Value{reflect.ValueOf(t)}) })
		}
	}
}
"""
TESTIFY = go(
    "type S struct{}\n\nfunc TestS(t *testing.T) { suite.Run(t, new(S)) }", "example.test/hook/suite"
)
GRPC = go("type s struct{}\n\nfunc Test(t *testing.T) { grpctest.Run(t, s{}) }", "example.test/hook/grpctest")
GINKGO_ENTRY = go('func TestHook(t *testing.T) { RunSpecs(t, "hook") }', '. "github.com/onsi/ginkgo/v2"')
CHECK_ENTRY = go("func Test(t *testing.T) { check.TestingT(t) }", "gopkg.in/check.v1")


ADD = "\nfunc add(c func(*testing.T)) bool { checks = append(checks, c); return true }\n"


def named(name: str, body: str) -> str:
    return go(f'func init() {{ checks["{name}"] = func(t *testing.T) {{ {body} }} }}')


def spec(body: str) -> str:
    code = f'var _ = Describe("x", func() {{ {body} }})'
    return go(code, '. "github.com/onsi/ginkgo/v2"').replace("t.Fatal()", 'panic("differs")')


def check_suite(name: str, body: str) -> str:
    code = f"type {name}Suite struct{{}}\n\nvar _ = check.Suite(&{name}Suite{{}})\n\n"
    code += f"func (*{name}Suite) Test{name}(t *check.C) {{ {body} }}"
    return go(code, "gopkg.in/check.v1").replace("t.Fatal()", "t.Fail()")


@dataclass(frozen=True)
class Case:
    """Test files beside the candidate, the candidate, and what is expected."""

    files: Mapping[str, str]
    code: str
    status: str = "PASSED"
    reason: str = ""
    entry: str = ""
    covered: int = 1
    declared: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


ALL = {"suite_test.go": LOOP}
OTHER = {**ALL, "b_test.go": go(FILL.replace("BODY", SIX))}
RUN_BY_ALL = "TestAll in suite_test.go"
CASES = {
    "a list": Case(ALL, go(FILL.replace("BODY", FIVE)), entry=RUN_BY_ALL, declared=("TestAll",)),
    "a list that others fill": Case(OTHER, go(FILL.replace("BODY", FIVE)), entry=RUN_BY_ALL),
    "a list covers what others cover": Case(
        OTHER, go(FILL.replace("BODY", f"{FIVE}; {SIX}")), entry=RUN_BY_ALL, covered=2
    ),
    "a list fails": Case(
        OTHER, go(FILL.replace("BODY", FIVE_WRONG)), "TESTS_FAILED", "assertion", entry=RUN_BY_ALL
    ),
    "a list fails already": Case(
        {**ALL, "b_test.go": go(FILL.replace("BODY", "t.Fatal()"))},
        go(FILL.replace("BODY", FIVE)),
        "INFRA_FAILURE", "entry-elsewhere", entry=RUN_BY_ALL,
    ),
    "an empty list is a failure": Case(
        {"suite_test.go": LOOP.replace("{ for", "{ if len(checks) == 0 { t.Fatal() }; for")},
        go(FILL.replace("BODY", FIVE)), entry=RUN_BY_ALL,
    ),
    "names": Case(
        {"suite_test.go": NAMED, "b_test.go": named("b", SIX)},
        named("a b(c", FIVE),
        entry=RUN_BY_ALL, declared=("TestAll/a_b(c",),
    ),
    "names beside a failure": Case(
        {"suite_test.go": NAMED, "b_test.go": named("b", "t.Fatal()")},
        named("a", FIVE),
        entry=RUN_BY_ALL, declared=("TestAll/a",),
    ),
    "a variable": Case(
        {"suite_test.go": LOOP + ADD},
        go(f"var _ = add(func(t *testing.T) {{ {FIVE} }})"), entry=RUN_BY_ALL,
    ),
    "a table that the test names": Case(
        {"suite_test.go": go(
            "func TestAll(t *testing.T) { for _, c := range cases { if Sign(c.n) != c.want { t.Fatal(c) } } }"
        )},
        go("var cases = []struct{ n, want int }{{2, 1}}"), entry=RUN_BY_ALL, covered=2,
    ),
    "a function that the test calls": Case(
        {"suite_test.go": go("func TestAll(t *testing.T) { testFive(t) }")},
        go(f"func testFive(t *testing.T) {{ {FIVE} }}"), entry=RUN_BY_ALL,
    ),
    "a check that the test names": Case(
        {"suite_test.go": go(
            "var all = []func() error{checkFive}\n\nfunc TestAll(t *testing.T) {\n\tfor _, c := range all {\n"
            "\t\tif err := c(); err != nil {\n\t\t\tt.Fatal(err)\n\t\t}\n\t}\n}"
        )},
        go('func checkFive() error { if Five() != 5 { return errors.New("no") }; return nil }', "errors"),
        entry=RUN_BY_ALL,
    ),
    "a suite": Case(
        {"suite_test.go": TESTIFY, "b_test.go": go(f"func (*S) TestSix(t *testing.T) {{ {SIX} }}")},
        go(f"func (*S) TestFive(t *testing.T) {{ {FIVE} }}"),
        entry="TestS in suite_test.go", declared=("TestS/TestFive",),
    ),
    "a suite with a setup": Case(
        {"suite_test.go": TESTIFY, "b_test.go": go("func (*S) SetupSuite(*testing.T) { Six() }")},
        go(f"func (*S) TestFive(t *testing.T) {{ {FIVE} }}"), entry="TestS in suite_test.go",
    ),
    "a suite fails elsewhere": Case(
        {"suite_test.go": TESTIFY, "b_test.go": go("func (*S) TestSix(t *testing.T) { t.Fatal() }")},
        go(f"func (*S) TestFive(t *testing.T) {{ {FIVE} }}"), entry="TestS in suite_test.go",
    ),
    "a suite fails": Case(
        {"suite_test.go": TESTIFY}, go(f"func (*S) TestFive(t *testing.T) {{ {FIVE_WRONG} }}"),
        "TESTS_FAILED", "assertion", entry="TestS in suite_test.go", declared=("TestS/TestFive",),
    ),
    "a suite skips": Case(
        {"suite_test.go": TESTIFY}, go("func (*S) TestFive(t *testing.T) { t.Skip() }"),
        "NO_TESTS_RAN", "all-skipped", entry="TestS in suite_test.go", covered=0,
    ),
    "methods that a test calls by reflection": Case(
        {"suite_test.go": BY_REFLECTION}, go(f"func (*S) CheckFive(t *testing.T) {{ {FIVE} }}"),
        entry="TestS in suite_test.go", declared=("TestS/CheckFive",),
    ),
    "a suite that nothing runs": Case(
        {"suite_test.go": TESTIFY.replace("new(S)", "new(T)") + "\ntype T struct{}\n"},
        go(f"func (*S) TestFive(t *testing.T) {{ {FIVE} }}"), "NO_TESTS_RAN", "no-tests-declared",
        entry="TestS in suite_test.go", covered=0,
    ),
    "a suite of this file": Case(
        {"suite_test.go": go("func TestS(t *testing.T) { suite.Run(t, new(S)) }", "example.test/hook/suite")},
        go(f"type S struct{{}}\n\nfunc (*S) TestFive(t *testing.T) {{ {FIVE} }}"),
        entry="TestS in suite_test.go", declared=("TestS/TestFive",),
    ),
    "prefix is trimmed": Case(
        {"grpc_test.go": GRPC, "b_test.go": go(f"func (s) TestSix(t *testing.T) {{ helper(); {SIX} }}")},
        go(f"func helper() {{}}\n\nfunc (s) TestFive(t *testing.T) {{ {FIVE} }}"),
        entry="Test in grpc_test.go", declared=("Test/Five",),
    ),
    "external": Case(
        {"suite_test.go": TESTIFY.replace("package hook", "package hook_test")},
        go(
            "func (*S) TestFive(t *testing.T) { if hook.Five() != 5 { t.Fatal() } }", "example.test/hook",
            package="hook_test",
        ),
        entry="TestS in suite_test.go", declared=("TestS/TestFive",),
    ),
    "specs": Case(
        {"hook_suite_test.go": GINKGO_ENTRY, "b_test.go": spec(SIX)}, spec(FIVE),
        entry="TestHook in hook_suite_test.go", declared=("TestHook",),
    ),
    "specs fail elsewhere": Case(
        {"hook_suite_test.go": GINKGO_ENTRY, "b_test.go": spec("t.Fatal()")}, spec(FIVE),
        entry="TestHook in hook_suite_test.go",
    ),
    "specs fail": Case(
        {"hook_suite_test.go": GINKGO_ENTRY, "b_test.go": spec(SIX)}, spec(FIVE_WRONG),
        "TESTS_FAILED", "assertion", entry="TestHook in hook_suite_test.go",
    ),
    "specs without entry": Case(
        {"b_test.go": spec(SIX)}, spec(FIVE), "NO_TESTS_RAN", "no-tests-declared", covered=0
    ),
    "gocheck": Case(
        {"all_test.go": CHECK_ENTRY, "b_test.go": check_suite("Six", SIX)}, check_suite("Five", FIVE),
        entry="Test in all_test.go", declared=("Test",),
    ),
    "gocheck fails elsewhere": Case(
        {"all_test.go": CHECK_ENTRY, "b_test.go": check_suite("Six", "t.Fatal()")}, check_suite("Five", FIVE),
        entry="Test in all_test.go",
    ),
    "gocheck fails": Case(
        {"all_test.go": CHECK_ENTRY, "b_test.go": check_suite("Six", SIX)}, check_suite("Five", FIVE_WRONG),
        "TESTS_FAILED", "assertion", entry="Test in all_test.go",
    ),
    "TestMain": Case(
        {"main_test.go": go(
            "var checks []func() bool\n\nfunc TestMain(m *testing.M) {\n\tfor _, c := range checks {\n"
            "\t\tif !c() {\n\t\t\tos.Exit(1)\n\t\t}\n\t}\n\tos.Exit(m.Run())\n}", "os",
        )},
        go("func init() { checks = append(checks, func() bool { return Five() == 5 }) }"),
        entry="TestMain in main_test.go", declared=("TestMain",),
    ),
    "TestMain fails": Case(
        {"main_test.go": go(
            "var checks []func() bool\n\nfunc TestMain(m *testing.M) {\n\tfor _, c := range checks {\n"
            "\t\tif !c() {\n\t\t\tos.Exit(1)\n\t\t}\n\t}\n\tos.Exit(m.Run())\n}", "os",
        )},
        go("func init() { checks = append(checks, func() bool { return Five() == 6 }) }"),
        "TESTS_FAILED", "exit-status", entry="TestMain in main_test.go",
    ),
    "a panic in init": Case(
        ALL, go('func init() { checks = nil; panic("no") }'), "TESTS_FAILED", "panic", entry=RUN_BY_ALL
    ),
    "own test, and a list that fails": Case(
        ALL, go(FILL.replace("BODY", FIVE_WRONG) + f"\n\nfunc TestSix(t *testing.T) {{ {SIX} }}"),
        "TESTS_FAILED", "assertion", entry=RUN_BY_ALL,
    ),
    "own test, and a list": Case(
        ALL, go(FILL.replace("BODY", FIVE) + f"\n\nfunc TestSix(t *testing.T) {{ {SIX} }}"),
        entry=RUN_BY_ALL, covered=2, declared=("TestSix", "TestAll"),
    ),
    "own test, and a list that nothing runs": Case(
        {"suite_test.go": "package hook\n\nvar checks []int\n"},
        go(f"func init() {{ checks = append(checks, 1) }}\n\nfunc TestFive(t *testing.T) {{ {FIVE} }}"),
        declared=("TestFive",),
    ),
    "tests that fail, and nothing in common": Case(
        {"suite_test.go": go("func TestBad(t *testing.T) { t.Fatal() }")},
        go("var x = len(os.Args)", "os"), "NO_TESTS_RAN", "no-tests-declared",
        entry="TestBad in suite_test.go", covered=0,
    ),
    "own test, and no siblings": Case(
        {"hook_suite_test.go": GINKGO_ENTRY},
        spec("t.Fatal()") + f"\n\nfunc TestSix(t *testing.T) {{ {SIX} }}\n",
        declared=("TestSix",), options={"siblings": "none"},
    ),
    "only helpers": Case(
        ALL, go("func five() int { return Five() }"), "NO_TESTS_RAN", "no-tests-declared", covered=0
    ),
    "siblings: none": Case(
        OTHER, go(FILL.replace("BODY", FIVE)), entry=RUN_BY_ALL, options={"siblings": "none"}
    ),
    "siblings: needed": Case(
        {
            "suite_test.go": TESTIFY.replace("struct{}", "struct{ base }"),
            "base_test.go": go("type base struct{ more }"),
            "more_test.go": go("type more struct{}"),
        },
        go(f"func (*S) TestFive(t *testing.T) {{ {FIVE} }}"),
        entry="TestS in suite_test.go", options={"siblings": "needed"},
    ),
}  # fmt: skip


def package_with(machine: Machine, name: str, files: Mapping[str, str]) -> PackageUnderTest:
    """A module of one package with its frameworks, as a plain tree."""
    root = machine.workspace.trees / name
    shutil.rmtree(root, ignore_errors=True)
    for path, text in {**LIBRARIES, "hook.go": FOCAL, **files}.items():
        file = Path(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    tree = Tree("example/hook", "1", root.resolve())
    return PackageUnderTest(tree, tree.root, "hook.go", "hook_test.go", machine.toolchain)


def run(machine: Machine, worker: Worker, case: Case, **options: object) -> Execution:
    package = package_with(machine, f"entry-{short_hash(str(case))}", case.files)
    changed = replace(worker.options, **{**case.options, **options})  # type: ignore[arg-type]
    candidate = text_candidate("pair", "model", case.code)
    return climb(replace(worker, options=changed), package, candidate)


@pytest.mark.parametrize("name", CASES)
def test_what_tests_of_other_files_run_is_the_candidates(machine: Machine, worker: Worker, name: str) -> None:
    case = CASES[name]
    record = run(machine, worker, case)
    assert (record.status, record.reason, record.entry) == (case.status, case.reason, case.entry), record
    if case.status in ("PASSED", "NO_TESTS_RAN"):
        assert record.covered == case.covered, record.uncovered
    if record.reason == "no-tests-declared":
        assert (record.rung, record.declared, record.passed, record.failed) == ("build", (), (), ())
    if case.declared:
        assert record.declared == case.declared
        assert (record.failed or record.passed) == (case.declared if record.entry else record.passed)
    if case.entry and record.status != "PASSED":
        assert case.entry in record.evidence


def test_only_what_the_candidate_adds_kills_mutants(machine: Machine, worker: Worker) -> None:
    sign = "if Sign(1) != 1 { t.Fatal() }"
    files = {**ALL, "b_test.go": go(FILL.replace("BODY", sign))}
    record = run(machine, worker, Case(files, go(FILL.replace("BODY", FIVE))), mutants=0)
    assert record.mutation is not None
    assert record.mutation.killed
    lines = [line.split() for line in record.mutation.results]
    assert {line[3] for line in lines if line[1] == "killed"} == {"TestAll"}
    assert record.mutation.no_coverage >= 3  # those of the functions that the candidate does not call
    # the other file's check kills these mutants, and so none of them is the candidate's
    record = run(machine, worker, Case(files, go(FILL.replace("BODY", "Sign(2)"))), mutants=0)
    assert record.mutation is not None
    assert (record.covered, record.mutation.killed) == (2, 0)
    assert record.mutation.survived


def test_a_subtest_that_kills_a_mutant_has_its_name(machine: Machine, worker: Worker) -> None:
    record = run(machine, worker, CASES["a suite"], mutants=0, repeat=3)
    assert (record.status, record.repeats) == ("PASSED", 3)
    assert record.mutation is not None
    killed = [line.split() for line in record.mutation.results if " killed " in line]
    assert {line[3] for line in killed} == {"TestS/TestFive"}


INERT = """type kind int

var cases = []struct{ kind }{{1}}

var (
	_    = fmt.Sprint()
	n, m = 1, 2
)

var entry = add(strings.ToUpper("x"))

func add(text string) int { return len(text) + int(cases[0].kind) }

func init() { add("x") }

func (S) TestX(t *testing.T) { t.Fatal() }

func (S) TestY(t *testing.T) {}

func TestMain(m *testing.M) { os.Exit(m.Run()) }

func check(t *testing.T) error { return nil }"""


def test_a_file_without_effect_still_type_checks(machine: Machine, worker: Worker) -> None:
    code = go(INERT, "fmt", "os", "strings")
    inert = without_registrations(parse(code.encode()), frozenset({b"cases", b"add", b"check"}))
    assert not registration(parse(inert)).methods
    package = package_with(machine, "entry-inert", {"s_test.go": go("type S struct{}\n\nvar _ = check")})
    assert type_checks(worker, package, inert, ())
    assert not type_checks(worker, package, inert + b"var _ = nothing\n", ())
