"""What the history walk costs, against what it replaces.

    python benchmarks/bench_history_speed.py gitpython --mirror DIR [--only NAME] [--sample 0]
    python benchmarks/bench_history_speed.py all-files --mirror DIR --only moby/moby [--sample 300]
    python benchmarks/bench_history_speed.py objects --mirror DIR [--only NAME]

gitpython: the walk for all files of pairs, against `iter_commits(revision, paths=path, max_count=1)`
for each file. all-files: the walk for every `.go` file, against `git log -1 --format=%H` for each.
objects: the walk against `git cat-file --batch` fed with every commit that the walk looks at and every
tree that it has to compare: root trees, and below them the trees that differ from a parent's on the way
to a wanted path. Once with the whole list at hand, and once id by id, each answer read before the next
question: no walk knows the list beforehand, since each object says which one is needed next.

With --sample N a seeded sample of N files a repository is asked of the slow way, and its time
multiplied by (files ÷ N). The walk always answers all files; its time is the median of three runs.
"""

import argparse
import random
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from seven import Known, Spent, chosen, files_at, measured, opened, pair_paths, parser, print_table

from goutbench.curate.git.history import walk
from goutbench.curate.git.objects import ObjectReader
from goutbench.curate.git.repository import Repository, read_environment

Row = tuple[object, ...]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("question", choices=("gitpython", "all-files", "objects"))
    options.add_argument("--sample", type=int, default=0, help="files a repository; 0: all of them")
    options.add_argument("--repeat", type=int, default=3, help="runs of which the median counts")
    given = options.parse_args()
    if given.question == "objects":
        against_objects(given)
    elif given.question == "gitpython":
        against_each_file(given, pair_paths, gitpython, "GitPython")
    else:
        against_each_file(given, go_paths, git_log, "git log -1")


def go_paths(files: dict[bytes, str]) -> list[bytes]:
    return sorted(path for path in files if path.endswith(b".go"))


# ── against a process a file ──────────────────────────────────────────────────────────────────────


def against_each_file(
    given: argparse.Namespace,
    select: Callable[[dict[bytes, str]], list[bytes]],
    slow: Callable[[Repository, str, Sequence[bytes]], list[str]],
    slow_name: str,
) -> None:
    rows: list[Row] = []
    totals = [Spent(0, 0)] * 3
    for known in chosen(given):
        repository = opened(known, given.mirror)
        paths = select(files_at(repository, known.commit))
        count = min(given.sample or len(paths), len(paths))
        sample = sorted(random.Random(0).sample(paths, count))
        answers, asked = measured(lambda: slow(repository, known.commit, sample))  # noqa: B023
        asked = asked.scaled(len(paths) / count)
        last = timed_walk(repository, known.commit, paths, given.repeat, first_dates=False)
        both = timed_walk(repository, known.commit, paths, given.repeat, first_dates=True)
        found = walk(repository, known.commit, sample, first_dates=False)
        wrong = sum(found[path].commit != oid for path, oid in zip(sample, answers, strict=True))
        assert wrong == 0, f"{known.name}: {wrong} answers differ"
        totals = [total + part for total, part in zip(totals, (asked, last, both), strict=True)]
        rows.append(_row(known.name, len(paths), count, asked, last, both))
        print("|", " | ".join(map(str, rows[-1])), "|", flush=True)
    rows.append(_row("all", sum(row[1] for row in rows), sum(row[2] for row in rows), *totals))  # type: ignore[misc]
    head = ("repository", "files", "asked singly", f"{slow_name}, s CPU", "walk, s CPU", "ratio")
    print_table((*head, "walk with first dates, s CPU", "ratio", "ratio of wall clock"), rows)


def _row(name: str, files: int, count: int, asked: Spent, last: Spent, both: Spent) -> Row:
    ratios = (asked.cpu / last.cpu, asked.cpu / both.cpu, asked.wall / last.wall)
    cells = (f"{asked.cpu:.1f}", f"{last.cpu:.2f}", f"{ratios[0]:.1f}", f"{both.cpu:.2f}", f"{ratios[1]:.1f}")
    return (name, files, count, *cells, f"{ratios[2]:.1f}")


def gitpython(repository: Repository, commit: str, paths: Sequence[bytes]) -> list[str]:
    import git

    repo = git.Repo(repository.git_dir, odbt=git.GitCmdObjectDB)
    # where the directory's config does not say that it is bare, GitPython would run git one folder above
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
) -> Spent:
    return median(lambda: walk(repository, commit, paths, first_dates=first_dates), repeat)


