"""Batch files: the requests of an online run, and the records that their results become."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from judging import MARKS_OF_INSPECT
from shaky_server import TEST, reply
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.generate.complete import completion_task
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import calls_of
from goutbench.inference.batch import requests
from goutbench.inference.batch.replies import BatchReplies
from goutbench.inference.calls import Call
from goutbench.inference.models import Server
from goutbench.records import Completion

pytestmark = MARKS_OF_INSPECT

MODEL = "openai-api/shaky/m"
REFUSED = {"Double2(": "no such setting", "Double3(": "maximum context length is 10 tokens"}


class Recorder:
    """A server of OpenAI's API on loopback, which records the body of every request."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                recorder.bodies.append(body)
                status, content = respond(body)
                payload = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def run_batch(self, files: list[Path], results: Path) -> Path:
        """Send each line of request files, as a batch service does, and write the result file."""
        lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
        results.write_text("".join(json.dumps(self._run(line)) + "\n" for line in reversed(lines)))
        return results

    def _run(self, line: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(line["body"]).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            self.origin + line["url"], data=data, headers=headers, method=line["method"]
        )
        try:
            with urllib.request.urlopen(request) as response:
                status, body = response.status, json.load(response)
        except urllib.error.HTTPError as error:
            status, body = error.code, json.load(error)
        response = {"status_code": status, "request_id": "r", "body": body}
        return {"id": "b", "custom_id": line["custom_id"], "response": response, "error": None}


def respond(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    asked = body["messages"][-1]["content"]
    for name, message in REFUSED.items():
        if f"func {name}" in asked:
            code = "context_length_exceeded" if "length" in message else "invalid_request"
            return 400, {"error": {"message": message, "code": code}}
    if "func Double4(" in asked:
        return 200, reply(TEST[:60], "length")
    return 200, reply("" if "func Double7(" in asked else TEST.replace("It", f"é{len(asked)}"), "stop")


@pytest.fixture
def server() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.server.shutdown()
    recorder.server.server_close()
    recorder.thread.join()


def goutbench(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["generate", *map(str, arguments)], catch_exceptions=True)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.stdout


def records(out: Path) -> dict[str, Any]:
    tables = {name: read_table(out / f"{name}.parquet").to_pylist() for name in ("prompts", "candidates")}
    completions = read_table(out / "completions.parquet").drop_columns(["seconds"]).to_pylist()
    return tables | {"completions": completions, "run": json.loads((out / "run.json").read_text())}


def test_exported_requests_are_those_of_an_online_run_and_their_results_become_its_records(
    dataset: Path, tmp_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_REQUESTS", 9)
    options = [
        dataset, "--model", MODEL, "--samples", "2", "--temperature", "0.5",
        "--prompt", "paper", "--examples", "0", "--shard", "2/2",
    ]  # fmt: skip
    online, out = tmp_path / "online", tmp_path / "out"
    goutbench(*options, "--out", online, "--base-url", f"{server.origin}/v1", "-M", "api_key=x")
    sent, server.bodies = server.bodies, []
    printed = json.loads(goutbench(*options, "--out", out, "--export-batch", tmp_path / "b.jsonl", "--json"))
    files = [Path(file) for file in printed["files"]]
    assert [file.name for file in files] == ["b-001.jsonl", "b-002.jsonl"]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert printed["requests"] == len(lines) == len(sent)
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert len({line["custom_id"] for line in lines}) == len(lines)
    key = lambda body: json.dumps(body, sort_keys=True)  # noqa: E731
    assert sorted(key(line["body"]) for line in lines) == sorted(map(key, sent))
    assert not out.exists()
    results = server.run_batch(files, tmp_path / "results.jsonl")
    goutbench(*options, "--out", out, "--import-batch", results)
    assert records(out) == records(online)
    assert {row["error"] for row in records(out)["completions"]} == {
        "", "context-overflow", "model-error", "truncated", "empty",
    }  # fmt: skip
    assert set(read_table(out / "completions.parquet")["seconds"].to_pylist()) == {0.0}


def test_missing_replies_are_named_and_asked_for_by_a_second_batch(
    dataset: Path, tmp_path: Path, server: Recorder
) -> None:
    options = [dataset, "--model", MODEL, "--out", tmp_path / "out"]
    export = tmp_path / "first.jsonl"
    goutbench(*options, "--export-batch", export)
    first = [json.loads(line) for line in server.run_batch([export], tmp_path / "r").read_text().splitlines()]
    lines = first[: len(first) // 2]
    expired, missing = first[-1], [line["custom_id"] for line in first[len(lines) : -1]]
    expired["response"], expired["error"] = None, {"code": "batch_expired", "message": "too late"}
    results, errors = tmp_path / "results.jsonl", tmp_path / "errors.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    errors.write_text(json.dumps(expired) + "\n")
    printed = goutbench(*options, "--import-batch", results, "--import-batch", errors)
    assert "failed calls: " in printed
    details = {
        row["detail"] for row in records(tmp_path / "out")["completions"] if row["error"] == "model-error"
    }
    assert "batch_expired: too late" in details
    assert {f"the batch files have no reply to {id}" for id in missing} <= details

    again = tmp_path / "again.jsonl"
    goutbench(*options, "--export-batch", again)
    asked = {json.loads(line)["custom_id"] for line in again.read_text().splitlines()}
    answered = {line["custom_id"] for line in lines if line["response"]["status_code"] == 200}
    assert asked == {line["custom_id"] for line in first} - answered
    assert {*missing, expired["custom_id"]} <= asked
    goutbench(*options, "--import-batch", server.run_batch([again], tmp_path / "results-2.jsonl"))
    goutbench(dataset, "--model", MODEL, "--out", tmp_path / "online",
              "--base-url", f"{server.origin}/v1", "-M", "api_key=x")  # fmt: skip
    assert records(tmp_path / "out") == records(tmp_path / "online")


def result(id: str, **fields: Any) -> dict[str, Any]:
    response = {"status_code": 200, "request_id": "r", "body": reply(TEST, "stop")}
    return {"id": "b", "custom_id": id, "response": response, "error": None} | fields


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([result("a"), result("a")], "the custom_id 'a' is also at "),
        ([result("a", response=None)], "neither a response nor an error"),
        ([result("")], "without custom_id"),
        ([{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}], "a request, not"),
        (["text"], "not a JSON object"),
    ],
)
def test_a_damaged_result_file_is_refused_with_its_line(
    lines: list[Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ConfigError, match=message) as caught:
        BatchReplies.read([path])
    assert caught.value.where == f"{path}:{len(lines)}"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, {"choices": []}, ""),
        (200, {"error": {"code": "server_error", "message": "out of memory"}}, "server_error: out of memory"),
        (200, {}, "status 200 without an answer"),
        (302, {"choices": []}, "status 302 without an answer"),
    ],
)
def test_a_response_that_is_no_answer_has_a_reason(
    status: int, body: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(result("a", response={"status_code": status, "body": body})) + "\n")
    assert BatchReplies.read([path]).by_id["a"].reason == reason


