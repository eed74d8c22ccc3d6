"""One commit of a repository as a read-only folder, made once and shared by every execution.

Written by `git cat-file`, not by `git archive`: an archive stops at the first blob that a partial clone
lacks, and obeys `export-ignore` and `export-subst`, so that it is not what the commit holds.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from goutbench.errors import SourceError, ToolError
from goutbench.execute.workspace.folders import Workplace, closed_parent

_LAYOUTS = ("{org}+{name}/repo", "{org}+{name}.git", "{org}__{name}.git", "{org}__{name}", "{org}/{name}")
_REGULAR, _EXECUTABLE, _SYMLINK = "100644", "100755", "120000"


@dataclass(frozen=True, slots=True)
class Tree:
    """A materialised version of a repository.

    `root` is a real path. `goroot` is the Go installation that the tree is part of (its `src`), else None.
    `missing` are paths that the partial clone lacks; `added` are files that the commit does not hold and the
    build needs (moby's go.mod, made from its vendor.mod).
    """

    repository: str
    revision: str
    root: Path
    goroot: Path | None = None
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def find_repository(cache: Path, repository: str, source: str = "") -> Path:
    """Where `org/name` lies: in the cache folder, else at the lock file's `source`. Raises SourceError.

    Layouts: `org+name/repo`, `org+name.git`, `org__name.git`, `org__name`, `org/name`; a git directory, a
    work tree or a plain source tree. A source is a path, or `package:NAME/PATH` in an installed package.
    """
    org, _, name = repository.partition("/")
    for layout in _LAYOUTS:
        path = cache / layout.format(org=org, name=name)
        if path.is_dir():
            return path
    if source.startswith("package:"):
        path = _package_path(source.removeprefix("package:"))
    else:
        path = Path(source) if source and "://" not in source else Path()
    if source and path.is_dir() and path != Path():
        return path
    raise SourceError(
        f"repository {repository} is not in the cache",
        where=str(cache),
        hint=f"put it at {cache / _LAYOUTS[-1].format(org=org, name=name)}, or give another --repos",
    )


def materialise(path: Path, repository: str, revision: str, place: Workplace) -> Tree:
    """The tree of `revision`, made on first use. A plain source tree is used where it lies.

    Raises SourceError for a commit that the repository does not hold.
    """
    git_dir = _git_dir(path)
    if git_dir is None:
        return _plain_tree(path.resolve(), repository, revision, place)
    target = place.trees / repository.replace("/", "__") / revision
    if not (target / "facts.json").is_file():
        _make(git_dir, repository, revision, target)
    facts = json.loads((target / "facts.json").read_text())
    return Tree(
        repository,
        revision,
        target / "tree",
        missing=tuple(facts["missing"]),
        added=tuple(facts["added"]),
    )


def module_root(tree: Tree, package: Path) -> Path:
    """The nearest folder at or above `package` that holds a go.mod, else the tree's root."""
    for folder in (package, *package.parents):
        if (folder / "go.mod").is_file():
            return folder
        if folder == tree.root:
            break
    return tree.root


def _package_path(name: str) -> Path:
    from importlib.util import find_spec

    package, _, rest = name.partition("/")
    spec = find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]) / rest if locations else Path()


def _git_dir(path: Path) -> Path | None:
    if (path / ".git").is_dir():
        return path / ".git"
    if (path / ".git").is_file():
        pointer = (path / ".git").read_text().removeprefix("gitdir:").strip()
        return (path / pointer).resolve()
    return path if (path / "HEAD").is_file() and (path / "objects").is_dir() else None


def _plain_tree(path: Path, repository: str, revision: str, place: Workplace) -> Tree:
    root = next((base for base in (path, path.parent) if _is_goroot(base)), None)
    seen = root or path
    if os.geteuid() == 0 and closed_parent(seen) is not None:
        # the sandbox's users cannot enter the folder, so they get a copy
        copy = place.trees / repository.replace("/", "__") / revision
        if not copy.is_dir():
            with _staging(copy) as staging:
                shutil.copytree(seen, staging, symlinks=True, dirs_exist_ok=True)
        path, root = copy / path.relative_to(seen), copy if root else None
    return Tree(repository, revision, path, goroot=root)


