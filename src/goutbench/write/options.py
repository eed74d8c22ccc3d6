"""How many tests to ask for, and how to judge them."""

from dataclasses import dataclass, field, replace

from goutbench.errors import ConfigError
from goutbench.execute.options import ExecuteOptions
from goutbench.generate.options import GenerateOptions


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What a run asks for, and which tests it accepts.

    At most `limit` functions, those with the greatest need (0: all). `rounds` counts the first answers. The
    limits are on the complete run: model calls, tokens of prompts and replies, and cost in the unit of the
    price file; 0 is no limit. `generation` says how the model is prompted and samples; its options on
    datasets have no effect. `execution` says how tests are built and run, as for `mutate`: its `repeat` is
    how often a test must pass.
    """

    limit: int = 10
    rounds: int = 3
    max_calls: int = 0
    max_total_tokens: int = 0
    max_cost: float = 0.0
    generation: GenerateOptions = field(default_factory=GenerateOptions)
    execution: ExecuteOptions = field(default_factory=ExecuteOptions)

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError("--rounds must be at least 1")
        if min(self.limit, self.max_calls, self.max_total_tokens, self.max_cost) < 0:
            where = "--limit, --max-calls, --max-total-tokens, --max-cost"
            raise ConfigError("a limit must not be negative", where=where)

    @property
    def judging(self) -> ExecuteOptions:
        """The options of executions: with all mutants, and beside all of the package's other tests."""
        return replace(self.execution, mutants=0, siblings="all")
