"""The stage on a real dataset: tables, configs, manifest, proof from the files, and the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker
from gotexts import go_file, recommented, renamed
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate, verify
from goutbench.dataset.store import from_table, read_pairs, read_table, to_table, write_table
from goutbench.errors import DatasetError
from goutbench.records import Overlap, SplitAssignment
from goutbench.split import Balance, SplitOptions, broken_promises, check, split

Make = Callable[..., GitMaker]


@pytest.fixture
def dataset(make_repo: Make, tmp_path: Path) -> Path:
    """Two repositories of 30 pairs; o/fork holds disguised copies of ten of o/main's files."""
    files = {f"{name}/f{i}.go": go_file(i + 100 * (name == "b")) for name in "ab" for i in range(15)}
    tests = {path.replace(".go", "_test.go"): go_file(1000 + n) for n, path in enumerate(files)}
    copies = {f"vendor/{path}": renamed(recommented(files[path])) for path in sorted(files)[:10]}
    own = {f"c/g{i}.go": go_file(2000 + i) for i in range(20)}
    fork = {**copies, **own}
    fork_tests = {path.replace(".go", "_test.go"): go_file(3000 + n) for n, path in enumerate(fork)}
    entries = []
    for name, tree in (("main", files | tests), ("fork", fork | fork_tests)):
        maker = make_repo(name)
        maker.commit(tree)
        maker.finish()
        entries.append({"name": f"o/{name}", "source": str(maker.path), "domain": name})
    curate(CurateConfig.model_validate({"repositories": entries}), tmp_path / "dataset", places(tmp_path))
    return tmp_path / "dataset"


def places(folder: Path) -> SourceLocations:
    return SourceLocations((folder,), folder / "cache")


def test_copies_across_repositories_stay_together(dataset: Path) -> None:
    result = split(dataset, "leakfree", SplitOptions(), Balance())
    assert result.sizes() == {"train": 42, "validation": 9, "test": 9}
    assert result.group_sizes() == {1: 40, 2: 10}
    where: dict[str, set[str]] = {}
    for item in result.assignments:
        where.setdefault(item.group, set()).add(item.split)
    assert all(len(item) == 1 for item in where.values())
    assert broken_promises(result.proof) == []
    assert broken_promises(check(dataset, "leakfree").proof) == []


def test_the_proof_counts_rows_that_cross_splits(dataset: Path) -> None:
    result = split(dataset, "repository", SplitOptions(hold_out=("o/fork",)), Balance())
    counts = {(item.measure, item.side, item.first, item.second): item for item in result.proof}
    assert len(counts) == 6 * 2 * 3
    for measure, rows in (("exact", 0), ("normalised", 0), ("renamed", 10), ("near-duplicate", 10)):
        item = counts[measure, "code", "train", "test"]
        assert (item.first_rows, item.second_rows, item.promised_zero) == (rows, rows, False), measure
        assert counts[measure, "test", "train", "test"].first_rows == 0
    assert counts["same repository", "code", "train", "test"].promised_zero
    paper = {
        (item.measure, item.side): item for item in split(dataset, "paper", SplitOptions(), Balance()).proof
    }
    assert paper["same repository", "code"].first_rows > 0


def test_check_detects_a_changed_split_from_the_files_alone(dataset: Path) -> None:
    result = split(dataset, "leakfree", SplitOptions(), Balance())
    twin = next(item for item in result.assignments if item.group_size == 2 and item.split == "train")
    rows = list(result.assignments)
    at = rows.index(twin)
    rows[at] = SplitAssignment(twin.pair_id, twin.scheme, "test", twin.group, 2, 1.0)
    write_table(to_table(rows, SplitAssignment), dataset / "splits/leakfree.parquet")
    wrong = broken_promises(check(dataset, "leakfree").proof)
    assert {(item.measure, item.side) for item in wrong} == {("renamed", "code"), ("near-duplicate", "code")}
    result = CliRunner().invoke(app, ["split", str(dataset), "--check", "--workers", "1"])
    assert result.exit_code == 1


def test_a_split_of_other_pairs_is_an_error(dataset: Path) -> None:
    with pytest.raises(DatasetError):
        check(dataset, "leakfree")
    result = split(dataset, "leakfree", SplitOptions(), Balance())
    write_table(to_table(result.assignments[1:], SplitAssignment), dataset / "splits/leakfree.parquet")
    with pytest.raises(DatasetError, match="not a split of the pairs"):
        check(dataset, "leakfree")


