"""The options of an execution; every one is part of the result's identity."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from goutbench.errors import ConfigError
from goutbench.execute.workspace.settings import RepositorySettings, Variables
from goutbench.golang.toolchain.variables import is_build_variable, settings_problem

SIBLINGS = ("all", "needed", "none")
"""Which of the package's other test files stay: all of them (those without an effect on the candidate's tests
are type-checked and not built), those that define names that the candidate lacks, or none."""


TEST_SECONDS = 60.0
"""The limit of one run where neither the command nor the repository's configuration has one."""


@dataclass(frozen=True, slots=True)
class ExecuteOptions:
    """How candidates are executed.

    `repeat` is how often a passing candidate runs in total; `mutants` is None for no mutation testing, 0 for
    all mutants, else the size of the sample; with `ignore_texts`, those of log entries and of texts of errors
    do not count. Seconds are wall time of one build or one run. Each process of a run gets `memory_mib` of
    data, all of them together 1.5 times as much (where a cgroup can be created).
    `tags`, `env` and `short` add to what the lock file says of each repository; `keep_timeouts`: the timeout
    there replaces `test_seconds`. With `hide_focal`, runs have a file with nothing but a package clause in
    place of the focal file: their tests must not read its text.
    """

    siblings: str = "all"
    repeat: int = 3
    race: bool = False
    cgo: bool = False
    mutants: int | None = None
    seed: int = 1
    test_seconds: float = TEST_SECONDS
    memory_mib: int = 2048
    build_seconds: float = 300.0
    tags: tuple[str, ...] = ()
    env: Variables = ()
    short: bool = False
    keep_timeouts: bool = True
    ignore_texts: bool = False
    hide_focal: bool = False

    @property
    def with_cgo(self) -> bool:
        """Whether builds use cgo: the race detector needs it."""
        return self.cgo or self.race

    @property
    def build_flags(self) -> tuple[str, ...]:
        """The flags of every go command on a package."""
        return (f"-tags={','.join(self.tags)}",) if self.tags else ()

    @property
    def build_variables(self) -> dict[str, str]:
        """The variables that builds get, without GOFLAGS, which is joined with ours."""
        return {name: value for name, value in self.env if is_build_variable(name) and name != "GOFLAGS"}

    @property
    def go_flags(self) -> str:
        """What the configuration adds to GOFLAGS."""
        return dict(self.env).get("GOFLAGS", "")

    def for_repository(self, settings: RepositorySettings) -> Self:
        """The options in effect for a repository; applying them twice changes nothing."""
        seconds = settings.timeout if settings.timeout and self.keep_timeouts else self.test_seconds
        return replace(
            self,
            tags=tuple(sorted({*settings.tags, *self.tags})),
            env=tuple(sorted((dict(settings.env) | dict(self.env)).items())),
            short=settings.short or self.short,
            cgo=settings.cgo or self.cgo,
            test_seconds=seconds,
            keep_timeouts=False,
        )

    def __post_init__(self) -> None:
        if problem := settings_problem(self.tags, self.env):
            raise ConfigError(problem, where="--tags, --env")
        if self.siblings not in SIBLINGS:
            raise ConfigError(f"--siblings must be one of {', '.join(SIBLINGS)}, not {self.siblings!r}")
        if self.repeat < 1:
            raise ConfigError("--repeat must be at least 1")
        if self.mutants is not None and self.mutants < 0:
            raise ConfigError("--mutants must be at least 0")


def parse_variables(texts: Iterable[str]) -> Variables:
    """The variables of `--env NAME=VALUE`; the last of equal names counts. Raises ConfigError."""
    variables: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ConfigError("a variable without a value", where=f"--env {text}", hint="write NAME=VALUE")
        variables[name] = value
    return tuple(sorted(variables.items()))
