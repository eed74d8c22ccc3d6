"""Which tests a check can fail: kinds of checks, of helpers and libraries, and of tests without any."""

import pytest

from goutbench.golang.analysis.assertions import FileChecks, checks_of
from goutbench.golang.analysis.features import style_of
from goutbench.golang.syntax.parser import parse

TESTIFY = "github.com/stretchr/testify/"


def source(body: str, *imports: str) -> bytes:
    lines = "".join(f"\t{path}\n" if '"' in path else f'\t"{path}"\n' for path in ("testing", *imports))
    return f"package p\n\nimport (\n{lines})\n\n{body}\n".encode()


def checks(body: str, *imports: str, siblings: tuple[str, ...] = ()) -> FileChecks:
    return checks_of(parse(source(body, *imports)), siblings=[parse(source(text)) for text in siblings])


def in_test(statements: str) -> str:
    return f"func TestA(t *testing.T) {{\n\t{statements}\n}}\n"


@pytest.mark.parametrize(
    ("statements", "imports"),
    [
        ('if f() != 1 { t.Errorf("x") }', ()),
        ('t.Run("x", func(t *testing.T) { t.Fatal() })', ()),
        ('check := func(ok bool) { if !ok { t.Error() } }; check(f())', ()),
        ("report := t.Errorf; g(report)", ()),
        ('defer func() { if recover() == nil { t.Fatal("no panic") } }(); f()', ()),
        ("assert.Equal(t, 1, f())", (TESTIFY + "assert",)),
        ("require.NotPanics(t, func() { f() })", (TESTIFY + "require",)),
        ("is := assert.New(t); is.Equal(1, f())", (TESTIFY + "assert",)),
        ("assert := assert.New(t)\n\tassert.True(f())", (TESTIFY + "assert",)),
        ("is := is.New(t); is.NoErr(f())", ("github.com/matryer/is",)),
        ("c := qt.New(t); c.Assert(f(), qt.Equals, 1)", ('qt "github.com/frankban/quicktest"',)),
        ("qt.Assert(t, f(), qt.Equals, 1)", ('qt "github.com/frankban/quicktest"',)),
        ('td.Cmp(t, f(), 1)', ("github.com/maxatome/go-testdeep/td",)),
        ("snaps.MatchSnapshot(t, f())", ("github.com/gkampitakis/go-snaps/snaps",)),
        ("assert.NilError(t, f())", ("gotest.tools/v3/assert",)),
        ('golden.Assert(t, f(), "a.golden")', ("gotest.tools/v3/golden",)),
        ('g := goldie.New(t); g.Assert(t, "a", f())', ("github.com/sebdah/goldie/v2",)),
        ("autogold.Expect(1).Equal(t, f())", ("github.com/hexops/autogold/v2",)),
        ("approvals.VerifyString(t, f())", ('approvals "github.com/approvals/go-approval-tests"',)),
        ("g := NewWithT(t); g.Expect(f()).To(Equal(1))", ('. "github.com/onsi/gomega"',)),
        ('Convey("x", t, func() { So(f(), ShouldEqual, 1) })',
         ('. "github.com/smartystreets/goconvey/convey"',)),
        ('convey.Convey("x", t, func() { convey.So(f(), convey.ShouldEqual, 1) })',
         ("github.com/smartystreets/goconvey/convey",)),
        ('e := httpexpect.Default(t, url); e.GET("/").Expect().Status(200)',
         ("github.com/gavv/httpexpect/v2",)),
        ("ctrl := gomock.NewController(t); NewMockA(ctrl).EXPECT().F()", ("go.uber.org/mock/gomock",)),
        ("if err := mock.ExpectationsWereMet(); err != nil { t.Error(err) }", ()),
        ("if err := quick.Check(f, nil); err != nil { t.Error(err) }", ("testing/quick",)),
        ('rapid.Check(t, func(t *rapid.T) { if f() { t.Fatalf("x") } })', ("pgregory.net/rapid",)),
        ("properties.TestingRun(t)", ("github.com/leanovate/gopter",)),
        ("defer goleak.VerifyNone(t); f()", ("go.uber.org/goleak",)),
        ("defer leaktest.Check(t)(); f()", ("github.com/fortytw2/leaktest",)),
        ("gtest.C(t, func(t *gtest.T) { t.Assert(f(), 1) })", ("github.com/gogf/gf/v2/test/gtest",)),
        ("testutil.Check(t, f())", ("example.com/m/internal/testutil",)),
        ("e := env{t: t}; e.run()", ()),
        ("cfg := other.Config{T: t}; other.RunGolden(cfg)", ("example.com/m/other",)),
        ("testList{{1, f()}}.validate(t)", ()),
        ("checkOutput(t, f())", ()),
        ('t.Run("x", testInAnotherFile)', ()),
        ("assertEqual(1, f())", ()),
        ("RunSpecs(t, \"suite\")", ('. "github.com/onsi/ginkgo/v2"',)),
    ],
)  # fmt: skip
def test_a_check_is_found(statements: str, imports: tuple[str, ...]) -> None:
    found = checks(in_test(statements), *imports)
    assert [test.checked for test in found.tests] == [True]
    assert not found.assertion_free


