"""Results and cost of `goutbench curate` on the seven repositories.

    python benchmarks/bench_curate.py table --mirror DIR
    python benchmarks/bench_curate.py read --mirror DIR
    python benchmarks/bench_curate.py whole --mirror DIR [--sample 40]
    python benchmarks/bench_curate.py memory --mirror DIR [--workers 1] [--workers 2]

table: the paper's Table 1 against the pairs as of 2024-11-25, and the commits that the date resolves to.
read: reading all files of pairs, against `git cat-file --batch` of the same blobs. whole: a full run against
`plain_curate.py`, which checks out, walks the folder, pairs, and asks GitPython for each file. With
--sample N it asks GitPython for N files per repository and multiplies the time by (files ÷ N). memory: the
largest sum of the process tree's proportional set sizes (PSS) in `/proc`, sampled ten times a second.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import plain_curate
from seven import (
    AS_OF,
    Cost,
    files_at,
    measured,
    mirror_parser,
    open_pinned,
    pair_paths,
    print_table,
    selected_repositories,
)

from goutbench.config import RepositoryConfig
from goutbench.curate.git.repository import Repository, read_environment
from goutbench.curate.sources.source import Entry, GitSource, SourceLocations, open_source


def main() -> None:
    parser = mirror_parser(__doc__)
    parser.add_argument("question", choices=("table", "read", "whole", "memory"))
    parser.add_argument(
        "--sample", type=int, default=0, help="files per repository that GitPython is asked for; 0: all"
    )
    parser.add_argument("--repeat", type=int, default=3, help="number of runs; the median counts")
    parser.add_argument("--workers", type=int, action="append", default=[])
    options = parser.parse_args()
    {"table": table, "read": read, "whole": full_run, "memory": memory}[options.question](options)


def run_curate(options: argparse.Namespace, out: Path, workers: int) -> subprocess.Popen[bytes]:
    config = out.with_suffix(".yaml")
    entries = [
        {"name": pinned.name, "source": pinned.name, "as_of": AS_OF}
        for pinned in selected_repositories(options)
    ]
    config.write_text(json.dumps({"repositories": entries}))  # JSON is YAML
    command = [sys.executable, "-m", "goutbench", "curate", str(config), "--out", str(out), "--json"]
    flags = ["--mirror", str(options.mirror), "--workers", str(workers)]
    return subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def table(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = run_curate(options, Path(folder) / "dataset", 2)
        printed = json.loads(process.communicate()[0])
    results = {result["repository"]: result for result in printed["repositories"]}
    rows = [
        (
            pinned.name,
            pinned.pairs,
            results[pinned.name]["pairs"],
            results[pinned.name]["revision"] == pinned.commit,
        )
        for pinned in selected_repositories(options)
    ]
    print_table(("repository", "paper", "goutbench", "commit as expected"), rows)
    sys.exit(any(paper != pairs or not commit for _, paper, pairs, commit in rows))


# ── reading content ───────────────────────────────────────────────────────────────────────────────


def read(options: argparse.Namespace) -> None:
    rows = []
    totals = [Cost(0, 0)] * 2
    for pinned in selected_repositories(options):
        config = RepositoryConfig(name=pinned.name, source=pinned.name, revision=pinned.commit)
        source = open_source(
            config, SourceLocations((), options.mirror, options.mirror), None, lambda what: None
        )
        assert isinstance(source, GitSource)
        blobs = files_at(source.repository, pinned.commit)
        entries = [Entry(path, "file", blobs[path]) for path in pair_paths(blobs)]
        ours, raw = [], []
        for _ in range(options.repeat):
            raw.append(measured(lambda: cat(source.repository, entries))[1])  # noqa: B023
            ours.append(measured(lambda: drain(source, entries))[1])  # noqa: B023
        costs = [Cost(statistics.median(run.cpu for run in runs), 0) for runs in (ours, raw)]
        totals = [total + cost for total, cost in zip(totals, costs, strict=True)]
        rows.append((pinned.name, len(entries), *_ratio(*costs)))
    rows.append(("all", sum(int(row[1]) for row in rows), *_ratio(*totals)))
    print_table(("repository", "files", "read, s CPU", "cat-file --batch, s CPU", "ratio"), rows)


def _ratio(ours: Cost, raw: Cost) -> tuple[str, str, str]:
    return f"{ours.cpu:.3f}", f"{raw.cpu:.3f}", f"{ours.cpu / raw.cpu:.2f}"


def drain(source: GitSource, entries: Sequence[Entry]) -> None:
    for content in source.read(entries, most=10_000_000):
        assert content.state == "present"


def cat(repository: Repository, entries: Sequence[Entry]) -> None:
    """Read the same blobs with git alone, through a pipe, and discard them."""
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{entry.key}\n" for entry in entries).encode())
        asked.seek(0)
        command = ["git", "--git-dir", str(repository.git_dir), "cat-file", "--batch"]
        with subprocess.Popen(
            command, stdin=asked, stdout=subprocess.PIPE, env=read_environment()
        ) as process:
            assert process.stdout is not None
            while process.stdout.read(2**20):
                pass


# ── a full run ─────────────────────────────────────────────────────────────────────────────────


def full_run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for number in range(options.repeat):
            process, spent = measured(lambda: _ended(run_curate(options, Path(folder) / f"{number}", 1)))  # noqa: B023
            assert process.returncode == 0
            runs.append(spent)
        ours = Cost(statistics.median(run.cpu for run in runs), statistics.median(run.wall for run in runs))
        rows = []
        total = Cost(0, 0)
        for pinned in selected_repositories(options):
            repository = open_pinned(pinned, options.mirror)
            checkout, asked, written = plain_curate.curate(
                pinned.name, repository.git_dir, pinned.commit, Path(folder) / "plain", options.sample
            )
            cost = checkout + asked + written
            total += cost
            rows.append(
                (pinned.name, *(f"{part.cpu:.1f}" for part in (checkout, asked, written)), f"{cost.cpu:.1f}")
            )
            print("|", " | ".join(map(str, rows[-1])), "|", flush=True)
    head = ("plain script", "check out, pair, s CPU", "GitPython", "read, licence, write", "total")
    print_table(head, rows)
    print(f"\nplain script: {total}\ngoutbench curate, one worker: {ours}")
    print(f"ratio: {total.cpu / ours.cpu:.1f} by CPU time, {total.wall / ours.wall:.1f} by wall clock")


def _ended(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    process.communicate()
    return process


# ── memory ────────────────────────────────────────────────────────────────────────────────────────


def memory(options: argparse.Namespace) -> None:
    rows = []
    for workers in options.workers or [1, 2]:
        with tempfile.TemporaryDirectory() as folder:
            process = run_curate(options, Path(folder) / "dataset", workers)
            peak, private = watch(process)
            assert process.returncode == 0
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        rows.append((workers, f"{peak:.0f}", f"{private:.0f}", f"{largest:.0f}"))
    print_table(
        ("workers", "peak PSS, MB", "peak without mapped files, MB", "largest single process, MB"), rows
    )


def watch(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """The largest sums in MB: of PSS, and of PSS without mapped files (packs, libraries)."""
    peak = private = 0.0
    while process.poll() is None:
        sizes = [pss(pid) for pid in family(process.pid)]
        peak = max(peak, sum(size for size, _ in sizes))
        private = max(private, sum(size - mapped for size, mapped in sizes))
        time.sleep(0.1)
    return peak, private


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    pids = [pid]
    for parent in pids:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            pids += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:  # the process has just ended
            continue
    return pids


def pss(pid: int) -> tuple[float, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
    return sizes["Pss:"], sizes["Pss_File:"]


if __name__ == "__main__":
    main()
