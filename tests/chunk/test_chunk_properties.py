"""Properties of every chunking: declarations once, budget respected, chunks self-contained, reproducible."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from gosources import go_files
from hypothesis import given, settings
from hypothesis import strategies as st

from goutbench.chunk import chunk_file, function_chunks, token_counter
from goutbench.chunk.companion import companion_file
from goutbench.chunk.context import measure
from goutbench.chunk.render import Part
from goutbench.chunk.stage import cut
from goutbench.golang.syntax.file import declaration_keys
from goutbench.golang.syntax.parser import parse

COUNTER = token_counter(lambda text: len(re.findall(r"\w+|[^\w\s]", text)))
budgets = st.integers(5, 400)


@settings(max_examples=60, deadline=None)
@given(go_files(), budgets, st.booleans())
def test_every_declaration_is_focal_exactly_once(source: bytes, budget: int, shorten: bool) -> None:
    chunks = chunk_file(source, budget=budget, counter=COUNTER, shorten=shorten)
    focal = Counter(key for chunk in chunks for key in chunk.focal)
    assert focal == Counter(declaration_keys(parse(source)))
    assert {key for chunk in chunks for key in chunk.functions} == {
        key
        for key, d in zip(declaration_keys(parse(source)), parse(source).declarations, strict=True)
        if d.body
    }
    assert [(chunk.index, chunk.count) for chunk in chunks] == [(i, len(chunks)) for i in range(len(chunks))]


@settings(max_examples=60, deadline=None)
@given(go_files(), budgets)
def test_only_a_single_declaration_exceeds_the_budget_and_is_flagged(source: bytes, budget: int) -> None:
    chunks = chunk_file(source, budget=budget, counter=COUNTER)
    for chunk in chunks:
        (tokens,) = COUNTER.count([chunk.text])
        assert chunk.tokens == tokens
        assert chunk.over_budget == (tokens > budget)
        if chunk.over_budget:
            assert len(chunk.focal) == 1
            assert not chunk.context
    if len(chunks) == 1 and chunks[0].kind == "file":
        assert chunks[0].text.encode() == source


@settings(max_examples=60, deadline=None)
@given(go_files(), budgets, st.booleans())
def test_every_chunk_parses_and_contains_its_focal_declarations_in_full(
    source: bytes, budget: int, shorten: bool
) -> None:
    file = parse(source)
    texts = dict(zip(declaration_keys(file), map(file.text, file.declarations), strict=True))
    for chunk in chunk_file(source, budget=budget, counter=COUNTER, shorten=shorten):
        assert parse(chunk.text.encode()).errors == ()
        assert parse(chunk.text.encode()).package == "p"
        if not chunk.shortened:
            assert all(texts[key].decode() in chunk.text for key in chunk.focal)
        in_full = [item.key for item in chunk.context if item.form == "full"]
        assert all(texts[key].decode() in chunk.text for key in in_full)


@settings(max_examples=30, deadline=None)
@given(go_files(), budgets)
def test_two_runs_give_the_same_chunks(source: bytes, budget: int) -> None:
    first, second = (chunk_file(source, budget=budget, counter=COUNTER, pair_id="x") for _ in range(2))
    assert first == second
    assert len({chunk.id for chunk in first}) == len(first)


@settings(max_examples=30, deadline=None)
@given(go_files(), budgets)
def test_function_chunks_returns_one_chunk_for_each_function(source: bytes, budget: int) -> None:
    chunks = function_chunks(source, budget=budget, counter=COUNTER)
    functions = [d for d in parse(source).declarations if d.kind in ("func", "method")]
    assert [chunk.focal for chunk in chunks] == [chunk.functions for chunk in chunks]
    assert len(chunks) == len(functions)
    for chunk, function in zip(chunks, functions, strict=True):
        assert parse(source).text(function).decode() in chunk.text


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 30))
def test_any_bytes_can_be_chunked(source: bytes, budget: int) -> None:
    assert chunk_file(b"package p\n" + source, budget=budget, counter=COUNTER)


@pytest.mark.parametrize("budget", [60, 120])
def test_go_vet_accepts_every_chunk_together_with_its_companion(budget: int, tmp_path: Path) -> None:
    source = (Path(__file__).parent / "shop.go").read_bytes()
    measured = measure(parse(source), budget, COUNTER)
    drafts = cut(measured)
    assert len(drafts) > 3
    assert any(part.form == "outline" for draft in drafts for part in draft.context)
    (tmp_path / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n")
    for number, draft in enumerate(drafts):
        folder = tmp_path / f"chunk{number}"
        folder.mkdir()
        own = [Part(index, "full", measured.texts[index]) for index in draft.focal]
        (folder / "shop.txt").write_text("embedded")
        (folder / "chunk.go").write_bytes(draft.text)
        (folder / "rest.go").write_bytes(companion_file(measured.file, [*own, *draft.context]))
    done = subprocess.run(["go", "vet", "./..."], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
