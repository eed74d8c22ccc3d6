"""goutbench: Go repositories in, a verified {code, unit test} dataset and honest measurements out.

`goutbench.api` has a function for each stage. The records that pass between them are here: `goutbench.Pair`,
`goutbench.Candidate`, `goutbench.Execution` and so on. Nothing is imported before it is used.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "Candidate",
    "Completion",
    "Execution",
    "Match",
    "Mutation",
    "Pair",
    "Prompt",
    "Rung",
    "Status",
    "Verdict",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'goutbench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("goutbench.api" if name == "load" else "goutbench.records"), name)
