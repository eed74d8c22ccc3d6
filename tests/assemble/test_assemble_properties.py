"""Properties of all replies: no exception, no loss without a note, and the result is Go and stable."""

import re
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from goutbench.assemble.extract import extract, is_go
from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext
from goutbench.assemble.recover import segments
from goutbench.assemble.stage import assemble
from goutbench.golang.syntax.parser import parse

REPLIES = Path(__file__).parent / "replies"
CALC = (REPLIES / "focal" / "calc.go").read_bytes()

texts = st.text(st.sampled_from(list("`~{}()\"'\\/*\n \tabt.:=+-<>&;#0\r\ufeff")), max_size=80)
fragments = st.sampled_from(
    [
        "```go\n",
        "```\n",
        "~~~\n",
        "<think>",
        "</think>\n",
        "package calc\n",
        "package calc_test\n",
        'import "testing"\n',
        'import "x/calc"\n',
        "func TestA(t *testing.T) {\n",
        "func helper() {}\n",
        "}\n",
        't.Run("x", func(t *testing.T) {\n',
        "})\n",
        "type T struct{\n",
        "// comment\n",
        "/*\n",
        "`",
        "prose here\n",
        "\tx := 1\n",
        '{"code": "',
        '\\n"}',
        "&lt;",
        "+",
        "> ",
        "func (T) m()",
        "var (\n",
        ")\n",
    ]
)


@cache
def context() -> PackageContext:
    return package_context(CALC, (), "example.com/corpus/calc")


@settings(max_examples=250, deadline=None)
@given(st.lists(st.one_of(texts, fragments), max_size=25).map("".join))
@example("0;func helper() {}\n")  # a statement and a declaration on one line
def test_any_text_extracts_to_error_free_go(reply: str) -> None:
    extraction = extract(reply)
    assert all(not unit.file.errors for unit in extraction.units)
    assert extraction.units or any(note.kind == "no_code" for note in extraction.notes)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(texts, fragments), max_size=25).map("".join))
def test_the_segments_of_a_text_join_to_the_text(text: str) -> None:
    assert "".join(segment.text for segment in segments(text, is_go)) == text


SAMPLE = """Here you are:

```go
package calc

import (
	"errors"
	"testing"
)

type pair struct{ a, b int }

func (p pair) sum() int { return Add(p.a, p.b) }

// TestPair adds.
func TestPair(t *testing.T) {
	if (pair{1, 2}).sum() != 3 {
		t.Error(`func TestNot(t *testing.T) {}`)
	}
}

func TestDiv(t *testing.T) {
	_, err := Div(1, 0)
	if !errors.Is(err, ErrZero) {
		t.Errorf("%v }", err)
	}
}

func ExampleAdd() {
	// Output:
}

func BenchmarkAdd(b *testing.B) {
	for i := 0; i < b.N; i++ {
		_ = Add(i, i)
	}
}
```
"""


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(SAMPLE)))
def test_a_truncated_reply_loses_only_its_last_function_and_notes_it(length: int) -> None:
    assembly = assemble([SAMPLE[:length]], context=context())
    file = parse(assembly.code.encode())
    assert not file.errors
    tests_present = {test.name for test in file.tests}
    started = re.findall(r"^func (\w+)\(", SAMPLE[:length], re.MULTILINE)
    noted = {note.what for note in assembly.notes if note.kind in ("truncated", "broken")}
    assert set(started) <= tests_present | noted
    assert noted <= {*started[-1:], "import ("} | {"pair", "sum"}


# ── merging generated replies ─────────────────────────────────────────────────────────────────────

helpers = st.sampled_from(
    [
        "func help(t *testing.T) int { return base }\n",
        "func help(t *testing.T) int { return base + 1 }\n",
        "func help(t *testing.T) int {\n\t// again\n\treturn base\n}\n",
    ]
)
bases = st.sampled_from(["const base = 1\n", "const base = 2\n", "var (\n\tbase = 1\n\tother = 2\n)\n"])
kinds = st.sampled_from(["type kind struct{ help int }\n", "type kind map[string]int\n"])
methods = st.sampled_from(
    ["", "func (k kind) get() int { return help(nil) }\n", "func (kind) get() int { return 0 }\n"]
)
bodies = st.sampled_from(
    [
        "_ = help(t)",
        "help := help(t)\n\t_ = help",
        "var k kind\n\t_ = k\n\t_ = base",
        "for _, c := range []struct{ help, base int }{{help: base}} {\n\t\t_ = c.help\n\t}",
        "_ = strings.ToUpper(fmt.Sprint(help(t)))",
        "base := func(help int) int { return help }(base)\n\t_ = base",
    ]
)
tests = st.lists(st.tuples(st.sampled_from(["TestA", "TestB", "TestC"]), bodies), min_size=1, max_size=3)


@st.composite
def replies(draw: st.DrawFn) -> str:
    """A reply that compiles in the package calc, if its imports are fixed."""
    named = dict(draw(tests))
    functions = "".join(f"func {name}(t *testing.T) {{\n\t{body}\n}}\n\n" for name, body in named.items())
    parts = [draw(bases), draw(helpers), draw(kinds) + draw(methods)]
    body = "\n".join([*draw(st.permutations(parts)), functions])
    return f'Sure:\n\n```go\npackage calc\n\nimport "testing"\n\n{body}```\n'


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(replies(), min_size=1, max_size=4))
def test_merging_keeps_every_test_once_and_declares_every_name_once(texts_of_replies: list[str]) -> None:
    assembly = assemble(texts_of_replies, context=context())
    file = parse(assembly.code.encode())
    assert not file.errors
    declared = [name for item in file.declarations if item.kind != "method" for name in item.names]
    assert len(declared) == len(set(declared))
    receivers = [(item.receiver, item.names[0]) for item in file.declarations if item.kind == "method"]
    assert len(receivers) == len(set(receivers))
    # the file has every test of every reply, under its own or a new name, or one that equals it
    for number, reply in enumerate(texts_of_replies):
        for test in parse(reply.split("```go\n")[1].removesuffix("```\n").encode()).tests:
            notes = [note for note in assembly.notes if note.reply == number]
            folded = any(note.kind == "folded" and note.what == test.name for note in notes)
            renamed = {
                note.what.split(" -> ")[1] for note in notes if note.what.startswith(f"{test.name} ->")
            }
            assert folded or (renamed or {test.name}) <= set(declared)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(replies(), min_size=1, max_size=3))
def test_merging_again_changes_nothing(texts_of_replies: list[str]) -> None:
    once = assemble(texts_of_replies, context=context())
    again = assemble([once.code], context=context())
    assert again.code == once.code
    assert again.notes == ()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(replies())
def test_a_repeated_reply_is_folded_completely(reply: str) -> None:
    once = assemble([reply], context=context())
    twice = assemble([reply, reply], context=context())
    assert twice.code == once.code
