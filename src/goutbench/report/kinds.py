"""What kind of code an item is about: size, complexity, concurrency, interfaces, mocks."""

from functools import lru_cache

from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.syntax.parser import parse
from goutbench.records import Pair

SIZES = ((50, "up to 50 lines"), (200, "51 to 200 lines"), (800, "201 to 800 lines"))
COMPLEXITIES = ((2, "complexity 1 to 2"), (5, "complexity 3 to 5"), (10, "complexity 6 to 10"))


def size(pair: Pair) -> str:
    """The class of the focal file's length."""
    return next((label for limit, label in SIZES if pair.code_lines <= limit), "over 800 lines")


def kinds(pair: Pair, focal: tuple[str, ...]) -> tuple[str, ...]:
    """An item's class of complexity, and whether it has concurrency, interfaces and mocks.

    Cyclomatic complexity is that of the most complex focal function, of the file's where none is named; the
    rest describes the file, and mocks its reference test.
    """
    complexities, features = _features(pair)
    named = [complexities[name] for name in focal if name in complexities]
    highest = max(named or complexities.values(), default=1)
    return (
        next((label for limit, label in COMPLEXITIES if highest <= limit), "complexity over 10"),
        *features,
    )


@lru_cache(maxsize=4096)
def _features(pair: Pair) -> tuple[dict[str, int], tuple[str, ...]]:
    """The complexity of each function, and the kinds that the whole file belongs to."""
    code, test = (parse(text.encode("utf-8", "surrogateescape")) for text in (pair.code, pair.test))
    features = code_features(code)
    kinds_of_file = (
        "concurrent" if features.concurrent else "not concurrent",
        "declares interfaces" if features.interfaces else "declares no interfaces",
        "tested with mocks" if style_of(test).mocks else "tested without mocks",
    )
    return {function.name: function.value for function in features.functions}, kinds_of_file
