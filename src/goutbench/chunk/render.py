"""Renders the text of a chunk: header, used imports, and declarations in full or in outline."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.links import free_names

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_LINKNAME = re.compile(rb"^//go:linkname[ \t]+([^\s]+).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """The text that a chunk shows of one declaration, which is named by its index in the file."""

    index: int
    form: str  # "full" | "outline"
    text: bytes


def full_texts(file: GoFile) -> list[bytes]:
    """The text of every declaration, with its `go:linkname` directive from wherever it is in the file."""
    linknames = {line[1].decode("utf-8", "replace"): line[0] for line in _LINKNAME.finditer(file.source)}
    texts = []
    for declaration in file.declarations:
        text = file.text(declaration)
        name = declaration.names[0] if declaration.kind == "func" and declaration.names else ""
        directive = linknames.get(name)
        texts.append(text if directive is None or directive in text else directive + b"\n" + text)
    return texts


def compose(file: GoFile, parts: Collection[Part]) -> bytes:
    """A Go file of these parts in source order, with the package clause and the imports that they use."""
    ordered = sorted(parts, key=lambda part: part.index)
    return header(file, used_imports(file, ordered)) + b"\n\n".join(part.text for part in ordered) + b"\n"


def header(file: GoFile, used: Collection[int]) -> bytes:
    """Build constraint, package clause and the imports with these indices."""
    lines = b""
    if file.build_constraint:
        lines += b"//go:build " + file.build_constraint.encode() + b"\n\n"
    lines += b"package " + (file.package or "_").encode() + b"\n\n"
    chosen = [file.imports[index] for index in sorted(used)]
    for spec in chosen:
        if spec.path == "C":
            start, end = next(span for span in file.import_spans if span[0] <= spec.start < span[1])
            preamble = file.source[start:end]
            if preamble.rstrip().endswith(
                b")"
            ):  # the preamble of an import "C" within a group is in the group
                preamble = preamble[: preamble.rindex(b"import")] + b'import "C"'
            lines += preamble + b"\n\n"
    plain = [file.source[spec.start : spec.end] for spec in chosen if spec.path != "C"]
    if len(plain) == 1:
        lines += b"import " + plain[0] + b"\n\n"
    elif plain:
        lines += b"import (\n" + b"".join(b"\t" + text + b"\n" for text in plain) + b")\n\n"
    return lines


def used_imports(file: GoFile, parts: Collection[Part]) -> set[int]:
    """The indices of the imports that the parts need.

    An import without a name is needed by its purpose: "." for exported names, "_" for a directive.
    """
    used: set[int] = set()
    for part in parts:
        code = _COMMENT.sub(b" ", part.text) if part.form == "outline" else b""
        for index in file.declarations[part.index].imports:
            name = (file.imports[index].local_name or "").encode()
            qualifier = rb"(?<![\w\x80-\xff.])" + re.escape(name) + rb"\s*\."
            if part.form == "full" or re.search(qualifier, code):
                used.add(index)
    for index, spec in enumerate(file.imports):
        if spec.name == ".":
            names = {name for part in parts for name in free_names(file, file.declarations[part.index])}
            if any(name[:1].isupper() for name in names - file.top_level_names()):
                used.add(index)
        elif spec.name == "_":
            directive = {"embed": b"//go:embed", "unsafe": b"//go:linkname"}.get(spec.path)
            if directive and any(directive in part.text for part in parts):
                used.add(index)
        elif spec.local_name is None and spec.path != "C":
            used.add(index)
    return used
