"""Why a candidate went no further: every reason, its meaning and hint, and how the go command says it."""

import re
from dataclasses import replace
from typing import NamedTuple

from goutbench.records import Execution, Status


class Reason(NamedTuple):
    """A reason of an execution.

    Where there is a `hint`, the first line of the evidence is the meaning with it; else the output of the
    compiler or of the test says it better. `pattern` finds a fault of the environment in the output of a go
    command. The candidate can cause the fault, too, if `candidate`: then a build without it decides.
    """

    meaning: str
    hint: str = ""
    pattern: str = ""
    candidate: bool = False


SANDBOX, CGO_OFF, NO_NETWORK = "sandbox", "cgo-off", "needs-network"
BUILD_TIMED_OUT, BUILD_MEMORY, COMPILE_LIMIT = "build-timed-out", "build-memory", "compile-limit"
COMPILE_ERROR, LINKER, NOT_REQUIRED = "compile-error", "linker", "module-not-required"
PACKAGE_BROKEN, NOT_GENERATED, EXCLUDED = "package-broken", "not-generated", "package-excluded"
NOT_IN_BUILD, ELSEWHERE = "not-in-build", "entry-elsewhere"
TOO_MANY_NAMES = "too-many-names"
FORGED = "forged"
WORKER_LOST, WORKER_DIFFERS = "worker-lost", "worker-differs"
VET, PACKAGE_FAULT = "vet", "package-fails-vet"
NO_TEST_FILES, NOTHING_ADDED = "no-test-files", "no-tests-declared"
NOT_MEASURED = "coverage-not-measured"
ROLLOUT_OVERRUN, ROLLOUT_TIME = "rollout-overrun", "rollout-time"

