"""Git directories and folders that lie about themselves: an error of that repository alone."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker

from goutbench.config import RepositoryConfig
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.errors import SourceError
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.trees import materialise
from goutbench.locations import find_git_dir

Make = Callable[..., GitMaker]


def read(source: Path, **settings: str) -> dict[bytes, str]:
    """Read all listed files of a repository, as `curate` does: the state of each."""
    config = RepositoryConfig(name="o/r", source=str(source), **settings)
    opened = open_source(config, SourceLocations((), source / "unused"), None, lambda what: None)
    entries = opened.entries()
    opened.history([entry.path for entry in entries], lambda done: None)
    files = [entry for entry in entries if entry.kind == "file"]
    return {content.path: content.state for content in opened.read(files, most=10_000)}


@pytest.fixture
def victim(make_repo: Make) -> Path:
    """Somebody's private repository on this machine."""
    maker = make_repo("private")
    maker.commit({"secret.go": "package secret\n"})
    maker.finish()
    return maker.path


@pytest.fixture
def own(make_repo: Make, tmp_path: Path) -> Path:
    """A repository with one file, as a work tree."""
    maker = make_repo("own")
    maker.commit({"a.go": "package a\n"})
    maker.finish()
    subprocess.run(["git", "clone", "-q", str(maker.path), str(tmp_path / "tree")], check=True)
    return tmp_path / "tree"


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


def link(path: Path, target: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(target)


def git_dir_of(victim: Path) -> Path:
    found = find_git_dir(victim)
    assert found is not None
    return found


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "HEAD is a pipe": lambda git, other: pipe(git / "HEAD"),
    "HEAD is a folder": lambda git, other: ((git / "HEAD").unlink(), (git / "HEAD").mkdir()),
    "HEAD is a link out": lambda git, other: link(git / "HEAD", other / "HEAD"),
    "commondir is a pipe": lambda git, other: pipe(git / "commondir"),
    "commondir has NUL": lambda git, other: (git / "commondir").write_bytes(b"\0"),
    "commondir of another repository": lambda git, other: (git / "commondir").write_text(str(other)),
    "alternates is a pipe": lambda git, other: pipe(git / "objects" / "info" / "alternates"),
    "a reference is a pipe": lambda git, other: pipe(git / "refs" / "heads" / "pipe"),
    "packed-refs is a pipe": lambda git, other: pipe(git / "packed-refs"),
    "objects of another repository": lambda git, other: link(git / "objects", other / "objects"),
    "references of another repository": lambda git, other: link(git / "refs", other / "refs"),
    "a pack of another repository": lambda git, other: link(
        git / "objects" / "pack", other / "objects" / "pack"
    ),
    "a reference is a link out": lambda git, other: link(git / "refs" / "heads" / "x", other / "HEAD"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_such_a_repository_is_an_error_of_its_own(kind: str, own: Path, victim: Path) -> None:
    assert list(read(own)) == [b"a.go"]
    DAMAGE[kind](own / ".git", git_dir_of(victim))
    copy = own.rename(own.with_name("copy"))  # a view lasts as long as the process
    with pytest.raises(SourceError):
        read(copy)


def test_alternates_that_hold_a_pipe_are_an_error(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "info"
    other.mkdir(parents=True)
    (own / ".git/objects/info").mkdir(exist_ok=True)
    (own / ".git/objects/info/alternates").write_text(f"# comment\n{other.parent}\n/nonexistent\n")
    assert list(read(own)) == [b"a.go"]
    pipe(other / "alternates")
    with pytest.raises(SourceError):
        read(own.rename(own.with_name("copy")))


@pytest.mark.parametrize("content", ["gitdir: {victim}\n", "{victim}", "gitdir: \0", "", "x" * 5_000_000])
def test_a_pointer_to_a_repository_that_does_not_know_the_folder_is_an_error(
    content: str, victim: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.go").write_text("package a\n")
    (folder / ".git").write_text(content.format(victim=git_dir_of(victim)))
    with pytest.raises(SourceError):
        read(folder)


def test_a_link_to_another_repository_is_an_error(victim: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".git").symlink_to(git_dir_of(victim))
    with pytest.raises(SourceError, match="does not know this work tree"):
        read(folder)


def test_linked_work_trees_and_submodules_are_read(own: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "-C", str(own), "worktree", "add", "-q", str(tmp_path / "linked")], check=True)
    assert list(read(tmp_path / "linked")) == [b"a.go"]
    above = tmp_path / "above"
    subprocess.run(["git", "init", "-q", str(above)], check=True)
    add = ["git", "-C", str(above), "-c", "protocol.file.allow=always", "submodule", "--quiet", "add"]
    subprocess.run([*add, str(own), "sub"], check=True)
    assert list(read(above / "sub")) == [b"a.go"]


def test_a_configuration_that_is_a_pipe_is_not_waited_for(own: Path) -> None:
    pipe(own / ".git" / "config")
    assert list(read(own)) == [b"a.go"]


def test_a_plain_tree_with_pipes_links_and_odd_names_is_read_and_copied(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "inner").mkdir(parents=True)
    for name in (b"a.go", b"\xff.go", b"a\nb.go"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("package a\n")
    os.mkfifo(folder / "pipe.go")
    os.mkfifo(folder / "VERSION")
    (folder / "LICENSE").symlink_to("/etc/hostname")
    (folder / "inner" / "passwd.go").symlink_to("/etc/passwd")
    (folder / "inner" / "self").symlink_to("self")
    (folder / "inner" / "good.go").symlink_to("../a.go")
    states = read(folder, version="v1")
    assert states == {b"a.go": "present", b"\xff.go": "present", b"a\nb.go": "present"}
    with pytest.raises(SourceError, match="with a version"):
        read(folder)
    tree = materialise(folder, "o/r", "v1", Workspace(tmp_path / "work"))
    names = {os.fsencode(path.relative_to(tree.root)) for path in tree.root.rglob("*")}
    assert names == {b"a.go", b"\xff.go", b"a\nb.go", b"inner", b"inner/good.go", b"inner/self"}
