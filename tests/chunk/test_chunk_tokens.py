"""Counting tokens: the counters, their byte bounds, and that files within the bound are never tokenized."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from goutbench.chunk import TokenCounter, chunk_file, token_counter
from goutbench.errors import ConfigError

GO = (Path(__file__).parent / "shop.go").read_text()


def trained(normalizer: normalizers.Normalizer | None = None, *, prefix_space: bool = False) -> Tokenizer:
    """A small real tokenizer: byte-level BPE, as those of code models are."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r"\d"), "isolated")
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of])
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([GO] * 3, trainer)
    return tokenizer


PLAIN = trained()
COUNTERS = [
    token_counter("estimate"),
    token_counter("bytes"),
    token_counter(PLAIN),
    token_counter(trained(prefix_space=True)),
    token_counter(trained(normalizers.NFC())),
]
texts = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=40).map(str.encode),
    st.text("क़ड़शִּ'\n\t x", max_size=40).map(str.encode),
    st.integers(0, len(GO)).map(lambda at: GO[at : at + 60].encode()),
)


@settings(max_examples=150, deadline=None)
@given(texts)
@example(b"\x001")  # two pieces, and a prefix space for each
@pytest.mark.parametrize("counter", COUNTERS)
def test_no_text_has_more_tokens_than_its_byte_bound(counter: TokenCounter, source: bytes) -> None:
    bound = counter.at_most(source)
    assert bound is not None
    (tokens,) = counter.count([source.decode("utf-8", "replace")])
    assert tokens <= bound


def test_tokenizers_that_are_not_byte_level_have_no_bound() -> None:
    assert token_counter(trained(normalizers.NFKD())).at_most(b"x") is None
    assert token_counter(Tokenizer(models.WordLevel({"x": 0}, unk_token="x"))).at_most(b"x") is None
    assert token_counter(len).at_most(b"x") is None


def test_a_tokenizer_file_and_its_folder_count_like_the_tokenizer(tmp_path: Path) -> None:
    PLAIN.enable_truncation(5)
    PLAIN.save(str(tmp_path / "tokenizer.json"))
    PLAIN.no_truncation()
    expected = len(PLAIN.encode(GO, add_special_tokens=False))
    assert expected > 5
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        assert token_counter(str(path)).count([GO, ""]) == [expected, 0]


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_a_file_that_is_not_a_tokenizer_is_an_error_that_names_it(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "t.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        token_counter(str(path))


def test_the_estimate_is_close_to_the_count_of_a_real_tokenizer() -> None:
    # a vocabulary of 600 needs more tokens than a model's; the estimate is for one of about 50,000
    (estimate,) = token_counter().count([GO])
    assert len(GO) / 4 < estimate < len(GO) / 2


class Recorder:
    """Counts one token a byte and records the texts."""

    name = "recorder"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def count(self, texts: Sequence[str]) -> list[int]:
        self.asked += texts
        return [len(text) for text in texts]

    def at_most(self, source: bytes) -> int:
        return len(source)


def test_a_file_within_the_byte_bound_is_never_tokenized() -> None:
    recorder = Recorder()
    source = GO.encode()
    (chunk,) = chunk_file(source, budget=len(source), counter=recorder)
    assert recorder.asked == []
    assert (chunk.kind, chunk.tokens, chunk.over_budget) == ("file", None, False)
    assert chunk_file(source, budget=len(source) - 1, counter=recorder)[0].kind == "part"
    assert recorder.asked != []
