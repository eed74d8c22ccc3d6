"""Is the reference solution of every task valid? Proves tasks of a kind, then scores the references again.

    bench_tasks.py KIND DATASET OUT [--repos DIR] [--count 50] [--work DIR] [--mutants 60]

Calls the command line as users do: `tasks --kind KIND`, then `generate --model baseline/reference --tasks`
and `execute --tasks` in a folder of their own, so that nothing of the proof is used again. Prints how many
tasks there are, how many references reach their ceiling, and the CPU seconds. A killed run resumes.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

from goutbench.dataset.reading import read_records
from goutbench.tasks.score import TaskResult
from goutbench.tasks.table import read_tasks


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["extend", "repair", "reproduce"])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--repos", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--mutants", type=int, default=60)
    parser.add_argument("--min-killed", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    tasks, run = arguments.out / "tasks", arguments.out / "run"
    folders = [
        argument
        for name in ("repos", "work")
        if (value := getattr(arguments, name)) is not None
        for argument in (f"--{name}", str(value))
    ]
    execution = [
        *folders,
        "--workers",
        "1",
        "--repeat",
        str(arguments.repeat),
        "--mutants",
        str(arguments.mutants),
    ]
    goutbench(
        "tasks", arguments.dataset, "--kind", arguments.kind, "--out", tasks, "--count", arguments.count,
        "--min-killed", arguments.min_killed, "--prepare", *execution,
    )  # fmt: skip
    dataset = tasks / "dataset" if arguments.kind == "reproduce" else arguments.dataset
    goutbench("generate", dataset, "--tasks", tasks, "--model", "baseline/reference", "--out", run)
    candidates = run / "candidates.parquet"
    mutants = execution[:-2] if arguments.kind == "reproduce" else execution
    goutbench("execute", candidates, "--dataset", dataset, "--tasks", tasks, "--out", run, *mutants)
    results = read_records(run / "task_results.parquet", TaskResult)
    valid = [r for r in results if r.solved and r.score is not None and r.score >= r.ceiling - 1e-9]
    rows = read_tasks(tasks)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({
        "kind": arguments.kind,
        "tasks": len(rows),
        "repositories": len({row.repository for row in rows}),
        "valid": len(valid),
        "not valid": {r.task_id: r.reason for r in results if r not in valid},
        "left out": json.loads((tasks / "manifest.json").read_text())["excluded"],
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
    }, indent=2))  # fmt: skip
    return int(len(valid) < len(rows))


def goutbench(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "goutbench", *map(str, arguments)], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
