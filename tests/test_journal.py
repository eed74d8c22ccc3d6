"""The journal: every finished record survives a kill, and its bytes are those that were written."""

import json
import os
import signal
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

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


def test_a_record_is_one_line_with_its_key_first(tmp_path: Path) -> None:
    with Journal(tmp_path / "new/replies.jsonl", Reply) as journal:
        journal.add("k", Reply("é", 3))
    line = b'{"key":"k","text":"\\u00e9","tokens":3,"crc32":"%08x"}\n'
    checksum = zlib.crc32(b'{"key":"k","text":"\\u00e9","tokens":3}')
    assert (tmp_path / "new/replies.jsonl").read_bytes() == line % checksum
    assert Journal(tmp_path / "new/replies.jsonl", Reply).find("k") == Reply("é", 3)


def test_a_field_of_the_record_can_be_the_key(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    with Journal(path, Outcome, key="id") as journal:
        journal.add("o1", Outcome("o1", ("TestA",)))
        journal.add("o1", Outcome("o1"))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["id"], row["failed"]) for row in rows] == [("o1", ["TestA"]), ("o1", [])]
    assert Journal(path, Outcome, key="id").records == {"o1": Outcome("o1")}


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


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        '{"key":"k","other":1}',
        '{"text":"a"}',
        "[]",
        "null",
        "\0" * 100,
        "[" * 100_000,
        '{"key":"k","text":"a","tokens":"1"}',
        '{"key":"k","text":null}',
        '{"key":"k","text":"\\ud800"}',
        '{"key":1,"text":"a"}',
        '{"key":"k","text":"a","tokens":' + "9" * 5000 + "}",
        '{"key":"k","text":"a","tokens":9223372036854775808}',
    ],
)
def test_a_damaged_line_or_one_of_another_version_is_an_error_with_its_number(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(f'{{"key":"k","text":"a"}}\n{line}\n')
    with pytest.raises(StorageError, match=r"replies\.jsonl:2: a damaged line"):
        Journal(path, Reply)


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with Journal(path, Reply) as journal:
        journal.add("key1", Reply("text 42", 37))
        journal.add("key2", Reply("é"))
    content, records = path.read_bytes(), dict(journal.records)
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read = dict(Journal(path, Reply).records)
        except StorageError:
            continue
        assert read.items() < records.items(), f"bit {bit}: {bytes(damaged)!r}"  # a torn last line


HOLD = """
import sys
from dataclasses import dataclass
from pathlib import Path
from goutbench.dataset.journal import Journal

@dataclass
class Reply:
    text: str
    tokens: int = 0

with Journal(Path(sys.argv[1]), Reply) as journal:
    journal.add("first", Reply("a"))
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_and_harms_nothing_and_a_killed_one_locks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        content = path.read_bytes() + b'{"key":"half'
        path.write_bytes(content)
        with pytest.raises(StorageError, match="another run is writing here"):
            Journal(path, Reply).open()
        assert path.read_bytes() == content
        os.kill(process.pid, signal.SIGKILL)
    with Journal(path, Reply) as journal:
        journal.add("second", Reply("b"))
    assert list(Journal(path, Reply).records) == ["first", "second"]


def test_what_another_run_wrote_between_reading_and_opening_counts(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    early = Journal(path, Reply)
    with Journal(path, Reply) as other:
        other.add("theirs", Reply("a"))
    with early:
        early.open()
        assert early.find("theirs") == Reply("a")
