"""What `goutbench chunk` prints: the texts, records as JSON, or a table of what the cut did."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from goutbench.records import Chunk

if TYPE_CHECKING:
    from rich.table import Table


def print_chunks(chunks: list[Chunk], tokenizer: str, *, form: str) -> None:
    """Prints as "text" (with a rule ahead of each of several), "json" (a record a line) or "table"."""
    import json
    from dataclasses import asdict

    if form == "table":
        from rich.console import Console

        Console().print(_table(chunks, tokenizer))
    for chunk in chunks:
        if form == "json":
            print(json.dumps(asdict(chunk), ensure_ascii=False))
        elif form == "text":
            rule = f"// ──── chunk {chunk.index + 1} of {chunk.count}: {_words(chunk.focal)}\n"
            print(rule * (len(chunks) > 1) + chunk.text, end="" if chunk.text.endswith("\n") else "\n")


def _table(chunks: list[Chunk], tokenizer: str) -> "Table":
    """One row a chunk."""
    from rich.table import Table

    budget = chunks[0].budget if chunks else 0
    made = Table(
        title=f"{len(chunks)} chunks of at most {budget:,} tokens ({tokenizer})", title_justify="left"
    )
    made.add_column("#", justify="right")
    made.add_column("tokens", justify="right")
    for heading in ("focal", "context in full", "in outline", "left out"):
        made.add_column(heading, overflow="fold")
    made.add_column("cut", justify="right")
    tested = any(chunk.tests for chunk in chunks)
    if tested:
        made.add_column("tests", overflow="fold")
    for chunk in chunks:
        forms = [_words(s.key for s in chunk.context if s.form == form) for form in ("full", "outline")]
        row = [str(chunk.index + 1), _tokens(chunk), _words(chunk.focal), *forms, _words(chunk.omitted)]
        row.append(str(chunk.cut_edges))
        if tested:
            row.append("\n".join(f"{test.test}: {'; '.join(test.evidence)}" for test in chunk.tests))
        made.add_row(*row)
    return made


def _tokens(chunk: Chunk) -> str:
    count = "within" if chunk.tokens is None else f"{chunk.tokens:,}"
    return count + " over" * chunk.over_budget + " shortened" * chunk.shortened


def _words(names: Iterable[str]) -> str:
    return ", ".join(names)