REASONS = {
    # nobody's fault but the machine's or the repository's
    "unknown-pair": Reason(
        "the dataset has no pair of this id", "give the dataset that the candidates are for"
    ),
    "no-source": Reason(
        "the repository or its commit is not at hand", "give --repos, or run `goutbench curate` here"
    ),
    "reference-cannot-run": Reason(
        "the repository's own test cannot run on this machine",
        "see its row in reference.parquet; `execute --reference` tries it again",
    ),
    WORKER_LOST: Reason(
        "its worker process was killed, and so were those that tried it again",
        "the same command tries it once more; with more memory, or fewer --workers",
    ),
    WORKER_DIFFERS: Reason(
        "the worker's node has another Go, another sandbox, or other files of the commit",
        "use one image on all nodes, and remove the tree from the node's --work",
    ),
    SANDBOX: Reason("the sandbox did not start the command", "run `goutbench doctor`"),
    "disk-full": Reason(
        "the disk is full", "free some space, or give --work on another disk", r"no space left on device"
    ),
    "missing-module": Reason(
        "a module was not downloaded", "run the same command with --prepare",
        r"module lookup disabled by GOPROXY=off"
        r"|cannot find module providing package .*: module lookup"
        r"|/cache/download/.*(permission denied|read-only file system)",
    ),
    "go-sum": Reason(
        "go.sum lacks an entry, so `go test` fails, too",
        "run `go mod tidy` in the repository and commit go.sum",
        r"missing go\.sum entry", candidate=True,
    ),
    "vendor-differs": Reason(
        "the vendor folder does not match go.mod, so `go test` fails, too",
        "run `go mod vendor` in the repository and commit it",
        r"inconsistent vendoring|is marked as explicit in vendor/modules\.txt"
        r"|import lookup disabled by -mod=vendor", candidate=True,
    ),
    "go-mod": Reason(
        "the go command does not accept go.mod, so `go test` fails, too",
        "run `go mod tidy` in the repository and commit go.mod",
        r"updates to go\.mod needed|errors? parsing (\S*/)?go\.mod|invalid go version", candidate=True,
    ),
    "go-version": Reason(
        "the module needs a newer Go",
        "run the same command with --prepare, which downloads it, or install it",
        r"requires go >= |go\.mod requires go|toolchain not available|requires newer Go version"
        r"|module requires Go \d",
    ),
    "go-work": Reason(
        "go.work does not fit the module, so `go test` fails, too", "run `go work use` in the repository",
        r"listed in go\.work|errors? (loading|parsing) go\.work",
    ),
    "c-compiler": Reason(
        "the C compiler or pkg-config is missing",
        "install gcc and pkg-config, or run without --cgo and --race",
        r'C compiler .* not found|exec: "[^"]*": executable file not found|pkg-config.*not found in \$PATH',
    ),
    "c-library": Reason(
        "a C header, library or function is missing",
        "install the development package that has it, such as libNAME-dev, or run without --cgo",
        r"fatal error: .*: No such file|cannot find -l|ld: library .* not found|undefined reference to "
        r"|Package .* was not found in the pkg-config|^Package '.*' not found|No package '.*' found",
    ),
    CGO_OFF: Reason(
        "the package needs cgo, which is off", "run with --cgo, which needs a C compiler",
        r"build constraints exclude all Go files|requires cgo|C source files not allowed when not using cgo",
    ),
    NOT_IN_BUILD: Reason("a build constraint leaves the file out of this build, as the evidence says"),
    EXCLUDED: Reason(
        "build constraints exclude every file of a package that is imported",
        "it is for another system, or needs build tags",
    ),
    LINKER: Reason(
        "a function has no body: a C or assembly file is missing or not in this build",
        "check the files of the package, and run with --cgo if they are C files",
        r"relocation target \S+ not defined|missing function body|: invalid reference to \S+$",
        candidate=True,
    ),
    "embed-files": Reason(
        "a go:embed pattern matches no files, so `go test` fails, too",
        "the files are perhaps generated: add them to the repository at that commit",
        r"pattern .*: (no matching files found|cannot embed)",
    ),
    NOT_GENERATED: Reason(
        "generated files are absent: the package does not build without the candidate either, and it has"
        " go:generate",
        "add the generated files to the repository at that commit",
    ),
    PACKAGE_BROKEN: Reason(
        "the package does not build without the candidate either",
        "`go vet` in its folder says the same; fix the repository, or exclude the pair",
    ),
    PACKAGE_FAULT: Reason(
        "vet refuses the package without the candidate, so `go test` fails, too",
        "fix what vet names, or exclude the pair",
    ),
    BUILD_TIMED_OUT: Reason(
        "the package does not build in the time limit, without the candidate either",
        "raise --build-seconds; what was compiled stays, so the same command may be enough",
    ),
    BUILD_MEMORY: Reason(
        "the compiler needs more memory than there is, without the candidate as well",
        "free some memory, or use fewer --workers",
    ),
    ELSEWHERE: Reason(
        "a test of another file runs the candidate, and its part cannot be separated from the rest",
        "none: the pair is barred, and counts for or against no model",
    ),
    NO_NETWORK: Reason("the repository's test needs a network", "none: the sandbox has no network"),
    ROLLOUT_TIME: Reason(
        "the time of a rollout ended, and runs of its tests took less than half of it",
        "raise limit_seconds, or use fewer workers",
    ),
    # the candidate's text and its build
    "empty": Reason("there is no Go code in the candidate"),
    "too-large": Reason("the candidate is larger than 2 MiB"),
    "syntax": Reason("the candidate does not parse"),
    "not-unicode": Reason("the candidate is not valid UTF-8"),
    "wrong-package": Reason("the package clause names another package"),
    "missing-package": Reason("an imported package does not exist"),
    "internal-package": Reason("an imported package is internal to another module or folder"),
    "import-cycle": Reason("the imports lead back to the package"),
    NOT_REQUIRED: Reason(
        "the candidate imports a module that go.mod does not require",
        "import what go.mod requires, or nothing else",
    ),
    "unused-import": Reason("an import is not used"),
    "unused-variable": Reason("a variable is not used"),
    "unused-result": Reason("a result is not used"),
    "undefined": Reason("a name is not defined"),
    "unexported": Reason("a name of another package is not exported"),
    "redeclared": Reason("a name is declared twice"),
    "duplicate-key": Reason("a key or a case occurs twice"),
    "mismatched-types": Reason("the types of an expression do not fit"),
    "bad-assignment": Reason("the left side cannot be assigned to"),
    "wrong-arguments": Reason("the arguments of a call do not fit"),
    "wrong-count": Reason("the numbers of values do not fit"),
    "missing-return": Reason("a function ends without return"),
    "bad-constant": Reason("a constant does not fit its type"),
    "bad-init": Reason("a function init or main is declared or used wrongly"),
    "bad-label": Reason("a label, break, continue or goto is wrong"),
    "bad-instantiation": Reason("type arguments do not fit"),
    "bad-embed": Reason("a go:embed directive is wrong"),
    "bad-test-signature": Reason("a test function has a signature that the go command refuses"),
    "initialization-cycle": Reason("variables depend on each other"),
    "type-cycle": Reason("types contain each other"),
    "unsupported-feature": Reason("the module's Go version lacks a feature of the language"),
    "cgo": Reason("a test file imports \"C\", which the go command does not support"),
    "other": Reason("another error of the type checker"),
    COMPILE_ERROR: Reason("the compiler or linker refuses what the type checker accepts"),
    COMPILE_LIMIT: Reason(
        "the compiler was stopped at a limit, and the package builds without the candidate",
        "raise --build-seconds if the candidate's size is intended",
    ),
    VET: Reason("vet refuses the candidate, as it does under `go test`"),
    # what ran
    NO_TEST_FILES: Reason("the build constraints or the package clause leave no test file"),
    NOTHING_ADDED: Reason("the candidate declares no test, fuzz target or example with output"),
    "excluded-by-build-constraints": Reason("a build constraint of the candidate excludes it here"),
    TOO_MANY_NAMES: Reason("the names of the tests are too long together for one command"),
    "no-declared-test-seen": Reason("no test of the candidate was started"),
    "all-skipped": Reason("all tests were skipped"),
    "assertion": Reason("a test failed"),
    "panic": Reason("the run ended with a panic or a fatal error"),
    "data-race": Reason("the race detector found a data race"),
    "exit-status": Reason("the run ended with another status than 0, and no test failed"),
    FORGED: Reason("the output shows results that the testing package did not report"),
    "exit-0-without-every-test": Reason("the run ended with status 0 before every test had a result"),
    "exit-0-before-the-end": Reason("the run ended with status 0 before the testing package's last line"),
    "killed-by-signal": Reason("a signal ended the run"),
    "wall-time": Reason("the run exceeded its time limit", "raise --test-seconds if the test needs it"),
    "cpu-time": Reason("the run exceeded its limit of CPU time", "raise --test-seconds if the test needs it"),
    "memory-limit": Reason("the run exceeded its memory limit", "raise --memory-mib if the test needs it"),
    "output-limit": Reason("the run printed more than 64 MiB"),
    ROLLOUT_OVERRUN: Reason("the time of a rollout ended, and runs of its tests took half of it or more"),
    "passed-when-run-again": Reason("the test failed, and passed when run again"),
    NOT_MEASURED: Reason("the test passes, and `go test -cover` fails on the package"),
}  # fmt: skip
"""All reasons by their name in records, in the order of docs/reference/reasons.md."""

