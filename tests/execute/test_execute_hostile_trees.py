"""Git trees made by an enemy: nothing outside of the tree's folder is written or read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker

from goutbench.errors import SourceError
from goutbench.execute.machine import Machine
from goutbench.execute.workspace.new_tree import NewTree
from goutbench.execute.workspace.trees import materialise

Make = Callable[..., GitMaker]
FILE, LINK = "100644", "120000"
DEEP = "n/" * 40


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "secret"
    path.parent.mkdir()
    path.write_text("of the host")
    return path


def new_tree(tmp_path: Path, *entries: tuple[str, str, str]) -> tuple[NewTree, list[str]]:
    root = tmp_path / "tree"
    root.mkdir()
    tree = NewTree(root)
    for path, mode, content in entries:
        tree.write(path, mode, content.encode())
    return tree, tree.remove_links_that_leave()


@pytest.mark.parametrize(
    "links",
    [
        {"go.sum": "../outside/secret"},
        {"go.sum": "{secret}"},
        {"a": "..", "go.sum": "a/outside/secret"},
        {"a": ".", "go.sum": "a/../outside/secret"},
        {DEEP + "d": "../" * 40 + "top", "go.sum": DEEP + "d/" + "../" * 41 + "{secret}"},
        {"go.sum": "b", "b": "c", "c": "../outside/secret"},
        {"sub/go.sum": "../../outside/secret"},
        {"go.sum": "sub/../../outside/secret"},
        {"loop": "loop", "go.sum": "loop/../../outside/secret"},
        {"dir": "../outside", "go.sum": "dir/secret"},
        {"proc": "/proc/self/cwd", "go.sum": "proc/secret"},
    ],
)
def test_no_link_of_a_tree_reads_a_file_of_the_host(
    links: dict[str, str], secret: Path, tmp_path: Path
) -> None:
    entries = [("top/x", FILE, "x"), ("sub/x", FILE, "x")]
    entries += [(path, LINK, goal.replace("{secret}", str(secret))) for path, goal in links.items()]
    tree, removed = new_tree(tmp_path, *entries)
    assert any(path.endswith("go.sum") for path in removed)
    for path in tree.root.rglob("*"):
        real = Path(os.path.realpath(path))
        assert real.is_relative_to(tree.root.resolve()), path
        assert "of the host" not in (path.read_text() if path.is_file() else "")


def test_links_inside_the_tree_stay(tmp_path: Path) -> None:
    tree, removed = new_tree(
        tmp_path,
        ("real/x", FILE, "x"),
        ("link", LINK, "real"),
        ("sub/up", LINK, "../link/x"),
        ("dangling", LINK, "nowhere/at/all"),
        ("..odd", LINK, "real/x"),
    )
    assert removed == []
    assert (tree.root / "sub" / "up").read_text() == (tree.root / "..odd").read_text() == "x"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("inner", [("a/secret", FILE, "overwritten"), ("a/new", LINK, "x")])
def test_nothing_is_written_through_a_link(
    inner: tuple[str, str, str], order: int, secret: Path, tmp_path: Path
) -> None:
    entries = [("a", LINK, "../outside"), inner][::order]
    with pytest.raises(SourceError, match="cannot write the tree's file"):
        new_tree(tmp_path, *entries)
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]
    assert secret.read_text() == "of the host"


@pytest.mark.parametrize(
    "files",
    [
        [("a", FILE, "x"), ("a/y", FILE, "y")],
        [("a/y", FILE, "y"), ("a", FILE, "x")],
        [("a", FILE, "x"), ("a", FILE, "y")],
        [("L" * 300, FILE, "x")],
        [("d" * 300 + "/x", FILE, "x")],
        [("d/" * 300 + "x", FILE, "x")],
        [("link", LINK, "x" * 5000)],
        [("link", LINK, "x\0y")],
        [("link", LINK, "")],
    ],
)
def test_a_tree_that_no_checkout_can_hold_is_an_error_of_its_repository(
    files: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    with pytest.raises(SourceError):
        new_tree(tmp_path, *files)


def test_a_commit_with_a_link_out_of_it_is_materialised_without_that_link(
    make_repo: Make, machine: Machine, secret: Path
) -> None:
    maker = make_repo()
    goal = "../" * 30 + str(secret).lstrip("/")
    mark = maker.commit(
        {"x.go": "package x\n", "vendor.mod": "module m\n", "vendor.sum": (LINK, goal.encode())}
    )
    revision = maker.finish()[mark]
    tree = materialise(maker.path, "hostile/links", revision, machine.workspace)
    assert (tree.root / "x.go").exists()
    assert not os.path.lexists(tree.root / "vendor.sum")
    assert not os.path.lexists(tree.root / "go.sum")


def test_a_plain_tree_with_a_link_out_of_it_is_used_as_a_copy_without_that_link(
    machine: Machine, secret: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "x.go").write_text("package x\n")
    (folder / "inside.go").symlink_to("x.go")
    (folder / "host.go").symlink_to(secret)
    tree = materialise(folder, "hostile/plain", f"version-{os.getpid()}", machine.workspace)
    assert tree.root != folder
    assert sorted(path.name for path in tree.root.iterdir()) == ["inside.go", "x.go"]
    assert (folder / "host.go").is_symlink()  # the user's own folder is never changed
