"""In-context examples out of the training split alone, by one rule for `generate` and `train`."""

import random
from collections.abc import Mapping, Sequence
from itertools import islice

from goutbench.chunk import TokenCounter, chunk_file, function_chunks
from goutbench.chunk.slices import slice_tests
from goutbench.golang.closed import names_from_elsewhere
from goutbench.golang.syntax import parse
from goutbench.prompt import Example
from goutbench.records import Chunk, Pair

_PAIRS, _SHORT = 20, 10  # the shortest usable pairs of a repository, and of these the shortest examples
_WHOLE = 10**9  # a budget that no file passes
_EVIDENCE = ("call", "table", "name")


class Examples:
    """Examples in the shape of what is asked: whole files, or one function and the test that exercises it.

    They come from a pair's own repository where it has any in training, short ones first, and are drawn by
    the pair's id and the seed; never the pair itself, nor one of its group of duplicates.
    """

    def __init__(
        self,
        train: Sequence[Pair],
        groups: Mapping[str, str],
        *,
        unit: str,
        budget: int,
        counter: TokenCounter,
        seed: int,
    ) -> None:
        self._groups, self._unit, self._seed = groups, unit, seed
        self._budget, self._counter = budget, counter
        self._all = sorted(train, key=lambda pair: (len(pair.code) + len(pair.test), pair.id))
        self._by_repository: dict[str, list[Pair]] = {}
        for pair in self._all:
            self._by_repository.setdefault(pair.repository, []).append(pair)
        self._made: dict[str, Example | None] = {}

    def of(self, pair: Pair, wanted: int) -> list[Example]:
        """So many examples for a pair; fewer where there are no more."""
        if not wanted:
            return []
        own = self._groups.get(pair.id)
        pairs = self._by_repository.get(pair.repository) or self._all
        others = (
            each for each in pairs if each.id != pair.id and (not own or self._groups.get(each.id) != own)
        )
        usable = (made for each in others if (made := self._example(each)) is not None)
        near = sorted(islice(usable, max(_PAIRS, wanted)), key=_length)
        short = near[: max(_SHORT, wanted)]
        return random.Random(f"{self._seed}:{pair.id}").sample(short, min(wanted, len(short)))

    def _example(self, pair: Pair) -> Example | None:
        if pair.id not in self._made:
            self._made[pair.id] = _file(pair) if self._unit == "file" else self._function(pair)
        return self._made[pair.id]

    def _function(self, pair: Pair) -> Example | None:
        """The function of a pair, with its clearest test, that is shortest to show; None if there is none."""
        source, test = pair.code.encode(), pair.test.encode()
        chunks = function_chunks(
            source, tests=test, budget=self._budget, counter=self._counter, pair_id=pair.id
        )
        tests = parse(test)
        made = [
            Example(pair, chunk, slice_tests(tests, [name]))
            for chunk in chunks
            if not chunk.over_budget and (name := _clearest(chunk)) is not None
        ]
        found = [each for each in made if _stands_alone(each)]
        return min(found, key=_length, default=None) if tests.build_constraint is None else None


def _file(pair: Pair) -> Example:
    (chunk,) = chunk_file(pair.code.encode(), budget=_WHOLE, pair_id=pair.id)
    return Example(pair, chunk, pair.test)


def _length(each: Example) -> int:
    return len(each.chunk.text) + len(each.test)


def _stands_alone(each: Example) -> bool:
    """Whether the test uses only names that are shown: an example must not teach to make names up."""
    return not names_from_elsewhere(parse(each.test.encode()), parse(each.chunk.text.encode()))


def _clearest(chunk: Chunk) -> str | None:
    """The test that says most clearly that it exercises the chunk's function."""
    strong = (each for each in chunk.tests if each.kind == "test" and each.evidence[0] in _EVIDENCE)
    return next((each.test for each in strong), None)
