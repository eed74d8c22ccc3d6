"""Generates the rest of a file for one of its chunks, so that a type checker can check the chunk."""

from collections.abc import Collection

from goutbench.chunk.render import Part, compose
from goutbench.golang.syntax.file import Declaration, GoFile, specs
from goutbench.golang.syntax.outline import outline, spec_names
from goutbench.golang.syntax.parser import parse


def companion_file(file: GoFile, parts: Collection[Part]) -> bytes:
    """The companion of a chunk with these parts: what the chunk omits, with function bodies stubbed.

    Chunk, companion and the package's other files type-check together if the file does.
    """
    texts = {part.index: part.text for part in parts}
    omitted = []
    for index, declaration in enumerate(file.declarations):
        if index in texts:
            text = _missing_specs(file, declaration, texts[index])
        elif declaration.is_function:
            is_init = (declaration.kind, declaration.names) == ("func", ("init",))
            text = b"" if is_init else outline(file, declaration, ())
        else:
            text = file.text(declaration)
        if text:
            omitted.append(Part(index, "outline", text))
    return compose(file, omitted)


def _missing_specs(file: GoFile, declaration: Declaration, text: bytes) -> bytes:
    """The specs of a group that its outline omits."""
    visible = {name for d in parse(b"package p\n" + text).declarations for name in d.names}
    if declaration.is_function or visible >= set(declaration.names):
        return b""
    missing = [
        spec for spec in specs(file.node(declaration)) if not visible & set(spec_names(file.source, spec))
    ]
    texts = b"".join(b"\t" + file.source[spec.start_byte : spec.end_byte] + b"\n" for spec in missing)
    return declaration.kind.encode() + b" (\n" + texts + b")"
