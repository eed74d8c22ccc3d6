"""How the cost of `goutbench curate` grows, on synthetic repositories of up to 130,000 commits.

    python benchmarks/bench_synthetic.py measure --out results.json [--commits 130000] [--files 25000]
    python benchmarks/bench_synthetic.py measure --out results.json --grow
    python benchmarks/bench_synthetic.py plot --out results.json --figure docs/figures/curate-growth.svg

`git fast-import` writes a repository: up to 25,000 Go files three to six folders deep, each with its test, in
packages of up to 30 files; commits that change one to three files of a package; about three in ten commits
merge a short branch. `measure` appends a line for each size; --grow measures a quarter, half and all of the
commits (with all files) and of the files (with all commits). `plot` needs matplotlib.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_curate import watch
from seven import measured

BODY = b"package p%d\n\n// revision %d\nfunc F%d() int { return %d }\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=("measure", "plot"))
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines, one line per measured size")
    parser.add_argument("--commits", type=int, default=130_000)
    parser.add_argument("--files", type=int, default=25_000)
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.question == "plot":
        plot(options.out, options.figure)
        return
    sizes = [(options.commits, options.files)]
    if options.grow:
        parts = (4, 2)
        sizes += [(options.commits // part, options.files) for part in parts]
        sizes += [(options.commits, options.files // part) for part in parts]
    for commits, files in sizes:
        result = measure(commits, files)
        print(result, flush=True)
        with options.out.open("a") as out:
            out.write(json.dumps(result) + "\n")


def measure(commits: int, files: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "big.git"
        _, making = measured(lambda: make(repository, commits, files))
        config = Path(folder) / "repos.yaml"
        config.write_text(f"repositories:\n  - {{name: synthetic/big, source: {repository}}}\n")
        command = [sys.executable, "-m", "goutbench", "curate", str(config), "--json"]
        process = subprocess.Popen(
            [*command, "--out", str(Path(folder) / "dataset")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        (peak, private), spent = measured(lambda: _watched(process))
        assert process.returncode == 0
        assert process.stdout is not None
        pairs = json.loads(process.stdout.read())["pairs"]
        facts = {"commits": commits, "files": files, "pairs": pairs, "peak_pss_mb": round(peak)}
        return facts | {
            "peak_unmapped_mb": round(private),
            "curate_cpu_s": round(spent.cpu, 1),
            "curate_wall_s": round(spent.wall, 1),
            "making_cpu_s": round(making.cpu, 1),
        }


def _watched(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    peaks = watch(process)
    process.wait()
    return peaks


# ── making the repository ─────────────────────────────────────────────────────────────────────────


def make(path: Path, commits: int, files: int) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    command = ["git", "--git-dir", str(path), "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for piece in stream(commits, files, random.Random(0)):
            process.stdin.write(piece)
    assert process.returncode == 0


def stream(commits: int, files: int, rng: random.Random) -> Iterator[bytes]:
    """A trunk, and branches of one commit each that are merged into it a few commits later."""
    packages = layout(files, rng)
    flat = [path for package in packages for path in package]
    unborn = [flat[start : start + 50] for start in range(0, len(flat), 50)]
    trunk = 0
    branches: list[tuple[int, list[bytes]]] = []
    for mark in range(1, commits + 1):
        seconds = 1_000_000_000 + 3000 * mark
        if branches and rng.random() < 0.32:
            branch, changes = branches.pop(rng.randrange(len(branches)))
            yield header(mark, seconds, trunk, branch)
            yield from changes
            trunk = mark
            continue
        changes = edits(unborn.pop() if unborn else some(packages, rng), mark)
        yield header(mark, seconds, trunk)
        yield from changes
        if mark < commits and trunk and rng.random() < 0.47:
            branches.append((mark, changes))
        else:
            trunk = mark
    yield b"reset refs/heads/main\nfrom :%d\n\n" % trunk
    yield b"done\n"


def layout(files: int, rng: random.Random) -> list[list[str]]:
    """Packages of source and test files; a folder has at most a dozen subfolders."""
    packages: list[list[str]] = []
    remaining = files // 2
    while remaining > 0:
        size = min(remaining, rng.randint(2, 15))
        folder = "/".join(f"d{rng.randrange(6)}" for _ in range(rng.randint(2, 4))) + f"/p{len(packages)}"
        names = [f"{folder}/file{number}" for number in range(size)]
        packages.append([name + ending for name in names for ending in (".go", "_test.go")])
        remaining -= size
    return packages


def some(packages: list[list[str]], rng: random.Random) -> list[str]:
    package = packages[min(int(rng.paretovariate(0.3)) - 1, 10**9) % len(packages)]  # some change often
    return rng.sample(package, k=min(len(package), rng.choice((1, 1, 2, 3))))


def header(mark: int, seconds: int, *parents: int) -> bytes:
    lines = [b"commit refs/heads/work\nmark :%d\n" % mark]
    lines.append(b"committer C <c@example.com> %d +0000\ndata 2\nm\n\n" % seconds)
    existing = [parent for parent in parents if parent]
    lines += [(b"merge :%d\n" if index else b"from :%d\n") % parent for index, parent in enumerate(existing)]
    return b"".join(lines)


def edits(paths: list[str], number: int) -> list[bytes]:
    pieces = []
    for index, path in enumerate(paths):
        content = BODY % (number % 7, number, index, number)
        pieces.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
    return [*pieces, b"\n"]


# ── the figure ────────────────────────────────────────────────────────────────────────────────────


def plot(results: Path, figure: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "goutbench"
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for line in results.read_text().splitlines()]
    largest = max(rows, key=lambda row: (row["commits"], row["files"]))
    canvas, axes = plt.subplots(2, 2, figsize=(8, 5.2), sharey="row", constrained_layout=True)
    for column, (varied, fixed) in enumerate((("commits", "files"), ("files", "commits"))):
        line = sorted((row for row in rows if row[fixed] == largest[fixed]), key=lambda row: row[varied])
        for number, (measure, label) in enumerate(
            (("curate_cpu_s", "CPU time, s"), ("peak_pss_mb", "peak memory (PSS), MB"))
        ):
            axis = axes[number][column]
            axis.plot([row[varied] for row in line], [row[measure] for row in line], "o-", color="#1f6f8b")
            axis.set_xlim(left=0)
            axis.grid(alpha=0.3)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
            if column == 0:
                axis.set_ylabel(label)
            if number == 1:
                axis.set_xlabel(f"{varied} (with {largest[fixed]:,} {fixed})")
    for row in axes:  # both columns share the scale, so it is set after both are drawn
        row[0].set_ylim(0, 1.1 * max(max(axis.lines[0].get_ydata()) for axis in row))
    canvas.suptitle("goutbench curate on synthetic repositories")
    figure.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(figure, metadata={"Date": None} if figure.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
