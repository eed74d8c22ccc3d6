"""No command replaces the page of other inputs, or a file that it did not write."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from gotexts import go_file
from judging import make_pair, write_dataset
from reporting import PASSED, write_run
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import CARD, REJECTIONS, to_table, write_manifest, write_table
from goutbench.errors import ConfigError
from goutbench.records import Rejection

few_rows = pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")
"""Correlations of a few equal numbers are not defined."""


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two datasets as `curate` writes them, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folders = []
    for number, name in enumerate(("one", "two")):
        pairs = [
            replace(make_pair(number + 3 * n), code=go_file(10 * number + n), code_lines=9 * n)
            for n in range(4)
        ]
        folder = write_dataset(Path(name), pairs)
        write_table(to_table([], Rejection), folder / REJECTIONS)
        (folder / CARD).write_text("---\nconfigs: []\n---\n")
        files = [*(folder / "data").iterdir(), folder / REJECTIONS, folder / CARD]
        write_manifest(folder, files, {"pairs": 4, "repositories": {}})
        folders.append(folder)
    return folders[0], folders[1]


def run(*arguments: str) -> None:
    done = CliRunner().invoke(app, arguments)
    if done.exception:
        raise done.exception


@few_rows
def test_a_second_description_does_not_replace_the_first(datasets: tuple[Path, Path]) -> None:
    one, two = map(str, datasets)
    run("describe", one)
    first = {path: path.read_bytes() for path in Path("description").rglob("*") if path.is_file()}
    run("describe", one)
    assert not Path("description-2").exists(), "the same dataset and options make the same page"
    run("describe", two)
    run("describe", one, "--tokenizer", "estimate", "--embedder", "goutbench.embeddings:tfidf")
    assert {path: path.read_bytes() for path in first} == first
    assert "Dataset: two." in Path("description-2/index.html").read_text()
    assert Path("description-3/index.html").is_file()
    run("describe", two)
    assert not Path("description-4").exists()
    with pytest.raises(ConfigError, match="the description of another dataset") as caught:
        run("describe", two, "--out", "description")
    assert "such as description-2" in str(caught.value)
    assert {path: path.read_bytes() for path in first} == first


@few_rows
def test_a_description_is_not_mixed_with_other_files(datasets: tuple[Path, Path]) -> None:
    Path("description").mkdir()
    Path("description/notes.txt").write_text("mine")
    run("describe", str(datasets[0]))
    assert [path.name for path in Path("description").iterdir()] == ["notes.txt"]
    assert Path("description-2/index.html").is_file()


@pytest.mark.parametrize("command", ["report", "gaps"])
def test_a_page_of_the_usual_name_is_only_replaced_by_one_of_the_same_inputs(
    command: str, datasets: tuple[Path, Path]
) -> None:
    def arguments(number: int) -> Sequence[str]:
        dataset = datasets[number]
        pairs = [make_pair(number + 3 * n) for n in range(4)]
        if command == "gaps":
            return [command, str(dataset)]
        model = write_run(Path(f"run-{number}"), f"m{number}", pairs, lambda n: PASSED)
        return [command, str(model), "--dataset", str(dataset)]

    page = Path(f"{command}.html")
    run(*arguments(0))
    first = page.read_bytes()
    run(*arguments(0))
    assert not Path(f"{command}-2.html").exists(), "runs grow, and their page with them"
    run(*arguments(1))
    assert page.read_bytes() == first
    assert Path(f"{command}-2_files").is_dir()
    run(*arguments(1), "-o", str(page))
    assert page.read_bytes() != first, "the user named it"
    Path("mine.html").write_text("<p>mine")
    with pytest.raises(ConfigError, match=f"not a page of `goutbench {command}`"):
        run(*arguments(0), "-o", "mine.html")
    assert Path("mine.html").read_text() == "<p>mine"


def test_a_table_of_leakage_replaces_no_other_file(datasets: tuple[Path, Path]) -> None:
    one, two = map(str, datasets)
    table = datasets[0] / "data" / "all.parquet"
    before = table.read_bytes()
    with pytest.raises(ConfigError, match="not a table of `goutbench leakage`"):
        run("leakage", one, "--against", two, "--out", str(table), "--workers", "1")
    assert table.read_bytes() == before
    for _ in range(2):
        run("leakage", one, "--against", two, "--out", "leaks.parquet", "--workers", "1")
