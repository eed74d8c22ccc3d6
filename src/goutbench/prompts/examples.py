"""In-context examples from the training split only, by one rule for `generate` and `train`."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from goutbench.chunk.stage import chunk_file, function_chunks
from goutbench.chunk.test_extraction import extract_tests
from goutbench.chunk.tokens import TokenCounter
from goutbench.golang.analysis.self_contained import undeclared_names
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.prompt import Example
from goutbench.prompts.secrets import redact
from goutbench.records import Chunk, Pair

UNLIMITED = 10**9  # a token budget that no file exceeds

_MAX_PAIRS = 20  # the shortest usable pairs of a repository
_MAX_EXAMPLES = 10  # the shortest examples of these pairs
_ENOUGH = 5  # a repository with fewer examples borrows from other repositories
_STRONG_EVIDENCE = ("call", "table", "name")


class ExamplePool:
    """Examples of the unit that a prompt asks for: a file, or one function and the test that exercises it.

    Examples come from the pair's own repository, and from others if that has too few. Short examples are
    preferred. The pair's id alone seeds the draw, so that training and generation show the same examples. An
    example is never the pair itself or one of its near-duplicates. Its secrets are redacted.
    """

    def __init__(
        self,
        train: Iterable[Pair],
        groups: Mapping[str, str],
        *,
        unit: str,
        budget: int,
        counter: TokenCounter,
    ) -> None:
        self._groups, self._unit, self._budget, self._counter = groups, unit, budget, counter
        self._train = sorted(train, key=lambda pair: (len(pair.code) + len(pair.test), pair.id))
        self._by_repository: dict[str, list[Example]] = {}
        self._by_pair: dict[str, Example | None] = {}

    def draw(self, pair: Pair, count: int) -> list[Example]:
        """At most `count` examples for a pair; fewer if the training split has no more."""
        if not count:
            return []
        own = self._group(pair.id)
        short = [
            example for example in self._shortest(pair.repository) if self._group(example.pair.id) != own
        ]
        short = short[: max(_MAX_EXAMPLES, count)]
        return random.Random(pair.id).sample(short, min(count, len(short)))

    def _group(self, pair_id: str) -> str:
        return self._groups.get(pair_id, pair_id)

    def _shortest(self, repository: str) -> list[Example]:
        """The examples of a repository, and of all others if it has too few, the shortest first."""
        if repository not in self._by_repository:
            examples = list(islice(self._usable(repository), _MAX_PAIRS))
            if len(examples) <= _ENOUGH:
                examples += islice(self._usable(repository, own=False), _MAX_PAIRS)
            self._by_repository[repository] = sorted(examples, key=_length)
        return self._by_repository[repository]

    def _usable(self, repository: str, *, own: bool = True) -> Iterator[Example]:
        for pair in self._train:
            if (pair.repository == repository) is own:
                example = self._example(pair)
                if example is not None:
                    yield example

    def _example(self, pair: Pair) -> Example | None:
        if pair.id not in self._by_pair:
            redacted = replace(pair, code=redact(pair.code), test=redact(pair.test))
            self._by_pair[pair.id] = (
                Example(redacted, file_chunk(redacted), redacted.test)
                if self._unit == "file"
                else self._function_example(redacted)
            )
        return self._by_pair[pair.id]

    def _function_example(self, pair: Pair) -> Example | None:
        """The pair's shortest function and test; None if no test is self-contained.

        A test that uses names which the prompt does not show would teach a model to invent names.
        """
        source, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
        tests = parse(test)
        if tests.build_constraint is not None:
            return None
        chunks = function_chunks(
            source, tests=test, budget=self._budget, counter=self._counter, pair_id=pair.id
        )
        candidates = (
            Example(pair, chunk, extract_tests(tests, [exercise.test]))
            for chunk in chunks
            if not chunk.over_budget
            for exercise in chunk.tests
            if exercise.kind == "test" and exercise.evidence[0] in _STRONG_EVIDENCE
        )
        return min(
            (
                example
                for example in candidates
                if not undeclared_names(
                    parse(example.test.encode("utf-8", "surrogateescape")), parse(example.chunk.text.encode())
                )
            ),
            key=_length,
            default=None,
        )


def file_chunk(pair: Pair) -> Chunk:
    """The focal file as one chunk, however long it is."""
    (chunk,) = chunk_file(pair.code.encode("utf-8", "surrogateescape"), budget=UNLIMITED, pair_id=pair.id)
    return chunk


def _length(example: Example) -> int:
    return len(example.chunk.text) + len(example.test)
