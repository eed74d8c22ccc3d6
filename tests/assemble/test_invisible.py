"""Invisible characters are undone in code, and stay in strings, runes and comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goutbench.assemble.extract import extract
from goutbench.assemble.invisible import visible

SPACES = "\u00a0\u1680\u2000\u2003\u2009\u200a\u202f\u205f\u3000\u2800\x0b\x0c"
HIDDEN = "\u00ad\u200b\u200c\u200d\u200e\u202a\u202e\u2060\u2063\u2066\ufeff"
LINE_ENDS = "\x85\u2028\u2029"
CODE = "package p\n\nfunc TestA(t *testing.T) {\n@if f(@2) != 4 {@\n\t\tt.Fatal()@\n\t}\n}\n"
invisible = st.sampled_from(SPACES + HIDDEN + LINE_ENDS)


def undone(reply: str) -> tuple[list[str], list[str]]:
    extraction = extract(reply)
    names = [name for unit in extraction.units for d in unit.file.declarations for name in d.names]
    return names, [note.what for note in extraction.notes]


@pytest.mark.parametrize("character", SPACES + HIDDEN + LINE_ENDS, ids=ascii)
def test_an_invisible_character_in_code_is_undone_with_a_note(character: str) -> None:
    code = CODE.replace("@2", "2") if character in LINE_ENDS else CODE
    assert undone(f"```go\n{code.replace('@', character)}```\n") == (["TestA"], ["invisible characters"])


@given(st.text(invisible, min_size=1), st.sampled_from(['"@"', "`@\n@`", '"\\"@"', "/* @\n@ */ 1", "2 // @"]))
def test_in_strings_and_comments_they_stay(text: str, literal: str) -> None:
    code = f"package p\n\nvar x = {literal.replace('@', text)}\n"
    assert visible(code) == code


@given(invisible)
def test_in_runes_they_stay(character: str) -> None:
    assert visible(f"x == '{character}' || y == '\\''") == f"x == '{character}' || y == '\\''"


@given(st.text())
def test_what_is_visible_stays_so(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert visible(text.encode("ascii", "ignore").decode().replace("\x0b", "").replace("\x0c", "")).isascii()


@pytest.mark.parametrize(
    "reply",
    [
        "Here:\n\ufeff```go\n\ufeffpackage p\n\nfunc TestA(t *testing.T) {}\n```\n",
        "\ufeff\u2060```go\npackage p\n\nfunc TestA(t *testing.T) {}\n```\n",
        "Here:\n\u00a0\u00a0```go\u200b\nfunc TestA(t *testing.T) {}\n```\u200b\nDone.\n",
        "Here:\u2028```go\u2028func TestA(t *testing.T) {\u2028}\u2028```\u2028Done.",
        '{"code": "\ufefffunc\u00a0TestA(t *testing.T) {}\\n"}',
        "\ufefffunc TestA(t *testing.T) {\u00a0}\n",
    ],
)
def test_a_byte_order_mark_or_a_blank_at_a_fence_is_no_loss(reply: str) -> None:
    names, _ = undone(reply)
    assert names == ["TestA"]


def test_prose_with_invisible_characters_has_no_note() -> None:
    names, notes = undone("Voici\u00a0:\n\n```go\nfunc TestA(t *testing.T) {}\n```\n\nC'est tout\u202f!\n")
    assert (names, notes) == (["TestA"], [])
