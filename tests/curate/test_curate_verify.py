"""Verify names exactly what differs from the pins."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from gitmaker import GitMaker

from goutbench.config import CurateConfig, load_lock
from goutbench.curate import SourceLocations, curate, verify
from goutbench.dataset.store import file_hash, read_table, write_table
from goutbench.errors import DatasetError

Make = Callable[..., GitMaker]
GIN = "data/o__gin.parquet"


@pytest.fixture
def dataset(make_repo: Make, tmp_path: Path) -> Path:
    """A finished dataset of two repositories; its sources are at hand."""
    entries = []
    for name in ("gin", "hugo"):
        maker = make_repo(name)
        rng = random.Random(name)
        mark: list[int] = []
        for round_ in range(3):
            noise = "".join(f"// {rng.random()}\n" for _ in range(200))
            files = {
                f"{letter}{end}": f"package p\n{noise}" for letter in "abc" for end in (".go", "_test.go")
            }
            mark = [maker.commit({**files, "alone.go": "package p\n"}, mark, date=1_700_000_000 + round_)]
        maker.finish()
        entries.append({"name": f"o/{name}", "source": str(maker.path)})
    config = CurateConfig.model_validate({"repositories": entries})
    curate(config, tmp_path / "dataset", places(tmp_path))
    return tmp_path / "dataset"


def places(tmp_path: Path) -> SourceLocations:
    return SourceLocations((tmp_path,), tmp_path / "cache")


def cells_that_differ(dataset: Path) -> list[tuple[str, str, str]]:
    return [
        (difference.file, difference.row, difference.column)
        for difference in verify(dataset, places(dataset.parent))
    ]


def amend_manifest(dataset: Path, *names: str) -> None:
    """Make the manifest agree with changed files: as somebody would who wants to hide a change."""
    path = dataset / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in names:
        size = (dataset / name).stat().st_size
        manifest["files"][name] = {"sha256": file_hash(dataset / name), "bytes": size}
    path.write_text(json.dumps(manifest))


def rewrite(dataset: Path, change: Callable[[list[dict[str, object]]], object], file: str = GIN) -> None:
    """Change rows, and hide it in the manifest."""
    table = read_table(dataset / file)
    rows = table.to_pylist()
    change(rows)
    write_table(pa.Table.from_pylist(rows, schema=table.schema), dataset / file)
    amend_manifest(dataset, file)


def test_an_untouched_dataset_has_no_difference(dataset: Path) -> None:
    assert verify(dataset, places(dataset.parent)) == []
    assert verify(dataset, places(dataset.parent), workers=2) == []


def test_any_flipped_byte_is_reported(dataset: Path) -> None:
    """In every file, at many places: the file always, and whether its rows can still be read."""
    rng = random.Random(1)
    files = [path for path in dataset.rglob("*") if path.is_file() and path.name != "manifest.json"]
    for path in files:
        original = path.read_bytes()
        for at in rng.sample(range(len(original)), k=3):
            damaged = bytearray(original)
            damaged[at] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            assert path.relative_to(dataset).as_posix() in {
                file for file, _, _ in cells_that_differ(dataset)
            }, at
        path.write_bytes(original)


def test_a_flipped_byte_in_a_column_is_reported_with_the_column(dataset: Path) -> None:
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(dataset / GIN).metadata.row_group(0)
    index = metadata.to_dict()["columns"]
    chunk = next(column for column in index if column["path_in_schema"] == "test")
    content = bytearray((dataset / GIN).read_bytes())
    content[chunk["data_page_offset"] + chunk["total_compressed_size"] - 20] ^= 4
    (dataset / GIN).write_bytes(content)
    amend_manifest(dataset, GIN)
    assert cells_that_differ(dataset) == [(GIN, "", "test")]


def test_a_removed_row_is_reported(dataset: Path) -> None:
    rewrite(dataset, lambda rows: rows.pop(1))
    assert cells_that_differ(dataset) == [(GIN, "o/gin b.go", "")]


def test_an_added_and_a_duplicate_row_are_reported(dataset: Path) -> None:
    rewrite(dataset, lambda rows: rows.append({**rows[0], "code_path": "z.go"}))
    assert cells_that_differ(dataset) == [(GIN, "o/gin z.go", "")]
    rewrite(dataset, lambda rows: rows.append(dict(rows[0])))
    differences = [str(difference) for difference in verify(dataset, places(dataset.parent))]
    assert f"{GIN} · o/gin a.go: the row occurs 2 times" in differences


def test_swapped_rows_are_reported(dataset: Path) -> None:
    rewrite(dataset, lambda rows: rows.reverse())
    assert cells_that_differ(dataset) == [(GIN, "o/gin", "")]


@pytest.mark.parametrize(
    ("column", "value"),
    [("code", "package other\n"), ("code_commit", "0" * 40), ("licence", "MIT"), ("code_lines", 7)],
)
def test_a_changed_cell_is_reported(dataset: Path, column: str, value: object) -> None:
    rewrite(dataset, lambda rows: rows[2].update({column: value}))
    assert cells_that_differ(dataset) == [(GIN, "o/gin c.go", column)]


def test_a_changed_text_is_shown_from_the_first_difference(dataset: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[0]["code"] = str(rows[0]["code"])[:50] + "!" + str(rows[0]["code"])[51:]

    rewrite(dataset, change)
    (difference,) = verify(dataset, places(dataset.parent))
    assert difference.what.startswith("differs from character 50 on: is '!")


def test_a_removed_rejection_is_reported(dataset: Path) -> None:
    rewrite(dataset, lambda rows: rows.pop(0), "rejections.parquet")
    assert cells_that_differ(dataset) == [("rejections.parquet", "o/gin alone.go", "")]


def test_a_changed_pin_is_reported(dataset: Path) -> None:
    """Named by the manifest's record; and the rows are compared with what the new pin gives."""
    lock = dataset / "repos.lock.yaml"
    old = load_lock(lock).repositories[1]
    maker = GitMaker(Path(old.settings.source))
    parent = maker.git("rev-parse", "main~1").decode().strip()
    tree = maker.git("rev-parse", "main~1^{tree}").decode().strip()
    lock.write_text(lock.read_text().replace(old.revision, parent))
    amend_manifest(dataset, "repos.lock.yaml")
    differences = [str(difference) for difference in verify(dataset, places(dataset.parent))]
    assert differences == [
        f"repos.lock.yaml · o/hugo · revision: pinned to {parent}, the manifest says {old.revision}",
        f"repos.lock.yaml · o/hugo: cannot be rebuilt: tree is {tree}, but the lock says {old.tree}",
    ]
    lock.write_text(lock.read_text().replace(old.tree, tree))
    amend_manifest(dataset, "repos.lock.yaml")
    assert ("data/o__hugo.parquet", "o/hugo a.go", "revision") in cells_that_differ(dataset)
    assert not [file for file, row, _ in cells_that_differ(dataset) if "gin" in file + row]


