"""Which functions need tests the most."""

from collections.abc import Iterable, Sequence

from goutbench.execute.reward.addition import UNNOTICED
from goutbench.golang.analysis.features import code_features
from goutbench.golang.syntax.file import Declaration, GoFile, declaration_keys, line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.mutation import Mutant
from goutbench.records import Execution
from goutbench.write.adding import within
from goutbench.write.results import Need

_NOT_CALLABLE = ("init", "_")


def functions_in_scope(source: bytes, mutants: Iterable[Mutant]) -> tuple[str, ...]:
    """The keys of the functions of a file that have one of these mutants and that a test can call."""
    file, starts = parse(source), sorted(mutant.start for mutant in mutants)
    named = zip(declaration_keys(file), file.declarations, strict=True)
    return tuple(
        key
        for key, item in named
        if item.is_function
        and item.names[0] not in _NOT_CALLABLE
        and not (file.package == "main" and key == "main")
        and any(item.node_start <= start < item.node_end for start in starts)
    )


def lines_of(source: bytes, keys: Iterable[str]) -> frozenset[int]:
    """The numbers of the lines of these declarations of a file."""
    file, chosen = parse(source), set(keys)
    named = zip(declaration_keys(file), file.declarations, strict=True)
    return frozenset(line for key, item in named if key in chosen for line in _lines(file, item))


def _lines(file: GoFile, item: Declaration) -> range:
    first, _ = line_and_column(file.source, item.node_start)
    last, _ = line_and_column(file.source, item.node_end)
    return range(first, last + 1)


def needs_of(path: str, source: bytes, keys: Sequence[str], existing: Execution) -> list[Need]:
    """What the tests with this record lack of each of these functions, in their order."""
    file = parse(source)
    complexities = {item.name: item.value for item in code_features(file).functions}
    needs = []
    for key, item in zip(declaration_keys(file), file.declarations, strict=True):
        if key in keys:
            missing = within(existing, _lines(file, item))
            branches = missing.uncovered if missing.branches is None else missing.uncovered_branches
            mutants = missing.mutation.mutants if missing.mutation is not None else ()
            count = sum(mutant.verdict in UNNOTICED for mutant in mutants)
            complexity = complexities.get(key.partition("#")[0], 1)
            line = _lines(file, item).start
            needs.append(Need(path, key, line, len(branches), count, complexity))
    return needs


def most_needed(needs: Iterable[Need], limit: int) -> tuple[list[Need], int]:
    """The function that lacks most first, and of equals the most complex one: at most `limit` of them (0:
    all); and the number of the others."""
    ordered = sorted(needs, key=lambda need: (-need.missing, -need.complexity, need.path, need.line))
    chosen = ordered[:limit] if limit else ordered
    return chosen, len(ordered) - len(chosen)
