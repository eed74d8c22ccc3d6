"""No parser of untrusted bytes raises for the inputs of the fuzzers' corpus, or for damaged forms of them."""

import random
from pathlib import Path

import pytest
from fuzz_targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
_DAMAGED = 3  # forms of each input
_MAX_BYTES = 1_000_000


def damaged(data: bytes, number: int) -> bytes:
    """The input with a few bits flipped, bytes repeated or its end cut off; always the same."""
    chance = random.Random(f"{number} {data!r}")
    copy = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(copy) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(copy):
            copy[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            copy[at:at] = chance.choice([b"\0", b"\xff", b"9" * 30, b"\n", b"(" * 50, copy[at : at + 40]])
        elif kind == 2:
            del copy[at : at + chance.randrange(1, 20)]
        elif len(copy) > 8:
            del copy[max(8, at) :]
    return bytes(copy)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_and_no_damaged_one_raises(name: str) -> None:
    inputs = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    assert inputs, "a corpus for each target"
    for data in inputs:
        for text in (data, *(damaged(data, number) for number in range(_DAMAGED))):
            try:
                TARGETS[name](text)
            except Exception as error:
                pytest.fail(f"{name}({text[:300]!r}): {type(error).__name__}: {error}")


def test_the_corpus_is_small_and_has_no_other_folder() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) <= _MAX_BYTES
