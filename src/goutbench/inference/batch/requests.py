"""Writes the requests of calls in the OpenAI Batch format: JSON Lines, in files as large as the API takes."""

import glob
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import anyio

from goutbench.dataset.store import storage_error
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.inference.batch.offline import open_offline
from goutbench.inference.calls import Call, CallTask, chat, error_text
from goutbench.inference.models import Server, stdout_to_stderr

MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000
"""The limits of one input file: https://platform.openai.com/docs/guides/batch."""

_REFUSAL = {"error": {"message": "the request is written to a file", "code": "not_sent"}}


class RequestFiles:
    """Files of requests: one of the given name, or NAME-001, NAME-002, … where it would exceed a limit.

    Use it as a context manager. The names appear at its end, when everything is written. Raises ConfigError
    where one exists, since its requests may be at work, and StorageError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.written: list[Path] = []
        self._path = path
        self._parts: list[Path] = []
        self._file: IO[bytes] | None = None
        self._requests = self._bytes = 0

    def __enter__(self) -> Self:
        path = self._path
        if path.is_dir():
            hint = "give the name of a file"
            raise ConfigError("a folder, not a file", where=f"--export-batch {path}", hint=hint)
        numbered = sorted(
            path.parent.glob(f"{glob.escape(path.stem)}-[0-9][0-9][0-9]{glob.escape(path.suffix)}")
        )
        if existing := [file for file in (path, *numbered) if file.exists()]:
            hint = "remove it after its results are imported, or give another name"
            raise ConfigError("the file exists", where=f"--export-batch {existing[0]}", hint=hint)
        return self

    def add(self, line: bytes) -> None:
        """Write one request with its end of line."""
        full = self._requests == MOST_REQUESTS or self._bytes + len(line) > MOST_BYTES
        try:
            if self._file is None or full:
                self._open_next()
            assert self._file is not None
            self._file.write(line)
        except OSError as error:
            raise storage_error(error, self._path) from None
        self._requests += 1
        self._bytes += len(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.unlink, missing_ok=True)
            try:
                if self._file is not None:
                    self._file.close()
                if kind is None:
                    self.written = [part.replace(self._name(part)) for part in self._parts]
            except OSError as failure:
                raise storage_error(failure, self._path) from None

    def _open_next(self) -> None:
        if self._file is not None:
            self._file.close()
        path = self._path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._parts.append(path.with_name(f".{path.stem}-{len(self._parts) + 1:03d}{path.suffix}.part"))
        self._file = self._parts[-1].open("wb")
        self._requests = self._bytes = 0

    def _name(self, part: Path) -> Path:
        if len(self._parts) == 1:
            return self._path
        return part.with_name(part.name.removeprefix(".").removesuffix(".part"))


def write_requests(
    task: CallTask[Any],
    make_calls: Callable[[str], Sequence[Call[Any]]],
    path: Path,
    model: str,
    server: Server,
) -> tuple[list[Path], int]:
    """Write the requests of calls to a model; returns the files and the number of requests.

    `make_calls` gets the name of the model in records. A call's key is the `custom_id`, and the request is
    what the model would send to its server. Raises ConfigError, StorageError.
    """
    captured: list[tuple[str, bytes]] = []

    def refuse(url: str, content: bytes) -> tuple[int, Any]:
        captured.append((url, content))
        return 400, _REFUSAL

    opened = open_offline(model, server, refuse, temperature=task.config.temperature)

    async def request(call: Call[Any]) -> bytes:
        captured.clear()
        reason = "it sends none"
        try:
            await opened.generate(chat(call.messages), config=task.config)
        except Exception as error:  # the refusal, or what keeps the model from sending the request
            reason = error_text(error)
        if not captured:
            raise GoutbenchError(f"cannot make a request: {reason}", where=f"--model {model}")
        url, content = captured[-1]  # before it, a provider may ask what its server can do
        row = {"custom_id": call.key, "method": "POST", "url": url, "body": json.loads(content)}
        return json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n"

    async def write_all(calls: Sequence[Call[Any]], files: RequestFiles) -> None:
        for call in calls:
            files.add(await request(call))

    # prompts of two pairs may have the same text, and one reply answers both
    calls = list({call.key: call for call in make_calls(str(opened))}.values())
    with stdout_to_stderr(), RequestFiles(path) as files:
        anyio.run(write_all, calls, files)
    return files.written, len(calls)
