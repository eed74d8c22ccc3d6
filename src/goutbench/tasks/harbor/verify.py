"""The verdict on an agent's answer, in the container of the judge: writes Harbor's `reward.json`.

    python3 -m goutbench.tasks.harbor.verify [--prepare] [--tests /tests] [--root /] [--out /logs/verifier]

With --prepare, downloads modules while the image is built. `reward` is the score of the task, from 0 to 1;
beside it are `solved` and the parts of `execute/reward/parts.py`. An infrastructure error writes no reward
and ends with 3: the trial has no result, rather than a bad one.
"""

import argparse
import json
import os
import stat
import sys
from pathlib import Path

from goutbench.dataset.json_lines import clean_text
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import write_json
from goutbench.errors import GoutbenchError
from goutbench.execute.evaluate import evaluate
from goutbench.execute.inputs import read_locations, read_settings
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward.parts import parts_of
from goutbench.execute.stage import run_prepare, run_stage
from goutbench.locations import TASKS
from goutbench.records import Execution
from goutbench.tasks.kinds.kind import Job
from goutbench.tasks.kinds.reproduce import options_before_fixes
from goutbench.tasks.score import read_task_manifest, score_run
from goutbench.tasks.task import VerifiedTask

_MOST_BYTES = 1 << 20
_MUTANTS = 60
_LIMIT_SECONDS = 600.0
_NO_RESULT = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--tests", type=Path, default=Path("/tests"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="the folder that has app")
    parser.add_argument("--out", type=Path, default=Path("/logs/verifier"))
    parser.add_argument("--work", type=Path, default=Path("/work"))
    arguments = parser.parse_args()
    tests = arguments.tests
    try:
        if arguments.prepare:
            for line in run_prepare(tests / "dataset", tests / "repositories", work=arguments.work):
                print(line)
            return 0
        (task,) = read_records(tests / "tasks" / TASKS, VerifiedTask)
        answer = read_answer(arguments.root / "app" / task.test_path)
        return judge(tests, task, answer, arguments.out, arguments.work)
    except GoutbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return _NO_RESULT


def read_answer(path: Path) -> str:
    """The agent's test file; empty where there is none, or where it is no regular file of a sane size."""
    try:
        # an agent's file may be a link, a pipe or a device
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
            return ""
        return clean_text(file.read(_MOST_BYTES).decode("utf-8", "surrogateescape"))


def judge(tests: Path, task: VerifiedTask, answer: str, out: Path, work: Path) -> int:
    """Execute an answer, and write its reward and the records of its executions."""
    dataset, repositories, run = tests / "dataset", tests / "repositories", out / "run"
    proof = read_task_manifest(tests / "tasks").get("proof") or {}
    mutants = proof.get("mutants", _MUTANTS)
    options = ExecuteOptions(
        mutants=mutants,
        seed=proof.get("seed", 1),
        repeat=max(proof.get("repeat", 3), 2),
        siblings=proof.get("siblings", "all"),
        ignore_texts=proof.get("ignore_texts", False),
        short=proof.get("short", False),
        hide_focal=task.kind == "reproduce",
    )
    candidates = run / "candidates.jsonl"
    run.mkdir(parents=True, exist_ok=True)
    row = {"pair_id": task.pair_id, "model": "agent", "code": answer, "focal": list(task.focal)}
    candidates.write_text(json.dumps(row) + "\n", "utf-8")
    (record,) = run_stage(candidates, dataset, repositories, run, options=options, work=work)

    def execute(jobs: "list[Job]") -> list[Execution]:
        locations = {location.id: location for _, location in jobs}
        return evaluate(
            [candidate for candidate, _ in jobs], {**read_locations(dataset), **locations},
            repositories=repositories, out=run, options=options_before_fixes(options), work=work,
            settings=read_settings(dataset), retry_alone=True,
        )  # fmt: skip

    (result,) = score_run(tests / "tasks", dataset, run, candidates, lambda jobs: execute([*jobs]))
    parts = parts_of(record, _LIMIT_SECONDS)
    print(f"{result.status} {result.reason}\n{record.evidence}"[:4000])
    if result.score is None or parts is None:
        return _NO_RESULT
    reward = {"reward": result.score, "solved": float(result.solved), "ceiling": result.ceiling}
    write_json(out / "reward.json", reward | parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
