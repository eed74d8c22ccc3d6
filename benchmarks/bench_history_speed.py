"""The cost of the history walk against that of what it replaces.

    python benchmarks/bench_history_speed.py gitpython --mirror DIR [--only NAME] [--sample 0]
    python benchmarks/bench_history_speed.py all-files --mirror DIR --only moby/moby [--sample 300]
    python benchmarks/bench_history_speed.py objects --mirror DIR [--only NAME]

gitpython: the walk for all files of pairs, against `iter_commits(revision, paths=path, max_count=1)`
for each file. all-files: the walk for every `.go` file, against `git log -1 --format=%H` for each.
objects: the walk against `git cat-file --batch` of every commit that the walk visits and every tree that it
must compare: root trees, and below them the trees that differ from a parent's on the way to a requested
path. Once with the complete list, and once id by id, where each answer is read before the next request: a
walk learns from each object which one it needs next.

With --sample N the slow method is asked for a seeded sample of N files per repository, and its time is
multiplied by (files ÷ N). The walk always answers all files; its time is the median of three runs.
"""

import argparse
import random
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from seven import (
    Cost,
    PinnedRepository,
    files_at,
    measured,
    mirror_parser,
    open_pinned,
    pair_paths,
    print_table,
    selected_repositories,
)

from goutbench.curate.git.history import walk
from goutbench.curate.git.objects import ObjectReader
from goutbench.curate.git.repository import Repository, read_environment

Row = tuple[object, ...]


def main() -> None:
    parser = mirror_parser(__doc__)
    parser.add_argument("question", choices=("gitpython", "all-files", "objects"))
    parser.add_argument("--sample", type=int, default=0, help="files per repository; 0: all")
    parser.add_argument("--repeat", type=int, default=3, help="number of runs; the median counts")
    options = parser.parse_args()
    if options.question == "objects":
        compare_with_objects(options)
    elif options.question == "gitpython":
        compare_per_file(options, pair_paths, gitpython, "GitPython")
    else:
        compare_per_file(options, go_paths, git_log, "git log -1")


def go_paths(files: dict[bytes, str]) -> list[bytes]:
    return sorted(path for path in files if path.endswith(b".go"))


# ── against a process per file ──────────────────────────────────────────────────────────────────────


def compare_per_file(
    options: argparse.Namespace,
    select: Callable[[dict[bytes, str]], list[bytes]],
    slow: Callable[[Repository, str, Sequence[bytes]], list[str]],
    slow_name: str,
) -> None:
    rows: list[Row] = []
    totals = [Cost(0, 0)] * 3
    for pinned in selected_repositories(options):
        repository = open_pinned(pinned, options.mirror)
        paths = select(files_at(repository, pinned.commit))
        count = min(options.sample or len(paths), len(paths))
        sample = sorted(random.Random(0).sample(paths, count))
        answers, asked = measured(lambda: slow(repository, pinned.commit, sample))  # noqa: B023
        asked = asked.scaled(len(paths) / count)
        last = timed_walk(repository, pinned.commit, paths, options.repeat, first_dates=False)
        both = timed_walk(repository, pinned.commit, paths, options.repeat, first_dates=True)
        histories = walk(repository, pinned.commit, sample, first_dates=False)
        wrong = sum(histories[path].commit != oid for path, oid in zip(sample, answers, strict=True))
        assert wrong == 0, f"{pinned.name}: {wrong} answers differ"
        totals = [total + part for total, part in zip(totals, (asked, last, both), strict=True)]
        rows.append(_row(pinned.name, len(paths), count, asked, last, both))
        print("|", " | ".join(map(str, rows[-1])), "|", flush=True)
    rows.append(_row("all", sum(row[1] for row in rows), sum(row[2] for row in rows), *totals))  # type: ignore[misc]
    head = ("repository", "files", "asked one by one", f"{slow_name}, s CPU", "walk, s CPU", "ratio")
    print_table((*head, "walk with first dates, s CPU", "ratio", "ratio of wall clock"), rows)


