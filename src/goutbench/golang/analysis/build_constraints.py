"""Decides by file name and build constraint whether plain `go test` on linux/amd64 builds a Go file."""

import re
from dataclasses import dataclass

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
    """Whether a file is part of the build on linux/amd64 without build tags."""
    constraint = build_constraint(source)
    return all(map(_is_set, platform_suffixes(name))) and (constraint is None or satisfied(constraint))


def platform_suffixes(name: str) -> list[str]:
    """The operating system and architecture at the end of a file's name: of `_linux` or `_linux_amd64`."""
    parts = name.removesuffix(".go").removesuffix("_test").split("_")[1:]
    if len(parts) > 1 and parts[-2] in SYSTEMS and parts[-1] in MACHINES:
        return parts[-2:]
    return parts[-1:] if parts and parts[-1] in SYSTEMS | MACHINES else []


def satisfied(constraint: str) -> bool:
    """The value of a build constraint on linux/amd64; True if it is malformed."""
    expression = _Expression(_TOKEN.findall(constraint)[::-1])
    try:
        value = expression.disjunction()
    except IndexError:
        return True
    return value or bool(expression.tokens)


@dataclass(slots=True)
class _Expression:
    """A recursive-descent evaluator; `tokens` are the remaining ones, the next one last."""

    tokens: list[str]

    def disjunction(self) -> bool:
        value = self._conjunction()
        while self.tokens and self.tokens[-1] == "||":
            self.tokens.pop()
            value = self._conjunction() or value
        return value

    def _conjunction(self) -> bool:
        value = self._operand()
        while self.tokens and self.tokens[-1] == "&&":
            self.tokens.pop()
            value = self._operand() and value
        return value

    def _operand(self) -> bool:
        token = self.tokens.pop()
        if token == "!":
            return not self._operand()
        if token == "(":
            value = self.disjunction()
            if self.tokens and self.tokens[-1] == ")":
                self.tokens.pop()
            return value
        return _is_set(token)


def _is_set(tag: str) -> bool:
    return tag in _SET or _RELEASE.fullmatch(tag) is not None
