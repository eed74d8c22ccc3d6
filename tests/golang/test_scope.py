"""Which occurrences of `x` are free: those marked «x»; the others are bound, fields, keys or labels."""

import re

import pytest

from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.scope import FREE, resolve

SNIPPETS = {
    "a top-level name and its uses": "func «x»() { «x»() }",
    "a parameter": "func f(x int) int { return x }",
    "parameter types are looked up outside": "func f(x *«x».T, y «x».T) («x».U, error) { return x.A, nil }",
    "a result": "func f() (x int) { x = 1; return x }",
    "a receiver": "func (x *T) m() { x.y() }",
    "a receiver's type parameter": "func (s *S[x]) m(v x) {}",
    "type parameters, in constraints too": "func f[S ~[]x, x any](s S, v x) { var y x; _ = y }",
    "a type's type parameter": "type T[x any] struct{ v x }",
    "a short declaration sees the outer name on its right": "func f() { x := «x»(); _ = x }",
    "a name is free before its declaration": "func f() { «x»(); x := 1; _ = x }",
    "a variable's own initialiser": "func f() { var x = «x»; _ = x }",
    "a block ends a scope": "func f() { { x := 1; _ = x }; «x»() }",
    "an if's variable is in else too": "func f() { if x := g(); x { _ = x } else { _ = x }; «x»() }",
    "a for clause": "func f() { for x := 0; x < 9; x++ { _ = x }; «x»() }",
    "a range that declares": "func f() { for x := range «x» { _ = x }; _ = «x» }",
    "a range that assigns": "func f() { for «x» = range y {} }",
    "a type switch": "func f() { switch x := «x».(type) { case int: _ = x; default: _ = x }; «x»() }",
    "a case's own scope": "func f() { switch { case a: x := 1; _ = x; case b: «x»() } }",
    "a receive in select": "func f() { select { case x, ok := <-«x»: _, _ = x, ok; case «x» = <-c: } }",
    "a function literal": "func f() { g := func(x int) { _ = x }; g(«x») }",
    "a function type's parameter": "func f(g func(x int) «x») { «x»() }",
    "a local type": "func f() { type x struct{ next *x }; var v x; _ = v }",
    "a local constant": "func f() { const x = 1; _ = x }",
    "a field is no name": "type T struct{ x int }; func f(t T) { t.x = 1 }",
    "an embedded type is": "type T struct{ «x» }",
    "a struct literal's key is a field": "func f() { _ = T{x: 1} }",
    "a map literal's key is an expression": "func f() { _ = map[string]int{«x»: 1} }",
    "an array literal's key is an expression": "func f() { _ = [...]int{«x»: «x»} }",
    "an elided struct in a slice": "func f() { _ = []T{{x: «x»}} }",
    "an elided map in a slice": "func f() { _ = []map[int]int{{«x»: 1}} }",
    "a named map of the file": "type M map[int]int; func f() { _ = M{«x»: 1} }",
    "a named struct in a map, by pointer": "type S struct{ x int }; func f() { _ = map[int]*S{«x»: {x: 1}} }",
    "a label": "func f() { x: for { break x } }",
    "a package in a qualified type": "func f() { var v «x».T; _ = v.x }",
    "a shadowed package": "func f() { x := «x».New(); x.Do() }",
    "a method of an interface": "type I interface{ x(x int) «x» }",
    "redeclaration by := keeps the variable": "func f() { x, a := 1, 2; x, b := 3, 4; _, _, _ = x, a, b }",
    "several names of one variable declaration": "func f() { var a, x, b int; _, _, _ = a, x, b }",
    "a deferred closure": "func f() (x error) { defer func() { x = nil }(); return «y».x() }",
    "a generic call": "func f() { g[«x»](1) }",
    "an assignment's left side": "func f() { «x».y, «x» = 1, 2 }",
    "a selected name on the left of :=": "func f() { a, err := «x».y(); _, _ = a, err }",
}


@pytest.mark.parametrize("title", SNIPPETS)
def test_only_free_occurrences_are_free(title: str) -> None:
    marked = "package p\n" + SNIPPETS[title]
    name = "y" if "«y»" in marked else "x"
    plain = marked.replace("«", "").replace("»", "")
    file = parse(plain.encode())
    assert not file.errors
    uses = [use for use in resolve(file).uses if use.text == name]
    free = {use.start for use in uses if use.binding == FREE}
    expected = {match.start() - 2 * at for at, match in enumerate(re.finditer(f"«{name}»", marked))}
    assert free == expected


def test_a_qualifier_has_its_member_and_the_binding_that_would_capture_it() -> None:
    source = b"package p\nfunc f() { New := q.New; _ = q.New; _ = q.Old }"
    uses = [use for use in resolve(parse(source)).uses if use.text == "q"]
    assert [(use.member, use.captured >= 0) for use in uses] == [
        ("New", False),
        ("New", True),
        ("Old", False),
    ]
    assert all(source[use.member_start :].startswith(use.member.encode()) for use in uses)


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    source = b"package p\nfunc f() { _ = x" + b".m(1)" * 5000 + b" + 1" * 5000 + b" }"
    assert any(use.text == "x" for use in resolve(parse(source)).uses)
