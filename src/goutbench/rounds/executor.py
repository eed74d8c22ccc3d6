"""What executes the candidates of a round: the seam to `execute`, whose `RunExecutor` is the one that we
have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from goutbench.records import Candidate, Execution


class Executor(Protocol):
    """Executes the candidates of one run folder, and none of them twice."""

    @property
    def dataset(self) -> Path: ...
    @property
    def out(self) -> Path: ...

    def check(self) -> None:
        """Raises ConfigError where the run folder has the results of another execution."""

    def execute(self, candidates: Sequence[Candidate]) -> list[Execution]:
        """One record for each candidate, in their order."""

    def write_tables(self) -> list[Execution]:
        """Write the table of executions for the candidates of the run folder, and return its records."""
