"""What to mutate, and how."""

import re
from dataclasses import dataclass, field
from functools import cached_property

from goutbench.errors import ConfigError
from goutbench.execute.options import ExecuteOptions

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)([smh]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smh])")


@dataclass(frozen=True)
class MutateOptions:
    """Which mutants run, and against which tests.

    `functions` and `tests` are regular expressions, searched for in the names of the functions to mutate
    (`(*T).Name` for a method) and of the tests to run; empty for all. `changed_since` is a revision: only
    mutants in lines that the work tree changed since then. `budget` is in seconds, 0 for none. With
    `redundant`, every test that reaches a mutant runs, so that all of its killers are known. `cache`:
    verdicts of earlier runs count where they still hold. `download`: missing modules are downloaded.
    `execution` says how tests are built and run.
    """

    functions: str = ""
    tests: str = ""
    changed_since: str = ""
    budget: float = 0.0
    redundant: bool = False
    cache: bool = True
    download: bool = True
    execution: ExecuteOptions = field(default_factory=ExecuteOptions)

    def __post_init__(self) -> None:
        for option, pattern in (("--functions", self.functions), ("--tests", self.tests)):
            try:
                re.compile(pattern)
            except re.error as error:
                what = f"not a regular expression: {error}"
                hint = "write a dot or bracket of a name as \\. or \\("
                raise ConfigError(what, where=f"{option} {pattern}", hint=hint) from None

    @cached_property
    def function_pattern(self) -> re.Pattern[str]:
        return re.compile(self.functions)

    @cached_property
    def test_pattern(self) -> re.Pattern[str]:
        return re.compile(self.tests)


def parse_duration(text: str) -> float:
    """The seconds of a duration as Go writes it, such as 1m30s; 0 for an empty text. Raises ConfigError."""
    if text and not _DURATION.fullmatch(text):
        raise ConfigError("not a duration", where=f"--budget {text}", hint="write 60s, 5m or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if text and not seconds:
        raise ConfigError("no time at all", where=f"--budget {text}", hint="leave it out for no limit")
    return seconds
