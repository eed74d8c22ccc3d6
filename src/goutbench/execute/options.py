"""The options of an execution; every one is part of the result's identity."""

from dataclasses import dataclass

from goutbench.errors import ConfigError

SIBLINGS = ("all", "needed", "none")
"""Which of the package's other test files stay: all of them (they may hold helpers), those that define names
that the candidate lacks, or none."""


@dataclass(frozen=True, slots=True)
class ExecuteOptions:
    """How candidates are executed.

    `repeat` is how often a passing candidate runs in total; `mutants` is None for no mutation testing, 0 for
    all mutants, else the size of the sample. `test_seconds` is wall time of one run; `build_seconds` is CPU
    time of each process of a build, which may take four times as long. Each process of a run gets
    `memory_mib` of data, all of them together 1.5 times as much (where a cgroup can be created).
    """

    siblings: str = "all"
    repeat: int = 3
    race: bool = False
    cgo: bool = False
    mutants: int | None = None
    seed: int = 1
    test_seconds: float = 60.0
    memory_mib: int = 2048
    build_seconds: float = 300.0

    @property
    def with_cgo(self) -> bool:
        """Whether builds use cgo: the race detector needs it."""
        return self.cgo or self.race

    def __post_init__(self) -> None:
        if self.siblings not in SIBLINGS:
            raise ConfigError(f"--siblings must be one of {', '.join(SIBLINGS)}, not {self.siblings!r}")
        if self.repeat < 1:
            raise ConfigError("--repeat must be at least 1")
        if self.mutants is not None and self.mutants < 0:
            raise ConfigError("--mutants must be at least 0")
