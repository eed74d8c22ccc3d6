"""A dataset appears whole or not at all, is the same every time, and a killed run resumes."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from gitmaker import GitMaker

from goutbench.config import CurateConfig, load_lock
from goutbench.curate import Event, SourceLocations, curate
from goutbench.dataset.store import PAPER_COLUMNS, read_pairs, read_rejections, schema_of
from goutbench.errors import ConfigError, SourceError, StorageError
from goutbench.records import Pair

Make = Callable[..., GitMaker]


@pytest.fixture
def config(make_repo: Make) -> CurateConfig:
    """Three repositories with some pairs and history each."""
    entries = []
    for name in ("one", "two", "three"):
        maker = make_repo(name)
        mark: list[int] = []
        for round_ in range(3):
            text = f"package p\n\n// {name} {round_}\n"
            files = {f"d{i}/f{end}": text for i in range(round_ + 2) for end in (".go", "_test.go")}
            mark = [maker.commit({**files, "x.go": text}, mark, date=1_700_000_000 + round_)]
        maker.finish()
        entries.append({"name": f"o/{name}", "source": str(maker.path), "domain": f"domain of {name}"})
    return CurateConfig.model_validate({"repositories": entries})


def places(tmp_path: Path) -> SourceLocations:
    return SourceLocations((tmp_path,), tmp_path / "cache")


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_runs_give_identical_bytes_with_any_number_of_workers(
    config: CurateConfig, tmp_path: Path
) -> None:
    digests = []
    for number, workers in enumerate((1, 1, 2, 5)):
        out = tmp_path / f"out{number}"
        curate(config, out, places(tmp_path), workers=workers, paper_export=True)
        digests.append(hashes(out))
    assert digests[0] == digests[1] == digests[2] == digests[3]
    assert sorted(digests[0]) == [
        "README.md",
        "croissant.json",
        "data/o__one.parquet",
        "data/o__three.parquet",
        "data/o__two.parquet",
        "export/paper.json",
        "manifest.json",
        "packages.parquet",
        "rejections.parquet",
        "repos.lock.yaml",
    ]


def test_a_dataset_folder_contains_the_documented_files(config: CurateConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summaries = curate(config, out, places(tmp_path), paper_export=True)
    assert [entry.pairs for entry in summaries] == [4, 4, 4]
    file = pq.ParquetFile(out / "data" / "o__one.parquet")
    assert file.num_row_groups == 1
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.equals(schema_of(Pair))
    pairs = list(read_pairs(out))
    assert len(pairs) == 12
    assert [pair.code_path for pair in pairs[:4]] == [f"d{i}/f.go" for i in range(4)]
    assert {rejection.path for rejection in read_rejections(out)} == {"x.go"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()} == {
        name: value for name, value in hashes(out).items() if name != "manifest.json"
    }
    exported = json.loads((out / "export" / "paper.json").read_text())
    assert [list(row) for row in exported] == [list(PAPER_COLUMNS.values())] * 12
    assert exported[0]["SHA256"] == hashlib.sha256(exported[0]["Code"].encode()).hexdigest()
    assert "| o/one | 4 | domain of one |" in (out / "README.md").read_text()
    assert not (out / ".work").exists()


def test_a_locked_run_uses_the_pins_and_rejects_changed_settings(
    config: CurateConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    curate(config, out, places(tmp_path))
    lock = load_lock(out / "repos.lock.yaml")
    maker = GitMaker(Path(config.repositories[0].source))
    tip = maker.git("rev-parse", "main").decode().strip()
    tree = maker.git("rev-parse", "main^{tree}").decode().strip()
    who = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    new = maker.git(*who, "commit-tree", tree, "-p", tip, "-m", "later").decode().strip()
    maker.git("update-ref", "refs/heads/main", new)
    curate(config, tmp_path / "locked", places(tmp_path), lock=lock)
    assert hashes(tmp_path / "locked") == hashes(out)
    curate(config, tmp_path / "free", places(tmp_path))
    assert load_lock(tmp_path / "free" / "repos.lock.yaml").repositories[0].revision == new
    changed = config.model_copy(
        update={"repositories": (config.repositories[0].model_copy(update={"licence": "permissive"}),)}
    )
    with pytest.raises(ConfigError, match="o/one does not have the settings"):
        curate(changed, tmp_path / "changed", places(tmp_path), lock=lock)
    moved = lock.model_copy(
        update={"repositories": (lock.repositories[0].model_copy(update={"tree": "0" * 40}),)}
    )
    only = CurateConfig(repositories=config.repositories[:1])
    with pytest.raises(SourceError, match=r"tree is .*, but the lock says 0000"):
        curate(only, tmp_path / "moved", places(tmp_path), lock=moved)


def test_after_a_failing_repository_the_others_are_not_curated_again(
    config: CurateConfig, tmp_path: Path
) -> None:
    """The error names the repository; when it is mended, finished ones are not curated again."""
    out = tmp_path / "out"
    source = Path(config.repositories[2].source)
    source.rename(tmp_path / "away")
    with pytest.raises(SourceError, match="o/three: source: no folder"):
        curate(config, out, places(tmp_path))
    assert [path.name for path in out.iterdir()] == [".work"]
    (tmp_path / "away").rename(source)
    events: list[Event] = []
    curate(config, out, places(tmp_path), on_progress=events.append)
    assert [event.repository for event in events if event.resumed] == ["o/one", "o/two"]
    curate(config, tmp_path / "again", places(tmp_path))
    assert hashes(out) == hashes(tmp_path / "again")


def test_files_staged_with_other_settings_are_not_reused(config: CurateConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = Path(config.repositories[2].source)
    source.rename(tmp_path / "away")
    with pytest.raises(SourceError):
        curate(config, out, places(tmp_path))
    (tmp_path / "away").rename(source)
    changed = [entry.model_copy(update={"domain": "other"}) for entry in config.repositories]
    events: list[Event] = []
    curate(CurateConfig(repositories=tuple(changed)), out, places(tmp_path), on_progress=events.append)
    assert not [event for event in events if event.resumed]
    assert {pair.domain for pair in read_pairs(out)} == {"other"}


def test_a_rerun_replaces_the_dataset_and_removes_old_files(config: CurateConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate(config, out, places(tmp_path), paper_export=True)
    (out / "notes.txt").write_text("mine")
    curate(CurateConfig(repositories=config.repositories[:1]), out, places(tmp_path))
    assert sorted(path.name for path in (out / "data").iterdir()) == ["o__one.parquet"]
    assert not (out / "export" / "paper.json").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_no_dataset_is_an_error(config: CurateConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match="is not a dataset"):
        curate(config, out, places(tmp_path))


def test_a_manifest_cannot_remove_files_elsewhere(config: CurateConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate(config, out, places(tmp_path))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"]["../victim"] = manifest["files"]["README.md"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    curate(config, out, places(tmp_path))
    assert victim.exists()


COMMAND = [sys.executable, "-m", "goutbench", "curate"]


def command_line(config: CurateConfig, tmp_path: Path, out: Path, *more: str) -> list[str]:
    from goutbench.config import dump_yaml

    (tmp_path / "repos.yaml").write_text(dump_yaml(config))
    return [*COMMAND, str(tmp_path / "repos.yaml"), "--out", str(out), *more]


# Kills itself, as nothing can prevent, when a file is about to get its final name for the n-th time.
KILL_AT = """
import os, pathlib, runpy, signal, sys
left = int(sys.argv[1])
rename = pathlib.Path.replace
def replace(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
        signal.pause()
    return rename(self, target)
pathlib.Path.replace = replace
sys.argv = ["goutbench", *sys.argv[3:]]
from goutbench.cli import main
main()
"""


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_killed_run_resumes(config: CurateConfig, tmp_path: Path, sent: str) -> None:
    """Killed before renames in turn: what is in place is whole, and the same command goes on."""
    curate(config, tmp_path / "unkilled", places(tmp_path))
    expected = hashes(tmp_path / "unkilled")
    arguments = command_line(config, tmp_path, tmp_path / "out", "--workers", "1")[3:]
    moments = range(1, 40, 2) if sent == "SIGKILL" else range(2, 40, 6)
    resumed = killed = 0
    for moment in moments:
        out = tmp_path / f"out{moment}"
        arguments[arguments.index("--out") + 1] = str(out)
        command = [sys.executable, "-c", KILL_AT, str(moment), sent, *arguments]
        first = subprocess.run(command, capture_output=True, check=False)
        if first.returncode == 0:  # it has fewer renames than that
            break
        killed += 1
        visible = {name: value for name, value in hashes(out).items() if not name.startswith(".work")}
        assert visible.items() <= expected.items()
        events: list[Event] = []
        curate(config, out, places(tmp_path), on_progress=events.append)
        resumed += len([event for event in events if event.resumed])
        assert hashes(out) == expected
    assert killed >= 4
    assert resumed >= killed


def test_files_staged_at_another_commit_are_not_reused(config: CurateConfig, tmp_path: Path) -> None:
    """Between the kill and the next run a branch has moved on: both repositories are read as they are now."""
    out = tmp_path / "out"
    source = Path(config.repositories[2].source)
    source.rename(tmp_path / "away")
    with pytest.raises(SourceError):
        curate(config, out, places(tmp_path))
    (tmp_path / "away").rename(source)
    maker = GitMaker(Path(config.repositories[0].source))
    previous = maker.git("rev-parse", "main~1").decode().strip()
    maker.git("update-ref", "refs/heads/main", previous)
    curate(config, out, places(tmp_path))
    assert {pair.revision for pair in read_pairs(out) if pair.repository == "o/one"} == {previous}


def test_no_worker_outlives_a_killed_parent(config: CurateConfig, tmp_path: Path) -> None:
    """Only the parent is killed: its workers notice and leave, so that the folder is free again."""
    out = tmp_path / "out"
    command = command_line(config, tmp_path, out, "--workers", "2")
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while len(members(process.pid)) < 3:  # the parent and two workers
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(process.pid) == []


def members(session: int) -> list[int]:
    """The living processes of a session."""
    processes = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            processes.append(int(stat.parent.name))
    return processes


def test_a_second_run_in_the_same_folder_is_an_error(config: CurateConfig, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(StorageError, match="another run is writing here"):
        curate(config, out, places(tmp_path))
    os.close(handle)


def test_a_file_that_cannot_be_written_is_a_clear_error(config: CurateConfig, tmp_path: Path) -> None:
    """The system refuses to let any file grow past 2 kB: as a full disk does, in the middle of a write."""
    out = tmp_path / "out"
    command = command_line(config, tmp_path, out, "--workers", "1")
    done = subprocess.run(["prlimit", "--fsize=2048", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "File too large" in done.stderr
    assert "the same command resumes" in done.stderr
    assert [path.name for path in out.iterdir()] == [".work"]
    assert not list(out.rglob("*.partial"))
    subprocess.run(command, check=True, capture_output=True)
    assert (out / "manifest.json").exists()


CAN_MOUNT = subprocess.run(
    ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
)


@pytest.mark.skipif(CAN_MOUNT.returncode != 0, reason="may not mount a small disk here")
def test_a_full_disk_is_an_error_and_the_run_resumes(config: CurateConfig, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = command_line(config, tmp_path, disk / "out", "--workers", "1")
    script = 'mount -t tmpfs -o size=40k tmpfs "$0" && shift && exec "$@"'
    run = ["unshare", "--mount", "sh", "-c", script, str(disk), "--", *command]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "No space left on device" in done.stderr
