"""What a prompt tells of the code around a chunk: module, Go version, and declarations of other files.

`curate` notes the outline of every file beside a pair; `generate` and `train` pick from these what a chunk
uses, by the same call, so that their prompts are the same bytes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from goutbench.chunk import TokenCounter
from goutbench.chunk.render import keys, outline, wanted_words
from goutbench.dataset.store import read_packages
from goutbench.golang.syntax.file import Declaration, GoFile, parse
from goutbench.golang.syntax.references import uses, words
from goutbench.prompts.prompt import Place, Surroundings
from goutbench.records import Chunk, PackageFile

AROUND = 512
"""Tokens of neighbouring declarations in a prompt, if nothing else is said."""

_SEAM = 2  # tokens, for the blank line between two texts that were counted apart
_SELECTED = re.compile(rb"\.\s*([A-Za-z_\x80-\xff][\w\x80-\xff]*)")
_Found = tuple[GoFile, Declaration]


def file_outline(source: bytes) -> str:
    """A Go file's declarations without bodies, comments and imports; its build constraint stays."""
    file = parse(source)
    texts = [b"//go:build " + file.build_constraint.encode()] if file.build_constraint else []
    texts.append(b"package " + (file.package or "_").encode())
    texts += [_signature(file, each) or outline(file, each, None) for each in file.declarations]
    return b"\n\n".join(texts).decode("utf-8", "replace") + "\n"


class Packages:
    """The packages that a dataset's pairs stand in; nothing is known without the table of `curate`."""

    def __init__(self, files: Iterable[PackageFile] = ()) -> None:
        self._folders: dict[tuple[str, str], list[PackageFile]] = {}
        for file in files:
            self._folders.setdefault(_folder(file.repository, file.path), []).append(file)
        self._current: tuple[tuple[str, str], _Package] | None = None

    @classmethod
    def read(cls, dataset: Path) -> "Packages":
        """Those of a dataset folder. Raises DatasetError."""
        return cls(read_packages(dataset))

    def around(self, pair: Place, chunk: Chunk, *, budget: int, counter: TokenCounter) -> Surroundings:
        """The surroundings of a chunk, with at most `budget` tokens of neighbours; 0: nothing is said."""
        place = _folder(pair.repository, pair.code_path)
        files = self._folders.get(place)
        if not budget or not files:
            return Surroundings()
        if self._current is None or self._current[0] != place:  # pairs come folder by folder
            self._current = (place, _Package(files))
        return self._current[1].around(pair, chunk, budget, counter)


class _Package:
    """One folder's files, parsed once."""

    def __init__(self, files: Sequence[PackageFile]) -> None:
        self._facts = {each.path: each for each in files}
        self._parsed = {each.path: parse(each.outline.encode()) for each in files}

    def around(self, pair: Place, chunk: Chunk, budget: int, counter: TokenCounter) -> Surroundings:
        facts = self._facts.get(pair.code_path)
        if facts is None:
            return Surroundings()
        own = self._parsed[pair.code_path]
        others = [
            file
            for path, file in self._parsed.items()
            if path != pair.code_path and self._facts[path].package == pair.package
        ]
        others.sort(key=lambda file: file.build_constraint is not None)  # the plain one of two of a name
        text = _neighbours(chunk, own, others, budget, counter)
        return Surroundings(facts.module, facts.go_version, text)


def _neighbours(
    chunk: Chunk, own: GoFile, others: Sequence[GoFile], budget: int, counter: TokenCounter
) -> str:
    """What the chunk uses of the other files: the focal declarations' needs first, within the budget."""
    here = {name for each in own.declarations if each.kind != "method" for name in each.names}
    declared = _declared(others, here | {"_", "init"})
    file = parse(chunk.text.encode())
    focal = _focal_first(file, chunk)
    used = [declared[name] for name in _used(file, focal, declared.keys())]
    used += _methods(file, focal, others)
    wanted = wanted_words([chunk.text.encode()])
    texts = {each[1:]: _text(*each[0], wanted) for each in _numbered(used, others)}
    return _within(texts, budget, counter)