@pytest.mark.parametrize(
    ("statements", "imports"),
    [
        ("", ()),
        ("f()", ()),
        ('t.Log("x"); t.Logf("y")', ()),
        ("t.Parallel(); t.Helper(); t.Cleanup(func() {}); _ = t.TempDir(); t.Setenv(\"A\", \"b\")", ()),
        ('t.Run("x", func(t *testing.T) { f() })', ()),
        ('t.Skip("later")', ()),
        ('t.Skip("later")\n\tif f() != 1 { t.Error() }', ()),
        ('t.Skipf("later")\n\tcheckAll(t)', ()),
        ("return\n\tt.Error()", ()),
        ("_ = f(); _, err := g(); _ = err", ()),
        ("if f() != 1 { fmt.Println() }", ("fmt",)),
        ("_ = f() == 1; _ = reflect.DeepEqual(f(), 1)", ("reflect",)),
        ("if false { t.Error() }", ()),
        ("if !f() { panic(1) }", ()),
        ("if err != nil { log.Fatal(err) }; slog.Error(err)", ("log", "log/slog")),
        ("// t.Error()", ()),
        ('s := "t.Error()"; f(s)', ()),
        ("_ = assert.New(t)", (TESTIFY + "assert",)),
        ("_ = assert.ObjectsAreEqual(1, f())", (TESTIFY + "assert",)),
        ("g := NewWithT(t); g.Expect(f())", ('. "github.com/onsi/gomega"',)),
        ('Convey("x", t, func() { f() })', ('. "github.com/smartystreets/goconvey/convey"',)),
        ("c := qt.New(t); c.Log(f())", ('qt "github.com/frankban/quicktest"',)),
        ("f(zaptest.NewLogger(t))", ("go.uber.org/zap/zaptest",)),
        ("skipOnWindows(t); f()", ()),
        ("ctx := testContext(t); f(ctx)", ()),
        ("if e := f(); e.Error() != x { g() }", ()),
        ("synctest.Test(t, func(t *testing.T) { f() })", ("testing/synctest",)),
        ("mock.ExpectBegin(); f()", ()),
    ],
)  # fmt: skip
def test_a_test_without_a_check_is_found(statements: str, imports: tuple[str, ...]) -> None:
    found = checks(in_test(statements), *imports)
    assert [test.checked for test in found.tests] == [False]
    assert found.assertion_free


HELPERS = """
func setUp(tb testing.TB) *env { tb.Helper(); return &env{tb} }

func logAll(t *testing.T) { t.Log() }

func newServer(t *testing.T) *server {
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func indirect(t *testing.T) { newServer(t) }

func assert(ok bool) {
	if !ok {
		panic("not ok")
	}
}

type env struct{ testing.TB }

func (e *env) mustGet() { e.Fatal() }
"""


@pytest.mark.parametrize(
    ("statements", "checked"),
    [
        ("setUp(t)", False),
        ("logAll(t)", False),
        ("newServer(t)", True),
        ("indirect(t)", True),
        ("setUp(t).mustGet()", True),
        ("assert(f())", True),
        ('t.Run("x", indirect)', True),
        ('t.Run("x", logAll)', False),
    ],
)
def test_helpers_are_followed_in_the_file_and_its_siblings(statements: str, checked: bool) -> None:
    body = in_test(statements)
    assert [test.checked for test in checks(body + HELPERS).tests] == [checked]
    assert [test.checked for test in checks(body, siblings=(HELPERS,)).tests] == [checked]


