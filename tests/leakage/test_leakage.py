"""What stands in other corpora is found, by each measure, in every kind of file."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gotexts import edited, go_file, recommented, renamed
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import PAPER_COLUMNS, from_table, read_table
from goutbench.errors import ConfigError
from goutbench.leakage import Leakage, leakage
from goutbench.records import Leak

CODE, TEST = PAPER_COLUMNS["code"], PAPER_COLUMNS["test"]


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def leaks_of(own: Path, *against: Path, **options: object) -> list[Leak]:
    return list(leakage(own, against, **options).leaks)  # type: ignore[arg-type]


def test_each_measure_detects_its_kind_of_copy(tmp_path: Path) -> None:
    texts = [go_file(seed, functions=12) for seed in range(7)]
    corpus = [
        texts[0],
        recommented(texts[1]),
        renamed(texts[2]),
        edited(texts[3], 3),
        renamed(edited(texts[4], 4)),
    ]
    part = texts[5].split("\n// ", 2)[1]  # one function of twelve
    own, corpus = (
        write(tmp_path / "own.jsonl", texts),
        write(tmp_path / "other.jsonl", [*corpus, "package p\n" + part]),
    )
    leaks = leaks_of(own, corpus)
    assert [leak.exact for leak in leaks] == [1, 0, 0, 0, 0, 0, 0]
    assert [leak.normalised for leak in leaks] == [1, 1, 0, 0, 0, 0, 0]
    assert [leak.renamed for leak in leaks] == [1, 1, 1, 0, 0, 0, 0]
    assert [leak.alike is not None for leak in leaks] == [True, True, False, True, False, False, False]
    assert [leak.alike_renamed is not None for leak in leaks] == [True] * 5 + [False] * 2
    assert leaks[0].exact_at == f"{corpus}:1"
    assert leaks[3].alike_at == f"{corpus}:4"
    assert leaks[4].alike_renamed_at == f"{corpus}:5"
    shares = [leak.grams_shared for leak in leaks]
    assert shares[:2] == [1.0, 1.0]
    assert 0.7 < shares[3] < 1
    assert 0.02 < shares[5] < 0.3
    assert shares[6] < 0.1
    summary = Leakage((), tuple(leaks)).summary()
    assert summary == {
        "exact": 1,
        "normalised": 2,
        "renamed": 3,
        "near-duplicate": 5,
        "13-grams, half or more": 3,
        "any of these": 5,
    }


def test_corpora_of_every_format_are_read(tmp_path: Path) -> None:
    texts = [go_file(seed) for seed in range(6)]
    own = write(tmp_path / "own.jsonl", texts)
    folder = tmp_path / "corpora"
    (folder / "deep" / "down").mkdir(parents=True)
    write(folder / "a.jsonl", texts[:1])
    (folder / "b.json").write_text(
        json.dumps([{CODE: texts[1], TEST: "package p"}, {CODE: "x", TEST: texts[2]}])
    )
    pq.write_table(pa.table({"content": [texts[3]], "stars": [7]}), folder / "c.parquet")
    (folder / "deep" / "down" / "d.go").write_text(texts[4])
    (folder / "notes.txt").write_text(texts[5])
    leaks = leaks_of(own, folder)
    assert [leak.exact for leak in leaks] == [1, 1, 1, 1, 1, 0]
    places = [f"{folder}/a.jsonl:1", f"{folder}/b.json:1", f"{folder}/b.json:2", f"{folder}/c.parquet:1"]
    assert [leak.exact_at for leak in leaks] == [*places, f"{folder}/deep/down/d.go", ""]
    assert [leak.exact for leak in leaks_of(own, *sorted(folder.rglob("*.*o*"))[:2])] != []


def test_copies_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    text = go_file(1)
    own, corpus = write(tmp_path / "own.jsonl", [text]), write(tmp_path / "other.jsonl", ["x", text, text])
    (leak,) = leaks_of(own, corpus)
    assert (leak.exact, leak.exact_at) == (2, f"{corpus}:2")


def test_rows_are_counted_by_their_hash_column(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text("".join(json.dumps({"SHA256": sha, "Code": sha + sha}) + "\n" for sha in "aab"))
    two.write_text("".join(json.dumps({"SHA256": sha, "Code": f"other {sha}"}) + "\n" for sha in "ac"))
    files = leakage(two, [one, two]).files
    assert [(file.role, file.rows, file.distinct, file.also_in) for file in files] == [
        ("dataset", 2, 2, ""),
        ("against", 3, 2, "two.jsonl 2"),
        ("against", 2, 2, "one.jsonl 1"),
        ("against", 5, 3, ""),
    ]


def test_only_the_named_columns_are_compared(tmp_path: Path) -> None:
    text = go_file(1)
    own = write(tmp_path / "own.jsonl", [text])
    pq.write_table(pa.table({"prompt": ["nothing"], "completion": [text]}), tmp_path / "c.parquet")
    with pytest.raises(ConfigError, match=r"the columns are 'prompt', 'completion'(?s:.)*--column"):
        leaks_of(own, tmp_path / "c.parquet")
    both = tmp_path / "both.jsonl"
    both.write_text(json.dumps({"completion": text, "text": "no"}) + "\n")
    assert leaks_of(both, tmp_path / "c.parquet", columns=["completion"])[0].exact == 1


def test_parts_and_workers_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [go_file(seed, functions=12) for seed in range(12)]
    own = write(tmp_path / "own.jsonl", texts)
    corpus = write(tmp_path / "other.jsonl", [renamed(edited(text, 1)) for text in texts] * 2)
    result = leaks_of(own, corpus)
    assert all(leak.alike_renamed_at for leak in result)
    monkeypatch.setattr("goutbench.leakage.stage._ROWS_AT_ONCE", 5)
    monkeypatch.setattr("goutbench.dedup.sketch._BATCH_BYTES", 2_000)
    assert leaks_of(own, corpus) == result
    assert leaks_of(own, corpus, workers=2) == result


def letters(texts: list[str]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """An embedder for tests: how often each letter stands in a text."""
    return np.array([[text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


def test_an_embedder_adds_the_cosine_of_the_nearest_text(tmp_path: Path) -> None:
    own = write(tmp_path / "own.jsonl", ["abc", "zzz", "..."])
    corpus = write(tmp_path / "other.jsonl", ["aabbcc", "ab", "yyyyz"])
    leaks = leaks_of(own, corpus, embed=letters)
    assert [leak.embedding for leak in leaks] == pytest.approx([1.0, 1 / 17**0.5, 0.0])
    assert [leak.embedding_at for leak in leaks] == [f"{corpus}:1", f"{corpus}:3", ""]
    assert leaks_of(own, corpus)[0].embedding is None


def published(folder: Path) -> list[Path]:
    """Files like the paper's: 6,054 rows, 5,258 hashes, all validation rows again in train or test."""
    rng = random.Random(1)
    body = "func F%d(a int) int {\n\tif a > %d {\n\t\treturn a * %d\n\t}\n\treturn %d\n}\n"
    rows = []
    for number in range(5258):
        code = "package p\n\n" + body % (number, number, rng.randint(1, 10**9), rng.randint(1, 10**9))
        row = dict.fromkeys(PAPER_COLUMNS.values(), "x")
        row |= {
            "SHA256": hashlib.sha256(code.encode()).hexdigest(),
            CODE: code,
            TEST: f"package p // {number}",
        }
        rows.append(row)
    rows += rows[:6]  # of 5,264 rows six are equal to others
    rng.shuffle(rows)
    validation, test, train = rows[:790], rows[790:1580], rows[1580:]
    train, test = train + validation[:600], test + validation[600:]
    paths = []
    for name, content in (("train", train), ("validation", validation), ("test", test)):
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(content))
    return paths