def _is_goroot(folder: Path) -> bool:
    return (folder / "bin" / "go").is_file() and (folder / "src" / "runtime").is_dir()


def _make(git_dir: Path, repository: str, revision: str, target: Path) -> None:
    with _staging(target) as staging:
        root = staging / "tree"
        root.mkdir()
        missing = _check_out(git_dir, repository, revision, root)
        added = _complete(root)
        facts = {"repository": repository, "revision": revision, "missing": missing, "added": added}
        (staging / "facts.json").write_text(json.dumps(facts, indent=1))


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` when the block succeeds; when two race for it, the first one's stays."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        yield staging
        staging.chmod(0o755)
        with contextlib.suppress(OSError):
            staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _git(git_dir: Path, *arguments: str) -> list[str]:
    return ["git", "--git-dir", str(git_dir), "-c", "core.bare=true", *arguments]


def _git_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    lazy = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_REPLACE_OBJECTS": "1"}
    return kept | lazy | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


def _check_out(git_dir: Path, repository: str, revision: str, root: Path) -> list[str]:
    """Write every file of the commit below `root`; returns the paths whose blobs are missing."""
    try:
        listing = subprocess.run(
            _git(git_dir, "ls-tree", "-r", "-z", "--full-tree", f"{revision}^{{commit}}"),
            capture_output=True,
            check=True,
            env=_git_environment(),
        ).stdout
    except FileNotFoundError as error:
        raise ToolError("git is missing", where="materialise", hint="install git") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode("utf-8", "replace").strip()
        raise SourceError(
            f"{repository} has no readable commit {revision}: {words}",
            where=str(git_dir),
            hint="fetch that commit into the cache",
        ) from error
    entries = []
    for line in listing.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, kind, blob = head.decode().split()
        path = os.fsdecode(name)
        if kind == "blob" and _is_inside(path):
            entries.append((mode, blob, path))
    # symbolic links last, so that no file is ever written through one
    entries.sort(key=lambda entry: entry[0] == _SYMLINK)
    return _write_blobs(git_dir, entries, root)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not path.startswith("/") and ".." not in parts and ".git" not in parts


def _write_blobs(git_dir: Path, entries: list[tuple[str, str, str]], root: Path) -> list[str]:
    missing = []
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{blob}\n" for _, blob, _ in entries).encode())
        wanted.seek(0)
        batch = subprocess.Popen(
            _git(git_dir, "cat-file", "--batch", "--buffer"),
            stdin=wanted,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_git_environment(),
        )
        assert batch.stdout is not None
        with batch, batch.stdout as answers:
            for mode, _, path in entries:
                content = _next_blob(answers)
                if content is None:
                    missing.append(path)
                else:
                    _write(root, path, mode, content)
    return missing


def _next_blob(answers: IO[bytes]) -> bytes | None:
    words = answers.readline().split()
    if not words:
        raise SourceError("git stopped before the last file", hint="run `git fsck` in the cached repository")
    if words[1] != b"blob":
        return None
    content = answers.read(int(words[2]))
    answers.read(1)
    return content


def _write(root: Path, path: str, mode: str, content: bytes) -> None:
    target = root / path
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if mode == _SYMLINK:
        goal = os.fsdecode(content)
        if _is_inside(os.path.normpath(PurePosixPath(path).parent / goal)):
            target.symlink_to(goal)
        return
    target.write_bytes(content)
    target.chmod(0o755 if mode == _EXECUTABLE else 0o644)


def _complete(root: Path) -> list[str]:
    """moby keeps its go.mod as vendor.mod, and its scripts put one in place before every build; so do we."""
    added = []
    if not (root / "go.mod").exists() and (root / "vendor.mod").is_file():
        for source, name in (("vendor.mod", "go.mod"), ("vendor.sum", "go.sum")):
            if (root / source).is_file():
                shutil.copyfile(root / source, root / name)
                added.append(name)
    return added
