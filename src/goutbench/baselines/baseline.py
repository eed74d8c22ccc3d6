"""The baselines by name: each makes the test file of a pair by a rule."""

from collections.abc import Callable

from goutbench.baselines.names import PREFIX
from goutbench.baselines.no_assertions import without_assertions
from goutbench.baselines.smoke import smoke_test
from goutbench.errors import ConfigError
from goutbench.golang.syntax.parser import parse
from goutbench.records import Pair

_EMPTY = """package {package}

import "testing"

func TestGoutbenchEmpty(t *testing.T) {{}}
"""


def baseline_of(model: str) -> Callable[[Pair], str]:
    """The function that writes the test file of a pair. Raises ConfigError for an unknown name."""
    try:
        return BASELINES[model.removeprefix(PREFIX)]
    except KeyError:
        names = ", ".join(PREFIX + name for name in BASELINES)
        raise ConfigError(f"no baseline {model!r}", where="--model", hint=f"use one of: {names}") from None


def _reference(pair: Pair) -> str:
    return pair.test


def _no_assertions(pair: Pair) -> str:
    return _text(without_assertions(_bytes(pair.test)))


def _smoke(pair: Pair) -> str:
    return _text(smoke_test(_bytes(pair.code)))


def _empty(pair: Pair) -> str:
    return _EMPTY.format(package=parse(_bytes(pair.code)).package or "main")


BASELINES: dict[str, Callable[[Pair], str]] = {
    "reference": _reference,
    "no-assertions": _no_assertions,
    "smoke": _smoke,
    "empty": _empty,
}
"""The ceiling; the same steps without a check; calls without a check; a test that does nothing."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")
