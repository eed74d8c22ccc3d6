"""Go files for benchmarks: from folders, and from commits of git repositories without a work tree."""

import argparse
import subprocess
from collections.abc import Iterator
from pathlib import Path

# the commits of the paper's Table 1, as of 2024-11-25
COMMITS = {
    "hashicorp/terraform": "b4a634ced88673d4d208ddee41f39666f51cd133",
    "moby/moby": "ca0910c1b903c8dd437dd24fd9a68d92dee17a2c",
    "ethereum/go-ethereum": "5e1a39d67f642990b9b98f8391ceca39a5fdb849",
    "gohugoio/hugo": "467444ef649b35676ed5b4198eb8165b347d9119",
    "prometheus/prometheus": "872e2db2a99b454498ec0278108978dcf66c28d2",
    "kserve/kserve": "5bbb1369a429f84303b71b9e512a09a63f9d68f3",
    "gin-gonic/gin": "e46bd521859fdfc83c508f1d42c92cb7f91e9fcb",
}


def add_source_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tree", action="append", default=[], type=Path, help="a folder, such as GOROOT/src")
    parser.add_argument("--mirror", type=Path, help="a folder of git directories <organization>+<name>/repo")
    parser.add_argument("--every", type=int, default=1, help="use every n-th file only")


def go_files(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """Name and content of each distinct Go file of the sources, in a fixed order."""
    seen: set[bytes] = set()
    count = 0
    for name, content in _all_files(options):
        if content not in seen:
            seen.add(content)
            if count % options.every == 0:
                yield name, content
            count += 1


def _all_files(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    for tree in options.tree:
        for path in sorted(tree.rglob("*.go")):
            if path.is_file():
                yield str(path), path.read_bytes()
    if options.mirror:
        for name, commit in COMMITS.items():
            yield from _files_of_commit(options.mirror / name.replace("/", "+") / "repo", commit, name)


def _files_of_commit(git_dir: Path, commit: str, name: str) -> Iterator[tuple[str, bytes]]:
    git = ["git", f"--git-dir={git_dir}"]
    listing = subprocess.run([*git, "ls-tree", "-rz", commit], check=True, capture_output=True).stdout
    entries = [line.split(b"\t", 1) for line in listing.split(b"\0") if line.endswith(b".go")]
    blobs = [(entry[0].split()[2], entry[1].decode()) for entry in entries if entry[0].split()[1] == b"blob"]
    with subprocess.Popen(
        [*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for blob, path in blobs:
            process.stdin.write(blob + b"\n")
            process.stdin.flush()
            head = process.stdout.readline().split()
            if len(head) != 3:
                continue  # a blob that this clone lacks
            content = process.stdout.read(int(head[2]))
            process.stdout.read(1)
            yield f"{name}/{path}", content
        process.stdin.close()
        process.terminate()  # a process forked in the meantime may hold the other end of its pipe open
