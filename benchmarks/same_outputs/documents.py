"""Any output file as columns of cells: tables by column, JSON and YAML by dotted key, texts by line."""

import base64
import csv
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

Document = dict[str, list[Any]]
"""Column → its cells, in the file's order."""

ABSENT = "(absent)"
TYPE = "type of "
TEXTS = {".md", ".svg", ".stdout", ".css", ".jinja"}
_RULES = set("┏┃┡│└├")
_ITEM = re.compile(r'^goutbenchItem\("([A-Za-z0-9+/=]*)"\);\n$')


def read_document(path: Path) -> Document:
    """Read a file by its suffix. A file of any other kind is one cell: the hash of its bytes."""
    reader = _READERS.get(path.suffix)
    if reader is not None:
        return reader(path)
    if path.suffix in TEXTS:
        return {"line": path.read_text(encoding="utf-8").splitlines()}
    return {"sha256 of the bytes": [hashlib.sha256(path.read_bytes()).hexdigest()]}


def _parquet(path: Path) -> Document:
    table = pq.ParquetFile(path).read()
    types = {f"{TYPE}{field.name}": [str(field.type)] for field in table.schema}
    return {**{name: table.column(name).to_pylist() for name in table.column_names}, **types}


def _json(path: Path) -> Document:
    """One document, or several in a row, as `judge --audit --json` prints them."""
    text, found = path.read_text(encoding="utf-8").strip(), list[Any]()
    while text:
        content, end = json.JSONDecoder().raw_decode(text)
        found.append(content)
        text = text[end:].lstrip()
    return flat(found[0] if len(found) == 1 else found)


def _yaml(path: Path) -> Document:
    return flat(yaml.safe_load(path.read_bytes()))


def _json_lines(path: Path) -> Document:
    return _columns([json.loads(line) for line in path.read_bytes().splitlines() if line.strip()])


def _csv(path: Path) -> Document:
    csv.field_size_limit(1 << 28)
    return _columns(list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))))


def _script(path: Path) -> Document:
    """An item of a report: JSON, deflated, in base64, in a call."""
    text = path.read_text(encoding="utf-8")
    found = _ITEM.match(text)
    if found is None:
        return {"line": text.splitlines()}
    return flat(json.loads(zlib.decompress(base64.b64decode(found[1]))))


def _printed(path: Path) -> Document:
    """Lines. A table with ruled columns is `column 2`, …: headings change where its cells are wrapped."""
    found: Document = {"line": []}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1] not in _RULES:
            found["line"].append(line)
        elif line[0] == "┃":
            found.setdefault("headings", []).append(line)
        elif line[0] == "│":
            cells = ["".join(cell.split()) for cell in line[1:].split("│")[:-1]]
            for at, cell in enumerate(cells, 1):
                column = found.setdefault(f"column {at}", [])
                if cells[0]:
                    column.append(cell)
                else:  # a row goes on
                    column[-1] += cell
    return found


def _html(path: Path) -> Document:
    reader = _Page()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader.found


class _Page(HTMLParser):
    """A page: `text of td` and `attributes of td` hold those of all cells; JSON is by dotted key."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Document = {}
        self.tag, self.is_json = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag, self.is_json = tag, ("type", "application/json") in attrs
        self.found.setdefault(f"attributes of {tag}", []).append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tag, self.is_json = f"after {tag}", False

    def handle_data(self, data: str) -> None:
        if self.is_json:
            self.found |= {f"json.{path}": cells for path, cells in flat(json.loads(data)).items()}
        elif data.strip():
            self.found.setdefault(f"text of {self.tag}", []).extend(data.splitlines())


def flat(content: Any) -> Document:
    """JSON by dotted key: `judges[].name` holds that of every judge, in order."""
    found: Document = {}
    for path, value in _leaves(content, ""):
        found.setdefault(path, []).append(value)
    return found


def _leaves(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _leaves(value, f"{path}.{_key(key)}" if path else _key(key))
    elif isinstance(content, list) and content:
        for value in content:
            yield from _leaves(value, f"{path}[]")
    else:
        yield path, content


def _key(key: Any) -> str:
    return str(key).replace(".", "․")  # a dot within a key, such as a file's name, is no step


def _columns(rows: Iterable[Mapping[str, Any]]) -> Document:
    rows = [dict(_spread(row, "")) for row in rows]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, ABSENT) for row in rows] for name in names}


def _spread(row: Mapping[str, Any], ahead: str) -> Iterator[tuple[str, Any]]:
    """A row's cells; those of an object within it by dotted key."""
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _spread(value, f"{ahead}{_key(key)}.")
        else:
            yield f"{ahead}{_key(key)}", value


_READERS = {
    ".parquet": _parquet, ".json": _json, ".jsonl": _json_lines, ".csv": _csv, ".yaml": _yaml, ".js": _script,
    ".html": _html, ".txt": _printed,
}  # fmt: skip
