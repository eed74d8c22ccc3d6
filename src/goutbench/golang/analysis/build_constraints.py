"""Decides by file name and build constraint whether plain `go test` on linux/amd64 builds a Go file.

Where Go itself has decided that, it says why a file is left out.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from goutbench.golang.analysis.platforms import MACHINES, SYSTEMS, platform_suffixes
from goutbench.golang.syntax.header import build_constraint

_UNIX = SYSTEMS - {"js", "nacl", "plan9", "wasip1", "windows", "zos"}
_NOT_TAGS = SYSTEMS | MACHINES | {"unix", "gc", "gccgo", "cgo", "race", "msan", "asan"}
_SET = frozenset({"linux", "unix", "amd64", "cgo", "gc"})
_EXPERIMENT = "goexperiment."
_RELEASE = re.compile(r"go1\.\d+")
_TOKEN = re.compile(r"&&|\|\||!|\(|\)|[^\s()!&|]+")


def builds_on_linux(name: str, source: bytes) -> bool:
    """Whether a file is part of the build on linux/amd64 without build tags."""
    constraint = build_constraint(source)
    return all(map(_is_set, platform_suffixes(name))) and (constraint is None or satisfied(constraint))


def exclusion_reason(name: str, source: bytes, system: str, machine: str, tags: Collection[str] = ()) -> str:
    """Why a file that is left out of builds for a system and machine with these tags is left out.

    A second line is the hint: the build tags that would include it.
    """
    if name.startswith(("_", ".")):
        return f"{name} is never built, because of the first character of its name"
    suffixes = platform_suffixes(name)
    if not set(suffixes) <= {system, machine}:
        return f"{name} is only built for {'/'.join(suffixes)}"
    constraint = build_constraint(source)
    if constraint is None:
        return f"{name} is not built for {system}/{machine}"
    here = {system, machine, "gc", *tags} | ({"unix"} if system in _UNIX else set())

    def is_built(more: Collection[str]) -> bool:
        return satisfied(constraint, lambda tag: tag in here or tag in more or _is_release(tag))

    named = dict.fromkeys(word for word in _TOKEN.findall(constraint) if re.match(r"\w", word))
    free = [
        word for word in named if word not in _NOT_TAGS | here and not word.startswith(("go1.", _EXPERIMENT))
    ]
    options = [[word] for word in free] + [free]
    needed = next((option for option in options if option and is_built(option)), [])
    if not needed or needed == ["ignore"]:
        with_tags = f" with the tags {', '.join(tags)}" if tags else ""
        experiments = [word.removeprefix(_EXPERIMENT) for word in named if word.startswith(_EXPERIMENT)]
        hint = f"\n  hint: give --env GOEXPERIMENT={','.join(experiments)}" if experiments else ""
        why = f"its build constraint is {constraint}{hint}"
        return f"{name} is not built for {system}/{machine}{with_tags}: {why}"
    plural = "s" if len(needed) > 1 else ""
    hint = f"give --tags {','.join(needed)}, or `test: {{tags: [{', '.join(needed)}]}}` in repos.yaml"
    return f"{name} needs the build tag{plural} {', '.join(needed)}\n  hint: {hint}"


def satisfied(constraint: str, is_set: Callable[[str], bool] | None = None) -> bool:
    """The value of a build constraint, by default on linux/amd64; True if it is malformed."""
    expression = _Expression(_TOKEN.findall(constraint)[::-1], is_set or _is_set)
    try:
        value = expression.disjunction()
    except IndexError:
        return True
    return value or bool(expression.tokens)


@dataclass(slots=True)
class _Expression:
    """A recursive-descent evaluator; `tokens` are the remaining ones, the next one last."""

    tokens: list[str]
    is_set: Callable[[str], bool]

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
        return self.is_set(token)


def _is_set(tag: str) -> bool:
    return tag in _SET or _is_release(tag)


def _is_release(tag: str) -> bool:
    return _RELEASE.fullmatch(tag) is not None
