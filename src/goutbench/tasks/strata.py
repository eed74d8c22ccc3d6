"""The strata of items: their repositories, and the thirds of their sizes and complexities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goutbench.golang.analysis.features import code_features
from goutbench.golang.syntax.file import declaration_keys
from goutbench.golang.syntax.parser import parse
from goutbench.records import Pair
from goutbench.tasks.draw import draw_evenly, thirds
from goutbench.tasks.task import Key


@dataclass(frozen=True, slots=True)
class Strata:
    """The thirds of an item by the lines and the complexity of its code."""

    size: str
    complexity: str


def drawn_by_strata(
    eligible: Sequence[Key], pairs: Mapping[str, Pair], count: int, seed: int
) -> list[tuple[Key, Strata]]:
    """`count` items of each unit (0: all) in order, each unit drawn by itself."""
    drawn: list[tuple[Key, Strata]] = []
    for is_function in (False, True):
        keys = [key for key in eligible if bool(key[1]) is is_function]
        measures = {key: _measure(pairs[key[0]], key[1]) for key in keys}
        sizes = thirds({key: lines for key, (lines, _) in measures.items()})
        complexities = thirds({key: value for key, (_, value) in measures.items()})
        strata = {key: (pairs[key[0]].repository, sizes[key], complexities[key]) for key in keys}
        drawn += [(key, Strata(*strata[key][1:])) for key in draw_evenly(strata, count, seed)]
    return drawn


def _measure(pair: Pair, focal: Sequence[str]) -> tuple[int, int]:
    """Lines and cyclomatic complexity of the focal functions, or of the file."""
    file = parse(pair.code.encode("utf-8", "surrogateescape"))
    features = code_features(file)
    if not focal:
        return pair.code_lines, features.complexity
    declarations = zip(declaration_keys(file), file.declarations, strict=True)
    lines = sum(file.text(declaration).count(b"\n") + 1 for key, declaration in declarations if key in focal)
    return lines, max(
        (function.value for function in features.functions if function.name in focal), default=1
    )
