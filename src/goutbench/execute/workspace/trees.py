"""One commit of a repository as a read-only folder, written once and shared by all executions.

Written by `git cat-file`, not by `git archive`: an archive stops at the first blob that a partial clone
lacks, and obeys `export-ignore` and `export-subst`, so that it differs from the commit.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from goutbench.errors import SourceError, ToolError
from goutbench.execute.workspace.folders import Workspace, private_parent, staging_folder
from goutbench.execute.workspace.new_tree import NewTree
from goutbench.execute.workspace.package import Tree
from goutbench.locations import find_git_dir, find_repository, source_folders
from goutbench.locations.foreign_git import read_command, read_environment, unusual_entries
from goutbench.records import short_hash

_SAFE = re.compile(r"[A-Za-z0-9][\w.+-]{0,99}", re.ASCII)


def repository_folder(repositories: Path, repository: str, source: str = "") -> Path:
    """The folder of `org/name`: in the folder of repositories, else at the lock file's `source`.

    Raises SourceError where it is in neither, or where several folders may be it.
    """
    path = find_repository(repositories, repository, plain_trees=True)
    folders = [path] if path else source_folders(source, [Path()])
    for folder in folders:
        if folder.is_dir():
            return folder
    raise SourceError(
        f"repository {repository} not found",
        where=str(repositories),
        hint=f"put it at {repositories / repository}, or give another --repos",
    )


def materialise(path: Path, repository: str, revision: str, workspace: Workspace) -> Tree:
    """The tree of `revision`, written on first use. A plain source tree is used in place.

    Raises SourceError for a commit that the repository does not hold.
    """
    git_dir = find_git_dir(path)
    folder = revision if _SAFE.fullmatch(revision) else short_hash(revision)
    target = workspace.trees / repository.replace("/", "__") / folder
    if git_dir is None:
        return _plain_tree(path.resolve(), repository, revision, target)
    if not (target / "facts.json").is_file():
        with staging_folder(target) as staging:
            root = staging / "tree"
            root.mkdir()
            missing, links = _Commit(git_dir, repository, revision).check_out(root)
            facts = {"repository": repository, "revision": revision, "missing": missing}
            facts |= {"links_out_of_the_tree": links, "added": _add_module_file(root)}
            (staging / "facts.json").write_text(json.dumps(facts, indent=1))
    facts = json.loads((target / "facts.json").read_text())
    return Tree(
        repository,
        revision,
        target / "tree",
        missing=tuple(facts["missing"]),
        added=tuple(facts["added"]),
    )


def _plain_tree(path: Path, repository: str, revision: str, copy: Path) -> Tree:
    goroots = (
        folder
        for folder in (path, path.parent)
        if (folder / "bin" / "go").is_file() and (folder / "src" / "runtime").is_dir()
    )
    goroot = next(goroots, None)
    source = goroot or path
    unusual = [file for file, _ in unusual_entries(source, source.resolve())]
    # the sandbox's users may not be able to enter the folder, nothing may be read through its links, and a go
    # command waits for a pipe
    if unusual or (os.geteuid() == 0 and private_parent(source) is not None):
        if not copy.is_dir():
            with staging_folder(copy) as staging:
                shutil.copytree(source, staging, symlinks=True, dirs_exist_ok=True, ignore=_special_files)
                for file in unusual:
                    (staging / file.relative_to(source)).unlink(missing_ok=True)
        path, goroot = copy / path.relative_to(source), copy if goroot else None
    return Tree(repository, revision, path, goroot=goroot)


def _special_files(folder: str, names: list[str]) -> list[str]:
    """The pipes, sockets and devices of a folder, which no copy has."""
    usual = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    return [name for name in names if stat.S_IFMT(Path(folder, name).lstat().st_mode) not in usual]


@dataclass(frozen=True, slots=True)
class _Commit:
    """A commit in a git directory."""

    git_dir: Path
    repository: str
    revision: str

    def check_out(self, root: Path) -> tuple[list[str], list[str]]:
        """Write all files of the commit below `root`.

        Returns the paths whose blobs are missing, and those of symbolic links that lead out of the tree.
        """
        entries = []
        for line in self._list().split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            mode, kind, blob = head.decode().split()
            path = os.fsdecode(name)
            if kind == "blob" and _is_inside(path):
                entries.append((mode, blob, path))
        missing = []
        folder = NewTree(root)
        with tempfile.TemporaryFile() as names:
            names.write("".join(f"{blob}\n" for _, blob, _ in entries).encode())
            names.seek(0)
            batch = subprocess.Popen(
                self._git("cat-file", "--batch", "--buffer"),
                stdin=names,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=read_environment(),
            )
            assert batch.stdout is not None
            with batch, batch.stdout as answers:
                for mode, _, path in entries:
                    content = self._next_blob(answers)
                    if content is None:
                        missing.append(path)
                    else:
                        folder.write(path, mode, content)
        return missing, folder.remove_links_that_leave()

    def _list(self) -> bytes:
        try:
            return subprocess.run(
                self._git("ls-tree", "-r", "-z", "--full-tree", f"{self.revision}^{{commit}}"),
                capture_output=True,
                check=True,
                env=read_environment(),
            ).stdout
        except FileNotFoundError as error:
            raise ToolError("git is missing", where="materialise", hint="install git") from error
        except subprocess.CalledProcessError as error:
            message = error.stderr.decode("utf-8", "replace").strip()
            raise SourceError(
                f"{self.repository} has no readable commit {self.revision}: {message}",
                where=str(self.git_dir),
                hint="fetch that commit into the repository",
            ) from error

    def _git(self, *arguments: str) -> list[str]:
        return [*read_command(self.git_dir), *arguments]

    @staticmethod
    def _next_blob(answers: IO[bytes]) -> bytes | None:
        header = answers.readline().split()
        if not header:
            raise SourceError("git stopped before the last file", hint="run `git fsck` in the repository")
        if header[1] != b"blob":
            return None
        content = answers.read(int(header[2]))
        answers.read(1)
        return content


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not path.startswith("/") and ".." not in parts and ".git" not in parts


def _add_module_file(root: Path) -> list[str]:
    """Copy vendor.mod to go.mod, as moby's scripts do before every build; returns the names of the copies."""
    added = []
    if not os.path.lexists(root / "go.mod") and (root / "vendor.mod").is_file():
        for source, name in (("vendor.mod", "go.mod"), ("vendor.sum", "go.sum")):
            if (root / source).is_file() and not os.path.lexists(root / name):
                shutil.copyfile(root / source, root / name)
                added.append(name)
    return added
