"""Reads the answers of the Go helper, which shares its sandbox with compilers of hostile code."""

import json
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from goutbench.records import table_number

Answer = TypeVar("Answer")


class HelperError(Exception):
    """The helper crashed, ran out of memory or time, or gave no valid answer; the next request gets a new
    process."""


def parse_answer(line: bytes) -> dict[str, Any]:
    """An answer as JSON. Raises HelperError for anything but an object."""
    try:
        answer = json.loads(line, parse_int=table_number)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise HelperError("the Go helper's answer is not a JSON object")
    return answer


def decode_answer(kind: type[Answer], answer: dict[str, Any]) -> Answer:
    """An answer as a dataclass whose fields are checked; further fields are ignored. Raises HelperError."""
    try:
        adapter: TypeAdapter[Answer] = _adapter(cast(Hashable, kind))
        decoded = adapter.validate_json(json.dumps(answer), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise HelperError(f"the Go helper's answer is malformed at {path}: {first['msg']}") from None
    return decoded


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