@pytest.mark.parametrize(
    ("ids", "message"),
    [(["x"], "the results are of another run"), (["k", "x"], "1 of 2 results are to no request .* 'x'")],
)
def test_results_of_another_run_are_refused(ids: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(result(id)) + "\n" for id in ids))
    with pytest.raises(ConfigError, match=message):
        BatchReplies.read([path]).check({"k"})


def test_a_refusal_as_vllm_writes_it_is_the_response_of_a_server(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    refusal = {"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}}
    response = {"status_code": 400, "request_id": "vllm-batch-1", "body": None}
    path.write_text(json.dumps(result("a", response=response, error=refusal)) + "\n")
    read = BatchReplies.read([path]).by_id["a"]
    assert (read.status, read.body, read.reason) == (400, refusal, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "hf/nobody/nothing"], "the format of OpenAI's API"),
        (["--model", "baseline/smoke"], "a baseline needs no requests"),
        (["--model", MODEL, "--rounds", "2"], "a round's requests depend"),
        (["--model", MODEL, "--window", "1"], "no request is left"),
    ],
)
def test_what_batch_files_cannot_do_is_an_error(
    options: list[str], message: str, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        goutbench(dataset, *options, "--out", tmp_path / "out", "--export-batch", tmp_path / "b.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset"]


def test_a_file_of_requests_is_not_replaced_and_none_is_left_by_an_error(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    with suppress(ZeroDivisionError), requests.RequestFiles(path) as files:
        files.add(b"{}\n")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
    with requests.RequestFiles(path) as files:
        files.add(b"{}\n")
    assert path.read_bytes() == b"{}\n"
    with pytest.raises(ConfigError, match="the file exists"), requests.RequestFiles(path):
        pass


def test_a_request_that_two_items_share_is_written_once(dataset: Path, tmp_path: Path) -> None:
    def twice(name: str) -> list[Call[Completion]]:
        return [call for call in calls_of(items, name, options) for _ in range(2)]

    options = GenerateOptions(limit=2)
    items = read_items(dataset, options)
    path = tmp_path / "b.jsonl"
    _, count = requests.write_requests(completion_task(options), twice, path, MODEL, Server())
    ids = [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == count == 2