def test_an_assertion_in_a_table_is_a_check() -> None:
    table = "tests := []struct{ check func(require.TestingT, error, ...any) }{{require.Error}}"
    body = in_test(f"{table}; for _, tc := range tests {{ tc.check(t, f()) }}")
    assert [test.checked for test in checks(body, TESTIFY + "require").tests] == [True]


def test_a_parameter_of_a_type_of_another_file_may_embed_a_t() -> None:
    body = in_test("all(&check{t, 1})") + "func all(c *check) { if f() != 1 { c.Fatalf(`x`) } }"
    assert [test.checked for test in checks(body).tests] == [True]


def test_a_helper_that_no_test_uses_checks_nothing() -> None:
    unused = "func check(t *testing.T) { t.Error() }\n"
    assert checks(unused + in_test("f()")).assertion_free
    assert not checks(unused).assertion_free  # no tests


def test_every_kind_of_test_has_a_verdict() -> None:
    body = """
func FuzzCrash(f *testing.F)  { f.Add(1); f.Fuzz(func(t *testing.T, n int) { g(n) }) }
func FuzzResult(f *testing.F) { f.Fuzz(func(t *testing.T, n int) { if g(n) { t.Error(n) } }) }
func BenchmarkA(b *testing.B) { b.Fatal() }
func TestMain(m *testing.M)   { goleak.VerifyTestMain(m) }

func ExampleShown() {
	fmt.Println(1)
	// Output: 1
}

func ExampleUnordered() {
	for range m {
		fmt.Println(1)
	}
	// Unordered output:
	// 1
	// 1
}

func ExampleNotRun() {
	// Output: is explained here
	f()
}

type A struct{ suite.Suite }

func (s *A) TestChecked()          { s.Require().NoError(f()); s.Equal(1, g()) }
func (s *A) TestShort()            { s.Equal(1, g()) }
func (s *A) TestT()                { t := s.T(); t.Fatal() }
func (s *A) TestHanded()           { check(s.T()) }
func (s *A) TestFree()             { f() }
func (s *A) TestOfNothing(n int)   { s.Fail() }
func (c *C) TestCheck(c *check.C)  { c.Assert(f(), check.Equals, 1) }
func (c *C) TestNoCheck(c *check.C) { c.Log(f()) }
func TestSuite(t *testing.T)       { suite.Run(t, new(A)) }

type B struct{ suite.Suite }

func (s *B) TestB()        { f() }
func TestFreeSuite(t *testing.T) { suite.Run(t, new(B)) }
func TestOtherSuite(t *testing.T) { suite.Run(t, new(Elsewhere)) }

var _ = Describe("a", func() { It("checks", func() { Expect(f()).To(Equal(1)) }) })
var _ = Describe("b", func() { It("does not", func() { f() }) })
"""
    found = checks(body, TESTIFY + "suite", '. "github.com/onsi/gomega"', '. "github.com/onsi/ginkgo/v2"')
    assert [(test.name, test.kind, test.checked) for test in found.tests] == [
        ("FuzzCrash", "fuzz", False),
        ("FuzzResult", "fuzz", True),
        ("ExampleShown", "example", True),
        ("ExampleUnordered", "example", True),
        ("TestChecked", "method", True),
        ("TestShort", "method", True),
        ("TestT", "method", True),
        ("TestHanded", "method", True),
        ("TestFree", "method", False),
        ("TestCheck", "method", True),
        ("TestNoCheck", "method", False),
        ("TestSuite", "test", True),
        ("TestB", "method", False),
        ("TestFreeSuite", "test", False),
        ("TestOtherSuite", "test", True),
        ("_", "spec", True),
        ("_", "spec", False),
    ]


def test_signals_name_the_tests_without_a_check() -> None:
    body = in_test("t.Error()") + "func TestB(t *testing.T) { f() }\nfunc FuzzC(f *testing.F) {}\n"
    style = style_of(parse(source(body)))
    assert (style.assertion_free, style.assertion_free_tests) == (False, ("TestB", "FuzzC"))


@pytest.mark.parametrize(
    "hostile",
    [
        "func TestA(t *testing.T) {" + "f(" * 3000 + "t" + ")" * 3000 + "}",
        "var x = []int{" + "a, " * 60000 + "}",
        in_test("x := T{" + "a: b, " * 20000 + "}"),
        in_test("a" * 100000 + "(t)"),
        in_test("".join(f"h{n}(t); " for n in range(3000))),
        "\x00\xff func TestA(t *testing.T",
    ],
)
def test_hostile_files_are_read(hostile: str) -> None:
    checks(hostile)
