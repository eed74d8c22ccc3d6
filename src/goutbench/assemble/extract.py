"""The Go in a model's reply, found by parsing it rather than by the first fence."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from tree_sitter import Node

from goutbench.assemble.recover import Segment, segments
from goutbench.assemble.reply import Block, json_texts, split_fences, strip_reply, variants
from goutbench.golang.syntax.file import Declaration, GoFile, parse
from goutbench.records import Note

_TOP_LEVEL = frozenset(
    {
        "package_clause",
        "import_declaration",
        "comment",
        "function_declaration",
        "method_declaration",
        "type_declaration",
        "const_declaration",
        "var_declaration",
    }
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of Go without syntax errors and at most one package clause, from one block of a reply."""

    reply: int
    block: int
    file: GoFile


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one reply holds: its Go in order, and a note for what is left out or was undone."""

    units: tuple[Unit, ...]
    notes: tuple[Note, ...]


def extract(reply: str, number: int = 0) -> Extraction:
    """Reads one reply, which notes call `number`; a reply without Go has no units and says so."""
    text, thinking = strip_reply(reply)
    notes: list[Note] = []
    if thinking and "func " in thinking:
        notes.append(Note("thinking_dropped", "thinking", "code in it is no answer", number))
    inner = json_texts(text)
    if inner:
        notes.append(Note("unwrapped", "JSON", "the code stands in a string of it", number))
    units: list[Unit] = []
    for index, block in enumerate(_blocks(inner or [text])):
        for part in _split_packages(_read(block, number, notes)):
            file = _checked(part, block, number, notes)
            if file is not None:
                units.append(Unit(number, index, file))
    if not units:
        notes.append(Note("no_code", "reply", "no Go declaration in it parses", number))
    return Extraction(tuple(units), tuple(notes))


def _blocks(texts: list[str]) -> list[Block]:
    found: list[Block] = []
    for text in texts:
        for block in split_fences(text, is_go):
            inner = json_texts(block.text) if block.fenced else []
            found += [Block("json", each, closed=True) for each in inner] or [block]
    return [block for block in found if block.text.strip()]


@lru_cache(maxsize=256)
def _parsed(text: str) -> GoFile:
    return parse(text.encode("utf-8", "replace"))


def is_go(text: str) -> bool:
    """Whether the text parses without an error and declares or imports something."""
    file = _parsed(text)
    return not file.errors and bool(file.declarations or file.imports or file.package)


def _read(block: Block, number: int, notes: list[Note]) -> str:
    """The Go of a block, free of syntax errors; empty when there is none."""
    readings = [("", block.text), *variants(block.text)]
    for undone, text in readings:
        if is_go(text) and not _bare_prose(text, block):
            if undone:
                notes.append(Note("undone", undone, "the code parses without them", number))
            return text
    undone, pieces = max(
        ((undone, segments(text, is_go)) for undone, text in readings),
        key=lambda reading: sum(
            piece.kind in ("go", "unfinished") and bool(piece.name) for piece in reading[1]
        ),
    )
    kept = [piece for piece in pieces if piece.kind == "go"]
    if not any(piece.name or piece.text.lstrip().startswith(("package", "import")) for piece in kept):
        kept = []
    if undone and kept:
        notes.append(Note("undone", undone, "the code parses without them", number))
    _note_lost(block, pieces, number, notes, found=bool(kept))
    return "".join(piece.text for piece in kept)


def _bare_prose(text: str, block: Block) -> bool:
    """One word of prose is a Go expression as well, so loose text counts as Go only with a declaration."""
    return not block.fenced and not _parsed(text).declarations and not _parsed(text).package


def _note_lost(block: Block, pieces: list[Segment], number: int, notes: list[Note], *, found: bool) -> None:
    lost = [piece for piece in pieces if piece.kind in ("unfinished", "broken", "statement")]
    for piece in lost:
        notes.append(_note_of(piece, number))
    other = [piece.text for piece in pieces if piece.kind == "other" and _is_content(piece.text)]
    if not block.fenced or not other:
        return
    first = other[0].strip()[:60]
    if found or lost:
        notes.append(Note("lines_dropped", first, f"{len(other)} line(s) that are no Go declaration", number))
    else:
        notes.append(Note("block_skipped", block.info or first, "no Go declaration in it", number))


_AFTER = re.compile(rb"\A[ \t]*;")  # the semicolon that ended what was cut out


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("//")


def _note_of(piece: Segment, number: int) -> Note:
    what = piece.name or piece.text.strip().split("\n", 1)[0][:60]
    match piece.kind:
        case "unfinished":
            return Note("truncated", what, "the reply ends within it", number)
        case "statement":
            return Note("statement_refused", what, "it stands outside of every function", number)
        case _:
            return Note("broken", what, "it does not parse", number)


def _split_packages(code: str) -> list[str]:
    """The text cut before every package clause but the first, with the comments right above going along."""
    source = code.encode("utf-8", "replace")
    children = _parsed(code).tree.root_node.children
    cuts = [
        _with_comments(children, at) for at, node in enumerate(children) if node.type == "package_clause"
    ][1:]
    bounds = [0, *cuts, len(source)]
    return [source[a:b].decode() for a, b in pairwise(bounds)]


def _with_comments(children: list[Node], at: int) -> int:
    while at > 0 and children[at - 1].type == "comment":
        at -= 1
    return children[at].start_byte


def _checked(code: str, block: Block, number: int, notes: list[Note]) -> GoFile | None:
    """The part without statements at top level and functions without a body; None when nothing is left."""
    file = _parsed(code)
    refused = [node for node in file.tree.root_node.named_children if node.type not in _TOP_LEVEL]
    for node in refused:
        first = (node.text or b"").decode().split("\n", 1)[0][:60]
        notes.append(Note("statement_refused", first, "it stands outside of every function", number))
    bodiless = [each for each in file.declarations if _is_bodiless(file, each)]
    for each in bodiless:
        last = not block.closed and each.node_end >= len(file.source.rstrip())
        why = "the reply ends before its body" if last else "it has no body"
        notes.append(Note("truncated" if last else "broken", each.names[0], why, number))
    spans = [node.byte_range for node in refused] + [(each.start, each.end) for each in bodiless]
    if spans:
        source = file.source
        for start, end in sorted(spans, reverse=True):
            source = source[:start] + _AFTER.sub(b"", source[end:], count=1)
        file = _parsed(source.decode())
    return file if file.declarations or file.imports else None


def _is_bodiless(file: GoFile, declaration: Declaration) -> bool:
    if declaration.kind not in ("func", "method") or declaration.body is not None:
        return False
    return b"//go:linkname " + declaration.names[0].encode() not in file.source
