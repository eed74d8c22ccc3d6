"""Reads the lines of a test binary that ran with `-test.v=test2json`.

In this mode the testing package prefixes its own lines with the byte 0x16, which distinguishes them from
output of a test that looks like a result. A hostile test can print that byte, too: results are read from what
the witness says (testwitness.py), and only the reasons of a failure from the output.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

# a name may hold spaces: testing.RunTests does not replace them
_FRAME = re.compile(
    rb"\x16(?:=== (RUN|PAUSE|CONT|NAME)[ \t]+([^\x16\r\n]*)"
    rb"|--- (PASS|FAIL|SKIP): ([^\x16\r\n]+?)(?: \(\d+\.\d+s\))?\r?$|(PASS|FAIL)\r?$)",
    re.MULTILINE,
)
_MARKERS = b"\x0e\x0f\x16"
"""The last begins a line of the testing package, the others enclose a log."""

_FAILED = re.compile(r"--- FAIL: ([^\r\n]+?)(?: \(\d+\.\d+s\))?\r?$", re.MULTILINE)
_PANIC = re.compile(
    rb"^(?:\t?panic: |fatal error: |SIGQUIT: |runtime: goroutine stack exceeds)(.*)$", re.MULTILINE
)
_TIMEOUT = b"panic: test timed out after"
_SPECS = re.compile(
    rb"^(?:\x1b\[[\d;]*m)*(?:Ran (\d+) of \d+ Specs?\b|(?:OK|OOPS): (\d+) passed(?:.*?, (\d+) FAILED)?)",
    re.MULTILINE,
)
"""The summaries of Ginkgo and of gocheck."""
_LIMIT = 4000
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class TestOutput:
    """Top-level tests, fuzz targets and examples by result, in order of their first line, and the run's end.

    `unfinished` tests started and have no result. A test with contradictory results counts as failed. `ended`
    is the testing package's last line, "PASS" or "FAIL", or empty. `panic` is the first line of a crash.
    `subtests` has the result of each subtest by its complete name ("PASS", "FAIL", "SKIP", empty without
    one). `specs` is how many specs Ginkgo and gocheck say they ran.
    """

    __test__ = False  # pytest must not collect it

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    unfinished: tuple[str, ...]
    ended: str
    panic: str
    timed_out: bool
    subtests: Mapping[str, str] = field(default_factory=dict)
    specs: int = 0

    @property
    def seen(self) -> frozenset[str]:
        return frozenset((*self.passed, *self.failed, *self.skipped, *self.unfinished))

    def only(self, tests: Collection[str]) -> Self:
        """The results of these tests alone: a test may run others by testing.RunTests, which may fail."""
        return replace(
            self,
            passed=tuple(name for name in self.passed if name in tests),
            failed=tuple(name for name in self.failed if name in tests),
            skipped=tuple(name for name in self.skipped if name in tests),
            unfinished=tuple(name for name in self.unfinished if name in tests),
            subtests={name: end for name, end in self.subtests.items() if name.split("/")[0] in tests},
        )


def parse_output(frames: bytes, output: bytes = b"", errors: bytes = b"") -> TestOutput:
    """Reads the lines of the testing package from `frames`; ignores other bytes.

    Searches the output of the run, and `errors`, its standard error, for a crash: the runtime reports its own
    there.
    """
    results: dict[str, set[str]] = {}
    subtests: dict[str, str] = {}
    depths: Counter[bytes] = Counter()
    ended = ""
    for match in _FRAME.finditer(frames):
        action, started, result, name, last = match.groups()
        if last:
            ended = last.decode()
        elif result and b"/" in name:
            # a failure is final: a name with two results is one of a test that runs tests itself
            subtests[_text(name)] = "FAIL" if subtests.get(_text(name)) == "FAIL" else result.decode()
        elif result:
            depths[name] -= 1
            if depths[name] <= 0:  # else of a test of the same name that it runs inside
                results.setdefault(_text(name), set()).add(result.decode())
        elif action == b"RUN" and b"/" in started:
            subtests.setdefault(_text(started), "")
        elif action == b"RUN":
            depths[started] = max(depths[started], 0) + 1
            results.setdefault(_text(started), set())

    def tests_with(expected: set[str]) -> tuple[str, ...]:
        return tuple(name for name, seen in results.items() if seen == expected)

    crash = _PANIC.search(errors) or _PANIC.search(output)
    return TestOutput(
        passed=tests_with({"PASS"}),
        failed=tuple(name for name, seen in results.items() if "FAIL" in seen or len(seen) > 1),
        skipped=tests_with({"SKIP"}),
        unfinished=tests_with(set()),
        ended=ended,
        panic=_text(crash.group(0).strip()) if crash else "",
        timed_out=_TIMEOUT in output or _TIMEOUT in errors,
        subtests=subtests,
        specs=_specs(output) + _specs(errors),
    )


def failed_test(text: str, tests: Collection[str]) -> str:
    """The first of these tests that failed by the end of an output; empty if there is none."""
    return next((name for name in _FAILED.findall(text) if name in tests), "")


def evidence(stdout: bytes, stderr: bytes = b"") -> str:
    """The head and tail of a failed run's output for a reader, without the lines about passing tests."""
    lines = [
        line
        for line in _ends(stdout).replace(b"\r\n", b"\n").split(b"\n")
        if not re.match(rb"\s*\x16(=== |--- (PASS|SKIP))", line)
    ]
    text = _text(b"\n".join([*lines, _ends(stderr)]).translate(None, _MARKERS).strip())
    if len(text) <= _LIMIT:
        return text
    return f"{text[: _LIMIT // 2]}\n[... {len(text) - _LIMIT} characters ...]\n{text[-_LIMIT // 2 :]}"


def _ends(output: bytes) -> bytes:
    """A long output without its middle, which nobody reads."""
    if len(output) <= 2 * _READ:
        return output
    return b"%b\n[... %d bytes ...]\n%b" % (output[:_READ], len(output) - 2 * _READ, output[-_READ:])


def _specs(output: bytes) -> int:
    return sum(int(count[:9]) for match in _SPECS.finditer(output) for count in match.groups() if count)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "?")
