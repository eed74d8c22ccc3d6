"""What is measured of one bug: the tests before and after the fix, on the code before and after it."""

import random
import resource
from typing import Any

from bug_fixes.checkout import Checkout, open_worker
from bug_fixes.kills import Changed, Kills, measure_kills
from bug_fixes.verify import Verified, run_tests, verify
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.mutate.trial.order import ReachedMutant
from goutbench.mutate.trial.runs import MutantTrial
from goutbench.records import MutantStatus

_CHECKED = 8
"""Runs of a real suite against a mutant, for each bug, that check what the single tests foretell."""


def measure_bug(machine: Machine, checkout: Checkout) -> dict[str, Any]:
    """The row of a bug. Raises Unusable where it cannot be verified."""
    start, fix = _cpu_seconds(), checkout.fix
    before, after = checkout.code[fix.parent], checkout.code[fix.commit]
    verified = verify(machine, checkout)
    row: dict[str, Any] = {
        "repository": fix.repository,
        "commit": fix.commit,
        "parent": fix.parent,
        "path": fix.path,
        "catching": verified.catching,
    }
    row["fixed"], row["agreement"] = _fixed(machine, checkout, verified, Changed(after, before))
    row["before"] = _before(machine, checkout, Changed(before, after))
    return row | {"cpu_seconds": round(_cpu_seconds() - start, 1)}


def _fixed(
    machine: Machine, checkout: Checkout, verified: Verified, changed: Changed
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tests of the fix on the fixed code, and a check by runs of suites."""
    with open_worker(machine) as worker:
        kills, trial = measure_kills(worker, checkout.package, verified.profile, changed)
        agreement = _agreement(worker, trial, kills) if trial and not kills.problem else {}
        _close(trial)
    return kills.as_dict(), agreement


def _before(machine: Machine, checkout: Checkout, changed: Changed) -> dict[str, Any]:
    """The tests from before the fix, on the code with the bug."""
    checkout.put(code=checkout.fix.parent, tests=checkout.fix.parent)
    profile = run_tests(machine, checkout)
    if profile.problem or profile.together:
        return {"problem": profile.problem[:300] or "some tests need others"}
    with open_worker(machine) as worker:
        kills, trial = measure_kills(worker, checkout.package, profile, changed)
        _close(trial)
    return kills.as_dict()


def _agreement(worker: Worker, trial: MutantTrial, kills: Kills) -> dict[str, Any]:
    """Run random suites against mutants that several tests reach: are the killed ones those that some test
    kills alone?"""
    rng = random.Random(2)
    mutants = {mutant.id: mutant for mutant in trial.plan.mutants}
    rows = [row for row in kills.mutants if len(row.reached) > 1 and row.status != MutantStatus.TIMED_OUT]
    checked = different = 0
    for row in rng.sample(rows, min(_CHECKED, len(rows))):
        suite = sorted(rng.sample(row.reached, rng.randint(1, len(row.reached))))
        reached = ReachedMutant(mutants[row.id], tuple(kills.tests[test] for test in suite))
        (result,) = trial.run(worker, [reached], float("inf"))
        checked += 1
        different += (result.status is MutantStatus.KILLED) != bool(set(suite) & set(row.killers))
    return {"checked": checked, "different": different}


def _close(trial: MutantTrial | None) -> None:
    if trial is not None:
        trial.close()


def _cpu_seconds() -> float:
    """Of this process and all processes that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
