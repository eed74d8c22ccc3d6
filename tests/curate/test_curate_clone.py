"""Remote repositories, over git's own protocol on this machine."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitmaker import GitMaker

from goutbench.config import RepositoryConfig
from goutbench.curate.git.clone import is_url, present_objects
from goutbench.curate.git.repository import open_repository
from goutbench.curate.repository import CuratedRepository, curate_repository
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.errors import SourceError

Make = Callable[..., GitMaker]
GO = "package p\n"


@pytest.fixture
def server(make_repo: Make, tmp_path: Path) -> Iterator[tuple[GitMaker, str]]:
    """A repository, and its URL at a git daemon on the loopback interface."""
    maker = make_repo("served")
    maker.git("config", "uploadpack.allowFilter", "true")
    one = maker.commit({"a.go": GO + "// old", "a_test.go": GO, "big.bin": "x" * 5000}, date=1000)
    maker.commit(
        {"a.go": GO, "a_test.go": GO, "other/unpaired.go": GO + "// u", "big.bin": "y" * 5000},
        [one],
        date=2000,
    )
    maker.finish()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--export-all"]
    daemon = subprocess.Popen(
        [*command, f"--base-path={tmp_path}", str(tmp_path)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.01)
    yield maker, f"git://127.0.0.1:{port}/served"
    daemon.terminate()
    daemon.wait()


def run(url: str, tmp_path: Path, reports: list[str] | None = None, **settings: object) -> CuratedRepository:
    config = RepositoryConfig.model_validate({"name": "o/r", "source": url, **settings})
    places = SourceLocations((tmp_path,), tmp_path / "cache")
    source = open_source(config, places, None, reports.append if reports is not None else lambda what: None)
    return curate_repository(source, config, lambda *step: None)


def test_a_clone_fetches_only_the_needed_blobs(server: tuple[GitMaker, str], tmp_path: Path) -> None:
    maker, url = server
    curated = run(url, tmp_path)
    (pair,) = curated.pairs
    assert (pair.code, pair.test) == (GO, GO)
    clone = open_repository("o/r", tmp_path / "cache" / "o__r.git")
    assert clone.partial
    blob = {
        name: maker.git("rev-parse", f"main:{name}").decode().strip()
        for name in ("a.go", "big.bin", "other/unpaired.go")
    }
    assert present_objects(clone, blob.values()) == {blob["a.go"]}


def test_the_network_is_not_used_when_the_cached_clone_is_current(
    server: tuple[GitMaker, str], tmp_path: Path
) -> None:
    maker, url = server
    first = run(url, tmp_path).pairs[0].revision
    reports: list[str] = []
    run(url, tmp_path, reports, revision=first)
    run(url, tmp_path, reports, as_of="1970-01-01T00:20:00Z")
    assert reports == []
    mark = maker.commit({"a.go": GO + "// new", "a_test.go": GO}, [2], date=3000)
    new = maker.finish()[mark]
    assert run(url, tmp_path, reports, revision=new).pairs[0].code.endswith("// new")
    assert reports == ["fetching"]
    assert run(url, tmp_path).pairs[0].revision == new  # no pin asked for: the remote's own tip


def test_a_moved_tag_and_a_renamed_default_branch_are_followed(
    server: tuple[GitMaker, str], tmp_path: Path
) -> None:
    maker, url = server
    maker.git("update-ref", "refs/tags/v1", "main")
    old = run(url, tmp_path, revision="v1").pairs[0].revision
    mark = maker.commit({"a.go": GO + "// new", "a_test.go": GO}, [2], date=3000, branch="trunk")
    new = maker.finish()[mark]
    maker.git("update-ref", "refs/tags/v1", new)
    assert run(url, tmp_path, revision="v1").pairs[0].revision == new != old
    maker.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    maker.git("update-ref", "-d", "refs/heads/main")
    assert run(url, tmp_path).pairs[0].revision == new


def test_another_url_with_the_same_name_gets_its_own_clone(
    server: tuple[GitMaker, str], make_repo: Make, tmp_path: Path
) -> None:
    second = make_repo("other")
    second.git("config", "uploadpack.allowFilter", "true")
    second.commit({"z.go": GO, "z_test.go": GO})
    second.finish()
    assert run(server[1], tmp_path).pairs[0].code_path == "a.go"
    assert run(f"file://{second.path}", tmp_path).pairs[0].code_path == "z.go"
    assert run(server[1], tmp_path).pairs[0].code_path == "a.go"


def test_a_partial_mirror_is_never_changed(server: tuple[GitMaker, str], tmp_path: Path) -> None:
    """A clone that somebody else made is not completed, even where its remote could do so."""
    maker, url = server
    mirror = tmp_path / "mirror" / "o__r.git"
    maker.git("clone", "-q", "--bare", "--filter=blob:none", url, str(mirror))
    before = sorted(path.name for path in (mirror / "objects" / "pack").iterdir())
    config = RepositoryConfig(name="o/r", source=url)
    places = SourceLocations((tmp_path,), tmp_path / "cache", tmp_path / "mirror")
    curated = curate_repository(open_source(config, places, None, print), config, lambda *step: None)
    assert {rejection.rule for rejection in curated.rejections if "unpaired" not in rejection.path} == {
        "missing"
    }
    assert sorted(path.name for path in (mirror / "objects" / "pack").iterdir()) == before


def test_a_blob_that_the_remote_lost_is_a_rejection(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo("served")
    maker.git("config", "uploadpack.allowFilter", "true")
    files = {f"{name}{end}": f"{GO}// {name}{end}\n" for name in "abc" for end in (".go", "_test.go")}
    mark = maker.commit(files)
    commit = maker.finish()[mark]
    maker.loosen()
    maker.damage(maker.git("rev-parse", f"{commit}:b.go").decode().strip(), None)
    curated = run(f"file://{maker.path}", tmp_path)
    assert [pair.code_path for pair in curated.pairs] == ["a.go", "c.go"]
    assert {rejection.path: rejection.rule for rejection in curated.rejections}["b.go"] == "missing"


def test_without_a_network_the_error_names_the_mirror_option(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="git clone failed") as caught:
        run(f"git://127.0.0.1:{port}/gone", tmp_path)
    assert "--mirror" in caught.value.hint
    assert not list((tmp_path / "cache").glob("*.git*"))
    assert not list((tmp_path / "cache").glob(".*.partial"))


def test_an_interrupted_clone_is_started_again(server: tuple[GitMaker, str], tmp_path: Path) -> None:
    interrupted = tmp_path / "cache" / ".o__r.git.123.partial"
    interrupted.mkdir(parents=True)
    (interrupted / "HEAD").write_text("half")
    assert len(run(server[1], tmp_path).pairs) == 1
    assert not interrupted.exists()


def test_a_mirror_needs_no_network(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo("mirror/o__r.git")
    maker.commit({"a.go": GO, "a_test.go": GO})
    maker.finish()
    config = RepositoryConfig(name="o/r", source="https://127.0.0.1:1/o/r")
    places = SourceLocations((tmp_path,), tmp_path / "cache", tmp_path / "mirror")
    assert (
        len(curate_repository(open_source(config, places, None, print), config, lambda *step: None).pairs)
        == 1
    )
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://example.com/o/r", True),
        ("git@example.com:o/r.git", True),
        ("file:///srv/r", True),
        ("/srv/r", False),
        ("../r", False),
        ("package:go/src", False),
        ("C:\\r", False),
    ],
)
def test_urls_are_remote_and_paths_are_not(source: str, expected: bool) -> None:
    assert is_url(source) is expected
