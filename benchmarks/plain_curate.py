"""A plain script that curates a repository, to compare `goutbench curate` with.

It checks the commit out, walks the folder, pairs by name, asks GitPython for the last commit and the first
date of each file, reads the files, identifies the licence once, and writes Parquet.
"""

import os
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from seven import Cost, measured

_LICENCES = (b"LICEN", b"COPYING")
_CODE = ("code_path", "code", "code_commit", "code_last_date", "code_first_date")
_TEST = ("test_path", "test", "test_commit", "test_last_date", "test_first_date")


def curate(name: str, git_dir: Path, commit: str, out: Path, sample: int) -> tuple[Cost, Cost, Cost]:
    """The cost of three steps: check out and pair, ask GitPython, read and write.

    If `sample` is not 0, GitPython is asked for that many files, and the cost is extrapolated.
    """
    with tempfile.TemporaryDirectory() as folder:
        pairs, checkout = measured(lambda: _paired(git_dir, commit, Path(folder)))
        paths = sorted(path for pair in pairs for path in pair)
        asked = random.Random(0).sample(paths, min(sample or len(paths), len(paths)))
        history, cost = measured(lambda: _ask(git_dir, commit, asked))
        _, written = measured(lambda: _write(name, Path(folder), pairs, history, out))
    return checkout, cost.scaled(len(paths) / len(asked)), written


def _paired(git_dir: Path, commit: str, folder: Path) -> list[tuple[str, str]]:
    git = ["git", "--git-dir", str(git_dir), "--work-tree", str(folder)]
    environment = dict(os.environ) | {"GIT_INDEX_FILE": str(folder / ".index")}
    subprocess.run([*git, "read-tree", commit], check=True, env=environment)
    # only Go files and top-level licences: less work than a full checkout, without large blobs
    listed = subprocess.run([*git, "ls-files", "-z"], check=True, env=environment, capture_output=True).stdout
    paths = [path for path in listed.split(b"\0") if path.endswith(b".go") or path.startswith(_LICENCES)]
    checkout = [*git, "checkout-index", "-z", "--stdin"]
    subprocess.run(
        checkout, check=True, env=environment, cwd=folder, input=b"".join(p + b"\0" for p in paths)
    )
    pairs = []
    for parent, _, files in os.walk(folder):
        for file in files:
            test = file.removesuffix(".go") + "_test.go"
            if file.endswith(".go") and not file.endswith("_test.go") and test in files:
                relative = Path(parent).relative_to(folder)
                pairs.append((str(relative / file), str(relative / test)))
    return sorted(pairs)


def _ask(git_dir: Path, commit: str, paths: list[str]) -> dict[str, tuple[str, int, int]]:
    import git

    repo = git.Repo(git_dir, odbt=git.GitCmdObjectDB)
    repo.git.update_environment(GIT_DIR=str(git_dir))
    history = {}
    for path in paths:
        last = next(iter(repo.iter_commits(commit, paths=path, max_count=1)))
        # GitPython would read each commit for its date: asking git for all dates is faster
        dates = repo.git.log("--format=%ct", commit, "--", path).split()
        history[path] = (last.hexsha, int(dates[0]), min(map(int, dates)))
    repo.close()
    return history


def _write(
    name: str,
    folder: Path,
    pairs: list[tuple[str, str]],
    history: dict[str, tuple[str, int, int]],
    out: Path,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from licenseclassifier import identify_license

    named = ("LICEN", "COPYING")
    licence_file = next(path for path in sorted(folder.iterdir()) if path.name.upper().startswith(named))
    licence = " AND ".join(sorted({match.id for match in identify_license(licence_file.read_text(), 0.0)}))
    rows: list[dict[str, Any]] = []
    for code_path, test_path in pairs:
        code, test = (folder / code_path).read_bytes().decode(), (folder / test_path).read_bytes().decode()
        code_history = history.get(code_path, ("", 0, 0))
        test_history = history.get(test_path, ("", 0, 0))
        rows.append(
            {
                "repository": name,
                "licence": licence,
                **dict(zip(_CODE, (code_path, code, *code_history), strict=True)),
                **dict(zip(_TEST, (test_path, test, *test_history), strict=True)),
            }
        )
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), out / f"{name.replace('/', '__')}.parquet", compression="zstd")
