"""The map from the first version's names to a later version's: renames.yaml, for both commands."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from same_outputs.documents import TYPE

SECTIONS = ("commands", "settings", "files", "columns", "values", "texts", "excused")
STILL = ("", "numbers", "code", "rows")


class RenamesError(Exception):
    """Something in renames.yaml that is no rename."""


@dataclass(frozen=True)
class Excuse:
    """Differences that are meant: in which files and columns, why, and what has to be equal all the same."""

    why: str
    files: str
    columns: str
    still: str = ""


@dataclass(frozen=True)
class Text:
    """A replacement within texts."""

    files: str
    columns: str
    pattern: str
    new: str


@dataclass
class Renames:
    """renames.yaml; `used` collects the entries that something needed."""

    commands: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    texts: Sequence[Text] = ()
    excused: Sequence[Excuse] = ()
    used: set[str] = field(default_factory=set)

    def words(self, command: Sequence[str]) -> list[str]:
        """A command line in the later version's words: the command, its options, and their values."""
        rest, found = list(command), list[str]()
        while rest:
            word = rest.pop(0)
            if rest and f"{word}={rest[0]}" in self.commands:
                found += self.commands[f"{word}={rest.pop(0)}"].split()
            else:
                found += self.commands[word].split() if word in self.commands else [word]
        return [self._setting(before, word) for before, word in zip(["", *found], found, strict=False)]

    def _setting(self, before: str, word: str) -> str:
        key, equals, value = word.partition("=")
        if before != self.commands.get("--set", "--set") or not equals:
            return word
        return f"{'.'.join(self.settings.get(part, part) for part in key.split('.'))}={value}"

    def keys(self, content: Any) -> Any:
        """The content of a YAML input with the later version's keys."""
        if isinstance(content, list):
            return [self.keys(each) for each in content]
        if isinstance(content, dict):
            return {self.settings.get(key, key): self.keys(value) for key, value in content.items()}
        return content

    def file(self, path: str) -> str:
        """An old file's path in the later version."""
        for old, new in self.files.items():
            before, star, after = old.partition("*")
            if fnmatchcase(path, old):
                self.used.add(f"files: {old}")
                middle = path[len(before) : len(path) - len(after)] if star else ""
                return new.replace("*", middle, 1)
        return path

    def column(self, file: str, path: str) -> str:
        """A column, or a dotted path of keys, with the later version's names."""
        names = self._names(file)
        ahead = TYPE if path.startswith(TYPE) else ""
        return ahead + ".".join(self._part(names, part) for part in path.removeprefix(TYPE).split("."))

    def cell(self, file: str, column: str, value: Any) -> Any:
        """A cell's content with the later version's keys, values and texts; `column` is the old name."""
        if column.startswith(TYPE):  # such as list<element: struct<kind: string>>
            names = self._names(file)
            return re.sub(r"\w+(?=: )", lambda found: self._part(names, found[0]), value)
        names, values = self._names(file), list(self._values(file, column))
        texts = [each for each in self.texts if _fits(each.files, file) and _fits(each.columns, column)]
        return self._new(value, names, values, texts) if names or values or texts else value

    def excuses(self, file: str, column: str) -> Iterator[Excuse]:
        """What excuses differences of a column, by its new name."""
        for each in self.excused:
            if _fits(each.files, file) and _fits(each.columns, column):
                yield each

    def unused(self) -> list[str]:
        """The entries that nothing needed."""
        every = [f"files: {old}" for old in self.files]
        every += [f"columns: {old}" for names in self.columns.values() for old in names]
        every += [f"values: {old}" for of in self.values.values() for texts in of.values() for old in texts]
        every += [f"texts: {each.pattern}" for each in self.texts]
        every += [f"excused: {each.why} ({each.files}, {each.columns})" for each in self.excused]
        return [entry for entry in every if entry not in self.used]

    def _names(self, file: str) -> dict[str, str]:
        return {
            old: new
            for glob, names in self.columns.items()
            if _fits(glob, file)
            for old, new in names.items()
        }

    def _part(self, names: Mapping[str, str], part: str) -> str:
        name = part.partition("[")[0]
        if name not in names:
            return part
        self.used.add(f"columns: {name}")
        return names[name] + part[len(name) :]

    def _values(self, file: str, column: str) -> Iterator[Mapping[str, str]]:
        for glob, of in self.values.items():
            if _fits(glob, file):
                yield from (texts for name, texts in of.items() if _fits(name, column))

    def _new(
        self, value: Any, names: Mapping[str, str], values: Sequence[Mapping[str, str]], texts: Sequence[Text]
    ) -> Any:
        if isinstance(value, list):
            return [self._new(each, names, values, texts) for each in value]
        if isinstance(value, dict):
            return {
                self._part(names, key): self._new(each, names, values, texts) for key, each in value.items()
            }
        if not isinstance(value, str):
            return value
        for mapping in values:
            if value in mapping:
                self.used.add(f"values: {value}")
                return mapping[value]
        for text in texts:
            value, count = re.subn(text.pattern, text.new, value)
            if count:
                self.used.add(f"texts: {text.pattern}")
        return value


def load_renames(path: Path | None) -> Renames:
    """Read renames.yaml. Raises RenamesError with what is wrong in it."""
    if path is None:
        return Renames()
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    unknown = set(content) - set(SECTIONS)
    if unknown:
        raise RenamesError(
            f"{path}: no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}"
        )
    given = {name: value for name, value in content.items() if value}
    try:
        texts = tuple(Text(**each) for each in given.pop("texts", ()))
        excused = tuple(Excuse(**each) for each in given.pop("excused", ()))
    except TypeError as error:
        raise RenamesError(f"{path}: {error}") from None
    wrong = [each.still for each in excused if each.still not in STILL]
    if wrong:
        raise RenamesError(f"{path}: still: {wrong[0]!r} is none of {', '.join(STILL[1:])}")
    return Renames(**given, texts=texts, excused=excused)


def _fits(glob: str, name: str) -> bool:
    return fnmatchcase(name, glob)
