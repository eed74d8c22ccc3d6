"""Baselines: the rules that write them, and what they score in the real sandbox."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from workfolder import shared_work

from goutbench.baselines.no_assertions import without_assertions
from goutbench.baselines.smoke import smoke_test
from goutbench.errors import ConfigError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate, plan
from goutbench.golang.syntax.parser import parse
from goutbench.records import Candidate, Execution, Status

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
REFERENCE = """package calc

import (
	"fmt"
	"testing"
)

func TestSum(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 3: 6, -2: 0} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if got := Sum(n); got != want {
				t.Errorf("Sum(%d) = %d", n, got)
			}
		})
	}
}

func ExampleAdd() {
	fmt.Println(Add(1, 2))
	// Output: 3
}
"""


def changed(body: str, imports: str = "", more: str = "") -> str:
    """The body of a test after its assertions are removed."""
    source = (
        f'package p\n\nimport (\n\t"testing"\n{imports})\n\nfunc TestX(t *testing.T) {{\n{body}\n}}\n{more}'
    )
    text = without_assertions(source.encode()).decode()
    assert not parse(text.encode()).errors, text
    return text.partition("{\n")[2].partition("\n}\n")[0]


@pytest.mark.parametrize(
    ("library", "before", "after"),
    [
        ("", 't.Errorf("%d", n)', 'goutbenchIgnore(t, "%d", n)'),
        ("", "t.FailNow()", "goutbenchIgnore(t, )"),
        ("", "t.Error(args...)", "goutbenchIgnore(t, args)"),
        ("", "report := t.Errorf", "report := func(string, ...interface{}) {}"),
        ("", "assertSame(t, 1, f())", "goutbenchIgnore(t, 1, f())"),
        ("", "prepare(t, 1)", "prepare(t, 1)"),
        ("", "t.Log(1)", "t.Log(1)"),
        ("", "assertSame := same\n\tassertSame(t, 1)", "assertSame := same\n\tassertSame(t, 1)"),
        ("github.com/stretchr/testify/assert", "assert.Equal(t, 1, f())", "goutbenchIgnore(t, 1, f())"),
        (
            "github.com/stretchr/testify/assert",
            "assert.Eventually(t, f, 1, 1)",
            "goutbenchIgnore(t, f, 1, 1)",
        ),
        (
            "github.com/stretchr/testify/assert",
            "if !assert.NoError(t, err) { return }",
            "if !goutbenchIgnore(t, err) { return }",
        ),
        (
            "github.com/stretchr/testify/require",
            "require := require.New(t)\n\trequire.Len(x, 3)",
            "require := require.New(t)\n\tgoutbenchIgnore(require, x, 3)",
        ),
        (
            "github.com/onsi/gomega",
            "g := gomega.NewWithT(t)\n\tg.Expect(f()).To(gomega.Equal(1))",
            "g := gomega.NewWithT(t)\n\tgoutbenchIgnore(goutbenchIgnore(g, f()), "
            "goutbenchIgnore(gomega.Equal(1)))",
        ),
        (
            "github.com/onsi/gomega",
            "gomega.Expect(f()).WithOffset(1).\n\t\tShould(gomega.Succeed())",
            "goutbenchIgnore(goutbenchIgnore(goutbenchIgnore(f()), goutbenchIgnore(1)), "
            "goutbenchIgnore(gomega.Succeed()))",
        ),
    ],
)
def test_an_assertion_becomes_a_call_that_checks_nothing(library: str, before: str, after: str) -> None:
    imports = f'\t"{library}"\n' if library else ""
    assert changed("\t" + before, imports) == "\t" + after


def test_an_import_that_only_assertions_used_becomes_blank() -> None:
    source = 'package p\n\nimport (\n\tr "github.com/stretchr/testify/require"\n\t"testing"\n)\n\n'
    source += "func TestX(t *testing.T) { r.True(t, f()) }\n"
    text = without_assertions(source.encode()).decode()
    assert '\t_ "github.com/stretchr/testify/require"\n' in text


def test_a_variable_hides_a_package_in_its_own_function_only() -> None:
    source = 'package p\n\nimport (\n\t"github.com/stretchr/testify/assert"\n\t"testing"\n)\n\n'
    source += "func TestX(t *testing.T) { assert := assert.New(t); assert.True(ok) }\n"
    source += "func TestY(t *testing.T) { assert.True(t, ok) }\n"
    text = without_assertions(source.encode()).decode()
    assert "assert := assert.New(t); goutbenchIgnore(assert, ok) }" in text
    assert "func TestY(t *testing.T) { goutbenchIgnore(t, ok) }" in text


def test_a_dot_import_stays_used() -> None:
    source = 'package p\n\nimport (\n\t. "github.com/onsi/gomega"\n\t"testing"\n)\n\n'
    source += "func TestX(t *testing.T) { RegisterTestingT(t); Expect(f()).To(g) }\n"
    assert "\nvar _ interface{} = Expect\n" in without_assertions(source.encode()).decode()


def test_a_file_without_assertions_is_left_as_it_is() -> None:
    source = b"package p\n\nfunc helper() {}\n"
    assert without_assertions(source) == source


def test_smoke_calls_what_is_exported_with_simple_values() -> None:
    code = """package p

