"""Whether the history walk agrees with git, file by file.

    python benchmarks/bench_history_truth.py --mirror DIR [--only NAME] [--check-graph 40]
    python benchmarks/bench_history_truth.py --fuzz 400 [--seed 0]

On the seven repositories, `git log -1 --format='%H %ct'` in the unchanged directory gives the last commit of
every file of a pair, and `git log --format=%ct` its oldest date. The latter runs in a scratch repository that
borrows the objects and has a commit-graph with changed-path filters, which makes git faster without changing
its answers; `--check-graph N` also asks for N files per repository without it.

With --fuzz, the histories are random: up to 400 commits, merges of up to 12 parents, several roots,
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

from seven import (
    PinnedRepository,
    files_at,
    mirror_parser,
    open_pinned,
    pair_paths,
    print_table,
    selected_repositories,
)

from goutbench.curate.git.history import PathHistory, walk
from goutbench.curate.git.repository import Repository, open_repository, read_environment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from gitmaker import NAMES, GitMaker, Tree, _put, random_tree

Answer = tuple[str, int, int]


def main() -> None:
    parser = mirror_parser(__doc__)
    parser.add_argument("--check-graph", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fuzz", type=int, default=0, help="random repositories instead of the seven")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.fuzz:
        sys.exit(fuzz(range(options.seed, options.seed + options.fuzz)))
    rows = [
        real(pinned, options.mirror, options.check_graph, options.workers)
        for pinned in selected_repositories(options)
    ]
    print_table(("repository", "files", "commits differ", "first dates differ", "asked without graph"), rows)
    print(
        f"{sum(row[1] for row in rows)} files, {sum(row[2] + row[3] + row[4][1] for row in rows)} differences"
    )


# ── the seven ─────────────────────────────────────────────────────────────────────────────────────


def real(
    pinned: PinnedRepository, mirror: Path, check_graph: int, workers: int
) -> tuple[str, int, int, int, list[int]]:
    repository = open_pinned(pinned, mirror)
    paths = pair_paths(files_at(repository, pinned.commit))
    histories = walk(repository, pinned.commit, paths)
    with ThreadPoolExecutor(workers) as pool, tempfile.TemporaryDirectory() as scratch:
        lasts = dict(
            zip(paths, pool.map(lambda path: last(repository, pinned.commit, path), paths), strict=True)
        )
        graph = with_graph(repository, pinned.commit, Path(scratch) / "graph.git")
        firsts = dict(
            zip(paths, pool.map(lambda path: first(graph, pinned.commit, path), paths), strict=True)
        )
        sample = random.Random(0).sample(paths, min(check_graph, len(paths)))
        plain = pool.map(lambda path: first(repository, pinned.commit, path), sample)
        unequal = [path for path, date in zip(sample, plain, strict=True) if date != firsts[path]]
    wrong_last = [path for path in paths if answer(histories[path])[:2] != lasts[path]]
    wrong_first = [path for path in paths if answer(histories[path])[2] != firsts[path]]
    for path in [*wrong_last, *wrong_first, *unequal]:
        print(f"DIFFERENCE {pinned.name} {path!r}: walk {histories[path]}, git {lasts[path]} {firsts[path]}")
    print(f"{pinned.name}: done", file=sys.stderr, flush=True)
    return pinned.name, len(paths), len(wrong_last), len(wrong_first), [len(sample), len(unequal)]


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
            if rng.random() < 0.4:  # as curate does
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
    histories = walk(repository, tip, paths)
    lasts = walk(repository, tip, paths, first_dates=False)
    wrong = set()
    for path in paths:
        truth = (*last(repository, tip, path), first(repository, tip, path))
        if answer(histories[path]) != truth or lasts[path].commit != truth[0]:
            wrong.add(path)
    return wrong


def wild_history(maker: GitMaker, rng: random.Random) -> str:
    """A history of random shape: its length, how often and how wide it merges, how skewed its clocks are."""
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
            tree = trees[rng.choice(recent)]  # a revert: the same tree as another commit
        trees[maker.commit(tree, parents, date(number, rng))] = tree
    tips = sorted(trees)[-rng.choice((1, 2, 5)) :]
    final = changed(merged([trees[tip] for tip in tips], rng), names, rng, length)
    mark = maker.commit(final or {b"a.go": ("100644", b"1")}, tips, 1_600_000_100)
    return maker.finish()[mark]


def merged(trees: list[Tree], rng: random.Random) -> Tree:
    """Each file from one of the trees; what was in its way is removed."""
    tree: Tree = {}
    for parent_tree in trees:
        for path, file in parent_tree.items():
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
