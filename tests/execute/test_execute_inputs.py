"""Files of candidates that hold something else: an error with file and line, or a record."""

import json
from pathlib import Path
from typing import Any

import pytest

from goutbench.assemble.inputs import read_replies
from goutbench.errors import ConfigError
from goutbench.execute.inputs import read_candidates
from goutbench.execute.ladder.syntax import refusal

ROW: dict[str, Any] = {"pair_id": "p", "model": "m", "code": "package a\n", "id": "x"}
NO_TEXT = (5, 1.5, True, ["a"], {"a": 1})
NO_LIST = (5, "F", [5], [None], [["a"]], {"a": 1}, True)
NO_NUMBER = ("1", 1.5, float("nan"), float("inf"), -1, True, [], {})


def read(folder: Path, *lines: object) -> list[Any]:
    path = folder / "c.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return list(read_candidates(path))


WRONG = {
    **dict.fromkeys(("pair_id", "model", "code"), (*NO_TEXT, None)),
    **dict.fromkeys(("id", "package", "mode"), NO_TEXT),
    **dict.fromkeys(("focal", "completion_ids"), NO_LIST),
    **dict.fromkeys(("sample", "round"), NO_NUMBER),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_of_a_wrong_type_is_an_error_with_its_key_and_line(tmp_path: Path, key: str) -> None:
    for value in WRONG[key]:
        with pytest.raises(ConfigError, match=rf"c\.jsonl:2: .*\b{key}\b"):
            read(tmp_path, ROW, ROW | {"id": "y", key: value})


@pytest.mark.parametrize(
    "line",
    [
        "[" * 200_000, '{"a":' * 100_000, "5", "null", "true", '"text"', "[]", "NaN", "{", "{]", "\x00\x01",
        "1" * 5000,
        '{"pair_id": "p", "model": "m"}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_candidate_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.jsonl:1: "):
        read(tmp_path, line)


def test_a_file_that_is_none_or_empty_is_an_error(tmp_path: Path) -> None:
    for name in ("folder", "folder.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(ConfigError, match="a folder, not a file"):
            read_candidates(tmp_path / name)
    for content in (b"", b"\n\n", b"\xef\xbb\xbf\n"):
        (tmp_path / "e.jsonl").write_bytes(content)
        with pytest.raises(ConfigError, match="holds no candidates"):
            read_candidates(tmp_path / "e.jsonl")
    for content in (b"\xff\xfe{\x00}\x00", bytes(range(256))):
        (tmp_path / "e.jsonl").write_bytes(content)
        with pytest.raises(ConfigError, match=r"e\.jsonl:1: not JSON"):
            read_candidates(tmp_path / "e.jsonl")
    for content in (b"", b"PAR1", b"{}"):
        (tmp_path / "e.parquet").write_bytes(content)
        with pytest.raises(ConfigError, match="not readable as Parquet"):
            read_candidates(tmp_path / "e.parquet")


def test_a_byte_order_mark_a_huge_line_and_unknown_keys_are_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    huge = ROW | {"id": "huge", "code": "x" * 5_000_000, "more": [1, {"deep": [None]}]}
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n" + json.dumps(huge).encode())
    assert [one.id for one in read_candidates(path)] == ["x", "huge"]


def test_surrogates_reach_the_ladder_in_the_code_alone(tmp_path: Path) -> None:
    lone = "\udfff\ud800"
    row = {"pair_id": lone, "model": lone, "code": f"package a // {lone}", "focal": [lone], "package": lone}
    for more in ({"id": lone, "completion_ids": [lone]}, {}):
        (one,) = read(tmp_path, row | more)
        texts = (one.id, one.pair_id, one.model, one.package or "", *one.focal, *one.completion_ids)
        assert all(text.encode("utf-8") is not None for text in texts)
        refused = refusal(one.code)
        assert refused is not None
        assert refused[0] == "not-unicode"


def test_an_id_names_one_candidate(tmp_path: Path) -> None:
    assert len(read(tmp_path, ROW, ROW)) == 2
    with pytest.raises(ConfigError, match=r"c\.jsonl:2: the id 'x' is that of .*c\.jsonl:1, too"):
        read(tmp_path, ROW, ROW | {"code": "package b\n"})


def test_a_file_cannot_claim_the_trust_of_reference_tests(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`mode` is not one of append, merge, llm"):
        read(tmp_path, ROW | {"mode": "reference"})


def test_replies_are_read_with_the_same_care(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"text": "package a \ud800", "id": "\udfff"}) + "\n")
    assert read_replies(path)[0].text == "package a ?"
    path.write_text("[" * 200_000)
    with pytest.raises(ConfigError, match=r"r\.jsonl:1: the JSON is nested too deeply"):
        read_replies(path)
    with pytest.raises(ConfigError, match="a folder, not a file"):
        read_replies(tmp_path)
