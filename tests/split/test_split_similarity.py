"""Copies are found however they were disguised; files of their own are left alone."""

import re
from itertools import permutations

import numpy as np
import pytest
from gotexts import edited, go_file, recommented, renamed
from hypothesis import given, settings
from hypothesis import strategies as st

from goutbench.dedup import Fingerprints, fingerprint, group_rows, neighbours
from goutbench.dedup.near import BANDS, candidate_pairs, equal_links, similarity, union_find
from goutbench.dedup.sketch import SLOTS, sign
from goutbench.dedup.views import views


def groups_of(texts: list[str]) -> list[int]:
    prints = fingerprint(texts)
    return group_rows([(prints, neighbours(prints))])


def test_different_files_have_no_neighbours() -> None:
    texts = [go_file(seed) for seed in range(150)]
    assert groups_of(texts) == list(range(150))


@pytest.mark.parametrize(
    "disguise",
    [
        recommented,
        renamed,
        lambda text: renamed(recommented(text)),
        lambda text: edited(text, 7),
        lambda text: renamed(edited(text, 7)),
        lambda text: text.replace("package p", "package other"),
    ],
)
def test_copies_are_in_one_group(disguise: object) -> None:
    originals = [go_file(seed, functions=12) for seed in range(40)]
    copies = [disguise(text) for text in originals]  # type: ignore[operator]
    assert all(copy != text for copy, text in zip(copies, originals, strict=True))
    assert groups_of([*originals, *copies]) == [*range(40), *range(40)]


def test_each_hash_ignores_what_it_should() -> None:
    text = go_file(1)
    prints = fingerprint(
        [text, recommented(text), renamed(text), text.replace("Repeat", "Count"), go_file(2)]
    )
    assert len(set(prints.exact)) == 5
    assert prints.normalised[0] == prints.normalised[1]
    assert len(set(prints.normalised)) == 4
    assert prints.renamed[:3] == (prints.renamed[0],) * 3
    assert len(set(prints.renamed)) == 3  # another function of an imported package is another program


def test_an_inconsistently_renamed_copy_has_another_hash() -> None:
    one = views(b"package p\nfunc f(a, b int) int { return a - b }").hash_of_structure()
    assert views(b"package p\nfunc g(x, y int) int { return x - y }").hash_of_structure() == one
    assert views(b"package p\nfunc g(x, y int) int { return y - x }").hash_of_structure() != one
    assert views(b"package p\nfunc g(x, y int8) int { return x - y }").hash_of_structure() != one


def test_line_breaks_change_no_hash() -> None:
    one = views(b"package p\nvar x = f(1, 2); type t struct { a int; b int }")
    assert (
        one.hash_of_text()
        == views(b"package p\nvar x = f(\n1,\n2,\n)\ntype t struct {\na int\nb int\n}").hash_of_text()
    )
    assert (
        one.hash_of_text()
        != views(b"package p\nvar x = f(1 2)\ntype t struct { a int; b int }").hash_of_text()
    )


def test_the_name_of_an_imported_package_keeps_its_identity() -> None:
    body = b'package p\nimport ("bytes"; "strings")\nvar x = %s.ToUpper(y)'
    assert views(body % b"bytes").hash_of_structure() != views(body % b"strings").hash_of_structure()
    assert views(body % b"mine").hash_of_structure() == views(body % b"other").hash_of_structure()


def test_text_before_a_shingle_does_not_change_it() -> None:
    first = b"func f(a, b int) int { for a < b { a += b * 2; b -= a }; return 1 + 2 * 3 }\n"
    second = b"func g(a string, b bool) string { if !b { return a }; return a[1:] }\n"
    alone = set(views(b"package p\n" + second).shingles_of_structure(8).tolist())
    together = set(views(b"package p\n" + first + second).shingles_of_structure(8).tolist())
    assert alone < together


def test_a_renamed_copy_too_short_for_shingles_is_in_the_group() -> None:
    text = "package p\nfunc f(a, b int) int { if a < b { return a }; return b * 7 }\nvar c = f(1, 2)\n"
    assert 30 <= len(views(text.encode()).text) < 40
    assert groups_of([text, re.sub(r"\b([abcf])\b", r"my_\1", text)]) == [0, 0]


