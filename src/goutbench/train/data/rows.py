"""Turns pairs into training rows: the messages of a prompt, the completion, and their origin."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from goutbench.chunk.stage import function_chunks
from goutbench.chunk.test_extraction import extract_tests
from goutbench.chunk.tokens import TokenCounter
from goutbench.dataset.store import from_table
from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.analysis.self_contained import undeclared_names
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool, file_chunk
from goutbench.prompts.library import load_prompt
from goutbench.prompts.prompt import CrossFileContext, build_prompt, completion_text
from goutbench.prompts.secrets import redact
from goutbench.records import Chunk, Pair, short_hash
from goutbench.train.data.tokens import TrainingRow
from goutbench.train.recipe import DataChoice

if TYPE_CHECKING:
    import pyarrow as pa

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Task:
    """What a prompt asks for, and the answer: `tests` of the test file (empty: all of it), as text."""

    chunk: Chunk
    tests: tuple[str, ...]
    text: str

    def is_self_contained(self, context: CrossFileContext) -> bool:
        """Whether the test uses only names of the package that its prompt shows."""
        prompt = parse(f"{self.chunk.text}\n{context.declarations}".encode())
        return not undeclared_names(parse(self.text.encode()), prompt)


def make_rows(
    table: "pa.Table",
    choice: DataChoice,
    counter: TokenCounter,
    packages: PackageIndex | None = None,
    examples: ExamplePool | None = None,
    *,
    excluded: Counter[str] | None = None,
) -> Iterator[TrainingRow]:
    """The rows of the table's pairs, in their order.

    `packages` has the cross-file context, `examples` the in-context examples. `excluded` counts what makes no
    row, by reason.
    """
    prompt = load_prompt(choice.prompt)
    packages, excluded = packages or PackageIndex(), Counter() if excluded is None else excluded
    maker = _TaskMaker(choice, counter, excluded)
    for pair in from_table(table, Pair):
        if choice.secrets == "redact":
            pair = replace(pair, code=redact(pair.code), test=redact(pair.test))
        drawn = examples.draw(pair, choice.examples) if examples else []
        for task in maker.tasks(pair):
            context = packages.context(pair, task.chunk, budget=choice.cross_file_tokens, counter=counter)
            if choice.self_contained and not task.is_self_contained(context):
                excluded["rows whose test uses names that the prompt does not show"] += 1
                continue
            same_unit = drawn if task.chunk.kind == choice.rows else []
            yield TrainingRow(
                id=short_hash(task.chunk.id, *task.tests),
                pair_id=pair.id,
                repository=pair.repository,
                functions=task.chunk.focal,
                tests=task.tests,
                prompt=build_prompt(
                    pair, task.chunk, prompt=prompt, examples=same_unit, context=context
                ).messages,
                completion=completion_text(task.text),
            )


@dataclass(frozen=True, slots=True)
class _TaskMaker:
    """Turns pairs into tasks and counts, by reason, what becomes no task."""

    choice: DataChoice
    counter: TokenCounter
    excluded: Counter[str]

    def tasks(self, pair: Pair) -> Iterator[_Task]:
        is_fallback = False
        if self.choice.rows == "function":
            tasks = list(self._function_tasks(pair))
            yield from tasks
            is_fallback = not tasks and self.choice.fallback == "file"
            if not tasks and not is_fallback:
                self.excluded["pairs without a function row"] += 1
        if self.choice.rows == "file" or is_fallback:
            yield _Task(file_chunk(pair), (), pair.test)  # only the trainer truncates the row of a file

    def _function_tasks(self, pair: Pair) -> Iterator[_Task]:
        choice = self.choice
        test_file = parse(pair.test.encode())
        chunks = function_chunks(
            pair.code.encode(),
            tests=pair.test.encode(),
            budget=choice.context_tokens,
            counter=self.counter,
            pair_id=pair.id,
        )
        pure = pure_functions(parse(pair.code.encode())) if choice.pure else None
        tests_of = {
            chunk.id: [
                item.test
                for item in chunk.tests
                if item.kind in ("test", "fuzz") and item.evidence[0] in choice.evidence
            ]
            for chunk in chunks
        }
        breadth = Counter(test for tests in tests_of.values() for test in tests)
        for chunk in chunks:
            tests = [
                test for test in tests_of[chunk.id] if breadth[test] <= (choice.max_functions or math.inf)
            ]
            tests = tests[: choice.max_tests]  # the strongest evidence comes first
            reason = (
                "functions no test clearly targets" if not tests
                else f"functions over {choice.context_tokens:,} tokens" if chunk.over_budget
                else "functions that are not pure" if pure is not None and chunk.focal[0] not in pure
                else ""
            )  # fmt: skip
            if reason:
                self.excluded[reason] += 1
                continue
            for group in [[test] for test in tests] if choice.one_test else [tests]:
                chunk_of_group = replace(
                    chunk, tests=tuple(item for item in chunk.tests if item.test in group)
                )
                yield _Task(chunk_of_group, tuple(group), extract_tests(test_file, group))


def balanced(
    rows: Sequence[Value], repositories: Sequence[str], choice: DataChoice, *, seed: int
) -> list[Value]:
    """As many rows as before, in order, drawn so that a repository counts by the power of its size.

    `repositories` has the repository of every row. A row of weight w occurs floor(w) times, and once more
    with the probability of the fraction of w.
    """
    if not choice.balance:
        return list(rows)
    sizes = Counter(repositories)
    total = sum(size**choice.balance_power for size in sizes.values())
    weight = {name: len(rows) * size**choice.balance_power / total / size for name, size in sizes.items()}
    generator = random.Random(seed)
    drawn = []
    for row, name in zip(rows, repositories, strict=True):
        fraction, times = math.modf(weight[name])
        drawn += [row] * (int(times) + (generator.random() < fraction))
    return drawn


def sampled(rows: Sequence[Value], limit: int | None, *, seed: int) -> list[Value]:
    """At most `limit` rows, drawn uniformly, in their order."""
    if limit is None or len(rows) <= limit:
        return list(rows)
    return [rows[index] for index in sorted(random.Random(seed).sample(range(len(rows)), limit))]
