"""Which environment variables and build tags a repository's configuration may set.

A dataset carries this configuration, and it may come from anyone. So a variable must not choose a program
that runs outside of the sandbox, and must not replace one that we set.
"""

import re
from collections.abc import Iterable

from goutbench.golang.analysis.platforms import MACHINES, SYSTEMS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = re.compile(r"[\w.]+")

_OWN = {
    "PATH", "HOME", "PWD", "TMPDIR", "USER", "LC_ALL", "BASH_ENV", "ENV", "IFS",
    "GORACE", "GOCOVERDIR", "GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOENV", "GOPROXY", "GOSUMDB",
    "GOVCS", "GOAUTH", "GOTELEMETRY", "GOTOOLCHAIN", "GOTOOLDIR", "GOCACHEPROG", "GO111MODULE", "GOOS",
    "GOARCH", "CC", "CXX", "FC", "AR", "GCCGO", "PKG_CONFIG",
}  # fmt: skip
_OWN_PREFIXES = ("GOUTBENCH_", "LD_", "GIT_")
_HINTS = {"CGO_ENABLED": "use `cgo:` or --cgo", "GOWORK": "the repository's own go.work is used"}

_C_FLAGS = frozenset({"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS"})
_C_FLAG = re.compile(r"-(D|U|I|L|l|O|std=|pthread|W(?!l|a|p))[^,@]*")
_GO_FLAG = re.compile(r"-trimpath(=true|=false)?|-mod=(mod|vendor|readonly)")

_BUILD = _C_FLAGS | {"GOFLAGS", "GOEXPERIMENT", "GODEBUG", "PKG_CONFIG_PATH"}
_BUILD |= {"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOFIPS140"}


def is_build_variable(name: str) -> bool:
    """Whether builds get the variable, too, and not only the runs of tests."""
    return name in _BUILD


def variable_problem(name: str, value: str) -> str:
    """Why a configuration may not set the variable to this value; empty if it may."""
    if not _NAME.fullmatch(name):
        return f"{name!r} is not the name of an environment variable"
    if name in _HINTS:
        return f"{name} cannot be set: {_HINTS[name]}"
    if name in _OWN or name.startswith(_OWN_PREFIXES):
        return f"{name} cannot be set: execute sets it, or it would choose a program"
    if "\0" in value:
        return f"{name} has a NUL in its value"
    if name == "GOFLAGS" and (wrong := _first_unlike(_GO_FLAG, value)):
        return f"GOFLAGS may hold -trimpath and -mod=…, not {wrong}: use `tags:` for build tags"
    if name in _C_FLAGS and (wrong := _first_unlike(_C_FLAG, value)):
        return f"{name} may hold -D, -U, -I, -L, -l, -O, -W and -std=, not {wrong}"
    return ""


def settings_problem(tags: Iterable[str], variables: Iterable[tuple[str, str]]) -> str:
    """Why a configuration may not have these tags and variables: the first problem; empty if it may."""
    problems = [tag_problem(tag) for tag in tags]
    problems += [variable_problem(name, value) for name, value in variables]
    return next(filter(None, problems), "")


def tag_problem(tag: str) -> str:
    """Why a configuration may not set the build tag; empty if it may."""
    if not _TAG.fullmatch(tag):
        return f"{tag!r} is not a build tag"
    if tag in ("cgo", "race"):
        return f"{tag} is not set by a tag: use --{tag}"
    if tag in SYSTEMS | MACHINES | {"unix", "gc", "gccgo"} or re.fullmatch(r"go1\.\d+", tag):
        return f"{tag} cannot be set: it follows from this machine and its Go"
    return ""


def _first_unlike(pattern: re.Pattern[str], value: str) -> str:
    return next((word for word in value.split() if not pattern.fullmatch(word)), "")
