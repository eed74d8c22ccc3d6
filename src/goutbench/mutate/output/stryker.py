"""A run as JSON in the schema of mutation-testing-report-schema (Stryker), and what such a file says of
mutants that were not killed.

Lines and columns count from 1, columns in characters; ends are exclusive.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from goutbench import __version__
from goutbench.errors import ConfigError
from goutbench.golang.syntax.file import declaration_keys
from goutbench.golang.syntax.parser import parse
from goutbench.mutate.results import MutatedFile, MutatedPackage, MutateResult, TestedMutant
from goutbench.records import MutantStatus

_STATUSES: Mapping[MutantStatus | None, str] = {
    MutantStatus.KILLED: "Killed",
    MutantStatus.SURVIVED: "Survived",
    MutantStatus.TIMED_OUT: "Timeout",
    MutantStatus.NO_COVERAGE: "NoCoverage",
    None: "Pending",
}
_KILLED = _STATUSES[MutantStatus.KILLED]
_HIGH, _LOW = 80, 60

Identity = tuple[str, str, str, str, str]
"""Path, function, operator, code before and after."""


def stryker_report(result: MutateResult) -> dict[str, Any]:
    """The report: every mutant with its status, the tests that reach it, and its killers."""
    ids = {
        (package.path, test.name): f"{package.path}.{test.name}"
        for package in result.packages
        for test in package.tests
    }
    return {
        "schemaVersion": "2.0",
        "thresholds": {"high": _HIGH, "low": _LOW},
        "projectRoot": result.root,
        "framework": {"name": "goutbench", "version": __version__},
        "files": {file.path: _file(file, ids) for file in result.files if file.mutants},
        "testFiles": {path: {"tests": tests} for path, tests in _test_files(result.packages, ids).items()},
    }


def _file(file: MutatedFile, ids: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    mutants = [_mutant(file, tested, ids) for tested in file.mutants]
    return {"language": "go", "source": file.source.decode("utf-8", "replace"), "mutants": mutants}


def _mutant(file: MutatedFile, tested: TestedMutant, ids: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    mutant = tested.mutant

    def tests(names: Sequence[str]) -> list[str]:
        return [ids[file.package, name] for name in names if (file.package, name) in ids]

    row = {
        "id": f"{file.path}#{mutant.id}",
        "mutatorName": mutant.operator,
        "replacement": mutant.replacement,
        "location": {
            "start": _position(file.source, mutant.line, mutant.column),
            "end": _position(file.source, mutant.end_line, mutant.end_column),
        },
        "status": _STATUSES[tested.status],
        "coveredBy": tests(tested.reached_by),
        "killedBy": tests(tested.killers),
        "duration": round(1000 * tested.seconds, 3),
    }
    if mutant.function:
        row["description"] = f"in {mutant.function}"
    if tested.reason:
        row["statusReason"] = tested.reason
    return row


def _position(source: bytes, line: int, column: int) -> dict[str, int]:
    """A position with its column in characters instead of bytes."""
    text = source.split(b"\n")[line - 1][: column - 1]
    return {"line": line, "column": len(text.decode("utf-8", "replace")) + 1}


def _test_files(
    packages: Sequence[MutatedPackage], ids: Mapping[tuple[str, str], str]
) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = {}
    for package in packages:
        for test in package.tests:
            path = f"{package.folder}/{test.file}".removeprefix("./")
            location = {"start": {"line": test.line, "column": 1}}
            row = {"id": ids[package.path, test.name], "name": test.name, "location": location}
            files.setdefault(path, []).append(row)
    return files


# ── a baseline ────────────────────────────────────────────────────────────────────────────────────


def read_baseline(path: Path) -> Counter[Identity]:
    """The mutants of a former report that were not killed, with how often each occurs; also those that were
    not run. Raises ConfigError."""
    where, hint = f"--baseline {path}", "give a file that `goutbench mutate --stryker` wrote"
    try:
        report = json.loads(path.read_text("utf-8"))
        undetected: Counter[Identity] = Counter()
        for name, file in report["files"].items():
            source = file["source"].encode()
            for row in file["mutants"]:
                if row["status"] != _KILLED:
                    start, end = (_offset(source, row["location"][side]) for side in ("start", "end"))
                    change = row["mutatorName"], source[start:end], row.get("replacement", "").encode()
                    undetected[_identity(name, source, start, *change)] += 1
        return undetected
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, hint=hint) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"not a report of mutants: {error!r}"[:300], where=where, hint=hint) from None


def new_mutants(
    entries: Sequence[tuple[MutatedFile, TestedMutant]], baseline: Counter[Identity]
) -> list[tuple[MutatedFile, TestedMutant]]:
    """The mutants that the baseline lacks, wherever edits have moved its own. Of equal ones in a function,
    those beyond the baseline's number are new."""
    remaining = Counter(baseline)
    new = []
    for file, tested in entries:
        mutant, source = tested.mutant, _readable(file.source)
        change = mutant.operator, mutant.original.encode(), mutant.replacement.encode()
        start = _offset(source, _position(file.source, mutant.line, mutant.column))
        identity = _identity(file.path, source, start, *change)
        if remaining[identity]:
            remaining[identity] -= 1
        else:
            new.append((file, tested))
    return new


def _readable(source: bytes) -> bytes:
    """The source as a report holds it: bytes that are not UTF-8 are replaced."""
    return source.decode("utf-8", "replace").encode()


def _identity(path: str, source: bytes, start: int, operator: str, before: bytes, after: bytes) -> Identity:
    """What a mutant is, without its position."""
    function = next((key for key, first, end in _spans(source) if first <= start < end), "")
    return path, function, operator, before.decode("utf-8", "replace"), after.decode("utf-8", "replace")


@lru_cache(maxsize=16)
def _spans(source: bytes) -> list[tuple[str, int, int]]:
    """The declarations of a file, with their first and last bytes."""
    file = parse(source)
    keys = zip(declaration_keys(file), file.declarations, strict=True)
    return [(key, item.node_start, item.node_end) for key, item in keys]


def _offset(source: bytes, position: Mapping[str, int]) -> int:
    """The offset of a position with its column in characters."""
    lines = source.split(b"\n")
    before = sum(len(line) + 1 for line in lines[: position["line"] - 1])
    text = lines[position["line"] - 1].decode("utf-8", "replace")
    return before + len(text[: position["column"] - 1].encode())