def test_texts_without_tokens_have_no_neighbours() -> None:
    prints = fingerprint(["package a\n", "// only a comment\npackage b\n", ""])
    assert prints.normalised == prints.renamed == (None, None, None)
    assert group_rows([(prints, neighbours(prints))]) == [0, 1, 2]


def test_short_texts_are_compared_by_their_tokens_only() -> None:
    short = ["package p\nvar a = 1", "package p\nvar b = 1", "package q // same\n\nvar a = 1"]
    assert groups_of(short) == [0, 1, 0]


def test_workers_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [go_file(seed) for seed in range(30)] + ["", "package p"]
    expected = fingerprint(texts, gram=13)
    monkeypatch.setattr("goutbench.dedup.sketch._BATCH_BYTES", 5_000)
    for workers in (1, 2):
        parts = fingerprint(iter(texts), workers=workers, gram=13)
        assert (parts.exact, parts.normalised, parts.renamed) == (
            expected.exact,
            expected.normalised,
            expected.renamed,
        )
        for name in ("text", "structure"):
            assert np.array_equal(parts.rows[name], expected.rows[name])
            assert np.array_equal(parts.signatures[name], expected.signatures[name])
        assert all(np.array_equal(one, two) for one, two in zip(parts.grams, expected.grams, strict=True))


def test_parts_may_arrive_in_any_order() -> None:
    texts = [go_file(seed) for seed in range(6)] + ["package p"]
    expected = fingerprint(texts)
    starts = [(0, 2), (2, 3), (3, 7)]
    for order in permutations(starts):
        parts = ((start, fingerprint(texts[start:end])) for start, end in order)
        joined = Fingerprints.concatenate(parts)
        assert joined.exact == expected.exact
        assert np.array_equal(joined.rows["text"], expected.rows["text"])
        assert np.array_equal(joined.signatures["text"], expected.signatures["text"])


def test_signatures_do_not_change_between_versions() -> None:
    """What a dataset's proof rests on: another value here makes older splits differ."""
    signature = sign([np.arange(1, 500, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)])
    assert signature.shape == (1, SLOTS)
    assert int(signature.astype(np.uint64).sum()) == 7_940_468
    assert views(go_file(1).encode()).hash_of_text() == "054201e0e1ba4592e886b3e7e6afd089"


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.0, 1.0), seed=st.integers(0, 1000))
def test_equal_slots_estimate_the_jaccard_similarity(share: float, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 2**63, 3000).astype(np.uint64)
    common = int(share * 2000)
    one, two = numbers[:2000], np.concatenate([numbers[:common], numbers[2000 : 4000 - common]])
    exact = len(np.intersect1d(one, two)) / len(np.union1d(one, two))
    estimate = similarity(sign([one]), sign([two]))[0]
    assert abs(estimate - exact) < 5 * 0.5 / SLOTS**0.5


def test_similar_rows_are_candidate_pairs() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2**16, (50, SLOTS), dtype=np.uint64).astype(np.uint16)
    rows[40:45] = rows[3]
    rows[40:45, ::10] = 0  # nine slots of ten are equal
    pairs = {(int(one), int(two)) for one, two in candidate_pairs(rows)}
    assert pairs == {(one, two) for one in (3, *range(40, 45)) for two in range(40, 45) if one < two}
    assert len(candidate_pairs(rows[:0])) == 0
    assert BANDS * 5 <= SLOTS


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_union_is_transitive(links: list[tuple[int, int]]) -> None:
    label = union_find(20, links)
    changed = list(range(20))
    for _ in range(20):  # the plain way: spread the lowest number along the links
        for one, two in links:
            changed[one] = changed[two] = min(changed[one], changed[two])
    assert label == changed


def test_equal_values_link_to_the_first_one() -> None:
    assert list(equal_links(["a", None, "b", "a", None, "a"])) == [(0, 3), (0, 5)]
