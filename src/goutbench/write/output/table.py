"""What the command prints, and its JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from goutbench.mutate.output.table import printed
from goutbench.write.results import REASONS, Need, WriteResult, WrittenTest

_HEADERS = ("#", "---", "===")
"""How lines begin that only name a package or a test."""


def lines(result: WriteResult) -> Iterator[str]:
    """What the run has made: each test of the patch with what it adds, and why the others were dropped."""
    if not result.targets:
        yield "the tests miss nothing in these functions"
        return
    functions = _counted(len(result.targets), "function")
    total = len([test for test in result.tests if test.name])
    yield f"{len(result.accepted)} of {_counted(total, 'test')} kept, about {functions}"
    for test in sorted(result.accepted, key=lambda test: test.test_path):
        yield printed(f"  {test.test_path}: {test.name} ({test.function}) adds {test.adds}")
    if result.dropped:
        yield f"{len(result.dropped)} dropped"
    for test in result.dropped:
        yield printed(f"  {test.name or 'a reply'} ({test.function}): {why(test)}")
    if result.unasked:
        yield f"{_counted(result.unasked, 'function')} more lack tests; --limit sets how many are asked about"


def why(test: WrittenTest) -> str:
    """Why a test was dropped, with the first line of what supports it."""
    stripped = (line.strip() for line in test.detail.splitlines())
    first = next((line for line in stripped if line and not line.startswith(_HEADERS)), "")
    return REASONS[test.reason] + (f": {first[:160]}" if first else "")


def where(need: Need) -> str:
    return f"{need.path}:{need.line}"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def as_json(result: WriteResult, **facts: Any) -> dict[str, Any]:
    """The result without the contents of files, with further facts."""
    row = asdict(result)
    row["files"] = [{"path": file.path, "new": file.before is None} for file in result.files]
    row["patch"] = result.patch.decode("utf-8", "replace")
    return row | facts
