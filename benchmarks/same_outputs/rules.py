"""What two runs of the same version differ in: every normalisation, once, in the tables of this file.

Names are those of the first version; for a later one they are renamed like everything else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from same_outputs.documents import TYPE, Document
from same_outputs.renames import Renames

SKIPPED = {
    "inputs/*": "written by the script itself",
    "folders.json": "written by the script itself",
    "*.stderr": "progress, with times; the exit codes are compared",
    "*/logs/*": "Inspect's own logs, with times and ids drawn by chance",
    "*/checkpoints/*": "states of the optimiser, with times; what they lead to is compared",
}
"""Files that are not compared, and why."""

MASKED = (
    ("*", "*seconds", "time"),
    ("*", "seconds of the model", "time"),
    ("*", "log[[]].train_runtime", "time"),
    ("*", "log[[]].train_*_per_second", "time"),
    ("*/manifest.json", "files.*.sha256", "hash of a file that is compared itself"),
    ("*/manifest.json", "files.*.bytes", "size of a file that is compared itself"),
    ("*/croissant.json", "distribution[[]].sha256", "hash of a file that is compared itself"),
    ("*/croissant.json", "distribution[[]].contentSize", "size of a file that is compared itself"),
    ("*.jsonl", "nonce", "drawn by chance: candidates' labels in a judge's prompt come from it"),
    ("*.jsonl", "key", "hash of a request, with the hash of its prompt template"),
)
"""(file glob, column glob, why): cells whose content does not count. `[[]]` matches the `[]` of a list."""

REPLACED = (
    ("*.stdout.*", "*", r"\b\d+(\.\d+)? ?(s|ms|seconds)\b", "TIME", "time"),
    ("*.stdout.*", "*", r"(?<=seconds of the model: )\d+(\.\d+)?", "TIME", "time"),
    ("*", "*reply*", r'"[0-9B-DF-HJ-NP-TV-Z]{8}"', '"LABEL"', "label of a candidate, from the nonce"),
    (
        "*/answers.jsonl",
        "text",
        r'"[0-9B-DF-HJ-NP-TV-Z]{8}"',
        '"LABEL"',
        "label of a candidate, from the nonce",
    ),
    ("*", "*evidence", r"\b\d+\.\d+s\b", "TIME", "time of a test"),
    ("*", "*evidence", r"\bgoroutine \d+\b", "goroutine N", "numbered as the scheduler starts them"),
    ("*", "*evidence", r"\b0x[0-9a-f]+\b", "ADDRESS", "address in memory"),
    ("execute/doctor.*", "*", r"/sys/fs/cgroup/[^ ,]+", "CGROUP", "the process's own"),
)
"""(file glob, column glob, pattern, replacement, why): parts of texts. The paths of the record and of --work
are replaced everywhere."""

NAMED = (
    ("*/prompts.parquet", "id", "prompt"),
    ("*/completions.parquet", "id", "completion"),
    ("*/candidates.parquet", "id", "candidate"),
    ("*/executions.parquet", "id", "execution"),
    ("*/matches.parquet", "id", "match"),
    ("*/verdicts.parquet", "id", "verdict"),
)
"""(file glob, column, kind): ids that depend on the hash of a prompt template. Everywhere, each is replaced
by the place where it first occurs, such as `candidate 3 of generate/first`: references must still match."""

OWN = ("generate/*", "report/repaired*")
"""Files about the candidates that the version itself generated. All others are about those of the first
version, which `freeze` copies: with new prompt templates the same place has two ids, so that each of the two
groups of files has its own names."""

SORTED = (
    ("*/executions.parquet", ("pair_id", "model", "candidate_id"), "its order is that of ids"),
    ("*/failures.*", ("class",), "its order is that of the statuses, which is another one"),
    ("*.jsonl", (), "a journal: the order is that in which answers came"),
)
"""(file glob, columns, why): rows to sort after ids are replaced, by these columns or else by all.
The renames come first."""

_HEX = re.compile(r"[0-9a-f]{16}")
_HASH = re.compile(r"(?<![0-9a-z])(?:[0-9a-f]{64}|[0-9a-f]{16})(?![0-9a-z])")


@dataclass
class Normal:
    """Normalises the files of one record. `folders` maps paths of this machine to what stands for them."""

    renames: Renames
    folders: Mapping[str, str]
    names: Mapping[bool, dict[str, str]] = field(default_factory=lambda: {True: {}, False: {}})

    def learn(self, path: str, document: Document) -> None:
        """Name the ids of a table, by the order of its rows; to be called in the order of the paths."""
        names = self._names(path)
        for glob, column, kind in NAMED:
            if fnmatchcase(path, self._file(glob)):
                folder = path.rpartition("/")[0]
                ids = document.get(self._column(path, column), [])
                if kind == "execution":  # its rows are in the order of ids
                    owners = document.get(self._column(path, "candidate_id"), [])
                    found = {
                        one: f"execution of {names.get(of, of)}" for one, of in zip(ids, owners, strict=True)
                    }
                else:
                    found = {one: f"{kind} {at} of {folder}" for at, one in enumerate(ids)}
                for one, name in found.items():
                    names.setdefault(one, name)

    def path(self, path: str) -> str:
        """A file's path, with ids named."""
        return self._text(path, self._names(path))

    def document(self, path: str, document: Document) -> Document:
        """A file's cells without what may differ."""
        found, names = {}, self._names(path)
        for column, cells in document.items():
            masked = next((why for glob, name, why in MASKED if self._is(path, column, glob, name)), None)
            key = self._text(column, names)
            patterns = [each[2:4] for each in REPLACED if self._is(path, column, *each[:2])]
            found[key] = (
                [f"({masked})" if cell is not None else None for cell in cells]
                if masked
                else [self._cell(cell, names, patterns) for cell in cells]
            )
        return self._sort(path, found)

    def _is(self, path: str, column: str, file_glob: str, column_glob: str) -> bool:
        if column.startswith(TYPE):
            return False
        return fnmatchcase(path, self._file(file_glob)) and fnmatchcase(
            column, self._column(path, column_glob)
        )

    def _names(self, path: str) -> dict[str, str]:
        return self.names[any(fnmatchcase(path, glob) for glob in OWN)]

    def _cell(self, cell: Any, names: Mapping[str, str], patterns: Sequence[tuple[str, str]]) -> Any:
        if isinstance(cell, str):
            return self._text(cell, names, patterns)
        if isinstance(cell, list):
            return [self._cell(each, names, patterns) for each in cell]
        if isinstance(cell, dict):
            return {key: self._cell(each, names, patterns) for key, each in cell.items()}
        return cell

    def _text(self, text: str, names: Mapping[str, str], patterns: Sequence[tuple[str, str]] = ()) -> str:
        for folder, name in self.folders.items():
            if folder in text:
                text = text.replace(folder, name)
        for pattern, new in patterns:
            text = re.sub(pattern, new, text)
        if _HEX.search(text) is None:  # faster by far
            return text
        return _HASH.sub(lambda found: names.get(found[0], found[0]), text)

    def _sort(self, path: str, document: Document) -> Document:
        for glob, columns, _ in SORTED:
            if fnmatchcase(path, self._file(glob)):
                tables = {name: cells for name, cells in document.items() if not name.startswith(TYPE)}
                chosen = [self._column(path, column) for column in columns] or sorted(tables)
                count = max(map(len, tables.values()), default=0)
                rows = sorted(
                    range(count),
                    key=lambda row: [repr(tables[name][row]) for name in chosen if name in tables],
                )
                return document | {name: [cells[row] for row in rows] for name, cells in tables.items()}
        return document

    def _file(self, glob: str) -> str:
        return self.renames.file(glob)

    def _column(self, path: str, column: str) -> str:
        return self.renames.column(path, column)


def is_skipped(path: str) -> bool:
    """Whether a file is not compared."""
    return any(fnmatchcase(path, glob) for glob in SKIPPED)
