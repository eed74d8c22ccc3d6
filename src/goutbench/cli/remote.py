"""Lets every option and argument that is a path be an address of object storage."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from goutbench.errors import ConfigError

_PATH = re.compile(r"(?:s3|gs):/.*", re.DOTALL)  # Path makes one slash of two
_TEXT = re.compile(r"([^=/]*=)?((?:s3|gs)://.*)", re.DOTALL)
"""`report` takes its folders as texts, NAME=FOLDER."""

Resolve = Callable[[str], list[Path]]


def run_with_remote_paths(context: Any, invoke: Callable[[Any], Any]) -> Any:
    """Run a command whose paths may be addresses, with local copies in their place."""
    parameters = context.params
    texts = [text for value in parameters.values() for text in map(_address_in, _entries(value)) if text]
    if not texts:
        return invoke(context)
    from typer import Exit

    from goutbench.storage.address import Address
    from goutbench.storage.session import RemoteSession, expanded

    addresses = {text: expanded(Address.parse(text)) for text in texts}
    every = (address for several in addresses.values() for address in several)
    with RemoteSession(every, finishing=(Exit,)) as session:  # a missed gate, after its page is written

        def resolve(text: str) -> list[Path]:
            return [session.local(address) for address in addresses[text]]

        parameters.update({name: _local(value, resolve) for name, value in parameters.items()})
        with session.showing_addresses():
            return invoke(context)


def _entries(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _address_in(value: object) -> str:
    """The address in a value; empty without one."""
    if isinstance(value, Path):
        return str(value) if _PATH.fullmatch(str(value)) else ""
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    return match[2] if match else ""


def _local(value: Any, resolve: Resolve) -> Any:
    """A parameter's value with local paths for addresses, in its own type.

    Raises ConfigError where a pattern matches several and the parameter takes one.
    """
    if isinstance(value, list | tuple):
        return type(value)(entry for one in value for entry in _local_entries(one, resolve))
    entries = _local_entries(value, resolve)
    if len(entries) > 1:
        where = re.sub(":/+", "://", _address_in(value), count=1)
        what, hint = f"the pattern matches {len(entries)} addresses", "give the one that is meant"
        raise ConfigError(what, where=where, hint=hint)
    return entries[0]


def _local_entries(value: Any, resolve: Resolve) -> list[Any]:
    text = _address_in(value)
    if not text:
        return [value]
    if isinstance(value, Path):
        return list(resolve(text))
    return [f"{value.removesuffix(text)}{path}" for path in resolve(text)]