def _row(name: str, files: int, count: int, asked: Cost, last: Cost, both: Cost) -> Row:
    ratios = (asked.cpu / last.cpu, asked.cpu / both.cpu, asked.wall / last.wall)
    cells = (f"{asked.cpu:.1f}", f"{last.cpu:.2f}", f"{ratios[0]:.1f}", f"{both.cpu:.2f}", f"{ratios[1]:.1f}")
    return (name, files, count, *cells, f"{ratios[2]:.1f}")


def gitpython(repository: Repository, commit: str, paths: Sequence[bytes]) -> list[str]:
    import git

    repo = git.Repo(repository.git_dir, odbt=git.GitCmdObjectDB)
    # unless the config says that the repository is bare, GitPython would run git in the parent folder
    repo.git.update_environment(GIT_DIR=str(repository.git_dir))
    answers = []
    for path in paths:
        commits = repo.iter_commits(commit, paths=path.decode(), max_count=1)
        answers.append(next(iter(commits)).hexsha)
    repo.close()
    return answers


def git_log(repository: Repository, commit: str, paths: Sequence[bytes]) -> list[str]:
    command = ["git", "--git-dir", str(repository.git_dir), "log", "-1", "--format=%H", commit, "--"]
    environment = read_environment()
    return [
        subprocess.run([*command, path], check=True, capture_output=True, env=environment)
        .stdout.decode()
        .strip()
        for path in paths
    ]


def timed_walk(
    repository: Repository, commit: str, paths: Sequence[bytes], repeat: int, *, first_dates: bool
) -> Cost:
    return median(lambda: walk(repository, commit, paths, first_dates=first_dates), repeat)


def median(work: Callable[[], object], repeat: int) -> Cost:
    """The median cost of several runs."""
    runs = [measured(work)[1] for _ in range(repeat)]
    return Cost(statistics.median(run.cpu for run in runs), statistics.median(run.wall for run in runs))


# ── against reading the same objects ──────────────────────────────────────────────────────────────


def compare_with_objects(options: argparse.Namespace) -> None:
    head = (
        "repository",
        "asked for",
        "objects",
        "cat-file, complete list, s CPU",
        "cat-file, id by id, s CPU",
    )
    head = (*head, "walk, s CPU", "ratio to the first", "ratio to the second")
    rows: list[Row] = []
    for first_dates in (False, True):
        question = "last commits and first dates" if first_dates else "last commits"
        total, totals = 0, [Cost(0, 0)] * 3
        for pinned in selected_repositories(options):
            repository = open_pinned(pinned, options.mirror)
            paths = pair_paths(files_at(repository, pinned.commit))
            objects = compared_objects(repository, pinned, paths, first_dates=first_dates)
            read = median(lambda: cat(repository, objects), options.repeat)  # noqa: B023
            singly = median(lambda: cat_singly(repository, objects), options.repeat)  # noqa: B023
            walked = timed_walk(repository, pinned.commit, paths, options.repeat, first_dates=first_dates)
            parts = (read, singly, walked)
            total, totals = total + len(objects), [old + new for old, new in zip(totals, parts, strict=True)]
            rows.append(_objects_row(pinned.name, question, len(objects), *parts))
            print("|", " | ".join(map(str, rows[-1])), "|", flush=True)
        rows.append(_objects_row("all", question, total, *totals))
    print_table(head, rows)


def _objects_row(name: str, question: str, objects: int, read: Cost, singly: Cost, walked: Cost) -> Row:
    seconds = (f"{spent.cpu:.2f}" for spent in (read, singly, walked))
    return (
        name,
        question,
        objects,
        *seconds,
        f"{walked.cpu / read.cpu:.2f}",
        f"{walked.cpu / singly.cpu:.2f}",
    )


