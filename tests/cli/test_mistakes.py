"""Twelve typical mistakes: each ends in one message with cause and hint, and with its exit code."""

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from judging import make_pair, write_dataset
from reporting import PASSED, write_run

from goutbench.cli import main
from goutbench.golang.toolchain import installation

Prepare = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mistake:
    """A command line in a folder with a dataset and a run, and what it ends with."""

    name: str
    command: str
    code: int
    cause: str
    hint: str
    prepare: Prepare = lambda monkeypatch: None


def _without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(installation, "_go_in_wheel", lambda: iter(()))


def _without_altair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)


def _without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{_closed_port()}")


def _full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can be larger than 512 bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))


def _closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


MISTAKES = (
    Mistake("wrong path", "split nowhere", 4, "nowhere: no such folder", "goutbench curate --out"),
    Mistake(
        "no key", "generate dataset --model openai/gpt-4o", 2, "OPENAI_API_KEY", "set the variable",
        _without_key,
    ),
    Mistake(
        "no Go", "execute run/candidates.parquet --out run", 6, "Go", "install Go", _without_go
    ),
    Mistake("no extra", "report run", 6, "'altair'", "pip install 'goutbench[report]'", _without_altair),
    Mistake("YAML typo", "curate repos.yaml --out new", 2, "repos.yaml:2", "spelling"),
    Mistake(
        "unknown split", "generate dataset --model scripted/echo --split dev", 2, "no split 'dev'",
        "goutbench split",
    ),
    Mistake(
        "closed port", "generate dataset --model openai-api/local/m --base-url http://127.0.0.1:PORT/v1", 1,
        "Connection refused", "start the server",
    ),
    Mistake("foreign out folder", "report run --out notes.html", 2, "notes.html", "give another --out"),
    Mistake(
        "wrong dataset", "report run --dataset wrong --out new.html", 4, "not in the dataset",
        "the dataset that the runs were made from",
    ),
    Mistake("offline hub", "generate dataset --model hf/org/model", 2, "org/model", "hf/FOLDER", _offline),
    Mistake(
        "full disk", "generate dataset --model baseline/reference --out new", 5, "File too large",
        "free some space", _full_disk,
    ),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a dataset, another one, a run of the first, and files of the user."""
    pairs = [make_pair(number) for number in range(3)]
    write_dataset(tmp_path / "dataset", pairs)
    write_dataset(tmp_path / "wrong", [make_pair(9)])
    write_run(tmp_path / "run", "m", pairs, lambda number: PASSED)
    (tmp_path / "run" / "executions.parquet").unlink()
    (tmp_path / "notes.html").write_text("my notes")
    (tmp_path / "repos.yaml").write_text("repositories:\n- {name: o/r, sorce: code.git}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # of Inspect, torch and transformers
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_ends_in_one_message_with_cause_hint_and_exit_code(
    folder: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = mistake.command.replace("PORT", str(_closed_port())).split()
    monkeypatch.setattr(sys, "argv", ["goutbench", *words])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    mistake.prepare(monkeypatch)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    message = capfd.readouterr().err
    assert ended.value.code == mistake.code, message
    assert message.count("error: ") == 1
    _, text = message.split("error: ")
    what, hint = text.split("\n  hint: ")
    assert mistake.cause in what
    assert mistake.hint in hint
    assert "Traceback" not in message


def _heed_interrupts() -> None:
    """Jobs in the background of a shell ignore interrupts, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_with_130_and_how_to_go_on(folder: Path) -> None:
    (folder / "slow.jsonl").write_text(json.dumps({"contains": "", "reply": "", "seconds": 60}) + "\n")
    command = [sys.executable, "-m", "goutbench", "generate", "dataset", "--model", "scripted/slow.jsonl"]
    settings: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": _heed_interrupts}
    with subprocess.Popen([*command, "--out", "new"], **settings) as process:
        while not (folder / "new" / "logs").is_dir() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=120)
    assert process.returncode == 130
    assert message.rstrip().endswith("interrupted: the same command resumes")
    assert "Traceback" not in message
