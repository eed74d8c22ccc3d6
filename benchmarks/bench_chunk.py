"""Chunks every Go file at several budgets and checks the chunks with Go's own parser.

    python benchmarks/bench_chunk.py --tree "$(go env GOROOT)/src" [--mirror DIR] [--tokenizer PATH]

It reports files that are not reproduced byte for byte; chunks that do not parse, of files that do; functions
that are not focal exactly once; chunks over budget; and how many references between declarations are cut,
against cutting by size in source order into as many chunks.
"""

import argparse
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from gochecker import GoChecker
from gofiles import add_source_options, go_files

from goutbench.chunk import chunk_file, token_counter
from goutbench.chunk.context import measure
from goutbench.chunk.graph import Sizes
from goutbench.golang.syntax.file import GoFile, declaration_keys
from goutbench.golang.syntax.parser import parse
from goutbench.records import Chunk

_state: dict[str, object] = {}


def start(go: str, program: str, tokenizer: str) -> None:
    _state["go"] = GoChecker(go, Path(program))
    _state["counter"] = token_counter(tokenizer)


def judge(job: tuple[str, bytes, tuple[int, ...]]) -> tuple[Counter[str], list[str]]:
    name, source, budgets = job
    go: GoChecker = _state["go"]  # type: ignore[assignment]
    tally: Counter[str] = Counter(files=1, bytes=len(source))
    notes: list[str] = []
    file = parse(source)
    if b"".join(file.pieces()) != source:
        tally["not byte-exact"] += 1
        notes.append(f"not byte-exact: {name}")
    parsed = go.ask(op="parse", source=source)
    valid = not parsed["error"]
    tally["valid files"] += valid
    if valid:
        functions = [
            k.split("#")[0]
            for k, d in zip(declaration_keys(file), file.declarations, strict=True)
            if d.is_function
        ]
        if functions != [function.removeprefix("?.") for function in parsed["functions"]]:
            tally["files whose functions differ from Go's"] += 1
            notes.append(f"functions differ: {name}")
    for budget in budgets:
        chunks = chunk_file(source, budget=budget, counter=_state["counter"])  # type: ignore[arg-type]
        for key, value in judge_chunks(
            go, file, chunks, parsed if valid else None, f"{name} at {budget}", notes
        ):
            tally[f"{budget} {key}"] += value
        if any(chunk.over_budget for chunk in chunks):
            for key, value in judge_shortened(go, source, budget, valid, name, notes):
                tally[f"{budget} {key}"] += value
        if len(chunks) > 1:
            for key, value in cuts(file, chunks, budget).items():
                tally[f"{budget} {key}"] += value
    return tally, notes


def judge_chunks(go, file, chunks, parsed, name, notes):  # type: ignore[no-untyped-def]
    cut = [chunk for chunk in chunks if chunk.kind == "part"]
    over = [chunk for chunk in chunks if chunk.tokens is not None and chunk.tokens > chunk.budget]
    yield "chunks", len(chunks)
    yield "parts", len(cut)
    yield "over budget", len(over)
    yield "over budget: one declaration", sum(len(chunk.focal) == 1 for chunk in over)
    yield "over budget: one function", sum(len(chunk.focal) == 1 == len(chunk.functions) for chunk in over)
    yield "over budget, not flagged", sum(not chunk.over_budget for chunk in over)
    yield "functions", sum(len(chunk.functions) for chunk in chunks)
    yield "functions in chunks over budget", sum(len(chunk.functions) for chunk in over)
    if parsed is None:
        return
    focal = Counter(key.split("#")[0] for chunk in chunks for key in chunk.functions)
    if focal != Counter(function.removeprefix("?.") for function in parsed["functions"]):
        notes.append(f"functions not focal exactly once: {name}")
        yield "files with functions not focal exactly once", 1
    for chunk in cut:
        answer = go.ask(op="parse", source=chunk.text.encode())
        shown = Counter(answer["functions"])
        if answer["error"]:
            notes.append(f"does not parse: {name} chunk {chunk.index}: {answer['error']}")
            yield "chunks that do not parse", 1
        elif Counter(key.split("#")[0] for key in chunk.functions) - shown:
            notes.append(f"focal function not in its chunk: {name} chunk {chunk.index}")
            yield "chunks without their focal functions", 1


def judge_shortened(go, source, budget, valid, name, notes):  # type: ignore[no-untyped-def]
    for chunk in chunk_file(source, budget=budget, counter=_state["counter"], shorten=True):  # type: ignore[arg-type]
        yield "with shorten: over budget", chunk.over_budget
        yield "with shorten: shortened", chunk.shortened
        if chunk.shortened and valid and (error := go.ask(op="parse", source=chunk.text.encode())["error"]):
            yield "with shorten: chunks that do not parse", 1
            notes.append(f"shortened, does not parse: {name} at {budget}: {error}")


def cuts(file: GoFile, chunks: list[Chunk], budget: int) -> Counter[str]:
    """References whose two ends are in different chunks: by dependency, and by size in source order."""
    names = declaration_keys(file)
    home = {key: chunk.index for chunk in chunks for key in chunk.focal}
    ours = [home[name] for name in names]
    plan = measure(file, budget, _state["counter"])  # type: ignore[arg-type]
    plain = by_size(plan.sizes, len(chunks))
    references = [(i, target) for i, d in enumerate(file.declarations) for target in d.references]
    counted: Counter[str] = Counter(references=len(references))
    counted["cut: partition"] = sum(ours[a] != ours[b] for a, b in references)
    counted["cut: not in full in the chunk"] = sum(chunk.cut_edges for chunk in chunks)
    counted["cut: by size"] = sum(plain[a] != plain[b] for a, b in references)
    counted["chunks of cut files"] = len(chunks)
    counted["chunks by size"] = max(plain) + 1
    return counted


def by_size(sizes: Sizes, count: int) -> list[int]:
    """The chunk number of each declaration when `count` chunks are filled in source order up to one limit."""
    low, high = 1, sum(sizes.texts) + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fill(sizes, middle)[-1] + 1 <= count else (middle + 1, high)
    return fill(sizes, low)


def fill(sizes: Sizes, limit: int) -> list[int]:
    numbers: list[int] = []
    number = taken = 0
    for size in sizes.texts:
        if taken and taken + size > limit:
            number, taken = number + 1, 0
        taken += size
        numbers.append(number)
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_source_options(parser)
    parser.add_argument("--tokenizer", default="estimate")
    parser.add_argument("--budgets", default="15360,4096,1024")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--go", default="go", help="the toolchain whose parser checks the chunks")
    parser.add_argument("--notes", type=int, default=20, help="maximum number of failures to print")
    options = parser.parse_args()
    budgets = tuple(int(budget) for budget in options.budgets.split(",") if budget)
    total: Counter[str] = Counter()
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "gocheck"
        GoChecker(options.go, program).process.kill()
        jobs = ((name, source, budgets) for name, source in go_files(options))
        with ProcessPoolExecutor(
            options.jobs, initializer=start, initargs=(options.go, str(program), options.tokenizer)
        ) as pool:
            while batch := list(islice(jobs, 400)):
                for tally, new_notes in pool.map(judge, batch, chunksize=20):
                    total += tally
                    notes += new_notes
                print(f"{total['files']} files …", file=sys.stderr)
    for key, value in total.items():
        print(f"{key:60} {value:>12,}")
    for note in notes[: options.notes]:
        print(note)


if __name__ == "__main__":
    main()