def test_duplicate_rows_across_the_paper_files_are_counted(tmp_path: Path) -> None:
    train, validation, test = published(tmp_path)
    result = CliRunner().invoke(
        app, ["leakage", str(validation), "--against", str(train), str(test), "--workers", "1", "--json"]
    )
    assert result.exit_code == 0, result.output
    content = json.loads(result.output)
    assert content["summary"]["exact"] == 790
    result = leakage(tmp_path, [validation])
    files = {Path(file.path).name: file for file in result.files if file.role == "dataset"}
    assert (files["all"].rows, files["all"].distinct) == (6054, 5258)
    assert files["validation.json"].rows == 790
    again = dict(part.rsplit(" ", 1) for part in files["validation.json"].also_in.split(", "))
    assert int(again["train.json"]) >= 600
    assert int(again["test.json"]) >= 190


def test_the_command_writes_a_row_for_each_text(tmp_path: Path) -> None:
    texts = [go_file(seed) for seed in range(3)]
    own = write(tmp_path / "own.jsonl", texts)
    one, two = write(tmp_path / "one.jsonl", texts[:1]), write(tmp_path / "two.jsonl", texts[1:2])
    out = tmp_path / "leaks.parquet"
    result = CliRunner().invoke(
        app, ["leakage", str(own), "--against", str(one), str(two), "--out", str(out), "--workers", "1"]
    )
    assert result.exit_code == 0, result.output
    assert [leak.exact for leak in from_table(read_table(out), Leak)] == [1, 1, 0]
    assert "any of these" in result.output


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "x", "unknown kind of corpus"),
        ("a.json", "[{", "unreadable"),
        ("a.json", "[1]", "not a JSON object"),
        ("a.jsonl", "", "the file has no rows"),
        ("a.parquet", "no", "unreadable"),
        ("a.jsonl", '{"other": 1}', "the columns are 'other'"),
    ],
)
def test_bad_input_is_an_error_with_its_location(tmp_path: Path, name: str, content: str, says: str) -> None:
    own = write(tmp_path / "own.jsonl", ["package p"])
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=says) as caught:
        leaks_of(own, tmp_path / name)
    assert name in caught.value.where
    with pytest.raises(ConfigError, match="No such file"):
        leaks_of(own, tmp_path / "missing.jsonl")


def test_a_corpus_is_required(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to compare with"):
        leakage(write(tmp_path / "own.jsonl", ["x"]), [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no \.go"):
        leaks_of(tmp_path / "own.jsonl", tmp_path / "empty")
    result = CliRunner().invoke(
        app, ["leakage", "x.jsonl", "--against", "y.jsonl", "--embedder", "no.such:thing"]
    )
    assert "no embedder" in str(result.exception)
