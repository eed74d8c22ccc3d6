"""New tests for a test file that exists: what a reply adds to it, and the file with that.

The declarations of the file stay as they are, byte for byte. New ones come after them, and what these import
goes into the import declaration.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goutbench.assemble.merge import merge
from goutbench.assemble.pieces import PackageContext, Unit
from goutbench.chunk.render import Part, compose, full_texts
from goutbench.golang.syntax.file import Declaration, GoFile, Import
from goutbench.golang.syntax.header import build_constraint
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.records import Note

_Identity = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NewTests:
    """The declarations that are new, as a Go file of their own with what they import; empty without any."""

    code: str
    package: str
    notes: tuple[Note, ...]


def new_tests(existing: bytes | None, units: Sequence[Unit], context: PackageContext) -> NewTests:
    """What these units, whose replies have numbers from 1, add to a test file of the package (None: there is
    none).

    Equal declarations are folded, those that clash with others get new names, and notes say so. Raises
    ToolError without a Go toolchain.
    """
    own = [Unit(0, 0, parse(existing))] if existing is not None else []
    assembly = merge([*own, *units], context)
    file = parse(assembly.code.encode("utf-8", "surrogateescape"))
    old = {_identity(item) for unit in own for item in unit.file.declarations}
    texts = full_texts(file)
    parts = [
        Part(index, "full", texts[index])
        for index, item in enumerate(file.declarations)
        if _identity(item) not in old
    ]
    notes = tuple(note for note in assembly.notes if note.reply != 0)
    if not parts:
        return NewTests("", assembly.package or context.package, notes)
    (formatted,) = gofmt([compose(file, parts)])
    code = (formatted.code or b"").decode("utf-8", "replace")
    return NewTests(code, assembly.package or context.package, notes)


def _identity(item: Declaration) -> _Identity:
    return item.kind, item.receiver or "", item.names


def with_tests(existing: bytes | None, code: str, focal: bytes) -> bytes | None:
    """The test file with the declarations of `code` after its own; without one, a file of them alone, with
    the build constraint of the focal file. None where its own declarations would not stay as they are."""
    if existing is None:
        constraint = build_constraint(focal)
        file = parse(code.encode())
        head = f"//go:build {constraint}\n\n" if constraint and not file.build_constraint else ""
        (formatted,) = gofmt([f"{head}{code}".encode()])
        return formatted.code
    if b"\n" in existing and existing.count(b"\r\n") == existing.count(b"\n"):
        unix = with_tests(existing.replace(b"\r\n", b"\n"), code, focal) or b""
        text = unix.replace(b"\n", b"\r\n")
        return text if _preserves(parse(existing), text) else None
    before, new = parse(existing), parse(code.encode())
    text = _with_imports(before, new.imports)
    start = new.declarations[0].start
    text = text.rstrip(b"\n") + b"\n\n" + new.source[start:].strip(b"\n") + b"\n"
    original, formatted = gofmt([existing, text])
    if formatted.code is None:
        return None
    options = [formatted.code, text] if original.code == existing else [text]
    return next((option for option in options if _preserves(before, option)), None)


def _preserves(before: GoFile, text: bytes) -> bool:
    """Whether the first declarations of a text are those of a file, byte for byte."""
    after = parse(text)
    texts = [before.text(item) for item in before.declarations]
    same_package = before.package == after.package
    return same_package and texts == [after.text(item) for item in after.declarations[: len(texts)]]


# ── imports ───────────────────────────────────────────────────────────────────────────────────────


def _with_imports(file: GoFile, specs: Iterable[Import]) -> bytes:
    """The source of a file that imports these, too."""
    present = {(spec.name, spec.path) for spec in file.imports}
    present |= {(spec.local_name, spec.path) for spec in file.imports if spec.local_name}
    new = [spec for spec in specs if (spec.name, spec.path) not in present]
    source = file.source
    if not new:
        return source
    group = next((span for span in file.import_spans if _is_group(source[slice(*span)])), None)
    if group is not None:
        for spec in new:
            source = _with_spec(source, spec)
        return source
    single = [spec for spec in file.imports if spec.path != "C"]
    if len(single) == 1 and len(file.import_spans) == 1:
        start, end = file.import_spans[0]
        texts = [source[single[0].start : single[0].end].decode("utf-8", "replace"), *map(_text, new)]
        return source[:start] + _declaration(texts) + source[end:]
    ends = [end for _, end in file.import_spans] or [(file.package_span or (0, 0))[1]]
    at = source.find(b"\n", max(ends))
    at = len(source) if at < 0 else at
    return source[:at] + b"\n\n" + _declaration(list(map(_text, new))) + source[at:]


def _is_group(declaration: bytes) -> bool:
    return declaration.removeprefix(b"import").lstrip().startswith(b"(") and b'"' in declaration


def _with_spec(source: bytes, new: Import) -> bytes:
    """The source with an import in the group of its kind: of the standard library, or of others."""
    file = parse(source)
    start, end = next(span for span in file.import_spans if _is_group(source[slice(*span)]))
    inside = [spec for spec in file.imports if start <= spec.start < end]
    alike = [spec for spec in inside if _is_far(spec.path) == _is_far(new.path)]
    line = f"\n\t{_text(new)}".encode()
    if alike:
        before = [spec for spec in alike if spec.path < new.path]
        at = _line_end(source, (before or alike)[-1 if before else 0].end)
        return source[:at] + line + source[at:]
    if _is_far(new.path):
        at = _line_end(source, inside[-1].end)
        return source[:at] + b"\n" + line + source[at:]
    at = source.index(b"(", start) + 1
    return source[:at] + line + b"\n" + source[at:]


def _line_end(source: bytes, at: int) -> int:
    """The end of the line if nothing but a comment follows, else the place itself."""
    end = source.find(b"\n", at)
    rest = source[at:end].strip() if end >= 0 else b"?"
    return end if not rest or rest.startswith(b"//") else at


def _is_far(path: str) -> bool:
    """Whether a path is of a module with a domain: not of the standard library."""
    return "." in path.split("/")[0]


def _text(spec: Import) -> str:
    return f'{spec.name} "{spec.path}"' if spec.name else f'"{spec.path}"'


def _declaration(texts: Sequence[str]) -> bytes:
    """An import declaration of these specs, the standard library first."""
    if len(texts) == 1:
        return f"import {texts[0]}".encode()
    far = [text for text in texts if _is_far(text.partition('"')[2])]
    near = [text for text in texts if text not in far]
    groups = ["\n".join(f"\t{text}" for text in sorted(group)) for group in (near, far) if group]
    return "import (\n{}\n)".format("\n\n".join(groups)).encode()