import (
	"context"
	h "net/http"
)

type Store struct{}
type List[T any] struct{}

func Parse(text string, n, m int, more ...string) error { return nil }
func hidden() {}
func Serve(c context.Context, r *h.Request, f func() error) {}
func Map[K comparable, V any](m map[K]V) {}
func Convert[T ~string](t T) {}
func (s *Store) Get(key []byte) any { return nil }
func (s *Store) put() {}
func (l List[T]) Len() int { return 0 }
"""
    text = smoke_test(code.encode()).decode()
    calls = [line.strip() for line in text.splitlines() if line.startswith("\t\tfunc() {")]
    assert calls == [
        'func() { Parse("a", 1, 1) },',
        "func() { Serve(context.Background(), new(h.Request), *new(func() error)) },",
        "func() { Map[int, int](*new(map[int]int)) },",
        'func() { new(Store).Get([]byte("a")) },',
    ]
    assert '\th "net/http"\n' in text
    assert text.count('"context"') == 1


def test_smoke_beside_packages_of_the_same_names() -> None:
    code = 'package p\n\nimport "example.com/x/time"\n\nfunc Wait(d time.Span, c context.Context) {}\n'
    code += "func Tick(d time.Span) {}\n"
    text = smoke_test(code.encode()).decode()
    assert '\tgoutbenchTime "time"\n\t"example.com/x/time"\n)' in text
    assert "func() { Tick(*new(time.Span)) }," in text
    assert "Wait(" not in text, "nothing imports its context"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Execution]:
    """The executions of all baselines for one pair."""
    folder, repositories = tmp_path_factory.mktemp("baselines"), tmp_path_factory.mktemp("repos")
    shutil.copytree(CALC, repositories / "example" / "calc")
    pair = replace(
        make_pair(0), id="calc", repository="example/calc", code=(CALC / "calc.go").read_text(),
        test=REFERENCE, code_path="calc.go", test_path="calc_test.go",
    )  # fmt: skip
    dataset, found = write_dataset(folder / "dataset", [pair]), {}
    for name in ("reference", "no-assertions", "smoke", "empty"):
        out = folder / name
        (candidate,) = generate(dataset, out, f"baseline/{name}", GenerateOptions())
        assert isinstance(candidate, Candidate)
        (found[name],) = run_stage(
            out / "candidates.parquet", dataset, repositories, out, work=shared_work("baselines"),
            options=ExecuteOptions(repeat=2, mutants=12),
        )  # fmt: skip
    return found


def test_each_baseline_scores_where_it_belongs(results: dict[str, Execution]) -> None:
    assert {record.status for record in results.values()} == {Status.PASSED}
    killed = {name: record.mutation.killed if record.mutation else 0 for name, record in results.items()}
    covered = {name: record.focal_covered or record.covered for name, record in results.items()}
    assert killed["reference"] > killed["no-assertions"] == killed["smoke"] == killed["empty"] == 0
    assert covered["reference"] == covered["no-assertions"] > 0
    assert covered["smoke"] > covered["empty"] == 0


def test_a_plan_of_a_baseline_has_no_calls(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(0)])
    found = plan(dataset, tmp_path / "run", "baseline/smoke", GenerateOptions())
    assert (found.items, found.calls, found.prompts) == (1, 0, 0)


def test_an_unknown_baseline_names_those_that_exist(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(0)])
    with pytest.raises(ConfigError, match="no baseline 'baseline/nothing'") as error:
        generate(dataset, tmp_path / "run", "baseline/nothing", GenerateOptions())
    assert "baseline/smoke" in (error.value.hint or "")


def test_items_of_a_baseline_are_those_of_a_model(tmp_path: Path) -> None:
    test = 'package p\n\nimport "testing"\n\nfunc TestA(t *testing.T) { A(); B() }\n'
    pair = replace(make_pair(0), code="package p\n\nfunc A() {}\n\nfunc B() {}\n", test=test)
    dataset = write_dataset(tmp_path / "dataset", [pair])
    options = GenerateOptions(unit="function")
    baseline = generate(dataset, tmp_path / "run", "baseline/empty", options)
    items = read_items(dataset, options)
    assert [c.focal for c in baseline] == [item.focal for item in items] == [("A",), ("B",)]
    assert len({c.id for c in baseline}) == 2
