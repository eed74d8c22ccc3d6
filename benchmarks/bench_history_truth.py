"""Whether the history walk gives what git gives, file by file.

    python benchmarks/bench_history_truth.py --mirror DIR [--only NAME] [--check-graph 40]
    python benchmarks/bench_history_truth.py --fuzz 400 [--seed 0]

On the seven repositories every file of a pair is asked of `git log -1 --format='%H %ct'` in the
directory as it lies, and of `git log --format=%ct` for the oldest date. The latter are asked of a
scratch repository that borrows the objects and has a commit-graph with changed-path filters, which
makes git faster and its answers no different; `--check-graph` asks that many files a repository without
it, too.

With --fuzz, random histories are made: up to 400 commits, merges of up to 12 parents, several roots,
criss-cross merges, skewed clocks, files that become folders, submodules, symbolic links, mode changes,
SHA-256.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seven import Known, chosen, files_at, opened, pair_paths, parser, print_table

from goutbench.curate.git.history import PathHistory, walk
from goutbench.curate.git.repository import Repository, open_repository, read_environment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from gitmaker import NAMES, GitMaker, Tree, _put, random_tree

Answer = tuple[str, int, int]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--check-graph", type=int, default=40)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--fuzz", type=int, default=0, help="random repositories instead of the seven")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    if given.fuzz:
        sys.exit(fuzz(range(given.seed, given.seed + given.fuzz)))
    rows = [real(known, given.mirror, given.check_graph, given.workers) for known in chosen(given)]
    print_table(("repository", "files", "commits differ", "first dates differ", "asked without graph"), rows)
    print(
        f"{sum(row[1] for row in rows)} files, {sum(row[2] + row[3] + row[4][1] for row in rows)} differences"
    )


# ── the seven ─────────────────────────────────────────────────────────────────────────────────────


def real(known: Known, mirror: Path, check_graph: int, workers: int) -> tuple[str, int, int, int, list[int]]:
    repository = opened(known, mirror)
    paths = pair_paths(files_at(repository, known.commit))
    found = walk(repository, known.commit, paths)
    with ThreadPoolExecutor(workers) as pool, tempfile.TemporaryDirectory() as scratch:
        lasts = dict(
            zip(paths, pool.map(lambda path: last(repository, known.commit, path), paths), strict=True)
        )
        graph = with_graph(repository, known.commit, Path(scratch) / "graph.git")
        firsts = dict(zip(paths, pool.map(lambda path: first(graph, known.commit, path), paths), strict=True))
        sample = random.Random(0).sample(paths, min(check_graph, len(paths)))
        plain = pool.map(lambda path: first(repository, known.commit, path), sample)
        unequal = [path for path, date in zip(sample, plain, strict=True) if date != firsts[path]]
    wrong_last = [path for path in paths if answer(found[path])[:2] != lasts[path]]
    wrong_first = [path for path in paths if answer(found[path])[2] != firsts[path]]
    for path in [*wrong_last, *wrong_first, *unequal]:
        print(f"DIFFERENCE {known.name} {path!r}: walk {found[path]}, git {lasts[path]} {firsts[path]}")
    print(f"{known.name}: done", file=sys.stderr, flush=True)
    return known.name, len(paths), len(wrong_last), len(wrong_first), [len(sample), len(unequal)]


def answer(history: PathHistory) -> Answer:
    assert history.first is not None
    return history.commit, int(history.last.timestamp()), int(history.first.timestamp())


def last(repository: Repository, commit: str, path: bytes) -> tuple[str, int]:
    oid, seconds = log(repository, "-1", "--format=%H %ct", commit, path=path).split()
    return oid, int(seconds)


def first(repository: Repository, commit: str, path: bytes) -> int:
    return min(map(int, log(repository, "--format=%ct", commit, path=path).split()))


def log(repository: Repository, *arguments: str, path: bytes) -> str:
    command = ["git", "--git-dir", str(repository.git_dir), "log", *arguments, "--", path]
    return subprocess.run(command, check=True, capture_output=True, env=read_environment()).stdout.decode()


def with_graph(repository: Repository, commit: str, scratch: Path) -> Repository:
    subprocess.run(["git", "init", "-q", "--bare", str(scratch)], check=True)
    (scratch / "objects" / "info" / "alternates").write_text(f"{repository.git_dir.resolve()}/objects\n")
    git = ["git", "--git-dir", str(scratch)]
    subprocess.run([*git, "update-ref", "refs/heads/main", commit], check=True)
    command = [*git, "commit-graph", "write", "--reachable", "--changed-paths", "--no-progress"]
    subprocess.run(command, check=True)
    return open_repository(repository.name, scratch)


# ── random histories ──────────────────────────────────────────────────────────────────────────────


def fuzz(seeds: Iterable[int]) -> int:
    differences = repositories = files = commits = 0
    begin = time.monotonic()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            rng = random.Random(seed)
            maker = GitMaker.create(Path(folder) / "r.git", "sha256" if rng.random() < 0.15 else "sha1")
            tip = wild_history(maker, rng)
            repository = open_repository("o/r", maker.path)
            listing = repository.output("ls-tree", "-r", "-z", "--name-only", "--full-tree", tip)
            paths = [path for path in listing.split(b"\0") if path]
            if rng.random() < 0.4:  # what curate asks for
                paths = [path for path in paths if path.endswith(b".go")]
            rng.shuffle(paths)
            paths = paths[:60]
            wrong = compare(repository, tip, paths)
            for path in wrong:
                print(f"DIFFERENCE seed {seed} {path!r}", flush=True)
            differences += len(wrong)
            repositories += 1
            files += len(paths)
            commits += int(repository.output("rev-list", "--count", tip))
        if repositories % 50 == 0:
            print(
                f"{repositories} repositories, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True
            )
    print(f"{repositories} repositories, {commits} commits, {files} files, {differences} differences")
    return min(differences, 1)


def compare(repository: Repository, tip: str, paths: list[bytes]) -> set[bytes]:
    found = walk(repository, tip, paths)
    lasts = walk(repository, tip, paths, first_dates=False)
    wrong = set()
    for path in paths:
        truth = (*last(repository, tip, path), first(repository, tip, path))
        if answer(found[path]) != truth or lasts[path].commit != truth[0]:
            wrong.add(path)
    return wrong


def wild_history(maker: GitMaker, rng: random.Random) -> str:
    """A history whose shape is itself drawn: its length, how often and how wide it merges, how skewed."""
    commits = rng.choice((10, 30, 60, 120, 250, 400))
    merging, widest = rng.choice((0.1, 0.3, 0.5, 0.8)), rng.choice((2, 3, 4, 12))
    reach = rng.choice((2, 4, 10, 40, commits))
    roots, twins, evil = rng.choice((0.0, 0.02, 0.1)), rng.choice((0.0, 0.3)), rng.choice((0.1, 0.5, 0.9))
    names = [*NAMES, b"a.go", b"a.go", *(b"f%d.go" % number for number in range(rng.choice((0, 5, 20))))]
    length = 40 if maker.object_format == "sha1" else 64
    trees: dict[int, Tree] = {}
    for number in range(commits):
        recent = sorted(trees)[-reach:]
        if not recent or rng.random() < roots:
            parents: list[int] = []
        elif rng.random() < merging:
            parents = rng.sample(recent, k=min(len(recent), rng.randint(2, widest)))
        else:
            parents = [rng.choice(recent)]
        base = merged([trees[parent] for parent in parents], rng)
        tree = base
        if len(parents) < 2 or rng.random() < evil:
            tree = changed(base, names, rng, length)
        if rng.random() < twins and recent:
            tree = trees[rng.choice(recent)]  # a revert: the very tree of another commit
        trees[maker.commit(tree, parents, date(number, rng))] = tree
    tips = sorted(trees)[-rng.choice((1, 2, 5)) :]
    final = changed(merged([trees[tip] for tip in tips], rng), names, rng, length)
    mark = maker.commit(final or {b"a.go": ("100644", b"1")}, tips, 1_600_000_100)
    return maker.finish()[mark]


def merged(trees: list[Tree], rng: random.Random) -> Tree:
    """Each file from one of the trees, whatever was in its way gone."""
    tree: Tree = {}
    for each in trees:
        for path, file in each.items():
            if path not in tree or rng.random() < 0.5:
                _put(tree, path, file)
    return tree


def changed(base: Tree, names: list[bytes], rng: random.Random, hash_length: int) -> Tree:
    tree = random_tree(rng, base)
    for _ in range(rng.choice((0, 0, 1, 3))):
        path = b"/".join(rng.choice(names) for _ in range(rng.choice((1, 1, 2, 4, 8))))
        action = rng.random()
        if action < 0.1:
            _put(tree, path, ("160000", b"%0*x" % (hash_length, rng.randrange(1, 4))))
        elif action < 0.2 and tree:
            victim = rng.choice(sorted(tree))
            _put(tree, path, tree[victim])  # a duplicate
        elif action < 0.3 and tree:
            _put(tree, rng.choice(sorted(tree)) + b"/" + rng.choice(names), ("100644", b"1"))  # now a folder
        elif action < 0.4 and tree:
            folder = rng.choice(sorted(tree)).rpartition(b"/")[0]
            if folder:
                _put(tree, folder, ("100644", b"2"))  # now a file
        else:
            _put(tree, path, (rng.choice(("100644", "100755", "120000")), b"%d" % rng.randrange(3)))
    return tree


def date(number: int, rng: random.Random) -> int:
    steady = 1_500_000_000 + 1000 * number
    return rng.choice(
        (steady, steady, 1_500_000_000, steady + rng.randrange(-200_000, 200_000), rng.randrange(1, 9))
    )


if __name__ == "__main__":
    main()
