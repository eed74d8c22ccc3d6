"""Complexity, concurrency and test style, compared with counts by hand."""

import pytest

from goutbench.golang.analysis.features import (
    TestStyle,
    code_features,
    concurrent_functions,
    style_of,
)
from goutbench.golang.syntax.parser import parse

CODE = b"""package p

import (
	"sync"
	"sync/atomic"
)

type Reader interface{ Read() }

type Box struct {
	mu sync.Mutex
	n  int64
}

func plain() {}

func (b *Box) Branches(xs []int, v any) int {
	for _, x := range xs {
		if x > 0 && x < 9 || x == 11 {
			continue
		}
	}
	switch {
	case len(xs) > 1, len(xs) < 0:
	default:
	}
	switch v.(type) {
	case int:
	case string:
	}
	f := func() bool { return len(xs) == 0 || b.n > 1 }
	_ = f
	return 0
}

func (b *Box) Wait(in <-chan int, out chan<- int) {
	go func() { out <- <-in }()
	select {
	case v := <-in:
		_ = v
	default:
	}
	atomic.AddInt64(&b.n, 1)
}
"""


def test_complexity_is_that_of_gocyclo() -> None:
    features = code_features(parse(CODE))
    # for, if, &&, ||, case, case int, case string, || of the literal, and 1
    assert [(function.name, function.value) for function in features.functions] == [
        ("plain", 1),
        ("Box.Branches", 9),
        ("Box.Wait", 2),
    ]
    assert features.complexity == 9


def test_goroutines_channels_locks_and_interfaces_are_counted() -> None:
    features = code_features(parse(CODE))
    # two channel types, one send, two receives, one select
    assert (features.goroutines, features.channels, features.locks, features.interfaces) == (1, 6, 2, 1)
    assert features.concurrent
    quiet = code_features(parse(b"package p\n\ntype Mutex int\n\nfunc f(m Mutex) { atomic(m) }\n"))
    assert not quiet.concurrent


HEAD = b'package p\n\nimport (\n\t"testing"\n%s)\n\n'


def style(body: str, *imports: str) -> TestStyle:
    lines = "".join(f'\t"{path}"\n' for path in imports)
    return style_of(parse(HEAD % lines.encode() + body.encode()))


@pytest.mark.parametrize(
    ("body", "imports", "count"),
    [
        ('func TestA(t *testing.T) { if f() != 1 { t.Errorf("x") }; t.Fatal("y"); t.Log("z") }', (), 2),
        ("func TestA(t *testing.T) { assert.Equal(t, 1, f()); require.NoError(t, g()) }",
         ("github.com/stretchr/testify/assert", "github.com/stretchr/testify/require"), 2),
        ("func TestA(t *testing.T) { is := assert.New(t); is.Equal(1, f()) }",
         ("github.com/stretchr/testify/assert",), 1),
        ("func TestA(t *testing.T) { g := NewWithT(t); g.Expect(f()).To(Equal(1)) }",
         ("github.com/onsi/gomega",), 1),
        ("func TestA(t *testing.T) { c := qt.New(t); c.Assert(f(), qt.Equals, 1) }",
         ("github.com/frankban/quicktest",), 1),
        ("func TestA(t *testing.T) { if !bytes.Equal(a, b) { panic(1) } }",
         ("bytes", "github.com/stretchr/testify/assert"), 0),
        ("func TestA(t *testing.T) { log.Fatal(err); slog.Error(err) }", ("log", "log/slog"), 0),
    ],
)  # fmt: skip
def test_assertions_are_counted(body: str, imports: tuple[str, ...], count: int) -> None:
    measured = style(body, *imports)
    assert measured.assertions == count
    assert measured.assertion_free == (count == 0)


def test_kinds_of_tests_subtests_and_mocks_are_counted() -> None:
    body = """
type fakeClock struct{}

func BenchmarkA(b *testing.B) { b.Run("x", func(b *testing.B) {}) }
func FuzzA(f *testing.F)      { f.Fuzz(func(t *testing.T, n int) {}) }
func ExampleA()               {}
func TestA(t *testing.T) {
	t.Parallel()
	t.Run("x", func(t *testing.T) { t.Parallel() })
	mux.Run("no test", nil)
}
"""
    measured = style(body, "github.com/stretchr/testify/suite")
    assert (measured.tests, measured.benchmarks, measured.fuzz, measured.examples) == (1, 1, 1, 1)
    assert (measured.subtests, measured.parallel) == (2, 2)
    assert measured.mocks
    assert measured.libraries == ("testify",)


@pytest.mark.parametrize(
    ("body", "is_table"),
    [
        ("func TestA(t *testing.T) { for _, c := range []struct{ n int }{{1}, {2}} { f(c.n) } }", True),
        ("func TestA(t *testing.T) { all := map[int]int{1: 1, 2: 2}; for k, v := range all { f(k, v) } }",
         True),
        ("var cases = []int{1, 2, 3}\n\nfunc TestA(t *testing.T) { for _, c := range cases { f(c) } }", True),
        ("func TestA(t *testing.T) { for i := range 3 { f(i) } }", False),
        ("func TestA(t *testing.T) { one := []int{1}; for _, c := range one { f(c) } }", False),
        ("func TestA(t *testing.T) { unused := []int{1, 2}; f(unused) }", False),
    ],
)  # fmt: skip
def test_a_loop_over_several_cases_is_table_driven(body: str, is_table: bool) -> None:
    assert style(body).table_driven is is_table


def test_a_function_is_concurrent_by_its_signature_or_its_body() -> None:
    source = """package p

import (
	"context"
	"sync"
	"sync/atomic"
	other "example.test/sync"
)

type Box struct{ mu sync.Mutex; done chan int; n atomic.Int64 }

func Plain(n int) int { return n }
func (b *Box) Named() { other.WaitGroup() }
func Passes() { run(context.Background()) }
func Goroutine() { go Plain(1) }
func Sends(c chan<- int) { c <- 1 }
func (b *Box) Receives() int { return <-b.done }
func (b *Box) Closes() { close(b.done) }
func (b *Box) Locks() { b.mu.Lock(); defer b.mu.Unlock() }
func Waits() { var group sync.WaitGroup; group.Wait() }
func Takes(ctx context.Context) error { return ctx.Err() }
func Derives() { _, stop := context.WithCancel(nil); stop() }
func Adds(n *int64) { atomic.AddInt64(n, 1) }
func Literal() { f := func(c chan int) {}; f(nil) }
"""
    assert concurrent_functions(parse(source.encode())) == {
        "Goroutine", "Sends", "Box.Receives", "Box.Closes", "Box.Locks", "Waits", "Takes", "Derives", "Adds",
        "Literal",
    }  # fmt: skip