def cat(repository: Repository, objects: Sequence[str]) -> None:
    """Read objects with git alone and discard the output."""
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{oid}\n" for oid in objects).encode())
        asked.seek(0)
        command = ["git", "--git-dir", str(repository.git_dir), "cat-file", "--batch"]
        subprocess.run(command, stdin=asked, stdout=subprocess.DEVNULL, check=True, env=read_environment())


def cat_singly(repository: Repository, objects: Sequence[str]) -> None:
    """Read objects one after the other; each is requested after the last one was read."""
    command = ["git", "--git-dir", str(repository.git_dir), "cat-file", "--batch"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=read_environment(),
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None
        for oid in objects:
            asked.write(oid.encode() + b"\n")
            asked.flush()
            answers.read(int(answers.readline().split()[2]) + 1)
        asked.close()


def compared_objects(
    repository: Repository, pinned: PinnedRepository, paths: Sequence[bytes], *, first_dates: bool
) -> list[str]:
    """The objects needed for each path's last commit, or for all of its commits, in order of first need.

    The simple method: follow the paths from commit to parent, in topological order; read both root trees, and
    where they differ descend towards the requested paths.
    """
    graph = repository.output("rev-list", "--topo-order", "--parents", pinned.commit).decode().splitlines()
    needed: dict[str, None] = {}
    active: dict[str, set[bytes]] = {pinned.commit: set(paths)}
    with ObjectReader(repository) as reader:
        trees = Trees(reader, needed)
        for line in graph:
            commit, *parents = line.split()
            here = active.pop(commit, set())
            if not here:
                continue
            for parent in parents:
                differing = trees.differing(trees.root(commit), trees.root(parent), here)
                active.setdefault(parent, set()).update(here - differing)
                here = differing
                if not here:
                    break
            if first_dates and here:
                for parent in parents:
                    active.setdefault(parent, set()).update(here)
            if not active:
                break
    return list(needed)


class Trees:
    """Reads trees of commits, and records each object that it needed."""

    def __init__(self, reader: ObjectReader, needed: dict[str, None]) -> None:
        self._reader, self._needed = reader, needed
        self._cache: dict[str, dict[bytes, tuple[bytes, str]]] = {}
        self._roots: dict[str, str] = {}

    def root(self, commit: str) -> str:
        if commit not in self._roots:
            self._needed[commit] = None
            content = self._reader.read_one(commit).content
            assert content is not None
            self._roots[commit] = content[5 : content.index(b"\n")].decode()
        return self._roots[commit]

    def differing(self, one: str, two: str, paths: set[bytes]) -> set[bytes]:
        """The paths that differ between two trees."""
        if one == two:
            return set()
        before, after = self._entries(one), self._entries(two)
        different: set[bytes] = set()
        below: dict[bytes, set[bytes]] = {}
        for path in paths:
            name, slash, remainder = path.partition(b"/")
            if before.get(name) == after.get(name):
                continue
            if slash:
                below.setdefault(name, set()).add(remainder)
            else:
                different.add(path)
        for name, remainders in below.items():
            ours, theirs = before.get(name), after.get(name)
            if ours and theirs and ours[0] == theirs[0] == b"40000":
                remainders = self.differing(ours[1], theirs[1], remainders)
            different |= {name + b"/" + remainder for remainder in remainders}
        return different

    def _entries(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        if tree not in self._cache:
            self._needed[tree] = None
            content = self._reader.read_one(tree).content
            assert content is not None
            self._cache[tree] = dict(_parsed(content))
            if len(self._cache) > 20_000:
                del self._cache[next(iter(self._cache))]
        return self._cache[tree]


def _parsed(content: bytes) -> list[tuple[bytes, tuple[bytes, str]]]:
    entries, at = [], 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, name = content[at:end].split(b" ", 1)
        entries.append((name, (mode, content[end + 1 : end + 21].hex())))
        at = end + 21
    return entries


if __name__ == "__main__":
    main()
