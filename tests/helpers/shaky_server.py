"""An OpenAI-compatible server on loopback that misbehaves, and records its requests."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEST = '```go\npackage p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {}\n```\n'


@dataclass
class Seen:
    """The requests by their last message, and the largest number of concurrent requests."""

    asked: Counter[str] = field(default_factory=Counter)
    flying: int = 0
    most_flying: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


Behave = Callable[[str, int], str]
"""From the last message, and how often it was sent before, to a kind of reply."""


@contextmanager
def shaky_server(behave: Behave, *, seconds: float = 0.0) -> Iterator[tuple[str, Seen]]:
    """Yields the base URL and the record of requests. Every reply takes `seconds`."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = body["messages"][-1]["content"]
            with seen.lock:
                before = seen.asked[asked]
                seen.asked[asked] += 1
                seen.flying += 1
                seen.most_flying = max(seen.most_flying, seen.flying)
            try:
                time.sleep(seconds)
                self.answer(behave(asked, before))
            finally:
                with seen.lock:
                    seen.flying -= 1

        def answer(self, kind: str) -> None:
            if kind in ("429", "500", "400"):
                headers = {"Retry-After": "0"} if kind == "429" else {}
                self.send(int(kind), json.dumps({"error": {"message": kind}}).encode(), headers)
            elif kind == "401":  # a gateway's, with the key and its own address
                told = f"no key {self.headers['Authorization']} at http://{self.headers['Host']}/"
                told += f" http://u:{self.headers['Authorization'].split()[-1]}@gateway/"
                self.send(401, json.dumps({"error": {"message": told}}).encode())
            elif kind == "surrogate":
                self.send(200, json.dumps(reply(TEST + "\ud800", "stop")).encode())
            elif kind == "detail":  # as FastAPI has it, and not as OpenAI
                self.send(400, json.dumps({"detail": "no model of that name"}).encode())
            elif kind == "too long":
                error = {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}
                self.send(400, json.dumps({"error": error}).encode())
            elif kind == "malformed":
                self.send(200, b'{"choices": [{"mess')
            elif kind == "wrong schema":
                self.send(200, b'{"choices": "none"}')
            elif kind == "no choice":
                self.send(200, json.dumps({**reply("", "stop"), "choices": []}).encode())
            elif kind == "cut off":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"id": "x"')
                self.close_connection = True
            else:
                text, stop = {"empty": ("", "stop"), "length": (TEST[:60], "length")}.get(
                    kind, (TEST, "stop")
                )
                self.send(200, json.dumps(reply(text, stop)).encode())

        def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(text: str, stop: str) -> dict[str, Any]:
    """A chat completion of OpenAI's API."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "shaky",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": stop}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
