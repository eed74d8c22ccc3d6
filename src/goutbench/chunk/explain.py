"""The output of `goutbench chunk`: texts, JSON records, or a table that explains the cut."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from goutbench.records import Chunk

if TYPE_CHECKING:
    from rich.table import Table


def print_chunks(chunks: list[Chunk], tokenizer: str, *, form: str) -> None:
    """Print as "text" (with a rule before each of several chunks), "json" (one record a line) or "table"."""
    if form == "table":
        from rich.console import Console

        Console().print(chunk_table(chunks, tokenizer))
    for chunk in chunks:
        if form == "json":
            print(json.dumps(asdict(chunk), ensure_ascii=False))
        elif form == "text":
            rule = f"// ──── chunk {chunk.index + 1} of {chunk.count}: {', '.join(chunk.focal)}\n"
            print(rule * (len(chunks) > 1) + chunk.text, end="" if chunk.text.endswith("\n") else "\n")


def chunk_table(chunks: list[Chunk], tokenizer: str) -> "Table":
    """One row for each chunk: tokens, declarations by how the chunk shows them, cut edges and tests."""
    from rich.table import Table

    budget = chunks[0].budget if chunks else 0
    title = f"{len(chunks)} chunks of at most {budget:,} tokens ({tokenizer})"
    table = Table(title=title, title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("tokens", justify="right")
    for heading in ("focal", "context in full", "context in outline", "omitted"):
        table.add_column(heading, overflow="fold")
    table.add_column("cut edges", justify="right")
    has_tests = any(chunk.tests for chunk in chunks)
    if has_tests:
        table.add_column("tests", overflow="fold")
    for chunk in chunks:
        count = "within" if chunk.tokens is None else f"{chunk.tokens:,}"
        tokens = count + " over" * chunk.over_budget + " shortened" * chunk.shortened
        full, outline = (
            ", ".join(declaration.key for declaration in chunk.context if declaration.form == form)
            for form in ("full", "outline")
        )
        row = [str(chunk.index + 1), tokens, ", ".join(chunk.focal), full, outline]
        row += [", ".join(chunk.omitted), str(chunk.cut_edges)]
        if has_tests:
            row.append("\n".join(f"{test.test}: {'; '.join(test.evidence)}" for test in chunk.tests))
        table.add_row(*row)
    return table
