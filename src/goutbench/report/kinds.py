"""What kind of code an item is about: size, complexity, concurrency, interfaces, mocks."""

from collections.abc import Iterable
from pathlib import Path

from goutbench.dataset.store import from_table, read_manifest, read_table
from goutbench.golang.analysis.features import code_features, uses_mocks
from goutbench.golang.syntax.parser import parse, parse_declarations
from goutbench.locations import SIGNALS
from goutbench.records import Pair, Signals

SIZES = ((50, "up to 50 lines"), (200, "51 to 200 lines"), (800, "201 to 800 lines"))
COMPLEXITIES = ((2, "complexity 1 to 2"), (5, "complexity 3 to 5"), (10, "complexity 6 to 10"))

_LARGEST, _MOST_COMPLEX = "over 800 lines", "complexity over 10"
KINDS = (
    *(label for _, label in SIZES), _LARGEST, *(label for _, label in COMPLEXITIES), _MOST_COMPLEX,
    "concurrent", "not concurrent", "declares interfaces", "declares no interfaces", "tested with mocks",
    "tested without mocks",
)  # fmt: skip
"""All kinds and sizes, in the order in which tables and menus show them."""


def size(pair: Pair) -> str:
    """The class of the focal file's length."""
    return next((label for limit, label in SIZES if pair.code_lines <= limit), _LARGEST)


class KindReader:
    """Tells the kinds of items: by the signals of `describe` where the dataset has them, else by the files.

    Signals know no single function, so an item with focal functions needs its file parsed.
    """

    def __init__(self, signals: Iterable[Signals] = ()) -> None:
        self._signals = {row.id: row for row in signals}
        self._complexities: dict[str, dict[str, int]] = {}
        self._kinds: dict[str, tuple[str, ...]] = {}

    @classmethod
    def read(cls, dataset: Path) -> "KindReader":
        """The reader for a dataset folder. Raises DatasetError."""
        if SIGNALS not in read_manifest(dataset)["files"]:
            return cls()
        return cls(from_table(read_table(dataset / SIGNALS), Signals))

    def kinds(self, pair: Pair, focal: tuple[str, ...]) -> tuple[str, ...]:
        """An item's class of complexity, and whether it has concurrency, interfaces and mocks.

        Cyclomatic complexity is that of the most complex focal function, of the file's where none is named;
        the rest describes the file, and mocks its reference test.
        """
        signals = self._signals.get(pair.id)
        if signals is not None and not focal:
            complexities, highest = {}, signals.complexity
        else:
            complexities = self._complexities_of(pair)
            highest = max(complexities.values(), default=1)
        named = [complexities[name] for name in focal if name in complexities]
        highest = max(named, default=highest)
        label = next((label for limit, label in COMPLEXITIES if highest <= limit), _MOST_COMPLEX)
        return label, *self._kinds_of(pair)

    def _complexities_of(self, pair: Pair) -> dict[str, int]:
        """The complexity of each function of the focal file."""
        self._parse(pair)
        return self._complexities[pair.id]

    def _kinds_of(self, pair: Pair) -> tuple[str, ...]:
        """The kinds that the whole pair belongs to."""
        if signals := self._signals.get(pair.id):
            return _labels(signals.concurrent, signals.interfaces, mocks=signals.mocks)
        self._parse(pair)
        return self._kinds[pair.id]

    def _parse(self, pair: Pair) -> None:
        if pair.id in self._kinds:
            return
        code, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
        features = code_features(parse(code))
        mocks = uses_mocks(parse_declarations(test))
        self._complexities[pair.id] = {function.name: function.value for function in features.functions}
        self._kinds[pair.id] = _labels(features.concurrent, features.interfaces, mocks=mocks)


def _labels(concurrent: bool, interfaces: int, *, mocks: bool) -> tuple[str, ...]:
    return (
        "concurrent" if concurrent else "not concurrent",
        "declares interfaces" if interfaces else "declares no interfaces",
        "tested with mocks" if mocks else "tested without mocks",
    )
