"""What the grammar cannot read and Go can parses like the rest, with its names, and loses no declaration."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goutbench.golang.syntax.grammar.masking import masked
from goutbench.golang.syntax.links import free_names
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.scope import resolve

EXPRESSIONS = [
    "new([]int{1})",
    'new(map[string]int{"a": 1})',
    "new(T{1})",
    "new(T[int]{A: 1})",
    "new(p.T[int]{})",
    "new([]T[int]{*new([]int{1})})",
    "new(new([]int{1}))",
    "new(<-c)",
    "new((a + b) * 2)",
    "new([]int(nil))",
    "new(func() int { return 1 }())",
    "new(struct{ A int }{1})",
    "new (/* c */ []int{1})",
    "new(\n[]int{\n1,\n},\n)",
    "new([...]int{1})",
    "new(interface{ M() }(x))",
    "new(1)",
    "new(x.y.z)",
    "new(xs...)",
    "new(1, 2)",
    "new(chan<- int)",
    "new([]int)",
    'make(1, "a")',
    'make("a").X()',
    "make(xs...)",
    "make(1, make([]int, 2))",
    "make(make(1, 2), 3)",
    "make([]int, *new(3))",
    "f(make(1, 2), make(chan<- int, 1), new([]int{1}), new([]int))",
    "interface{ Get() int }.Get",
    "interface{ M() }.M",
    "interface{M()}.Get(x, y)",
    "interface {\n\tM()\n}.M",
    "(interface{M()}).M",
    "((interface{M()})).M(x)",
    "struct{ T }.M",
    "(*struct{ T }).M",
    "struct{ *bytes.Buffer }.String(b)",
    "x.(interface{ M() }).M(new([]int{1}))",
]
METHODS = [
    "[U any](f func(T) U) []U { return nil }",
    "[\n\tU any,\n\tV fmt.Stringer,\n](f func(T) U) []U { return nil }",
    " [U any] (f func(K) U) {}",
    " /* [d] */ [U ~int | ~string, V any] // x (\n(a, b U) (U, error) { return a, nil }",
    "[U interface{ ~int | ~string; M() }]() {}",
    "[_ any](int, string) {}",
    "[U any,]() {}",
    "[U ~[]E, E any](x ...U) { _ = new([]U{x}) }",
    "[K comparable, V map[K]int | []K](\n\tk K,\n) {}",
    "[F func(int) string](f F) {}",
]
RECEIVERS = ["(r *T)", "(T)", "(r *T[K, V])", "(\n\tr /* c */ T,\n)"]
_BYTES = b'new make interface struct func M T ( ) [ ] { } . , ~ | * \n ; 1 // /* " ` \xff'.split(b" ")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_function_with_what_the_grammar_lacks_is_read(expression: str) -> None:
    file = parse(f"package p\n\nfunc TestA(t *testing.T) {{\n\tx := {expression}\n\tuse(x)\n}}\n".encode())
    assert not file.errors
    assert [declaration.names for declaration in file.declarations] == [("TestA",)]


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_type_parameters_is_read(receiver: str, method: str) -> None:
    file = parse(f"package p\n\nfunc {receiver} M{method}\n\nfunc g() {{}}\n".encode())
    assert not file.errors
    kinds = [(declaration.kind, declaration.names) for declaration in file.declarations]
    assert kinds == [("method", ("M",)), ("func", ("g",))]
    assert file.declarations[0].receiver == "T"


@pytest.mark.parametrize(
    "declaration",
    [
        "func f() { use(new([]fmt.Stringer{x})) }",
        "func f() { use(interface{ M(fmt.Stringer) }.M) }",
        "func f() { use((*struct{ fmt.Stringer }).M) }",
        "func (r T) M[U fmt.Stringer](x int) {}",
        "func (r T) M[U ~int | fmt.Stringer](x int) {}",
    ],
)
def test_the_names_in_what_is_masked_are_used(declaration: str) -> None:
    file = parse(f'package p\n\nimport "fmt"\n\ntype T int\n\n{declaration}\n'.encode())
    assert not file.errors
    assert "fmt" in free_names(file, file.declarations[-1])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*_BYTES, b" "]), max_size=40).map(b" ".join), st.booleans())
def test_any_bytes_are_masked_to_the_same_length(source: bytes, parses: bool) -> None:
    copy = masked(source, lambda text: parses == (b"nEw" in text or b"mAke" in text))
    assert len(copy) == len(source)
    assert re.findall(rb"//|/\*|\"|`", copy) == re.findall(rb"//|/\*|\"|`", source)


def test_a_name_has_its_own_text_where_the_tree_has_another() -> None:
    file = parse(b"package p\n\nfunc make(n int, s string) {}\n\nfunc f() { make(1, interface{ M() }.M) }\n")
    assert not file.errors
    assert [use.text for use in resolve(file).uses].count("make") == 2
    assert not {use.text for use in resolve(file).uses} & {"_", "M", "mAke"}
