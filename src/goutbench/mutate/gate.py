"""What a run in CI must not let pass."""

from goutbench.mutate.output.table import percent
from goutbench.mutate.results import MutateResult


def missed_gates(result: MutateResult, threshold: float | None, new: int | None) -> list[str]:
    """Why a run fails, a line each; empty where it passes. None stands for a gate that was not asked for.

    `threshold` is the lowest score in percent, `new` the number of mutants that a baseline lacks. What could
    not be tested fails at either gate; a run without anything to test passes.
    """
    if threshold is None and new is None:
        return []
    missed = list(result.failures)
    if result.nothing_ran:
        missed.append("no mutant was run, so nothing is known; with --budget, give more time")
    if threshold is not None and result.score is not None and 100 * result.score < threshold:
        missed.append(f"the score {percent(result.score)} is below {threshold:g}%")
    if new:
        missed.append(f"{new} undetected mutants are not in the baseline")
    return missed
