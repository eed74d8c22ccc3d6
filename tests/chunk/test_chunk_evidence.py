"""Which tests exercise a function, and the evidence for it."""

import pytest

from goutbench.chunk import function_chunks
from goutbench.chunk.stage import functions_under_test
from goutbench.errors import GoutbenchError

SOURCE = b"""package shop

type Cart struct{ n int }

func New() *Cart { return &Cart{} }

func (c *Cart) Put(n int) { c.n += n }

func (c *Cart) Close() {}

func Parse(s string) int { return len(s) }

func ParseAll(s string) int { return Parse(s) }

func parse(s string) int { return 0 }

func unused() {}
"""


def evidence(tests: str, source: bytes = SOURCE) -> dict[str, dict[str, tuple[str, ...]]]:
    chunks = function_chunks(source, tests=tests.encode(), budget=10_000)
    tested = [chunk.focal[0] for chunk in chunks if chunk.tests]
    assert (
        functions_under_test(source, tests.encode(), budget=10_000) == tested
    )  # the quick answer is the same
    return {chunk.focal[0]: {test.test: test.evidence for test in chunk.tests} for chunk in chunks}


def test_a_call_and_the_name_of_a_test_are_evidence() -> None:
    tests_of = evidence("""package shop
import "testing"
func TestParse(t *testing.T) { Parse("x") }
func TestParseAll_empty(t *testing.T) { if ParseAll("") != 0 { t.Fatal() } }
func TestOther(t *testing.T) { parse := 1; _ = parse }
""")
    assert tests_of["Parse"] == {"TestParse": ("call", "name")}
    assert tests_of["ParseAll"] == {"TestParseAll_empty": ("call", "name")}
    assert tests_of["parse"] == {}
    assert tests_of["unused"] == {}


def test_the_longest_name_wins_also_where_a_method_repeats_its_type() -> None:
    source = b"""package shop

func (e *Error) Error() string { return "" }

func (o *Other) Error() string { return "" }
"""
    tests_of = evidence(
        """package shop
import "testing"
func TestError_Error(t *testing.T) {}
func TestOtherError(t *testing.T) {}
func TestError(t *testing.T) {}
""",
        source,
    )
    assert tests_of == {
        "Error.Error": {"TestError_Error": ("name",), "TestError": ("name",)},
        "Other.Error": {"TestOtherError": ("name",), "TestError": ("name",)},
    }


def test_uses_in_tables_helpers_and_variables_are_evidence() -> None:
    tests_of = evidence("""package shop
import "testing"
var cases = []struct{ name string; f func(string) int }{{"a", Parse}, {"b", ParseAll}}
func TestTable(t *testing.T) { for _, c := range cases { check(t, c.f) } }
func check(t *testing.T, f func(string) int) { deep() }
func deep() { unused() }
func BenchmarkInline(b *testing.B) { for _, f := range []func(string) int{Parse} { f("x") } }
""")
    assert tests_of["Parse"] == {"BenchmarkInline": ("table",), "TestTable": ("via cases: table",)}
    assert tests_of["unused"] == {"TestTable": ("via deep: call",)}


def test_a_method_call_counts_if_the_test_mentions_the_type() -> None:
    tests_of = evidence("""package shop
import "testing"
func TestCart_Put(t *testing.T) { c := New(); c.Put(1) }
func TestElse(t *testing.T) { f := open(); f.Close() }
func ExampleCart_Close() { new(Cart).Close() }
""")
    assert tests_of["Cart.Put"] == {"TestCart_Put": ("call", "name")}
    assert tests_of["Cart.Close"] == {"ExampleCart_Close": ("call", "name"), "TestElse": ("method name",)}
    assert tests_of["New"] == {"TestCart_Put": ("call",)}


def test_uses_in_an_external_test_package_go_through_its_import() -> None:
    tests_of = evidence("""package shop_test
import ("testing"; s "example.com/x/shop"; "example.com/x/shop/sub")
func TestA(t *testing.T) { s.Parse("x"); sub.ParseAll("x"); Parse := 1; _ = Parse }
func TestB(t *testing.T) { s := sub.New(); s.Parse("x") }
""")
    assert tests_of["Parse"] == {"TestA": ("call",)}
    assert tests_of["ParseAll"] == {}
    assert tests_of["New"] == {}


def test_the_methods_of_a_suite_are_reached_through_its_type() -> None:
    tests_of = evidence("""package shop
import "testing"
type Suite struct{}
func (s *Suite) TestPut() { unused() }
func (s *Suite) helper() { Parse("") }
func TestSuite(t *testing.T) { run(t, new(Suite)) }
""")
    assert tests_of["unused"] == {"TestSuite": ("via Suite.TestPut: call",)}
    assert tests_of["Parse"] == {}


def test_the_bodies_of_tests_in_gofmts_layout_are_evidence() -> None:
    tests_of = evidence("""package shop

import "testing"

func TestA(t *testing.T) {
	if Parse("{") != 1 {
		t.Fatal(`ParseAll(`)
	}
	parse := func(s string) int { return 1 }
	_ = parse("x") // unused()
	helper(t)
}

func helper(t *testing.T) {
	var c Cart
	c.Put(1)
}

func notCalled() {
	ParseAll("x")
}
""")
    assert tests_of["Parse"] == {"TestA": ("call",)}
    assert tests_of["Cart.Put"] == {"TestA": ("via helper: call",)}
    assert tests_of["ParseAll"] == tests_of["parse"] == tests_of["unused"] == {}


@pytest.mark.parametrize("budget", [10, 30, 50])
def test_functions_under_test_beyond_the_budget_are_left_out(budget: int) -> None:
    source = SOURCE + b"func Long() {\n" + b"\tParse(`a long text`)\n" * 4 + b"}\n"
    tests = b'package shop\nimport "testing"\nfunc TestAll(t *testing.T) { Long(); New(); ParseAll(`x`) }\n'
    chunks = function_chunks(source, tests=tests, budget=budget)
    within = [chunk.focal[0] for chunk in chunks if chunk.tests and not chunk.over_budget]
    assert functions_under_test(source, tests, budget=budget) == within
    assert len(within) == {10: 0, 30: 2, 50: 3}[budget]


def test_a_function_that_the_parser_does_not_find_is_an_error() -> None:
    assert [chunk.focal for chunk in function_chunks(SOURCE, only={"New"})] == [("New",)]
    with pytest.raises(GoutbenchError, match="no function 'Cart'") as caught:
        function_chunks(SOURCE, only={"New", "Cart"}, pair_id="abc")
    assert caught.value.where == "abc"
