"""Functions that only compute, and names that neither a test nor its prompt declares."""

import pytest

from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.analysis.self_contained import undeclared_names
from goutbench.golang.syntax.parser import parse

FILE = """package p

import (
	"fmt"
	"os"
	"strings"
	"time"
)

type point struct{ x, y int }

func (p *point) move() { p.x++ }

const most = 9

var table = map[string]int{"a": 1}
var calls int
var now = time.Now

func Double(n int) int { return 2 * n }
func Quad(n int) int { return Double(Double(n)) }
func Lookup(s string) (int, error) {
	if n := len(strings.ToLower(s)); n < most {
		return n, nil
	}
	return 0, fmt.Errorf("no %q", s)
}
func Even(n int) bool { return n == 0 || Odd(n-1) }
func Odd(n int) bool { return n != 0 && Even(n-1) }
func Shadow(calls int) int { calls++; return calls }

func Ping(n int) int { return Pong(n) + len(os.Args) }
func Pong(n int) int { return Ping(n) }
func Count(n int) int { calls++; return n }
func Fill(s string) int { table[s] = 1; return 1 }
func Known(s string) int { return table[s] }
func Forget(s string) int { t := table; delete(t, s); return 1 }
func Clock(n int) int { return n + now().Year() }
func Move(n int) int { p := point{x: n}; p.move(); return p.x }
func Split(s string) string { fmt.
	Println(s); return s }
func _(n int) int { return n }
func Address(n int) int { p := &calls; *p = n; return n }
func Say(s string) string { fmt.Println(s); return s }
func Read(s string) string { b, _ := os.ReadFile(s); return string(b) }
func Age(n int) int { return n + time.Now().Year() }
func Ask(n int) int { return Age(n) }
func Send(n int) int { c := make(chan int, 1); c <- n; return <-c }
func Later(n int) int { defer Double(n); return n }
func Elsewhere(n int) int { return helper(n) }
func Point(p point) int { return p.x }
func Pointer(p *int) int { return *p }
func Apply(f func(int) int) int { return f(1) }
func Any(v any) int { return 1 }
func Void(n int) {}
func None() int { return 1 }
func Generic[T int](n T) T { return n }
func (p point) Sum(n int) int { return n }
"""


def test_only_functions_that_compute_plain_values_from_plain_values_are_pure() -> None:
    assert pure_functions(parse(FILE.encode())) == {"Double", "Quad", "Lookup", "Even", "Odd", "Shadow"}


@pytest.mark.parametrize(
    "source", [b"", b"package p\n\nfunc F(", b"package p\n\nfunc F(n int) int\n", b"\xff\xfe"]
)
def test_broken_code_has_no_pure_functions(source: bytes) -> None:
    assert pure_functions(parse(source)) == frozenset()


PROMPT = parse(b"package calc\n\nconst two = 2\n\nfunc Add(a, b int) int { return a + b }\n")


@pytest.mark.parametrize(
    ("imports", "body", "missing"),
    [
        ("", "if Add(1, two) != 3 { t.Fatal() }", set()),
        ("", "want := make([]int, 1); got := Add(1, len(want)); check(t, got)", {"check"}),
        ("", "for _, each := range cases { Add(each.a, fixture.b) }", {"cases", "fixture"}),
        ('import "example.com/calc"', "calc.Add(1, calc.New(2))", {"New"}),
        ('import calc "example.com/x/src"', "calc.New(calc.Add(1, 2))", {"New"}),
        ('import "example.com/calc"', 't.Log("calc.New") // calc.New', set()),
        ('import "example.com/calc"', "calc := calc.Add(1, 2); calc.n()", set()),
        ('import . "example.com/calc"', "Add(1, 2)", {"."}),
        ('import "example.com/other"', "other.New(Add(1, 2))", set()),
    ],
)
def test_undeclared_names_are_in_neither_the_test_nor_the_prompt(
    imports: str, body: str, missing: set[str]
) -> None:
    text = f'package calc\n\nimport "testing"\n{imports}\n\nfunc TestAdd(t *testing.T) {{ {body} }}\n'
    assert undeclared_names(parse(text.encode()), PROMPT) == missing


def test_names_that_the_test_file_declares_are_declared() -> None:
    text = "package calc\n\ntype row struct{ a int }\n\nfunc (r row) twice() int { return Add(r.a, r.a) }\n"
    assert undeclared_names(parse(text.encode()), PROMPT) == set()
