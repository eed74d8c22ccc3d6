"""Pairs as training rows: a prompt's messages, the completion, and where both came from."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from goutbench.chunk import TokenCounter, function_chunks
from goutbench.chunk.test_extraction import extract_tests
from goutbench.dataset.store import from_table
from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.analysis.self_contained import names_from_elsewhere
from goutbench.golang.syntax.file import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool, file_chunk
from goutbench.prompts.prompt import CrossFileContext, build_prompt, completion_text
from goutbench.prompts.secrets import redact
from goutbench.records import Chunk, Exercise, Pair, short_hash
from goutbench.train.recipe import DataChoice

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")
Messages = tuple[tuple[str, str], ...]  # role and content
_Part = tuple[Chunk, tuple[str, ...], str]  # what is asked for, the names of the tests, and these


@dataclass(frozen=True, slots=True)
class Row:
    """One example. `id` is of chunk and tests; `tests` names the completion's (none: the whole file)."""

    id: str
    pair_id: str
    repository: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    prompt: Messages
    completion: str


def make_rows(
    table: "pa.Table",
    choice: DataChoice,
    counter: TokenCounter,
    packages: PackageIndex | None = None,
    examples: ExamplePool | None = None,
    *,
    left_out: Counter[str] | None = None,
) -> Iterator[Row]:
    """The rows of the table's pairs, in their order.

    `packages` knows what stands around them, `examples` what may stand ahead of them in a prompt; in
    `left_out` is counted what makes no row, by reason.
    """
    packages, left = packages or PackageIndex(), Counter() if left_out is None else left_out
    for pair in from_table(table, Pair):
        if choice.secrets == "redact":
            pair = replace(pair, code=redact(pair.code), test=redact(pair.test))
        shown = examples.draw(pair, choice.examples) if examples else []
        for chunk, names, test in _parts(pair, choice, counter, left):
            context = packages.context(pair, chunk, budget=choice.cross_file_tokens, counter=counter)
            if choice.closed and _from_elsewhere(chunk, context, test):
                left["rows whose test uses names that the prompt does not show"] += 1
                continue
            alike = shown if chunk.kind == choice.rows else []
            messages = build_prompt(pair, chunk, examples=alike, context=context).messages
            yield _row(pair, chunk, names, test, messages)


def balanced(rows: Sequence[Item], names: Sequence[str], choice: DataChoice, *, seed: int) -> list[Item]:
    """Rows drawn so that repositories count by the power of their size; as many as there were, in order.

    `names` has the repository of each row.

    A row stands floor(w) times, and once more with the chance of the rest of its weight w.
    """
    if not choice.balance:
        return list(rows)
    sizes = Counter(names)
    whole = sum(size**choice.balance_power for size in sizes.values())
    weight = {name: len(rows) * size**choice.balance_power / whole / size for name, size in sizes.items()}
    draw = random.Random(seed)
    drawn = []
    for row, name in zip(rows, names, strict=True):
        fraction, times = math.modf(weight[name])
        drawn += [row] * (int(times) + (draw.random() < fraction))
    return drawn


def sampled(rows: Sequence[Item], most: int | None, *, seed: int) -> list[Item]:
    """At most so many rows, drawn evenly, in their order."""
    if most is None or len(rows) <= most:
        return list(rows)
    chosen = sorted(random.Random(seed).sample(range(len(rows)), most))
    return [rows[place] for place in chosen]


def _parts(pair: Pair, choice: DataChoice, counter: TokenCounter, left: Counter[str]) -> Iterator[_Part]:
    if choice.rows == "file":
        yield from _of_file(pair)
        return
    made = list(_of_functions(pair, choice, counter, left))
    yield from made
    if made:
        return
    if choice.rest == "file":
        yield from _of_file(pair)
    else:
        left["pairs without any function that is left"] += 1


def _of_file(pair: Pair) -> Iterator[_Part]:
    yield file_chunk(pair), (), pair.test  # a file's row is cut by nobody but the trainer


def _of_functions(
    pair: Pair, choice: DataChoice, counter: TokenCounter, left: Counter[str]
) -> Iterator[_Part]:
    tests = parse(pair.test.encode())
    budget = choice.context_tokens
    chunks = function_chunks(
        pair.code.encode(), tests=pair.test.encode(), budget=budget, counter=counter, pair_id=pair.id
    )
    pure = pure_functions(parse(pair.code.encode())) if choice.pure else None
    by_chunk = {chunk.id: [e for e in chunk.tests if _counts(e, choice)] for chunk in chunks}
    breadth = Counter(exercise.test for found in by_chunk.values() for exercise in found)
    for chunk in chunks:
        names = [e.test for e in by_chunk[chunk.id] if breadth[e.test] <= (choice.max_functions or math.inf)]
        names = names[: choice.max_tests]  # the strongest evidence comes first
        reason = (
            "functions that no test is clearly of" if not names
            else f"functions over {choice.context_tokens:,} tokens" if chunk.over_budget
            else "functions that do more than compute" if pure is not None and chunk.focal[0] not in pure
            else ""
        )  # fmt: skip
        if reason:
            left[reason] += 1
            continue
        for chosen in [[name] for name in names] if choice.one_test else [names]:
            named = replace(chunk, tests=tuple(e for e in chunk.tests if e.test in chosen))
            yield named, tuple(chosen), extract_tests(tests, chosen)


def _from_elsewhere(chunk: Chunk, context: CrossFileContext, test: str) -> frozenset[str]:
    """The names of the package that a test uses and its prompt does not show."""
    shown = parse(f"{chunk.text}\n{context.declarations}".encode())
    return names_from_elsewhere(parse(test.encode()), shown)


def _counts(exercise: Exercise, choice: DataChoice) -> bool:
    """Whether the evidence is of a wanted kind, of a function that `go test` runs as a test."""
    return exercise.kind in ("test", "fuzz") and exercise.evidence[0] in choice.evidence


def _row(pair: Pair, chunk: Chunk, names: tuple[str, ...], test: str, messages: Messages) -> Row:
    return Row(
        short_hash(chunk.id, *names),
        pair.id,
        pair.repository,
        chunk.focal,
        names,
        messages,
        completion_text(test),
    )
