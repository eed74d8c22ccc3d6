"""CPU time and memory of `goutbench curate` on many small repositories, or on a large one.

    python benchmarks/bench_curate_many.py --small 500 [--workers 2]
    python benchmarks/bench_curate_many.py --source DIR [--workers 1]

--small writes so many synthetic git repositories, of 20 commits and a dozen Go files each. --source is a git
directory, of which the newest commit is curated. The memory of a worker is the largest sum of proportional
set sizes (PSS) of its process and its git processes, sampled ten times a second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_curate import family, pss
from bench_synthetic import make
from seven import measured


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=0, metavar="N")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = [options.source] if options.source else small_repositories(folder, options.small)
        commits = sum(count_commits(source) for source in sources)
        config = folder / "repos.yaml"
        entries = [
            {"name": f"bench/r{number}", "source": str(source.resolve())}
            for number, source in enumerate(sources)
        ]
        config.write_text(json.dumps({"repositories": entries}))  # JSON is YAML
        command = [sys.executable, "-m", "goutbench", "curate", str(config), "--json"]
        command += ["--out", str(folder / "dataset"), "--workers", str(options.workers)]
        (pairs, peaks), cost = measured(lambda: run(command))
    print(f"{len(sources):,} repositories, {commits:,} commits, {pairs:,} pairs, {options.workers} workers")
    print(f"{cost.cpu:.1f} s CPU, {1000 * cost.cpu / len(sources):.0f} ms for each repository")
    print("peak PSS in MB: " + ", ".join(f"{name} {size:.0f}" for name, size in peaks.items()))


def small_repositories(folder: Path, count: int) -> list[Path]:
    sources = [folder / f"small-{number}.git" for number in range(count)]
    for source in sources:
        make(source, commits=20, files=12)
    return sources


def count_commits(source: Path) -> int:
    command = ["git", "--git-dir", str(source), "rev-list", "--count", "HEAD"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(command: list[str]) -> tuple[int, dict[str, float]]:
    """The number of pairs, and the peaks; the command itself works where there is one worker."""
    result = Path(command[command.index("--out") + 1]).with_name("result.json")
    with result.open("w") as file:  # a pipe that nobody reads meanwhile would stop the command
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
    peaks = {"all": 0.0, "command": 0.0, "worker": 0.0}
    while process.poll() is None:
        pids = family(process.pid)
        own, sizes = pss(process.pid)[0], {pid: pss(pid)[0] for pid in pids}
        children = [pid for pid in pids if parent(pid) == process.pid]
        workers = [sum(sizes.get(pid, 0.0) for pid in family(child)) for child in children]
        peaks["all"] = max(peaks["all"], sum(sizes.values()))
        peaks["command"] = max(peaks["command"], own)
        one = "--workers" in command and command[-1] == "1"
        peaks["worker"] = max(peaks["worker"], sum(sizes.values()) if one else max(workers, default=0.0))
        time.sleep(0.1)
    assert process.returncode == 0
    return json.loads(result.read_text())["pairs"], peaks


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:  # the process has just ended
        return 0


if __name__ == "__main__":
    main()
