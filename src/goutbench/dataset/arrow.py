"""Keeps NumPy and pandas out of processes that only read and write Arrow tables."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.abc import MetaPathFinder
from threading import Lock, get_ident

_lock = Lock()


def import_without_numpy() -> None:
    """Import Arrow where it finds no NumPy, unless one of them is imported already.

    NumPy takes as long to import as Arrow itself. Without it Arrow converts nothing to or from NumPy and
    pandas in this process, also later: so only a program may call this, and no library.
    """
    if not {"numpy", "pyarrow"} & sys.modules.keys():
        with _hidden("numpy"):
            import pyarrow.parquet  # noqa: F401


def keep_pandas_out() -> None:
    """Let Arrow make its first array where it finds no pandas; other threads can import pandas meanwhile.

    Arrow tries to import pandas, only to see whether a list is a Series, and that takes longer than curating
    a small repository. It tries once; what needs pandas, such as `to_pandas`, tries again.
    """
    with _lock:
        _make_first_array()


@cache
def _make_first_array() -> None:
    import pyarrow as pa

    if "pandas" not in sys.modules:
        with _hidden("pandas"):
            pa.array([0])


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """A block in which this thread finds no module of a name."""
    finder = _Hider(name)
    # it stays there: a thread that goes through the list would miss the next finder if one was removed
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.thread = None


class _Hider(MetaPathFinder):
    """Finds no module of one name, installed or not, for one thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.thread: int | None = get_ident()

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == self.name and self.thread == get_ident():
            raise ModuleNotFoundError(fullname)
