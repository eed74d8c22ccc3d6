"""What kind of code an item is about: size, complexity, concurrency, interfaces, mocks."""

from functools import lru_cache

from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.syntax.file import parse
from goutbench.report.rows import PairFacts, Row

SIZES = ((50, "up to 50 lines"), (200, "51 to 200 lines"), (800, "201 to 800 lines"))
COMPLEXITIES = ((2, "complexity 1 to 2"), (5, "complexity 3 to 5"), (10, "complexity 6 to 10"))


def size(row: Row) -> str:
    """The class of the focal file's length."""
    return next((words for limit, words in SIZES if row.pair.code_lines <= limit), "over 800 lines")


def kinds(row: Row) -> tuple[str, ...]:
    """Everything that an item is: one class of complexity, and concurrency, interfaces and mocks or not.

    Cyclomatic complexity is of the most complex focal function, of the file's where no function was named;
    the rest is of the file, and mocks of its reference test.
    """
    complexities, others = _facts(row.pair)
    named = [complexities[name] for name in row.key[1] if name in complexities]
    worst = max(named or complexities.values(), default=1)
    return (next((words for limit, words in COMPLEXITIES if worst <= limit), "complexity over 10"), *others)


@lru_cache(maxsize=4096)
def _facts(pair: PairFacts) -> tuple[dict[str, int], tuple[str, ...]]:
    code, test = (parse(text.encode("utf-8", "surrogateescape")) for text in (pair.code, pair.test))
    features = code_features(code)
    others = (
        "concurrent" if features.concurrent else "not concurrent",
        "declares interfaces" if features.interfaces else "declares no interfaces",
        "tested with mocks" if style_of(test).mocks else "tested without mocks",
    )
    return {each.name: each.value for each in features.functions}, others
