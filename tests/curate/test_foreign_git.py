"""A repository that somebody else made: nothing that its configuration or its hooks name is run."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.curate.git.repository import default_tip, open_repository
from goutbench.locations.foreign_git import own_settings

# every key of git's documentation whose value is, or may contain, a program, with any name in its middle
KEYS = Path(__file__).parents[1] / "data" / "git-keys-that-name-programs.txt"
PROGRAM_KEYS = KEYS.read_text("utf-8").split()
HOOKS = (
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "fsmonitor-watchman",
    "pre-auto-gc",
)
FILES = {
    ".gitattributes": "*.go diff=go filter=go merge=go\n",
    "LICENSE": "MIT",
    "a.go": "package p\n\nfunc A() int { return 1 }\n",
    "a_test.go": 'package p\n\nimport "testing"\n\nfunc TestA(t *testing.T) { if A() != 1 { t.Fatal() } }\n',
}


def curate_and_verify(folder: Path, source: Path, out: Path) -> None:
    config = folder / "repos.yaml"
    config.write_text(f"repositories:\n  - name: o/r\n    source: {source}\n    declared_licence: MIT\n")
    for arguments in (["curate", str(config), "--out", str(out)], ["verify", str(out)]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """A work tree with hooks, whose commit has attributes that name drivers."""
    folder = tmp_path / "work tree"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    return folder


def set_hooks(git_dir: Path, program: Path) -> None:
    for name in HOOKS:
        hook = git_dir / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.unlink(missing_ok=True)
        hook.symlink_to(program)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that leaves a mark beside it."""
    path = tmp_path / "program"
    path.write_text(f'#!/bin/sh\ntouch "{tmp_path}/MARK"\n')
    path.chmod(0o755)
    subprocess.run([path], check=True)
    (tmp_path / "MARK").unlink()
    return path


@pytest.mark.parametrize("way", ["config", "include.path", "includeIf", "config.worktree", "bare"])
def test_no_program_of_a_repositorys_configuration_is_run(
    way: str, work_tree: Path, program: Path, tmp_path: Path
) -> None:
    git_dir = work_tree / ".git"
    hostile = [f"[{section}]\n\t{name} = {program}\n" for section, name in map(sections, PROGRAM_KEYS)]
    text = "".join(hostile)
    include = tmp_path / "include"
    if way == "config" or way == "bare":
        (git_dir / "config").write_text("[core]\n\trepositoryformatversion = 0\n" + text)
    elif way == "config.worktree":
        (git_dir / "config").write_text(
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tworktreeConfig = true\n"
        )
        (git_dir / "config.worktree").write_text(text)
    else:
        include.write_text(text)
        section = "include" if way == "include.path" else f'includeIf "gitdir:{git_dir}/**"'
        (git_dir / "config").write_text(
            f'[{section}]\n\tpath = "{include}"\n[{section}]\n\tpath = "{include}"\n'
        )
    set_hooks(git_dir, program)
    source = work_tree
    if way == "bare":
        source = tmp_path / "bare.git"
        git_dir.rename(source)
    curate_and_verify(tmp_path, source, tmp_path / "dataset")
    assert not (tmp_path / "MARK").exists()


def sections(key: str) -> tuple[str, str]:
    """`a.b.c` as the section and the name of a line in a configuration file."""
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    return (f'{section} "{middle}"' if middle else section), name


def test_git_itself_would_run_one_of_these_programs(work_tree: Path, program: Path, tmp_path: Path) -> None:
    """The control: the trap works."""
    subprocess.run(["git", "-C", str(work_tree), "config", "core.fsmonitor", str(program)], check=True)
    subprocess.run(["git", "-C", str(work_tree), "status"], check=True, capture_output=True)
    assert (tmp_path / "MARK").exists()


def test_the_list_of_keys_has_all_that_this_git_documents() -> None:
    """Keys that sound like programs, and are not in the list, are looked at when git learns them."""
    documented = subprocess.run(
        ["git", "help", "--config"], capture_output=True, text=True, check=True
    ).stdout
    sounds = re.compile(
        r"\.(.*cmd|.*command|.*program|.*helper|.*hook|editor|pager|driver|textconv|.*askpass)$", re.I
    )
    listed = {shape(key) for key in PROGRAM_KEYS}
    known_harmless = {"color.pager", "advice.ignoredhook", "advice.waitingforeditor"}
    suspects = {key for key in documented.split() if sounds.search(key)}
    assert {key for key in suspects if shape(key) not in listed | known_harmless} == set()


def shape(key: str) -> str:
    """A key in lower case, with any name in its middle as a star."""
    parts = key.lower().replace("<driver>", "x").split(".")
    return ".".join([parts[0], *(["*"] if len(parts) > 2 else []), parts[-1]])


def test_a_view_follows_the_repository(make_repo: Callable[..., GitMaker]) -> None:
    maker = make_repo()
    maker.commit({"a.go": "package p\n"})
    maker.finish()
    first = default_tip(open_repository("o/r", maker.path))
    maker.git("branch", "other", "main")
    other = (
        maker.git(
            "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "main^{tree}", "-p", "main", "-m", "y"
        )
        .decode()
        .strip()
    )
    maker.git("update-ref", "refs/heads/other", other)
    maker.git("pack-refs", "--all")
    maker.git("symbolic-ref", "HEAD", "refs/heads/other")
    assert default_tip(open_repository("o/r", maker.path)) == other != first


@pytest.mark.parametrize("content", ["[core", "\0\0", "[include]\n\tpath = /etc/passwd\n"])
def test_a_damaged_configuration_has_no_settings_and_harms_nothing(
    content: str, work_tree: Path, tmp_path: Path
) -> None:
    (work_tree / ".git" / "config").write_text(content)
    assert all(key.startswith("include") for key in own_settings(work_tree / ".git"))
    curate_and_verify(tmp_path, work_tree, tmp_path / "dataset")


def test_a_linked_work_tree_is_read_at_its_own_head(work_tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git = ["git", "-C", str(work_tree), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "worktree", "add", "-q", "-b", "side", str(linked)], check=True)
    (linked / "b.go").write_text("package p\n")
    subprocess.run(["git", "-C", str(linked), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(linked), *git[3:], "commit", "-qm", "side"], check=True)
    pointer = (linked / ".git").read_text().removeprefix("gitdir:").strip()
    heads = subprocess.run(["git", "-C", str(linked), "rev-parse", "HEAD"], capture_output=True, text=True)
    assert default_tip(open_repository("o/r", Path(pointer))) == heads.stdout.strip()
