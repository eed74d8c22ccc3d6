"""Whether plain `go test` on linux/amd64 builds a Go file, by its name and its build constraint."""

import re

from goutbench.golang.syntax.header import build_constraint

SYSTEMS = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "nacl", "netbsd",
    "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
})  # fmt: skip
MACHINES = frozenset({
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
})  # fmt: skip
_SET = frozenset({"linux", "unix", "amd64", "cgo", "gc"})
_RELEASE = re.compile(r"go1\.\d+")
_TOKEN = re.compile(r"&&|\|\||!|\(|\)|[^\s()!&|]+")


def builds_on_linux(name: str, source: bytes) -> bool:
    """Whether name and constraint let a file in on linux/amd64 when no tags are given."""
    constraint = build_constraint(source)
    return all(map(_tag, platform_words(name))) and (constraint is None or satisfied(constraint))


def platform_words(name: str) -> list[str]:
    """The system and the machine that a file's name ends in, as Go reads it: `_linux`, `_linux_amd64`."""
    words = name.removesuffix(".go").removesuffix("_test").split("_")[1:]
    if len(words) > 1 and words[-2] in SYSTEMS and words[-1] in MACHINES:
        return words[-2:]
    return words[-1:] if words and words[-1] in SYSTEMS | MACHINES else []


def satisfied(constraint: str) -> bool:
    """The value of a build constraint on linux/amd64; True for one that cannot be read."""
    tokens = _TOKEN.findall(constraint)[::-1]
    try:
        value = _either(tokens)
    except IndexError:
        return True
    return value or bool(tokens)


def _either(tokens: list[str]) -> bool:
    value = _both(tokens)
    while tokens and tokens[-1] == "||":
        tokens.pop()
        value = _both(tokens) or value
    return value


def _both(tokens: list[str]) -> bool:
    value = _single(tokens)
    while tokens and tokens[-1] == "&&":
        tokens.pop()
        value = _single(tokens) and value
    return value


def _single(tokens: list[str]) -> bool:
    token = tokens.pop()
    if token == "!":
        return not _single(tokens)
    if token == "(":
        value = _either(tokens)
        if tokens and tokens[-1] == ")":
            tokens.pop()
        return value
    return _tag(token)


def _tag(tag: str) -> bool:
    return tag in _SET or _RELEASE.fullmatch(tag) is not None
