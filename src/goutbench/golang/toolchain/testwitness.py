"""The witness: what the standard library's test packages tell our init process about a run.

A test binary's own report is under the control of the tests: they can print results, write a cover profile
and choose the exit status. So `testing` and `internal/coverage/cfile` are compiled with an overlay that sends
the results of the tests, and the coverage from the counters in memory, on a socket (testwitness/testing.go).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.golang.toolchain.installation import Toolchain

VARIABLE = "GOUTBENCH_WITNESS"
"""The environment variable with the descriptor of the socket (also in testing.go and sandboxinit)."""

_TESTING, _CFILE = "testing", "internal/coverage/cfile"

# A statement is added at the end of a line that the file has exactly so often: lines keep their numbers,
# which tests can see in stack traces.
_PATCHES: Mapping[str, tuple[tuple[str, str, int], ...]] = {
    f"{_TESTING}/testing.go": (
        (
            r"^func MainStart\(.*\) \*M \{$",
            " witnessRegister(tests, fuzzTargets, examples)",
            1,
        ),
        (r"^func tRunner\(t \*T, fn func\(t \*T\)\) \{$", " witnessTest(t, fn)", 1),
        (r"^func \(t \*T\) report\(\) \{$", " witnessReport(&t.common)", 1),
        (r'^\t+fmt\.Print\(chatty\.prefix\(\), "PASS\\n"\)$', '; witnessEnd(m, "PASS")', 1),
        (r'^\t+fmt\.Print\(chatty\.prefix\(\), "FAIL\\n"\)$', '; witnessEnd(m, "FAIL")', 2),
    ),
    f"{_TESTING}/fuzz.go": (
        (r"^func fRunner\(f \*F, fn func\(\*F\)\) \{$", " witnessTarget(f, fn)", 1),
        (r"^func \(f \*F\) report\(\) \{$", " witnessReport(&f.common)", 1),
    ),
    f"{_TESTING}/run_example.go": (
        (
            r"^func runExample\(eg InternalExample\) \(ok bool\) \{$",
            ' witnessExample(&eg, "=== RUN   ")',
            1,
        ),
    ),
    f"{_TESTING}/example.go": (
        (
            r"^func \(eg \*InternalExample\) processRunResult\(.*\) \(passed bool\) \{$",
            " defer witnessExampleEnd(eg, &passed)",
            1,
        ),
    ),
    f"{_TESTING}/newcover.go": (
        (r"^(?=\tif errmsg, err := (cover2?)\.tearDown\()", "\twitnessCoverage(\\1.tearDown)\n", 1),
    ),
    f"{_CFILE}/testsupport.go": (
        (
            r"^func ProcessCoverTestDir\(.*\) error \{$",
            " if cfile == witnessOwn { return witnessMemory(cm, selpkgs) }",
            1,
        ),
        (r"^\tif cfile != \"\"(?= \{$)", " && cfile != witnessAll", 1),
        (
            r"^(?=\t// Emit percent\.$)",
            "\tif cfile == witnessAll { return witnessText(ts.cf, selpkgs) }\n",
            1,
        ),
    ),
}
_ADDED = {f"{_TESTING}/goutbench_witness.go": "testing.go", f"{_CFILE}/goutbench_witness.go": "cfile.go"}


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """What a test binary's witness said: `frames` are the testing package's own lines about the tests that
    the binary was built with, as in its output; `own` is the cover profile of the process from memory, `all`
    that with what other processes wrote to GOCOVERDIR. None where it was not sent."""

    frames: bytes = b""
    own: str | None = None
    all: str | None = None


@cache
def witness_sources(toolchain: Toolchain) -> Mapping[str, str]:
    """The files of the overlay, by their paths below GOROOT/src.

    Raises ToolError if the toolchain's packages are not as expected: results would then not be confirmed.
    """
    sources = {name: _patched(toolchain, name) for name in _PATCHES}
    folder = resources.files("goutbench.golang.toolchain") / "testwitness"
    return sources | {name: (folder / own).read_text() for name, own in _ADDED.items()}


def _patched(toolchain: Toolchain, name: str) -> str:
    path = toolchain.goroot / "src" / name
    try:
        text = path.read_text()
    except OSError as error:
        raise _unknown(toolchain, path, str(error)) from error
    for pattern, addition, times in _PATCHES[name]:
        text, count = re.subn(pattern, r"\g<0>" + addition, text, flags=re.MULTILINE)
        if count != times:
            raise _unknown(toolchain, path, f"{count} instead of {times} lines like {pattern}")
    return text


def _unknown(toolchain: Toolchain, path: Path, fault: str) -> ToolError:
    return ToolError(
        f"the results of tests cannot be confirmed with {toolchain.version}: {fault}",
        where=str(path),
        hint="use a Go version that this goutbench knows (1.24 to 1.27) with --go, or a newer goutbench",
    )


def read_witness(messages: bytes) -> WitnessReport:
    """Reads the messages that the init process has received and checked: a kind, four bytes of length, text.
    What follows a damaged or incomplete message is ignored."""
    frames, profiles, at = bytearray(), {}, 0
    while at + 5 <= len(messages):
        kind, size = messages[at : at + 1], int.from_bytes(messages[at + 1 : at + 5], "big")
        text = messages[at + 5 : at + 5 + size]
        if len(text) < size:
            break
        if kind == b"f":
            frames += text
        elif kind in (b"o", b"a"):
            profiles[kind] = text.decode("utf-8", "replace")
        at += 5 + size
    return WitnessReport(bytes(frames), profiles.get(b"o"), profiles.get(b"a"))