def _declared(files: Sequence[GoFile], taken: set[str]) -> dict[str, _Found]:
    """Functions, types, constants and variables by name; of several of a name the first."""
    found: dict[str, _Found] = {}
    for file in files:
        for each in file.declarations:
            if each.kind != "method":
                for name in each.names:
                    if name not in taken:
                        found.setdefault(name, (file, each))
    return found


def _focal_first(file: GoFile, chunk: Chunk) -> list[Declaration]:
    named = zip(keys(file), file.declarations, strict=True)
    return [each for _, each in sorted(named, key=lambda pair: pair[0] not in chunk.focal)]


def _used(file: GoFile, order: Sequence[Declaration], names: Iterable[str]) -> Iterator[str]:
    """The names that the declarations use and do not bind, in order of use, each once."""
    wanted = {name.encode() for name in names}
    for declaration in order:
        node = file.node(declaration)
        present = words(file.source, (declaration.node_start, declaration.node_end)) & wanted
        places = {name: next(uses(file.source, node, name), None) for name in present}
        hits = sorted((at, name) for name, at in places.items() if at is not None)
        wanted -= {name for _, name in hits}
        yield from (name.decode() for _, name in hits)


def _methods(file: GoFile, order: Sequence[Declaration], others: Sequence[GoFile]) -> Iterator[_Found]:
    """Methods that other files declare on types the chunk names, and whose name it selects on some value."""
    selected = {name: at for at, name in enumerate(dict.fromkeys(_SELECTED.findall(file.source)))}
    named = words(file.source, (0, len(file.source)))
    found: dict[tuple[str, str], tuple[int, _Found]] = {}
    for other in others:
        for each in other.declarations:
            if each.kind == "method" and each.names and (each.receiver or "").encode() in named:
                at = selected.get(each.names[0].encode())
                if at is not None:
                    found.setdefault((each.receiver or "", each.names[0]), (at, (other, each)))
    own = {(each.receiver, each.names[0]) for each in order if each.kind == "method" and each.names}
    kept = [(at, key, each) for key, (at, each) in found.items() if key not in own]
    yield from (each for _, _, each in sorted(kept, key=lambda row: row[:2]))


def _numbered(used: Iterable[_Found], others: Sequence[GoFile]) -> Iterator[tuple[_Found, int, int]]:
    """Each declaration once, with the places of its file and its own."""
    files = {id(file): at for at, file in enumerate(others)}
    seen: set[tuple[int, int]] = set()
    for file, declaration in used:
        place = (files[id(file)], declaration.node_start)
        if place not in seen:
            seen.add(place)
            yield (file, declaration), *place


def _text(file: GoFile, declaration: Declaration, wanted: set[bytes]) -> str:
    return outline(file, declaration, wanted).decode("utf-8", "replace")


def _within(texts: dict[tuple[int, int], str], budget: int, counter: TokenCounter) -> str:
    """The texts that fit, the first before the others, joined in the order of their places."""
    chosen: list[tuple[int, int]] = []
    left = budget
    for place, tokens in zip(texts, counter.count(list(texts.values())), strict=True):
        if tokens + _SEAM <= left:
            chosen.append(place)
            left -= tokens + _SEAM
    while chosen:
        whole = "\n\n".join(texts[place] for place in sorted(chosen))
        if sum(counter.count([whole])) <= budget:
            return whole
        chosen.pop()  # tokens do not always add up
    return ""


def _signature(file: GoFile, declaration: Declaration) -> bytes:
    """A function up to its body, which is Go as well; empty for what is no function."""
    if not declaration.is_function:
        return b""
    end = declaration.body[0] if declaration.body is not None else declaration.node_end
    return file.source[declaration.node_start : end].rstrip()


def _folder(repository: str, path: str) -> tuple[str, str]:
    return repository, str(PurePosixPath(path).parent)
