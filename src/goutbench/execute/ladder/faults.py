"""Whether the candidate or the environment is at fault when a go command fails."""

import re

# go.mod, go.sum or the vendor folder lacks a module. The repository is at fault if the package does not build
# without the candidate either, else the candidate, which imports what nothing requires
NOT_REQUIRED = "module-not-required"

_PATTERNS = {
    "missing-module": r"module lookup disabled by GOPROXY=off"
    r"|cannot find module providing package .*: module lookup"
    r"|/cache/download/.*(permission denied|read-only file system)",
    NOT_REQUIRED: r"missing go\.sum entry|inconsistent vendoring|updates to go\.mod needed",
    "go-version": r"requires go >= |go\.mod requires go|toolchain not available|requires newer Go version",
    "go-work": r"listed in go\.work|errors? (loading|parsing) go\.work",
    "c-library": r"fatal error: .*\.h: No such file|cannot find -l|ld: library .* not found"
    r"|C compiler .* not found|pkg-config.*not found|Package .* was not found in the pkg-config",
    "cgo-off": r"build constraints exclude all Go files|requires cgo",
    "disk-full": r"no space left on device",
}  # fmt: skip

NO_NETWORK = "needs-network"
_NETWORK = re.compile(
    r"module lookup disabled by GOPROXY=off|network is unreachable|\blookup \S+( on \S+)?: "
)

_OF_MODULES = ("missing-module", NOT_REQUIRED)


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
            if re.search(pattern, line) and (not own or reason in _OF_MODULES):
                return reason
    return ""
