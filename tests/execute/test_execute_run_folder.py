"""A run folder has the results of one run, and a run that is ended leaves no process behind."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judging import make_pair, write_dataset

from goutbench.errors import ConfigError
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.records import Execution

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
TEST = 'package calc\n\nimport "testing"\n\nfunc Test{name}(t *testing.T) {{ {statement} }}\n'
WAIT = "for { Add(1, 1) }"
Stage = Callable[..., list[Execution]]


@pytest.fixture
def repositories(machine: Machine) -> Path:
    folder = machine.workspace.trees / "plain"
    if not (folder / "example" / "calc").exists():
        shutil.copytree(CALC, folder / "example" / "calc")
    return folder


def make_dataset(folder: Path, pair_id: str = "calc", repository: str = "example/calc") -> Path:
    pair = replace(
        make_pair(0), id=pair_id, repository=repository, code_path="calc.go", test_path="calc_test.go"
    )
    return write_dataset(folder, [pair])


def write_candidates(path: Path, *names: str, pair: str = "calc", statement: str = "Add(1, 1)") -> Path:
    codes = [TEST.format(name=name, statement=statement) for name in names]
    lines = [json.dumps({"pair_id": pair, "model": "m", "code": code}) for code in codes]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def stage(machine: Machine, repositories: Path, tmp_path: Path) -> Stage:
    dataset = make_dataset(tmp_path / "dataset")
    make_dataset(tmp_path / "other", "other", "example/missing")

    def run(
        *names: str, pair: str = "calc", file: str = "candidates.jsonl", data: Path = dataset,
        out: str = "run", reference: bool = False, **options: int,
    ) -> list[Execution]:  # fmt: skip
        candidates = write_candidates(tmp_path / file, *names, pair=pair)
        return run_stage(
            candidates, data, repositories, tmp_path / out, work=machine.workspace.root, reference=reference,
            options=ExecuteOptions(**{"repeat": 1, **options}),  # type: ignore[arg-type]
        )  # fmt: skip

    return run


def test_the_same_run_may_resume_and_grow_and_no_other_run_replaces_its_results(
    stage: Stage, tmp_path: Path
) -> None:
    assert len(stage("A")) == 1
    assert len(stage("A", "B")) == 2
    assert len(stage("B", "A", file="copy.jsonl")) == 2
    results = (tmp_path / "run" / "executions.parquet").read_bytes()
    other: list[tuple[str, Callable[[], object]]] = [
        ("mutants is 3 and was None", lambda: stage("A", "B", file="copy.jsonl", mutants=3)),
        ("another dataset", lambda: stage("A", "B", pair="other", data=tmp_path / "other")),
        ("1 of its 2 candidates are not among these", lambda: stage("A", "C", file="third.jsonl")),
        ("results of another run: candidates", lambda: stage("A", "B", reference=True)),
    ]
    for message, run in other:
        with pytest.raises(ConfigError, match=message):
            run()
        assert (tmp_path / "run" / "executions.parquet").read_bytes() == results
    assert len(stage("C", file="copy.jsonl")) == 1, "a file that was written anew is still the run's"


def test_results_never_go_into_a_dataset(stage: Stage, tmp_path: Path) -> None:
    before = sorted((tmp_path / "dataset").rglob("*"))
    for out in ("dataset", "dataset/run", "other/a/b"):
        with pytest.raises(ConfigError, match="--out is in the dataset"):
            stage("A", out=out)
    (tmp_path / "link").symlink_to("dataset")
    with pytest.raises(ConfigError, match="--out is in the dataset"):
        stage("A", out="link")
    assert sorted((tmp_path / "dataset").rglob("*")) == before


def test_a_file_of_another_datasets_candidates_is_an_error(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has the pair of none of the 2 candidates"):
        stage("A", "B", pair="unknown")
    with pytest.raises(ConfigError, match="has the pair of none of the 1 candidates"):
        stage("A", pair="unknown", reference=True)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def command(stage: Stage, repositories: Path, machine: Machine, tmp_path: Path) -> list[str]:
    """Executes six candidates that never end, with two workers; all that they need is compiled."""
    stage("Warm", out="warm")
    candidates = write_candidates(tmp_path / "endless.jsonl", *"ABCDEF", statement=WAIT)
    return [
        sys.executable, "-m", "goutbench", "execute", str(candidates), "--dataset", str(tmp_path / "dataset"),
        "--repos", str(repositories), "--work", str(machine.workspace.root),
        "--out", str(tmp_path / "endless"),
        "--workers", "2", "--repeat", "1", "--test-seconds", "60",
    ]  # fmt: skip


def heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("sent", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_no_process_outlives_a_run_that_is_ended(sent: str, command: list[str]) -> None:
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    # tests that a shell runs in the background, or nohup, inherit that these are ignored
    with subprocess.Popen(command, **streams, preexec_fn=heed_signals) as process:
        below = started(process.pid)
        process.send_signal(signal.Signals[sent])
        # an interrupt may have to wait for what another worker compiles with an empty cache
        assert process.wait(400) in (130, -signal.Signals[sent])
        for _ in range(200):
            if not (left := [name for pid, name in below.items() if name and command_of(pid) == name]):
                return
            time.sleep(0.05)
        pytest.fail(f"still running: {left}")


def test_a_second_run_into_the_same_folder_is_refused(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            started(process.pid)
            second = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            process.kill()
    assert second.returncode == 5
    assert "another run is writing here" in second.stderr
    assert "Traceback" not in second.stderr


def started(pid: int) -> dict[int, str]:
    """The processes below a run, once a test and a helper are among them."""
    for _ in range(1200):
        names = dict(descendants(pid))
        if any(name.endswith("calc.test") for name in names.values()) and any(
            "gohelper" in n for n in names.values()
        ):
            return names
        time.sleep(0.05)
    pytest.fail(f"no test is running: {names}")


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return
    for thread in threads:
        try:
            children = [int(child) for child in (thread / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child, command_of(child)
            yield from descendants(child)


def command_of(pid: int) -> str:
    """The program of a process; empty once it has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if state == "Z" else str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""
