"""Reads result files of the OpenAI Batch format, also error files and the output of `vllm run-batch`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from goutbench.dataset.json_lines import read_json_lines
from goutbench.errors import ConfigError

_SHOWN = 3  # ids in a message
_ID = 80  # characters of an id in a message


@dataclass(frozen=True, slots=True)
class BatchReply:
    """What became of a request: the response of the server, or the `reason` why there is none."""

    status: int
    body: Any
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BatchReplies:
    """The replies of result files by the `custom_id` of their requests."""

    files: tuple[Path, ...]
    by_id: Mapping[str, BatchReply]

    @classmethod
    def read(cls, files: Iterable[Path]) -> Self:
        """Raises ConfigError for a missing or damaged file, and for an id that comes twice."""
        by_id: dict[str, BatchReply] = {}
        first: dict[str, str] = {}
        files = tuple(files)
        for path in files:
            for where, row in read_json_lines(path):
                id, reply = _read_line(row, where)
                if id in by_id:
                    hint = "give each result file once, without the results of a repeated batch"
                    what = f"the custom_id {id[:_ID]!r} is also at {first[id]}"
                    raise ConfigError(what, where=where, hint=hint)
                by_id[id], first[id] = reply, where
        return cls(files, by_id)

    def check(self, keys: Collection[str]) -> None:
        """Raises ConfigError for replies to requests that are not among the `keys` of this run."""
        unknown = [id for id in self.by_id if id not in keys]
        if not unknown:
            return
        where = "--import-batch " + " ".join(map(str, self.files))
        hint = "give the dataset, model and options (also --shard) with which the batch was exported"
        if len(unknown) == len(self.by_id):
            raise ConfigError("the results are of another run or dataset", where=where, hint=hint)
        shown = ", ".join(repr(id[:_ID]) for id in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        what = f"{len(unknown)} of {len(self.by_id)} results are to no request of this run: {shown}{more}"
        raise ConfigError(what, where=where, hint=hint)


def _read_line(row: Mapping[str, Any], where: str) -> tuple[str, BatchReply]:
    """The `custom_id` of a result and what it has. Raises ConfigError for a line that is no result."""
    id, response, error = row.get("custom_id"), row.get("response"), row.get("error")
    if "body" in row and "response" not in row:
        hint = "give the result file of the batch"
        raise ConfigError("a request, not a result", where=where, hint=hint)
    if not isinstance(id, str) or not id:
        raise ConfigError("a result without custom_id", where=where, hint="give the result file of the batch")
    if isinstance(response, Mapping):
        status, body = response.get("status_code"), response.get("body")
        if body is None and error:  # as vLLM writes a refusal
            body = _error_body(error)
            status = status if isinstance(status, int) and status >= 400 else 400
        if isinstance(body, Mapping) and isinstance(status, int) and 100 <= status <= 599:
            return id, _reply(status, body)
    elif error:
        return id, BatchReply(0, None, _error_text(error))
    hint = "remove the line, and its reply is missing, which the next import or run can add"
    raise ConfigError("a result with neither a response nor an error", where=where, hint=hint)


def _reply(status: int, body: Mapping[str, Any]) -> BatchReply:
    """A response; one that is neither an answer nor a refusal has the reason."""
    if status >= 400:
        return BatchReply(status, body)
    if 200 <= status < 300 and ("choices" in body or "output" in body):
        return BatchReply(status, body)
    error = body.get("error")
    return BatchReply(0, None, _error_text(error) if error else f"status {status} without an answer")


def _error_body(error: Any) -> Any:
    """An error as the body of a server's response has it."""
    if isinstance(error, Mapping):
        return error if isinstance(error.get("error"), Mapping) else {"error": dict(error)}
    return {"error": {"message": str(error)}}


def _error_text(error: Any) -> str:
    """ "batch_expired: the request was not executed in time"."""
    if not isinstance(error, Mapping):
        return str(error)
    parts = [str(error[name]) for name in ("code", "message") if error.get(name)]
    return ": ".join(parts) or "an error without a message"
