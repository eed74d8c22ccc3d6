"""The journal: every finished record survives a kill, and its bytes are those that were written."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goutbench.dataset.journal import Journal
from goutbench.errors import StorageError


@dataclass(frozen=True)
class Reply:
    text: str
    tokens: int = 0


@dataclass(frozen=True)
class Outcome:
    id: str
    failed: tuple[str, ...] = ()


def decode(row: dict[str, Any]) -> Outcome:
    return Outcome(row["id"], tuple(row["failed"]))


def test_a_record_is_one_line_with_its_key_first(tmp_path: Path) -> None:
    with Journal(tmp_path / "new/replies.jsonl", Reply) as journal:
        journal.add("k", Reply("é", 3))
    assert (tmp_path / "new/replies.jsonl").read_bytes() == b'{"key":"k","text":"\\u00e9","tokens":3}\n'
    assert Journal(tmp_path / "new/replies.jsonl", Reply).find("k") == Reply("é", 3)


def test_a_field_of_the_record_can_be_the_key(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    with Journal(path, Outcome, key="id", decode=decode) as journal:
        journal.add("o1", Outcome("o1", ("TestA",)))
        journal.add("o1", Outcome("o1"))
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"id": "o1", "failed": ["TestA"]},
        {"id": "o1", "failed": []},
    ]
    assert Journal(path, Outcome, key="id", decode=decode).records == {"o1": Outcome("o1")}


def test_a_line_that_a_kill_cut_short_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_bytes(b'{"key":"k","text":"a"}\n{"key":"l","te')
    with Journal(path, Reply) as journal:
        assert len(journal) == 1
        journal.add("m", Reply("b"))
    assert Journal(path, Reply).records.keys() == {"k", "m"}


def test_the_file_appears_with_the_first_record_or_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with Journal(path, Reply) as journal:
        assert not path.exists()
        journal.open()
        assert path.read_bytes() == b""


def test_a_folder_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Journal(tmp_path / "file/replies.jsonl", Reply).open()


@pytest.mark.parametrize("line", ["no JSON", '{"key":"k","other":1}', '{"text":"a"}', "[]"])
def test_a_journal_of_another_version_is_an_error_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(f'{{"key":"k","text":"a"}}\n{line}\n')
    with pytest.raises(StorageError, match=r"replies\.jsonl:2: not a journal of this version"):
        Journal(path, Reply)