def median(work: Callable[[], object], repeat: int) -> Spent:
    """The median cost of several runs."""
    runs = [measured(work)[1] for _ in range(repeat)]
    return Spent(statistics.median(run.cpu for run in runs), statistics.median(run.wall for run in runs))


# ── against reading the same objects ──────────────────────────────────────────────────────────────


def against_objects(given: argparse.Namespace) -> None:
    head = (
        "repository",
        "asked for",
        "objects",
        "cat-file, list at hand, s CPU",
        "cat-file, id by id, s CPU",
    )
    head = (*head, "walk, s CPU", "ratio to the first", "ratio to the second")
    rows: list[Row] = []
    for first_dates in (False, True):
        question = "last commits and first dates" if first_dates else "last commits"
        total, totals = 0, [Spent(0, 0)] * 3
        for known in chosen(given):
            repository = opened(known, given.mirror)
            paths = pair_paths(files_at(repository, known.commit))
            objects = compared_objects(repository, known, paths, first_dates=first_dates)
            read = median(lambda: cat(repository, objects), given.repeat)  # noqa: B023
            singly = median(lambda: cat_singly(repository, objects), given.repeat)  # noqa: B023
            walked = timed_walk(repository, known.commit, paths, given.repeat, first_dates=first_dates)
            parts = (read, singly, walked)
            total, totals = total + len(objects), [old + new for old, new in zip(totals, parts, strict=True)]
            rows.append(_objects_row(known.name, question, len(objects), *parts))
            print("|", " | ".join(map(str, rows[-1])), "|", flush=True)
        rows.append(_objects_row("all", question, total, *totals))
    print_table(head, rows)


def _objects_row(name: str, question: str, objects: int, read: Spent, singly: Spent, walked: Spent) -> Row:
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
    """Read objects with git alone; the output is thrown away."""
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{oid}\n" for oid in objects).encode())
        asked.seek(0)
        command = ["git", "--git-dir", str(repository.git_dir), "cat-file", "--batch"]
        subprocess.run(command, stdin=asked, stdout=subprocess.DEVNULL, check=True, env=read_environment())


def cat_singly(repository: Repository, objects: Sequence[str]) -> None:
    """Read objects one after the other, each asked for when the last one has been read."""
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
    repository: Repository, known: Known, paths: Sequence[bytes], *, first_dates: bool
) -> list[str]:
    """What has to be read to know each path's last commit, or all of its commits, as it is first needed.

    The plain way: follow the paths from commit to parent, in topological order; read both root trees, and
    below those that differ go down where a wanted path lies.
    """
    graph = repository.output("rev-list", "--topo-order", "--parents", known.commit).decode().splitlines()
    needed: dict[str, None] = {}
    active: dict[str, set[bytes]] = {known.commit: set(paths)}
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
    """Reads trees of commits, and notes each object that it needed."""

    def __init__(self, reader: ObjectReader, needed: dict[str, None]) -> None:
        self._reader, self._needed = reader, needed
        self._known: dict[str, dict[bytes, tuple[bytes, str]]] = {}
        self._roots: dict[str, str] = {}

    def root(self, commit: str) -> str:
        if commit not in self._roots:
            self._needed[commit] = None
            content = self._reader.read_one(commit).content
            assert content is not None
            self._roots[commit] = content[5 : content.index(b"\n")].decode()
        return self._roots[commit]

    def differing(self, one: str, two: str, paths: set[bytes]) -> set[bytes]:
        """The paths that are not the same below two trees."""
        if one == two:
            return set()
        left, right = self._entries(one), self._entries(two)
        different: set[bytes] = set()
        below: dict[bytes, set[bytes]] = {}
        for path in paths:
            name, slash, rest = path.partition(b"/")
            if left.get(name) == right.get(name):
                continue
            if slash:
                below.setdefault(name, set()).add(rest)
            else:
                different.add(path)
        for name, rests in below.items():
            ours, theirs = left.get(name), right.get(name)
            if ours and theirs and ours[0] == theirs[0] == b"40000":
                rests = self.differing(ours[1], theirs[1], rests)
            different |= {name + b"/" + rest for rest in rests}
        return different

    def _entries(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        if tree not in self._known:
            self._needed[tree] = None
            content = self._reader.read_one(tree).content
            assert content is not None
            self._known[tree] = dict(_parsed(content))
            if len(self._known) > 20_000:
                del self._known[next(iter(self._known))]
        return self._known[tree]


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