_PATTERNS = {name: re.compile(reason.pattern) for name, reason in REASONS.items() if reason.pattern}
_HINT = "; hint: "
_NETWORK = re.compile(
    r"module lookup disabled by GOPROXY=off|network is unreachable|\blookup \S+( on \S+)?: "
)
_ABSENT = re.compile(
    r"undefined: |is not in std|no required module provides package|no Go files in|cannot find package"
)
_UNLINKED = re.compile(r"relocation target (\S+) not defined")
_OF_MODULES = ("missing-module", "go-sum", "vendor-differs", "go-mod")


def needs_network(text: str) -> bool:
    """Whether the output of a failed test says that it had no network.

    Ask for a repository's own test alone: a candidate could print the words.
    """
    return _NETWORK.search(text) is not None


def environment_fault(text: str, candidate: str) -> str:
    """The reason for a failure of the environment that `text` (a go command's output) describes, else empty.

    A line that begins with a position in the candidate is about the candidate, except for modules: go names
    that position for any missing module.
    """
    for line in text.splitlines():
        own = re.match(rf"(\S*/)?{re.escape(candidate)}:\d+", line) is not None
        for reason, pattern in _PATTERNS.items():
            if pattern.search(line) and (not own or reason in _OF_MODULES):
                return reason
    return ""


def candidate_may_cause(reason: str) -> bool:
    """Whether a build without the candidate must decide who is at fault."""
    return REASONS[reason].candidate


def unlinked(text: str) -> frozenset[str]:
    """The functions that the linker misses, without their packages."""
    return frozenset(name.rpartition(".")[2] for name in _UNLINKED.findall(text))


def is_absent(text: str) -> bool:
    """Whether the compiler misses something that a generated file could declare."""
    return _ABSENT.search(text) is not None


def explained(record: Execution) -> Execution:
    """The record with cause and hint as the first line of its evidence, where the output does not say them.

    The line of the output that the reason was read from is part of the cause.
    """
    reason = REASONS.get(record.reason)
    if (
        reason is None
        or not reason.hint
        or record.status is Status.PASSED
        or cause_and_hint(record.evidence)[1]
    ):
        return record
    pattern = _PATTERNS.get(record.reason)
    lines = (line.strip() for line in record.evidence.splitlines())
    line = next((line for line in lines if pattern and pattern.search(line)), "")
    first = f"{reason.meaning}: {line}" if line else reason.meaning
    return replace(record, evidence=f"{fault_line(first, reason.hint)}\n{record.evidence}".rstrip())


def fault_line(cause: str, hint: str) -> str:
    """The first line of an evidence: cause and hint, if there is one."""
    return f"{cause}{_HINT}{hint}" if hint else cause


def cause_and_hint(evidence: str) -> tuple[str, str]:
    """The cause and the hint of an evidence's first line; the hint is empty where there is none."""
    first = next((line.strip() for line in evidence.splitlines() if line.strip()), "")
    cause, _, hint = first.partition(_HINT)
    return cause, hint
