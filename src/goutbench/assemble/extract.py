"""Extracts the Go of a model's reply by parsing it, instead of taking the first code fence."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from goutbench.assemble.invisible import visible
from goutbench.assemble.pieces import Unit
from goutbench.assemble.recover import Segment, segments
from goutbench.assemble.reply import Block, json_texts, split_fences, strip_reply, variants
from goutbench.golang.syntax.file import GoFile, node_text
from goutbench.golang.syntax.parser import parse
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
_SEMICOLON = re.compile(rb"\A[ \t]*;")  # that terminated what was removed
_SUMMARY = 60  # characters of a text that a note quotes


@dataclass(frozen=True, slots=True)
class Extraction:
    """The Go of one reply in order, and a note for everything that was dropped or undone."""

    units: tuple[Unit, ...]
    notes: tuple[Note, ...]


def extract(reply: str, number: int = 0) -> Extraction:
    """The Go of one reply, which notes refer to by `number`; a reply without Go has no units and a note."""
    text, thinking = strip_reply(reply)
    extractor = _Extractor(number, [])
    if thinking and "func " in thinking:
        extractor.note("thinking_dropped", "thinking", "code in the reasoning is not part of the answer")
    json_code = json_texts(text)
    if json_code:
        extractor.note("unwrapped", "JSON", "the code is in a JSON string")
    units: list[Unit] = []
    for index, block in enumerate(_blocks(json_code or [text])):
        for part in _split_packages(extractor.go_of(block)):
            file = extractor.checked(part, block)
            if file is not None:
                units.append(Unit(number, index, file))
    if not units:
        extractor.note("no_code", "reply", "no Go declaration in it parses")
    return Extraction(tuple(units), tuple(extractor.notes))


def is_go(text: str) -> bool:
    """Whether the text parses without an error and declares or imports something."""
    file = _parsed(text)
    return not file.errors and bool(file.declarations or file.imports or file.package)


@lru_cache(maxsize=256)
def _parsed(text: str) -> GoFile:
    return parse(text.encode("utf-8", "replace"))


def _blocks(texts: list[str]) -> list[Block]:
    blocks: list[Block] = []
    for text in texts:
        for block in split_fences(text, lambda body: is_go(visible(body))):
            json_code = json_texts(block.text) if block.fenced else []
            blocks += [Block("json", code, closed=True) for code in json_code] or [block]
    return [block for block in blocks if block.text.strip()]


def _split_packages(code: str) -> list[str]:
    """Split the code before every package clause but the first; the comments above a clause go with it."""
    source = code.encode("utf-8", "replace")
    children = _parsed(code).tree.root_node.children
    cuts = []
    for at, node in enumerate(children):
        if node.type == "package_clause":
            while at > 0 and children[at - 1].type == "comment":
                at -= 1
            cuts.append(children[at].start_byte)
    return [source[a:b].decode() for a, b in pairwise([0, *cuts[1:], len(source)])]


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0][:_SUMMARY]


@dataclass(frozen=True, slots=True)
class _Extractor:
    """Reads the blocks of one reply and collects its notes."""

    number: int
    notes: list[Note]

    def note(self, kind: str, what: str, why: str) -> None:
        self.notes.append(Note(kind, what, why, self.number))

    def go_of(self, block: Block) -> str:
        """The Go of a block, free of syntax errors; empty if it has none."""
        text = visible(block.text)
        code = self._go_of(replace(block, text=text))
        if code and text != block.text:
            self.note("undone", "invisible characters", "Go allows them in strings and comments only")
        return code

    def _go_of(self, block: Block) -> str:
        readings = [("", block.text), *variants(block.text)]
        for undone, text in readings:
            # a word of prose is a Go expression as well, so text outside of fences needs a declaration
            is_prose = not block.fenced and not _parsed(text).declarations and not _parsed(text).package
            if is_go(text) and not is_prose:
                if undone:
                    self.note("undone", undone, "the code parses without them")
                return text
        undone, parts = max(
            ((undone, segments(text, is_go)) for undone, text in readings),
            key=lambda reading: sum(
                part.kind in ("go", "unfinished") and bool(part.name) for part in reading[1]
            ),
        )
        code = [part for part in parts if part.kind == "go"]
        if not any(part.name or part.text.lstrip().startswith(("package", "import")) for part in code):
            code = []
        if undone and code:
            self.note("undone", undone, "the code parses without them")
        self._note_dropped(block, parts, has_code=bool(code))
        return "".join(part.text for part in code)

    def _note_dropped(self, block: Block, parts: list[Segment], *, has_code: bool) -> None:
        reasons = {
            "unfinished": ("truncated", "the reply ends inside it"),
            "statement": ("statement_refused", "it is outside of every function"),
            "broken": ("broken", "it does not parse"),
        }
        dropped = [part for part in parts if part.kind in reasons]
        for part in dropped:
            kind, why = reasons[part.kind]
            self.note(kind, part.name or _first_line(part.text.strip()), why)
        lines = [part.text for part in parts if part.kind == "other"]
        lines = [line for line in lines if line.strip() and not line.startswith("//")]
        if not block.fenced or not lines:
            return
        first = lines[0].strip()[:_SUMMARY]
        if has_code or dropped:
            self.note("lines_dropped", first, f"{len(lines)} line(s) that are not a Go declaration")
        else:
            self.note("block_skipped", block.info or first, "no Go declaration in it")

    def checked(self, code: str, block: Block) -> GoFile | None:
        """The code without top-level statements and functions without a body; None if nothing remains."""
        file = _parsed(code)
        statements = [node for node in file.tree.root_node.named_children if node.type not in _TOP_LEVEL]
        for node in statements:
            what = _first_line(node_text(file.source, node))
            self.note("statement_refused", what, "it is outside of every function")
        spans = [node.byte_range for node in statements]
        for function in file.declarations:
            directive = b"//go:linkname " + (function.names[0].encode() if function.names else b"")
            if not function.is_function or function.body is not None or directive in file.source:
                continue
            if not block.closed and function.node_end >= len(file.source.rstrip()):
                self.note("truncated", function.names[0], "the reply ends before its body")
            else:
                self.note("broken", function.names[0], "it has no body")
            spans.append((function.start, function.end))
        if spans:
            source = file.source
            for start, end in sorted(spans, reverse=True):
                source = source[:start] + _SEMICOLON.sub(b"", source[end:], count=1)
            file = _parsed(source.decode())
        return file if file.declarations or file.imports else None
