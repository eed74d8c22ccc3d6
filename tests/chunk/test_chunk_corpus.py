"""Chunks compared with golden files; a title ends with the budget, in words and signs."""

import re
from pathlib import Path

import pytest
from corpus import Case, check, read_corpus

from goutbench.chunk import chunk_file, token_counter

CASES = read_corpus(Path(__file__).parent / "corpus")


def count_tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def chunks(case: Case) -> str:
    budget = int(case.title.rpartition("(")[2].rstrip(")"))
    lines = []
    for chunk in chunk_file(case.source.encode(), budget=budget, counter=token_counter(count_tokens)):
        lines.append(f"#### {chunk.kind} {chunk.index + 1} of {chunk.count}, {chunk.tokens} tokens")
        lines.append(f"#### focal: {', '.join(chunk.focal)}")
        context = [f"{item.key} ({item.form})" for item in chunk.context]
        for name, values in (("context", context), ("omitted", chunk.omitted)):
            if values:
                lines.append(f"#### {name}: {', '.join(values)}")
        if chunk.over_budget:
            lines.append("#### over budget")
        lines += ["", chunk.text]
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_chunks_are_those_of_the_corpus(case: Case) -> None:
    check(case, chunks)
