"""The cross-file context of a prompt: module, Go version, and declarations from the package's other files.

`curate` stores the outline of every file of a pair's package. `generate` and `train` select from these
outlines what a chunk uses, with the same call, so that their prompts are the same bytes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from goutbench.chunk.tokens import TokenCounter
from goutbench.dataset.store import read_packages
from goutbench.golang.analysis.assertion_names import test_libraries
from goutbench.golang.syntax.file import Declaration, GoFile, declaration_keys
from goutbench.golang.syntax.outline import mentioned_names, outline
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.references import identifiers_in, uses
from goutbench.prompts.prompt import NO_CONTEXT, CrossFileContext, FocalFile
from goutbench.records import Chunk, PackageFile

_SEPARATOR_TOKENS = 2  # for the blank line between two texts that are counted separately
_SELECTOR = re.compile(rb"\.\s*([A-Za-z_\x80-\xff][\w\x80-\xff]*)")
_Declared = tuple[GoFile, Declaration]
_Position = tuple[int, int]  # index of the file, byte offset of the declaration


class PackageIndex:
    """The packages of a dataset's pairs; it is empty where `curate` stored no outlines."""

    def __init__(self, files: Iterable[PackageFile] = ()) -> None:
        self._folders: dict[tuple[str, str], list[PackageFile]] = {}
        for file in files:
            self._folders.setdefault(folder_of(file.repository, file.path), []).append(file)
        self._current: tuple[tuple[str, str], _Package] | None = None

    @classmethod
    def read(cls, dataset: Path) -> "PackageIndex":
        """The packages of a dataset folder. Raises DatasetError."""
        return cls(read_packages(dataset))

    def around(self, pair: FocalFile) -> "PackageIndex":
        """The packages in the folder of a pair."""
        return PackageIndex(self._folders.get(folder_of(pair.repository, pair.code_path), ()))

    def context(
        self, pair: FocalFile, chunk: Chunk, *, budget: int, counter: TokenCounter
    ) -> CrossFileContext:
        """The cross-file context of a chunk, with at most `budget` tokens of declarations; 0: no context."""
        folder = folder_of(pair.repository, pair.code_path)
        files = self._folders.get(folder)
        if not budget or not files:
            return NO_CONTEXT
        if self._current is None or self._current[0] != folder:  # pairs come sorted by folder
            self._current = (folder, _Package(files))
        return self._current[1].context(pair, chunk, budget, counter)


class _Package:
    """One folder's files, parsed once."""

    def __init__(self, files: Sequence[PackageFile]) -> None:
        self._files = {file.path: file for file in files}
        self._parsed = {file.path: parse(file.outline.encode()) for file in files}
        self._siblings: dict[str, _Siblings] = {}

    def context(self, pair: FocalFile, chunk: Chunk, budget: int, counter: TokenCounter) -> CrossFileContext:
        file = self._files.get(pair.code_path)
        if file is None:
            return NO_CONTEXT
        if pair.package not in self._siblings:
            self._siblings[pair.package] = self._siblings_of(pair.package)
        selection = _Selection(chunk, self._parsed[pair.code_path], self._siblings[pair.package])
        libraries = None if file.requires is None else test_libraries(file.requires)
        return CrossFileContext(file.module, file.go_version, selection.text(budget, counter), libraries)

    def _siblings_of(self, package: str) -> "_Siblings":
        files = [file for path, file in self._parsed.items() if self._files[path].package == package]
        # of two declarations of a name, the one without a build constraint comes first
        return _Siblings(sorted(files, key=lambda file: file.build_constraint is not None))


class _Siblings:
    """What the files of a package declare, by name."""

    def __init__(self, files: Sequence[GoFile]) -> None:
        self.indices = {id(file): index for index, file in enumerate(files)}
        self.by_name: dict[bytes, _Declared] = {}
        self.methods: dict[bytes, list[_Declared]] = {}
        for file in files:
            for declaration in file.declarations:
                if declaration.kind != "method":
                    for name in declaration.names:
                        self.by_name.setdefault(name.encode(), (file, declaration))
                elif declaration.names:
                    methods = self.methods.setdefault(declaration.names[0].encode(), [])
                    methods.append((file, declaration))


class _Selection:
    """The declarations of a chunk's sibling files that the chunk uses."""

    def __init__(self, chunk: Chunk, own: GoFile, siblings: _Siblings) -> None:
        self.file = parse(chunk.text.encode())
        self.own = own
        self.own_names = {name.encode() for name in own.top_level_names() | {"_", "init"}}
        self.siblings = siblings
        named = zip(declaration_keys(self.file), self.file.declarations, strict=True)
        focal_first = sorted(named, key=lambda pair: pair[0] not in chunk.focal)
        self.declarations = [declaration for _, declaration in focal_first]

    def text(self, budget: int, counter: TokenCounter) -> str:
        """The outlines that fit the budget, those that the focal code uses first, joined by position."""
        texts = self._outlines()
        chosen: list[_Position] = []
        remaining = budget
        for position, tokens in zip(texts, counter.count(list(texts.values())), strict=True):
            if tokens + _SEPARATOR_TOKENS <= remaining:
                chosen.append(position)
                remaining -= tokens + _SEPARATOR_TOKENS
        while chosen:
            joined = "\n\n".join(texts[position] for position in sorted(chosen))
            if sum(counter.count([joined])) <= budget:
                return joined
            chosen.pop()  # the tokens of a joined text can exceed the sum of its parts
        return ""

    def _outlines(self) -> dict[_Position, str]:
        used = [*self._used_names(), *self._used_methods()]
        mentioned = mentioned_names([self.file.source] if used else ())
        texts: dict[_Position, str] = {}
        for sibling, declaration in used:
            position = self.siblings.indices[id(sibling)], declaration.node_start
            if position not in texts:
                texts[position] = outline(sibling, declaration, mentioned).decode("utf-8", "replace")
        return texts

    def _used_names(self) -> Iterator[_Declared]:
        """Functions, types, constants and variables that the chunk uses, in order of first use."""
        source, by_name = self.file.source, self.siblings.by_name
        unused = (by_name.keys() & identifiers_in(source, (0, len(source)))) - self.own_names
        for declaration in self.declarations:
            if not unused:
                return
            node = self.file.node(declaration)
            present = identifiers_in(source, (declaration.node_start, declaration.node_end)) & unused
            offsets = {name: next(uses(source, node, name), None) for name in present}
            hits = sorted((offset, name) for name, offset in offsets.items() if offset is not None)
            unused -= {name for _, name in hits}
            yield from (by_name[name] for _, name in hits)

    def _used_methods(self) -> Iterator[_Declared]:
        """Methods of types that the chunk names, where the chunk selects the method's name on some value."""
        source = self.file.source
        selected = [
            name for name in dict.fromkeys(_SELECTOR.findall(source)) if name in self.siblings.methods
        ]
        names = identifiers_in(source, (0, len(source))) if selected else set()
        own = {(d.receiver, d.names[0]) for d in self.declarations if d.kind == "method" and d.names}
        for name in selected:
            methods: dict[str, _Declared] = {}
            for sibling, item in self.siblings.methods[name]:
                if sibling is self.own:
                    continue
                receiver = item.receiver or ""
                if receiver.encode() in names and (receiver, item.names[0]) not in own:
                    methods.setdefault(receiver, (sibling, item))
            yield from (methods[receiver] for receiver in sorted(methods))


def folder_of(repository: str, path: str) -> tuple[str, str]:
    """The repository and the folder of a file."""
    return repository, str(PurePosixPath(path).parent)