def test_a_removed_and_an_unknown_file_are_reported(dataset: Path) -> None:
    (dataset / GIN).rename(dataset / "data" / "other.parquet")
    assert sorted(cells_that_differ(dataset)) == [(GIN, "", ""), ("data/other.parquet", "", "")]


def test_files_derived_from_the_rows_are_checked(dataset: Path) -> None:
    """A changed card, metadata or count is noticed, although the manifest was made to agree."""
    for name in ("README.md", "croissant.json"):
        original = (dataset / name).read_text()
        (dataset / name).write_text(original.replace("unit test", "fine test", 1))
        amend_manifest(dataset, name)
        assert cells_that_differ(dataset) == [(name, "", "")]
        (dataset / name).write_text(original)
        amend_manifest(dataset, name)
    manifest = json.loads((dataset / "manifest.json").read_text())
    (dataset / "manifest.json").write_text(json.dumps({**manifest, "pairs": 99}))
    assert cells_that_differ(dataset) == [("manifest.json", "", "pairs")]


def test_data_of_unpinned_repositories_is_reported(dataset: Path) -> None:
    stranger = dataset / "data" / "evil__evil.parquet"
    stranger.write_bytes((dataset / GIN).read_bytes())
    manifest = json.loads((dataset / "manifest.json").read_text())
    manifest["files"]["data/evil__evil.parquet"] = manifest["files"][GIN]
    (dataset / "manifest.json").write_text(json.dumps(manifest))
    assert cells_that_differ(dataset) == [("data/evil__evil.parquet", "", "")]
    stranger.unlink()
    del manifest["files"]["data/evil__evil.parquet"]
    (dataset / "manifest.json").write_text(json.dumps(manifest))
    rewrite(dataset, lambda rows: rows.append({**rows[0], "repository": "no/body"}), "rejections.parquet")
    assert ("rejections.parquet", "no/body", "") in cells_that_differ(dataset)


