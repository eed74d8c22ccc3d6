"""A real OpenAI-compatible server on loopback that misbehaves: each item ends as a verdict or an error."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from judging import make_judge, with_inspect

from goutbench.inference.models import Server
from goutbench.judge.options import JudgeOptions
from goutbench.judge.stage import judge
from goutbench.records import Verdict

LABEL = re.compile(r"^(\w+) is the candidate that was shown second", re.MULTILINE)
OFTEN = 99  # more often than it is asked again


class Handler(BaseHTTPRequestHandler):
    """Answers by the file that it is asked about, at first in that file's way, then well."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[dict[str, int]] = defaultdict(int)
    bodies: ClassVar[list[dict[str, Any]]] = []
    lock = threading.Lock()
    ways: ClassVar[dict[str, tuple[str, int]]] = {
        "f0.go": ("well", 0),
        "f1.go": ("limited", 1),
        "f2.go": ("broken", 1),
        "f3.go": ("wrong schema", OFTEN),
        "f4.go": ("malformed", OFTEN),
        "f5.go": ("no choice", OFTEN),
        "f6.go": ("truncated", OFTEN),
        "f7.go": ("silent", OFTEN),
        "f8.go": ("too long", OFTEN),
    }

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        name = next(name for name in self.ways if f"file: {name}\n" in prompt)
        with self.lock:
            self.bodies.append(body)
            self.asked[prompt] += 1
            way, times = self.ways[name]
            way = way if self.asked[prompt] <= times else "well"
        getattr(self, way.replace(" ", "_"))(prompt)

    def well(self, prompt: str, stop: str = "stop", text: str | None = None) -> None:
        (second,) = LABEL.findall(prompt)
        reply = json.dumps({"rationale": "So.", "winner": second}) if text is None else text
        message = {"role": "assistant", "content": reply}
        self.send(200, self.completion([{"index": 0, "message": message, "finish_reason": stop}]))

    def limited(self, prompt: str) -> None:
        self.send(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})

    def broken(self, prompt: str) -> None:
        self.send(500, {"error": {"message": "it broke"}})

    def wrong_schema(self, prompt: str) -> None:
        self.well(prompt, text='{"verdict": "B", "confidence": 1}')

    def malformed(self, prompt: str) -> None:
        self.send_bytes(200, b'{"id": "x", "choices": [{"mess')

    def no_choice(self, prompt: str) -> None:
        self.send(200, self.completion([]))

    def truncated(self, prompt: str) -> None:
        self.well(prompt, "length", '{"rationale": "The first')

    def silent(self, prompt: str) -> None:
        self.well(prompt, text="")

    def too_long(self, prompt: str) -> None:
        message = "This model's maximum context length is 4096 tokens."
        self.send(400, {"error": {"message": message, "code": "context_length_exceeded"}})

    def completion(self, choices: list[Any]) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        base = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
        return {**base, "choices": choices, "usage": usage}

    def send(self, status: int, content: Any) -> None:
        self.send_bytes(status, json.dumps(content).encode())

    def send_bytes(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Handler.asked.clear()
    Handler.bodies.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@with_inspect
def test_every_item_ends_as_a_verdict_or_a_classified_error(
    address: str, runs: tuple[Path, Path], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOP_API_KEY", "none")
    server = Server(base_url=address, connections=4, retries=3)
    options = JudgeOptions()
    asked = [make_judge(model="openai-api/loop/m")]
    result = judge(runs, dataset, tmp_path / "out", asked, options, server)
    path = {match.id: item.path for match, item in zip(result.matches, result.comparisons, strict=True)}
    by_file: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in result.verdicts:
        by_file[path[verdict.match_id]].append(verdict)
    ended = {name: {verdict.error for verdict in own} for name, own in sorted(by_file.items())}
    assert ended == {
        "f0.go": {""},
        "f1.go": {""},
        "f2.go": {""},
        "f3.go": {"unreadable"},
        "f4.go": {"model-error"},
        "f5.go": {"model-error"},
        "f6.go": {"unreadable"},
        "f7.go": {"unreadable"},
        "f8.go": {"context-overflow"},
    }
    assert {verdict.input_tokens for verdict in by_file["f0.go"]} == {7}
    schema = Handler.bodies[0]["response_format"]["json_schema"]
    assert list(schema["schema"]["properties"]) == ["rationale", "winner"]
    before = len(Handler.bodies)
    judge(runs, dataset, tmp_path / "out", asked, options, server)
    asked_again = [body["messages"][-1]["content"] for body in Handler.bodies[before:]]
    assert {name for name in ended for prompt in asked_again if f"file: {name}\n" in prompt} == {
        "f4.go",
        "f5.go",
    }
