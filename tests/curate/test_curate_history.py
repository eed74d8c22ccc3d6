"""The history walk gives what `git log` gives, path by path."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker, random_history

from goutbench.curate.git.history import walk
from goutbench.curate.git.repository import Repository, open_repository
from goutbench.errors import SourceError

Make = Callable[..., GitMaker]


def expected(maker: GitMaker, revision: str, path: bytes) -> tuple[str, int, int]:
    """What git itself says: the last commit, its date, and the oldest date of all listed ones."""
    settings = ("-c", "core.quotePath=false", "--literal-pathspecs", "--no-replace-objects")
    last = maker.git(*settings, "log", "-1", "--format=%H %ct", revision, "--", path).split()
    dates = maker.git(*settings, "log", "--format=%ct", revision, "--", path).split()
    return last[0].decode(), int(last[1]), min(map(int, dates))


def check(maker: GitMaker, revision: str) -> int:
    repository = open_repository("o/r", maker.path)
    paths = [path for path in maker.git("ls-tree", "-rz", "--name-only", revision).split(b"\0") if path]
    histories = walk(repository, revision, paths)
    assert histories.keys() == set(paths)
    for path in paths:
        history = histories[path]
        assert history.first is not None
        got = (history.commit, int(history.last.timestamp()), int(history.first.timestamp()))
        assert got == expected(maker, revision, path), path
    lasts = walk(repository, revision, paths, first_dates=False)
    assert {path: history.commit for path, history in lasts.items()} == {
        p: h.commit for p, h in histories.items()
    }
    return len(paths)


@pytest.mark.parametrize("seed", range(40))
def test_the_walk_equals_git_log_on_random_histories(make_repo: Make, seed: int) -> None:
    maker = make_repo(object_format="sha256" if seed % 10 == 9 else "sha1")
    assert check(maker, random_history(maker, random.Random(seed))) > 0


def test_a_folder_with_the_name_of_a_go_file_is_followed(make_repo: Make) -> None:
    """`x.go` was a folder once: its oldest commit is the one that wrote the folder."""
    maker = make_repo()
    one = maker.commit({"x.go/inner": "1"}, date=1000)
    two = maker.commit({"other.go": "1"}, [one], date=2000)
    three = maker.commit({"x.go": "1", "other.go": "1"}, [two], date=3000)
    revision = maker.finish()[three]
    history = walk(open_repository("o/r", maker.path), revision, [b"x.go"])
    assert history[b"x.go"].first is not None
    assert history[b"x.go"].first.timestamp() == 1000
    check(maker, revision)


def test_modes_of_old_git_versions_count_as_equal(make_repo: Make) -> None:
    """A tree entry of mode 100664 differs in bytes, not for git, from one of mode 100644."""
    maker = make_repo()
    first = maker.commit({"a.go": "1"}, date=1000)
    hashes = maker.finish()
    blob = maker.git("rev-parse", f"{hashes[first]}:a.go").strip().decode()
    raw = maker.path / "tree"
    raw.write_bytes(b"100664 a.go\0" + bytes.fromhex(blob))
    tree = maker.git("hash-object", "-w", "-t", "tree", "--literally", str(raw)).strip().decode()
    message = maker.path / "commit"
    who = b"A <a@example.com> 2000 +0000"
    parents = b"parent %s\n" % hashes[first].encode()
    message.write_bytes(b"tree %s\n%sauthor %s\ncommitter %s\n\nm\n" % (tree.encode(), parents, who, who))
    commit = maker.git("hash-object", "-w", "-t", "commit", str(message)).strip().decode()
    history = walk(open_repository("o/r", maker.path), commit, [b"a.go"])
    assert history[b"a.go"].commit == hashes[first]


def test_grafts_and_replacements_are_ignored(make_repo: Make) -> None:
    maker = make_repo()
    one = maker.commit({"a.go": "1"}, date=1000)
    two = maker.commit({"a.go": "1", "b.go": "1"}, [one], date=2000)
    replacement = maker.commit({"a.go": "9"}, date=1500)
    hashes = maker.finish()
    truth = walk(open_repository("o/r", maker.path), hashes[two], [b"a.go"])
    (maker.path / "info").mkdir(exist_ok=True)
    (maker.path / "info" / "grafts").write_text(f"{hashes[two]} {hashes[replacement]}\n")
    maker.git("replace", hashes[one], hashes[replacement])
    assert walk(open_repository("o/r", maker.path), hashes[two], [b"a.go"]) == truth
    assert truth[b"a.go"].commit == hashes[one]


@pytest.mark.parametrize(
    "setting",
    [
        ("log.showRoot", "false"),
        ("diff.orderFile", "nowhere"),
        ("diff.renames", "copies"),
        ("log.showSignature", "true"),
        ("diff.relative", "true"),
        ("log.diffMerges", "off"),
        ("core.abbrev", "4"),
        ("log.follow", "true"),
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
        ("diff.external", "false"),
    ],
    ids=lambda setting: setting[0],
)
def test_settings_of_the_repository_are_ignored(make_repo: Make, setting: tuple[str, str]) -> None:
    maker = make_repo()
    revision = random_history(maker, random.Random(7))
    paths = [path for path in maker.git("ls-tree", "-rz", "--name-only", revision).split(b"\0") if path]
    truth = walk(open_repository("o/r", maker.path), revision, paths)
    maker.git("config", *setting)
    assert walk(open_repository("o/r", maker.path), revision, paths) == truth


def test_no_paths_need_no_git_process(make_repo: Make) -> None:
    assert walk(Repository("o/r", Path("/nowhere"), partial=False), "0" * 40, []) == {}


def test_the_error_of_a_corrupt_tree_names_it(make_repo: Make) -> None:
    maker = make_repo()
    one = maker.commit({"d/a.go": "1"}, date=1000)
    two = maker.commit({"d/a.go": "1", "b.go": "1"}, [one], date=2000)
    hashes = maker.finish()
    maker.loosen()
    maker.damage(maker.git("rev-parse", f"{hashes[one]}^{{tree}}").decode().strip(), b"damaged")
    with pytest.raises(SourceError, match="git cannot read the history"):
        walk(open_repository("o/r", maker.path), hashes[two], [b"d/a.go"])
