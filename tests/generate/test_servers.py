"""Servers that cannot be reached, keys that are missing, the Hub without a network: one error, at once."""

import json
import os
import queue
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from judging import MARKS_OF_INSPECT, make_pair, write_dataset
from reporting import PASSED, write_run
from shaky_server import Seen, shaky_server
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate
from goutbench.inference import reach
from goutbench.inference.models import Server, open_model, plain_text
from goutbench.inference.reach import Patience, unreachable, without_hub

pytestmark = MARKS_OF_INSPECT
LOCAL = "openai-api/local/mine"


@pytest.fixture
def closed_port() -> str:
    """The address of a port of this machine on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


@pytest.mark.parametrize("model", [LOCAL, "openai/m"])
def test_a_closed_port_is_an_error_before_the_first_call(
    dataset: Path, tmp_path: Path, closed_port: str, model: str
) -> None:
    with pytest.raises(GoutbenchError, match="no server answers: Connection refused") as caught:
        generate(dataset, tmp_path / "run", model, GenerateOptions(), server=Server(closed_port))
    assert closed_port in str(caught.value)
    assert "start the server" in caught.value.hint
    assert caught.value.exit_code == 1


def test_a_server_that_answers_in_any_way_can_be_reached(closed_port: str) -> None:
    assert "refused" in unreachable(closed_port)
    assert unreachable("http://no-such-host.invalid/v1")
    with shaky_server(lambda asked, before: "good") as (url, _):
        assert unreachable(url) == ""


@pytest.mark.parametrize("model", [LOCAL, "openai/m"])
def test_a_local_server_needs_no_key(
    dataset: Path, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with shaky_server(lambda asked, before: "good") as (url, seen):
        generate(
            dataset, tmp_path / "run", model, GenerateOptions(limit=1),
            server=Server(url, {} if model == LOCAL else {"responses_api": False}),
        )  # fmt: skip
    assert seen.asked.total() == 1


def test_a_missing_key_is_named_without_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError) as caught:
        open_model("openai/gpt-4o", Server(), temperature=None)
    assert "OPENAI_API_KEY" in caught.value.what
    assert "[" not in caught.value.what
    assert "set the variable" in caught.value.hint
    assert plain_text("ERROR: a\n\n[bold][blue]b[/blue][/bold] [x]") == "a b [x]"


def test_an_unknown_provider_has_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        open_model("opnai/gpt-4o", Server(), temperature=None)
    assert "did you mean openai/" in caught.value.hint


def test_a_server_that_goes_down_ends_the_run_with_what_was_answered(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect repeats a call without end; here the next run asks again."""
    monkeypatch.setattr(reach, "_LATER_SECONDS", 0.0)
    enough, address, seen = threading.Event(), queue.Queue[str](), Seen()

    def behave(asked: str, before: int) -> str:
        if len(seen.asked) < 3:
            return "good"
        enough.set()
        time.sleep(1)  # until nothing listens any more
        return "cut off"

    def serve() -> None:
        with shaky_server(behave) as (url, requests):
            seen.asked = requests.asked
            address.put(url)
            enough.wait(60)

    server = threading.Thread(target=serve)
    server.start()
    script = [
        "generate",
        str(dataset),
        "--model",
        LOCAL,
        "--base-url",
        address.get(),
        "--connections",
        "1",
        "--limit",
        "5",
    ]
    done = CliRunner().invoke(app, [*script, "--out", str(tmp_path / "run")])
    server.join()
    assert done.exit_code == 0, done.output
    assert re.search(r"failed calls: 3 of 5 failed, such as: .*[Cc]onnect", done.stdout)


def test_a_server_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 30.0, 31.0, 32.0, 200.0])
    monkeypatch.setattr(reach.time, "monotonic", lambda: next(clock))
    patience, refused = Patience(), ConnectionRefusedError("no")
    assert [patience.ends(refused) for _ in range(3)] == [False, False, True]
    patience.answer()
    assert not patience.ends(TimeoutError("slow"))
    assert [patience.ends(refused) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("audit", [False, True])
def test_a_judge_that_answers_no_call_ends_with_its_message(tmp_path: Path, audit: bool) -> None:
    pairs = [make_pair(number) for number in range(3)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [str(write_run(tmp_path / name, name, pairs, lambda number: PASSED)) for name in ("a", "b")]
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"contains": "", "error": "the key is wrong"}) + "\n")
    arguments = ["judge", *runs, "--dataset", str(dataset), "--model", f"scripted_judge/{script}"]
    done = CliRunner().invoke(
        app, [*arguments, "--out", str(tmp_path / "out"), *(["--audit"] if audit else [])]
    )
    assert isinstance(done.exception, GoutbenchError)
    assert "the judge answered no call" in str(done.exception)
    assert "the key is wrong" in str(done.exception)
    assert not (tmp_path / "out" / "audit.json").exists()


def test_the_client_of_the_hub_retries_nothing_without_a_network(
    monkeypatch: pytest.MonkeyPatch, closed_port: str
) -> None:
    """Else it repeats each of its requests for 24 seconds."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", closed_port)
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    assert without_hub()
    assert constants.HF_HUB_OFFLINE
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with shaky_server(lambda asked, before: "good") as (url, _):
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "")
        assert not without_hub()
