"""Lets every option and argument that is a path be an address of object storage."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_SCHEMES = ("s3:/", "gs:/")  # Path makes one slash of two


def run_with_remote_paths(context: Any, invoke: Callable[[Any], Any]) -> Any:
    """Run a command whose paths may be addresses, with local copies in their place."""
    paths = {name: value for name, value in context.params.items() if any(map(_is_remote, _values(value)))}
    if not paths:
        return invoke(context)
    from goutbench.storage.address import Address
    from goutbench.storage.session import RemoteSession, expanded

    addresses: dict[Path, list[Address]] = {}
    for value in paths.values():
        for path in filter(_is_remote, _values(value)):
            address = Address.parse(str(path))
            addresses[path] = expanded(address) if isinstance(value, list | tuple) else [address]
    with RemoteSession(address for several in addresses.values() for address in several) as session:
        local = {path: [session.local(address) for address in several] for path, several in addresses.items()}
        context.params.update({name: _replaced(value, local) for name, value in paths.items()})
        with session.showing_addresses():
            return invoke(context)


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_remote(value: object) -> bool:
    return isinstance(value, Path) and str(value).startswith(_SCHEMES)


def _replaced(value: Any, local: Mapping[Path, list[Path]]) -> Any:
    """A parameter's value with paths for addresses, in its own type."""
    if isinstance(value, list | tuple):
        return type(value)(path for entry in value for path in local.get(entry, [entry]))
    return local[value][0]