def test_an_added_column_and_a_changed_type_are_reported(dataset: Path) -> None:
    table = read_table(dataset / GIN)
    lines = table.column("code_lines").cast("double")
    changed = table.set_column(table.column_names.index("code_lines"), "code_lines", lines)
    write_table(changed.append_column("extra", lines), dataset / GIN)
    amend_manifest(dataset, GIN)
    assert sorted(cells_that_differ(dataset)) == [(GIN, "", "code_lines"), (GIN, "", "extra")]


def test_a_control_character_does_not_reach_the_terminal(dataset: Path) -> None:
    rewrite(dataset, lambda rows: rows[0].update({"code_path": "\x1b]0;owned\x07.go"}))
    shown = "".join(str(difference) for difference in verify(dataset, places(dataset.parent)))
    assert "owned" in shown
    assert shown.isprintable()


@pytest.mark.parametrize("content", ["[]", '{"files": [], "repositories": {}, "pairs": 1}', '{"files": {}}'])
def test_an_invalid_manifest_is_an_error(dataset: Path, content: str) -> None:
    (dataset / "manifest.json").write_text(content)
    with pytest.raises(DatasetError, match="unreadable"):
        verify(dataset, places(dataset.parent))


def test_a_missing_column_is_reported(dataset: Path) -> None:
    table = read_table(dataset / GIN).drop_columns(["licence"])
    write_table(table, dataset / GIN)
    amend_manifest(dataset, GIN)
    assert cells_that_differ(dataset) == [(GIN, "", "licence")]


def test_a_missing_source_is_reported(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "hugo").rename(tmp_path / "away")
    (difference,) = verify(dataset, places(tmp_path))
    assert (difference.file, difference.row) == ("repos.lock.yaml", "o/hugo")
    assert difference.what.startswith("cannot be rebuilt: no folder")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (tmp_path / "away").rename(mirror / "o__hugo.git")
    assert verify(dataset, SourceLocations((tmp_path,), tmp_path / "cache", mirror)) == []


def test_a_folder_without_a_manifest_is_an_error(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no manifest\.json"):
        verify(tmp_path, places(tmp_path))
    (dataset / "manifest.json").write_text("{")
    with pytest.raises(DatasetError, match="unreadable"):
        verify(dataset, places(tmp_path))


# mlcroissant's own dependencies warn of themselves
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlcroissant")
def test_the_hub_libraries_read_the_dataset_folder(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets`, the hub's card parser and mlcroissant, the readers that users have."""
    import datasets
    import mlcroissant
    from huggingface_hub import DatasetCard

    datasets.disable_progress_bars()
    cache = str(dataset.parent / "hf")
    rows = datasets.load_dataset(str(dataset), split="train", cache_dir=cache)
    assert [row["code_path"] for row in rows] == ["a.go", "b.go", "c.go"] * 2
    rejections = datasets.load_dataset(str(dataset), "rejections", split="train", cache_dir=cache)
    assert len(rejections) == 2
    card = DatasetCard.load(dataset / "README.md")
    assert card.data.configs[0]["config_name"] == "default"
    croissant = mlcroissant.Dataset(str(dataset / "croissant.json"))
    assert not croissant.metadata.issues.errors
    assert not croissant.metadata.issues.warnings
    first = next(iter(croissant.records("o__gin")))
    assert first["o__gin/code_path"] == b"a.go"
