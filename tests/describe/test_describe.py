"""The stage on a real dataset: every table against counts made here, figures, page, and what others read."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from chromium import assert_readable_charts, launched, needs_chromium
from gitmaker import GitMaker
from gotexts import go_file, renamed
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate, verify
from goutbench.dataset.store import read_pairs
from goutbench.describe import Description, describe
from goutbench.describe.components import principal_components
from goutbench.embeddings import load_embedder
from goutbench.errors import ConfigError
from goutbench.split import Balance, SplitOptions, split

TEST = """package p

import "testing"

func Test%s(t *testing.T) {
	for _, n := range []int{1, 2} {
		if n < 0 {
			t.Error(n)
		}
	}
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("describe")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Path:
    """A split dataset: o/big has 12 pairs, two of them equal but for names; o/small 4, one with a token."""
    big = {f"a/f{i}.go": go_file(i) for i in range(11)} | {"a/copy.go": renamed(go_file(0))}
    small = {f"b/g{i}.go": go_file(100 + i) for i in range(4)}
    small["b/g0.go"] += f'\nvar token = "{"AKIA" + "Q3EGRIXJ7SWZ5TNB"}"\n'
    entries = []
    for name, files in (("big", big), ("small", small)):
        tests = {
            path.replace(".go", "_test.go"): TEST % Path(path).stem.title()
            + go_file(1000 + n + len(files))[9:]
            for n, path in enumerate(files)
        }
        maker = GitMaker.create(folder / name)
        maker.commit(files | tests | {"a/lone.go": "package a\n", "a/lonely_test.go": "package a\n"})
        maker.finish()
        entries.append({"name": f"o/{name}", "source": str(maker.path), "domain": name})
    config = CurateConfig.model_validate({"repositories": entries})
    curate(config, folder / "dataset", SourceLocations((folder,), folder / "cache"))
    split(folder / "dataset", "leakfree", SplitOptions(), Balance())
    return folder / "dataset"


@pytest.fixture(scope="module")
def description(dataset: Path, folder: Path) -> Description:
    return describe(dataset, folder / "out")


def test_tables_and_signals_agree_with_counts_made_here(dataset: Path, description: Description) -> None:
    tables = {table.name: table.rows for table in description.tables}
    assert [(row["repository"], row["pairs"]) for row in tables["table-1"]] == [
        ("o/big", 12), ("o/small", 4), ("all", 16),
    ]  # fmt: skip
    funnel = {row["repository"]: row for row in tables["funnel"]}
    assert (funnel["o/big"]["Go files"], funnel["o/big"]["sources"], funnel["o/big"]["tests"]) == (26, 13, 13)
    assert funnel["all"]["no_test"] == funnel["all"]["no_source"] == 2
    quality = {row["repository"]: row for row in tables["quality"]}
    assert (quality["o/small"]["with secrets"], quality["o/big"]["with secrets"]) == (1, 0)
    assert (quality["o/big"]["in clusters"], quality["all"]["assertion-free"]) == (2, 0)
    assert {row["table-driven share"] for row in tables["style"]} == {1.0}
    splits = tables["split-leakfree"]
    assert sum(row[name] for row in splits for name in ("train", "validation", "test")) == 16
    for row in tables["lines"]:
        side = f"{row['side']}_lines"
        lines = [getattr(p, side) for p in read_pairs(dataset) if row["repository"] in ("all", p.repository)]
        assert row["p50"] == round(float(np.median(lines)), 1)
        assert row["total"] == sum(lines)
    stored = pq.read_table(dataset / "signals.parquet").to_pylist()
    assert [row["id"] for row in stored] == [pair.id for pair in read_pairs(dataset)]
    for table in description.tables:
        path = description.page.parent / "tables" / f"{table.name}.parquet"
        assert pq.read_table(path).num_rows == len(table.rows)


def test_two_runs_give_the_same_files_and_the_dataset_stays_valid(
    dataset: Path, description: Description, folder: Path
) -> None:
    import datasets

    again = describe(dataset, folder / "again", workers=2)
    one, two = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")}
        for out in (description.page.parent, again.page.parent)
    )
    assert one == two
    assert {Path("figures/components.svg"), Path("figures/style.png"), Path("tables.md")} <= one.keys()
    assert verify(dataset, SourceLocations((folder,), folder / "cache")) == []
    rows = datasets.load_dataset(str(dataset), "signals", cache_dir=str(folder / "hf"))["train"]
    assert len(rows) == 16


def test_the_first_component_follows_the_embedding(dataset: Path) -> None:
    pairs = list(read_pairs(dataset))

    def by_lines(texts: list[str]) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([[text.count("\n"), 1.0, 0.1 * (n % 2)] for n, text in enumerate(texts)])

    components = principal_components(pairs, by_lines)  # type: ignore[arg-type]
    assert components is not None
    assert components.lines[0] > 0.99
    assert components.explained[0] > 0.99
    assert sum(components.explained) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["no.such.module:f", "tfidf2", "goutbench.embeddings:nothing"])
def test_an_unknown_embedder_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="no embedder"):
        load_embedder(name)


def test_the_command_prints_json_and_refuses_an_unknown_tokenizer(dataset: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["describe", str(dataset), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["table-1"][0]["pairs"] == 12
    wrong = CliRunner().invoke(app, ["describe", str(dataset), "--tokenizer", "none.json"])
    assert isinstance(wrong.exception, ConfigError)
    assert not (tmp_path / "description").exists()


@needs_chromium
def test_the_page_opens_from_disk_and_fits_a_phone(description: Description) -> None:
    assert not re.search(r'(src|href)="https?:', description.page.read_text("utf-8"))
    with launched() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(description.page.as_uri())
        assert page.locator("section").count() == 11
        assert page.locator("figure svg").count() == 6
        page.locator("#tokens summary").click()
        assert "estimate" in page.locator("#tokens table").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert_readable_charts(browser, description.page, "light")
        assert_readable_charts(browser, description.page, "dark")
    assert messages == []
