"""Shortening a single declaration to the budget, on request."""

from goutbench.chunk import chunk_file, token_counter
from goutbench.golang.syntax.parser import parse

COUNTER = token_counter("bytes")


def shortened(source: str, budget: int) -> list[str]:
    chunks = chunk_file(source.encode(), budget=budget, counter=COUNTER, shorten=True)
    assert all(parse(chunk.text.encode()).errors == () for chunk in chunks)
    return [chunk.text for chunk in chunks if chunk.shortened]


def test_a_long_comment_is_removed_if_nothing_else_can_be_cut() -> None:
    source = "package p\n\n" + "// P points.\n" * 30 + "type P *int\n\nvar x P\n"
    assert shortened(source, 100) == ["package p\n\n// elided\ntype P *int\n"]


def test_a_comment_remains_if_cutting_the_code_suffices() -> None:
    fields = "".join(f"\tField{n} int\n" for n in range(30))
    (text,) = shortened(f"package p\n\n// S holds.\ntype S struct {{\n{fields}}}\n\nvar x S\n", 150)
    assert "// S holds." in text
    assert "Field0 int" in text
    assert "Field29" not in text


def test_a_constant_of_a_qualified_type_is_not_shortened() -> None:
    parts = ' +\n\t"'.join('abcdefgh"' for _ in range(40))
    source = f'package p\n\nimport "q"\n\nconst c q.T = "{parts}\n\nvar x = c\n'
    chunks = chunk_file(source.encode(), budget=100, counter=COUNTER, shorten=True)
    (long,) = [chunk for chunk in chunks if "c" in chunk.focal]
    assert long.over_budget
    assert parse(long.text.encode()).errors == ()
    assert 'const c q.T = "abcdefgh"' in long.text
