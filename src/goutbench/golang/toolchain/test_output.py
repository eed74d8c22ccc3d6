"""Reading what a test binary printed with `-test.v=test2json`.

In this mode the testing package puts the byte 0x16 before each of its own lines, so that a test's output that
only looks like a verdict is not one. A hostile test can print that byte too: the caller must not believe a
PASS here without the process's own exit status and the names that the candidate declares.
"""

import re
from dataclasses import dataclass

_FRAME = re.compile(
    rb"\x16(?:=== (RUN|PAUSE|CONT|NAME)[ \t]+(\S*)|--- (PASS|FAIL|SKIP): (\S+)|(PASS|FAIL)\r?$)", re.MULTILINE
)
_PANIC = re.compile(
    rb"^(?:\t?panic: |fatal error: |SIGQUIT: |runtime: goroutine stack exceeds)(.*)$", re.MULTILINE
)
_TIMEOUT = b"panic: test timed out after"
_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class TestOutput:
    """Top-level tests by result, in order of their first frame, and how the run ended.

    `unfinished` began and never got a verdict. A name with contradicting verdicts counts as failed. `ended`
    is the testing package's own last line, "PASS" or "FAIL", or empty. `panic` is the first line of a crash.
    """

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    unfinished: tuple[str, ...]
    ended: str
    panic: str
    timed_out: bool

    @property
    def seen(self) -> frozenset[str]:
        return frozenset((*self.passed, *self.failed, *self.skipped, *self.unfinished))


def parse_output(output: bytes, errors: bytes = b"") -> TestOutput:
    """Read a whole output; bytes that are no frame are ignored. A crash is looked for in `errors`, too:
    there the runtime writes its own."""
    results: dict[str, set[str]] = {}
    ended = ""
    for match in _FRAME.finditer(output):
        action, started, verdict, name, last = match.groups()
        if last:
            ended = last.decode()
        elif verdict and b"/" not in name:
            results.setdefault(_text(name), set()).add(verdict.decode())
        elif action == b"RUN" and b"/" not in started:
            results.setdefault(_text(started), set())
    crash = _PANIC.search(errors) or _PANIC.search(output)
    return TestOutput(
        passed=_with(results, {"PASS"}),
        failed=tuple(name for name, seen in results.items() if "FAIL" in seen or len(seen) > 1),
        skipped=_with(results, {"SKIP"}),
        unfinished=_with(results, set()),
        ended=ended,
        panic=_text(crash.group(0).strip()) if crash else "",
        timed_out=_TIMEOUT in output or _TIMEOUT in errors,
    )


def evidence(stdout: bytes, stderr: bytes = b"") -> str:
    """What a person wants to read of a failed run: without frames of passing tests, the head and the tail."""
    kept = [
        line
        for line in stdout.replace(b"\r\n", b"\n").split(b"\n")
        if not re.match(rb"\s*\x16(=== |--- (PASS|SKIP))", line)
    ]
    text = _text(b"\n".join([*kept, stderr]).replace(b"\x16", b"").strip())
    if len(text) <= _LIMIT:
        return text
    return f"{text[: _LIMIT // 2]}\n[... {len(text) - _LIMIT} characters ...]\n{text[-_LIMIT // 2 :]}"


def _with(results: dict[str, set[str]], wanted: set[str]) -> tuple[str, ...]:
    return tuple(name for name, seen in results.items() if seen == wanted)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "?")
