"""Which files and mutants the options select."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from goutbench.golang.syntax.file import Declaration
from goutbench.golang.syntax.header import is_generated
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.mutation import Mutant
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.source.changes import Changes
from goutbench.mutate.source.packages import ListedPackage
from goutbench.mutate.source.worktree import WorkTree


@dataclass(frozen=True)
class Scope:
    """The part of a work tree that is mutated."""

    options: MutateOptions
    work_tree: WorkTree
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        return self._changes.notice if self._changes is not None else ""

    def sources(self, package: ListedPackage) -> tuple[str, ...]:
        """The base names of the sources that may have mutants in scope; nothing that was generated."""
        if package.path not in self._names:
            self._names[package.path] = tuple(self._sources(package))
        return self._names[package.path]

    def _sources(self, package: ListedPackage) -> Iterator[str]:
        if package.error or not package.folder.is_relative_to(self.work_tree.seen):
            return
        for name in package.sources:
            if self._may_have_mutants(package, name, (package.folder / name).read_bytes()):
                yield name

    def mutants(
        self, package: ListedPackage, name: str, source: bytes, mutants: Iterable[Mutant]
    ) -> list[Mutant]:
        """The mutants in scope of a file."""
        pattern = self.options.function_pattern
        selected = [mutant for mutant in mutants if pattern.search(mutant.function)]
        if self._changes is None:
            return selected
        lines = self._changes.lines(package.folder / name, source)
        return [item for item in selected if lines.intersection(range(item.line, item.end_line + 1))]

    def _may_have_mutants(self, package: ListedPackage, name: str, source: bytes) -> bool:
        if is_generated(source) or not self._may_match(source):
            return False
        return self._changes is None or bool(self._changes.lines(package.folder / name, source))

    def _may_match(self, source: bytes) -> bool:
        """Whether a file may have a function that the options select."""
        pattern = self.options.function_pattern
        if pattern.search("") or "[" in pattern.pattern:  # the parameters of a generic receiver
            return True
        functions = (item for item in parse(source).declarations if item.is_function)
        return any(pattern.search(form) for item in functions for form in _forms(item))

    @cached_property
    def _changes(self) -> Changes | None:
        revision = self.options.changed_since
        return Changes(self.work_tree, revision) if revision else None


def _forms(function: Declaration) -> tuple[str, ...]:
    """What mutants may call a function; a generic type's parameters are missing."""
    name, receiver = function.names[0], function.receiver
    if receiver is None:
        return (name,)
    return f"({receiver}).{name}", f"(*{receiver}).{name}"
