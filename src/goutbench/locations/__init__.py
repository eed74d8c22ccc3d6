"""Where repositories and caches are. No other module computes the folder of a repository or of the cache.

A folder of repositories, as `--mirror` and `--repos` name it, may contain `org/name` under any of
`spellings`. The cache is `$GOUTBENCH_CACHE`, else `goutbench` in the user's cache folder. Options name single
folders instead: `--cache` that of the clones, `--work` the workspace.
"""

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.locations.caches import (
    cache_root as cache_root,
)
from goutbench.locations.caches import (
    clones_folder as clones_folder,
)
from goutbench.locations.caches import (
    helpers_folder as helpers_folder,
)
from goutbench.locations.caches import (
    models_folder as models_folder,
)
from goutbench.locations.caches import (
    user_cache as user_cache,
)
from goutbench.locations.caches import (
    workspace_folder as workspace_folder,
)

_SEPARATORS = ("__", "+", "/", "-")
_POINTER = 4096  # bytes

SPLIT_FOLDER, SIGNALS, REFERENCE_TABLE = "splits", "signals.parquet", "reference.parquet"
FACTS = "facts.parquet"
"""What `split`, `describe`, `execute --reference` and `facts` add to a dataset folder."""

PROMPTS, COMPLETIONS, CANDIDATES = "prompts.parquet", "completions.parquet", "candidates.parquet"
EXECUTIONS, ROUNDS = "executions.parquet", "rounds.parquet"
"""The tables of a run folder."""

TASKS, TASK_MANIFEST, TASK_PROOF, TASK_DATASET = "tasks.parquet", "manifest.json", "proof.parquet", "dataset"
"""The files of a folder of tasks, and the dataset of bug fixes in it."""
TASK_SOLUTIONS = "solutions.parquet"
"""The tests that the ceilings of functions were measured with."""
TASK_RESULTS = "task_results.parquet"
"""What `execute --tasks` adds to a run folder."""
HARVEST, HARVESTED_ROWS = "harvest.json", "rows.parquet"
"""What `harvest` writes for `train`."""


# ── repositories ──────────────────────────────────────────────────────────────────────────────────


def spellings(repository: str) -> tuple[str, ...]:
    """The accepted folder names of `org/name`, in the order in which they are tried.

    Each of `org__name`, `org+name`, `org/name` and `org-name` is tried as it is, with `.git`, and then as a
    container with the repository in `repo` or `repo.git`.
    """
    organization, _, name = repository.partition("/")
    folders = [f"{organization}{separator}{name}" for separator in _SEPARATORS]
    return tuple(folder + ending for folder in folders for ending in ("", ".git", "/repo", "/repo.git"))


def find_repository(folder: Path, repository: str, *, plain_trees: bool = False) -> Path | None:
    """The folder of `org/name` in a folder of repositories; None where no spelling of its name exists.

    Git repositories come first: work trees and bare git directories. With `plain_trees`, any other folder of
    such a name counts as a source tree. Raises SourceError where two spellings name different repositories.
    """
    existing = [folder / name for name in spellings(repository) if (folder / name).is_dir()]
    matches = _outermost(path for path in existing if find_git_dir(path) is not None)
    if not matches and plain_trees:
        containers = {path.parent for path in existing}
        trees = (path for path in existing if path not in containers or (path / "go.mod").is_file())
        matches = _outermost(trees)
    if len({path.resolve() for path in matches}) > 1:
        raise SourceError(
            f"several folders may be {repository}: {', '.join(map(str, matches))}",
            where=str(folder),
            hint="keep one of them in this folder",
        )
    return matches[0] if matches else None


def _outermost(paths: Iterator[Path]) -> list[Path]:
    """The paths that are in no other one: a folder `repo` inside a repository is part of it."""
    outermost: list[Path] = []
    for path in paths:
        if path.parent not in outermost:
            outermost.append(path)
    return outermost


def find_git_dir(path: Path) -> Path | None:
    """The git directory of a work tree (also a linked one), or a bare one; None for anything else.

    Parents are not searched: a plain tree inside somebody's work tree is not that repository. Raises
    SourceError where `.git` leads to a repository that does not know the work tree.
    """
    dot_git = path / ".git"
    if dot_git.is_symlink() or dot_git.is_file():
        return _pointed_git_dir(path, dot_git)
    if dot_git.is_dir():
        return dot_git
    # `core.bare` may be unset and the config missing: the contents identify a git directory
    is_bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    return path if is_bare else None


def _pointed_git_dir(path: Path, dot_git: Path) -> Path:
    from goutbench.locations.foreign_git import confirms_work_tree, read_regular_file

    try:
        if dot_git.is_symlink():
            git_dir = dot_git.resolve()
        else:
            pointer = os.fsdecode(read_regular_file(dot_git, most=_POINTER))
            git_dir = (path / pointer.removeprefix("gitdir:").strip()).resolve()
        if git_dir.is_relative_to(path.resolve()) or confirms_work_tree(git_dir, path):
            return git_dir
        what = f"its .git leads to {str(git_dir)[:_POINTER]!r}, which does not know this work tree"
    except (OSError, ValueError, RuntimeError) as error:
        what = f"its .git cannot be read: {error}"
    raise SourceError(what[:500], where=str(path), hint="name the git directory itself, or make a new clone")


def source_folders(source: str, bases: Sequence[Path]) -> list[Path]:
    """The folders that a `source:` may name, in order: none for a URL or for a package that is not installed.

    `package:NAME/sub/folder` is a folder in an installed Python package. A relative path starts at each of
    `bases` in turn.
    """
    if source.startswith("package:"):
        package, _, folder = source.removeprefix("package:").partition("/")
        spec = find_spec(package) if package.isidentifier() else None
        return (
            [Path(location, folder) for location in (spec.submodule_search_locations or ())] if spec else []
        )
    if not source or "://" in source:
        return []
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - Path's raises for an unknown user
    return [path] if path.is_absolute() else [base / path for base in bases]


def dataset_bases(dataset: Path) -> list[Path]:
    """Where the relative sources in a dataset's lock file start: here, in the dataset, and beside it."""
    return [Path(), dataset, dataset.parent]
