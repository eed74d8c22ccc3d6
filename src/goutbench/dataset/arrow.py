"""Keeps pandas out of processes that only write Arrow tables."""

import sys
from functools import cache
from importlib.abc import MetaPathFinder


@cache
def keep_pandas_out() -> None:
    """Let Arrow make its first array where it finds no pandas.

    Arrow tries to import pandas, only to see whether a list is a Series, and that takes longer than curating
    a small repository. It tries once; what needs pandas, such as `to_pandas`, tries again.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, blocker := _NoPandas())
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(blocker)


class _NoPandas(MetaPathFinder):
    """Finds no pandas, installed or not."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
