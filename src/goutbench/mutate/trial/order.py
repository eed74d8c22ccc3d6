"""In which order mutants run, and which test is the most likely to kill one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from goutbench.golang.toolchain.mutation import Mutant


@dataclass(frozen=True, slots=True)
class ReachedMutant:
    """A mutant with the tests that reach it."""

    mutant: Mutant
    tests: tuple[str, ...]


def informative_first(mutants: Iterable[ReachedMutant]) -> list[tuple[int, ReachedMutant]]:
    """The mutants in the order in which they tell most, each with its rank in its function, from 0.

    One of each function before a second one of any, since the mutants of one function tend to share their
    fate. In a function, each operator once before any twice, and first those that few tests reach.
    """
    functions: dict[str, list[ReachedMutant]] = defaultdict(list)
    for reached in mutants:
        functions[reached.mutant.function].append(reached)
    ranked = [(rank, reached) for group in functions.values() for rank, reached in enumerate(_varied(group))]
    return sorted(ranked, key=lambda item: (item[0], len(item[1].tests), item[1].mutant.id))


def _varied(group: Sequence[ReachedMutant]) -> list[ReachedMutant]:
    """The mutants of a function, each operator once before any twice."""
    times: Counter[str] = Counter()
    ranked: list[tuple[int, int, int, ReachedMutant]] = []
    for reached in sorted(group, key=lambda item: (len(item.tests), item.mutant.id)):
        mutant = reached.mutant
        ranked.append((times[mutant.operator], len(reached.tests), mutant.id, reached))
        times[mutant.operator] += 1
    return [reached for *_, reached in sorted(ranked, key=lambda item: item[:3])]


@dataclass(slots=True)
class Killers:
    """How often each test has killed mutants of each function of a file. `breadth` is how much each test
    reaches: a test of little else than the mutated code is the best guess before the first kill."""

    breadth: dict[str, int]
    by_function: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    of_file: Counter[str] = field(default_factory=Counter)

    def add(self, function: str, killers: Iterable[str]) -> None:
        for name in killers:
            self.by_function[function][name] += 1
            self.of_file[name] += 1

    def most_likely(self, reached: ReachedMutant) -> str:
        """The test that killed most mutants of the function, else of the file, else the narrowest one."""
        neighbours = self.by_function.get(reached.mutant.function, Counter())

        def likelihood(name: str) -> tuple[int, int, int]:
            return neighbours[name], self.of_file[name], -self.breadth.get(name, 0)

        return max(reached.tests, key=likelihood)
