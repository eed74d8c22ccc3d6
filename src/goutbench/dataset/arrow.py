"""Keeps pandas out of processes that only write Arrow tables."""

import sys
from functools import cache
from importlib.abc import MetaPathFinder
from threading import Lock, get_ident

_lock = Lock()


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
        finder = _NoPandas()
        # it stays there: a thread that goes through the list would miss the next finder if one was removed
        sys.meta_path.insert(0, finder)
        try:
            pa.array([0])
        finally:
            finder.thread = None


class _NoPandas(MetaPathFinder):
    """Finds no pandas, installed or not, for one thread."""

    def __init__(self) -> None:
        self.thread: int | None = get_ident()

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas" and self.thread == get_ident():
            raise ModuleNotFoundError(fullname)
