"""In-context examples out of the training split alone, by one rule for `generate` and `train`."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from goutbench.chunk import TokenCounter, chunk_file, function_chunks
from goutbench.chunk.slices import slice_tests
from goutbench.golang.analysis.self_contained import names_from_elsewhere
from goutbench.golang.syntax.file import parse
from goutbench.prompts.prompt import Example
from goutbench.prompts.secrets import redact
from goutbench.records import Chunk, Pair

_PAIRS, _SHORT = 20, 10  # the shortest usable pairs of a repository, and of these the shortest examples
_ENOUGH = 5  # with fewer, those of other repositories are taken as well
WHOLE = 10**9  # a budget that no file passes
_EVIDENCE = ("call", "table", "name")


class Examples:
    """Examples in the shape of what is asked: whole files, or one function and the test that exercises it.

    They come from a pair's own repository, and from others where that has too few; short ones first, drawn
    by the pair's id alone, so that training and generation show the same. Never the pair itself, nor one of
    its group of duplicates. What looks like a secret is redacted.
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
        self._pools: dict[str, list[Example]] = {}
        self._made: dict[str, Example | None] = {}

    def of(self, pair: Pair, wanted: int) -> list[Example]:
        """So many examples for a pair; fewer where the training split has no more."""
        if not wanted:
            return []
        own = self._groups.get(pair.id, pair.id)
        short = [each for each in self._pool(pair.repository) if self._group(each) != own][
            : max(_SHORT, wanted)
        ]
        return random.Random(pair.id).sample(short, min(wanted, len(short)))

    def _pool(self, repository: str) -> list[Example]:
        """The examples of a repository, or of all where it has too few, the shortest first."""
        if repository not in self._pools:
            near = list(islice(self._usable(repository), _PAIRS))
            found = (
                near if len(near) > _ENOUGH else [*near, *islice(self._usable(repository, own=False), _PAIRS)]
            )
            self._pools[repository] = sorted(found, key=_length)
        return self._pools[repository]

    def _usable(self, repository: str, *, own: bool = True) -> Iterator[Example]:
        for pair in self._train:
            if (pair.repository == repository) is own and (made := self._example(pair)) is not None:
                yield made

    def _group(self, each: Example) -> str:
        return self._groups.get(each.pair.id, each.pair.id)

    def _example(self, pair: Pair) -> Example | None:
        if pair.id not in self._made:
            plain = replace(pair, code=redact(pair.code), test=redact(pair.test))
            self._made[pair.id] = _file(plain) if self._unit == "file" else self._function(plain)
        return self._made[pair.id]

    def _function(self, pair: Pair) -> Example | None:
        """The function and test of a pair that are shortest to show; None where no test stands alone."""
        source, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
        tests = parse(test)
        if tests.build_constraint is not None:
            return None
        chunks = function_chunks(
            source, tests=test, budget=self._budget, counter=self._counter, pair_id=pair.id
        )
        made = (
            Example(pair, chunk, slice_tests(tests, [name]))
            for chunk in chunks
            if not chunk.over_budget
            for name in _clear(chunk)
        )
        return min((each for each in made if _stands_alone(each)), key=_length, default=None)


def whole_file(pair: Pair) -> Chunk:
    """The focal file in one piece, however long it is."""
    (chunk,) = chunk_file(pair.code.encode("utf-8", "surrogateescape"), budget=WHOLE, pair_id=pair.id)
    return chunk


def _file(pair: Pair) -> Example:
    return Example(pair, whole_file(pair), pair.test)


def _length(each: Example) -> int:
    return len(each.chunk.text) + len(each.test)


def _stands_alone(each: Example) -> bool:
    """Whether the test uses only names that are shown: an example must not teach to make names up."""
    return not names_from_elsewhere(
        parse(each.test.encode("utf-8", "surrogateescape")), parse(each.chunk.text.encode())
    )


def _clear(chunk: Chunk) -> list[str]:
    """The tests of which it is clear that they exercise the chunk's function."""
    return [each.test for each in chunk.tests if each.kind == "test" and each.evidence[0] in _EVIDENCE]