def test_every_scheme_is_a_configuration_and_verify_passes(dataset: Path) -> None:
    import datasets
    from huggingface_hub import DatasetCard

    datasets.disable_progress_bars()
    cache = str(dataset.parent / "hf")
    before = (dataset / "README.md").read_text()
    date = "2023-11-14"  # the repositories' only commit is of that day
    for scheme in ("paper", "leakfree", "temporal"):
        arguments = ["split", str(dataset), "--scheme", scheme, "--workers", "1"]
        arguments += ["--after", date] if scheme == "temporal" else []
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    ids = {pair.id for pair in read_pairs(dataset)}
    for scheme, names in (("paper", 3), ("leakfree", 3), ("temporal", 1)):
        parts = datasets.load_dataset(str(dataset), scheme, cache_dir=cache)
        assert len(parts) == names
        loaded = [row["id"] for part in parts.values() for row in part]
        assert len(loaded) == len(ids) == len(set(loaded) & ids)
        table = list(from_table(read_table(dataset / f"splits/{scheme}.parquet"), SplitAssignment))
        split_by_pair = {item.pair_id: item.split for item in table}
        assert all(split_by_pair[row["id"]] == name for name, part in parts.items() for row in part)
    train = datasets.load_dataset(str(dataset), "leakfree", split="train", cache_dir=cache)
    assert {"code", "test", "group", "weight"} <= set(train.column_names)
    assert len(datasets.load_dataset(str(dataset), split="train", cache_dir=cache)) == 60
    proof = datasets.load_dataset(str(dataset), "leakfree-proof", split="train", cache_dir=cache)
    assert len(proof) == 36
    configs = [item["config_name"] for item in DatasetCard.load(dataset / "README.md").data.configs]
    assert len(configs) == len(set(configs)) == 2 + 2 * 3
    assert (dataset / "README.md").read_text().split("---\n", 2)[2] == before.split("---\n", 2)[2]
    assert verify(dataset, places(dataset.parent)) == []


def test_splitting_again_replaces_the_split(dataset: Path) -> None:
    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(dataset.rglob("*")) if path.is_file()}

    split(dataset, "repository", SplitOptions(hold_out=("o/fork",)), Balance())
    first = everything()
    split(dataset, "repository", SplitOptions(hold_out=("o/main",)), Balance("repository", cap=5))
    assert everything() != first
    split(dataset, "repository", SplitOptions(hold_out=("o/fork",)), Balance())
    assert everything() == first
    assert (
        "splits/repository.validation.parquet"
        not in json.loads((dataset / "manifest.json").read_text())["files"]
    )


def test_curating_again_removes_old_splits(dataset: Path) -> None:
    from goutbench.config import load_lock

    split(dataset, "paper", SplitOptions(), Balance())
    entries = [item.settings for item in load_lock(dataset / "repos.lock.yaml").repositories]
    curate(CurateConfig(repositories=tuple(entries[:1])), dataset, places(dataset.parent))
    assert not (dataset / "splits/paper.parquet").exists()
    assert verify(dataset, places(dataset.parent)) == []


def test_the_command_prints_sizes_and_proof(dataset: Path) -> None:
    arguments = ["split", str(dataset), "--balance", "repository", "--cap", "12", "--workers", "1", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    content = json.loads(result.output)
    assert content["sizes"] == {"train": 42, "validation": 9, "test": 9}
    assert content["group_sizes"] == {"1": 40, "2": 10}
    assert all(Overlap(**item).scheme == "leakfree" for item in content["proof"])
    facts = json.loads((dataset / "manifest.json").read_text())["splits"]["leakfree"]
    assert facts["seed"] == 42
    assert facts["balance"] == {"by": "repository", "power": 0.5, "cap": 12}
    table = list(from_table(read_table(dataset / "splits/leakfree.parquet"), SplitAssignment))
    assert sum(item.weight > 0 for item in table if item.split == "train") == 24
    plain = CliRunner().invoke(app, ["split", str(dataset), "--check", "--workers", "1"])
    assert "train 42, validation 9, test 9" in plain.output
    assert "40 of 1, 10 of 2" in plain.output


def test_an_unknown_scheme_is_an_error(dataset: Path) -> None:
    result = CliRunner().invoke(app, ["split", str(dataset), "--scheme", "random"])
    assert "there is no scheme 'random'" in str(result.exception)
