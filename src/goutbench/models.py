"""Opening a model by Inspect's name for it: one way for those that write tests and those that judge."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from inspect_ai.model import Model


@dataclass(frozen=True, slots=True)
class Server:
    """How a model is reached, in Inspect's words: its own defaults where nothing is said."""

    base_url: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    connections: int | None = None
    timeout: int | None = None
    retries: int | None = None
    display: str = "none"


@contextmanager
def talking_aside() -> Iterator[None]:
    """Whatever Inspect prints goes to standard error: standard output is for results."""
    with redirect_stdout(sys.stderr):
        yield


def open_model(name: str, server: Server, *, temperature: float | None) -> "Model":
    """The model, not shared with other callers. Raises ConfigError where Inspect knows none by that name."""
    from inspect_ai.model import GenerateConfig, get_model

    config = GenerateConfig(
        max_connections=server.connections, timeout=server.timeout, max_retries=server.retries
    )
    args = dict(server.model_args)
    if temperature == 0 and name.startswith("hf/"):
        args.setdefault("do_sample", False)  # transformers refuses to sample at temperature 0
    try:
        return get_model(name, config=config, base_url=server.base_url, memoize=False, **args)
    except Exception as error:
        raise ConfigError(f"no such model: {error}", where=f"--model {name}") from error
