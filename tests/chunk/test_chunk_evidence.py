"""Which tests exercise a function, and the evidence for it."""

from goutbench.chunk import function_chunks

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
