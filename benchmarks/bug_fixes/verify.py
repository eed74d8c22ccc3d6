"""Whether a commit fixes a bug that its tests catch: by running them before and after the fix.

`verify` needs nothing of the rest of this folder but `find` and `checkout`.
"""

from dataclasses import dataclass

from bug_fixes.checkout import Checkout, Unusable, open_worker, tests_of
from goutbench.execute.machine import Machine
from goutbench.mutate.trial.profile import TestProfile, measure

_MOST_SECONDS, _START = 0.4, 0.02
"""CPU seconds of all tests of the file, without the start of a process for each: more is too slow to run
for each mutant."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A bug, and what its tests did, each run alone.

    `catching` tests pass with the fix and fail without it, also when they run together. `profile` is what all
    tests of the test file reach in the fixed package.
    """

    catching: tuple[str, ...]
    profile: TestProfile


def verify(machine: Machine, checkout: Checkout) -> Verified:
    """Run the commit's tests with the parent's focal file, then with the commit's.

    Raises Unusable unless some test fails with the first and passes with the second.
    """
    fix = checkout.fix
    checkout.put(code=fix.parent, tests=fix.commit)
    buggy = run_tests(machine, checkout)
    if buggy.problem and not buggy.problem.startswith("no test passes"):
        raise Unusable("the tests do not build without the fix")
    if not buggy.problem and not buggy.omitted:
        raise Unusable("the tests pass without the fix")
    _check_independence(buggy)
    checkout.put(code=fix.commit, tests=fix.commit)
    fixed = run_tests(machine, checkout)
    if fixed.problem:
        raise Unusable("the tests do not build or pass with the fix")
    _check_independence(fixed)
    catching = tuple(name for name in fixed.tests if buggy.problem or name in buggy.omitted)
    if not catching:
        raise Unusable("the same tests fail with the fix")
    if sum(max(0.0, cost.cpu - _START) for cost in fixed.costs.values()) > _MOST_SECONDS:
        raise Unusable("the tests take long")
    return Verified(catching, fixed)


def run_tests(machine: Machine, checkout: Checkout) -> TestProfile:
    """A run of each test of the test file, in the package as it is."""
    with open_worker(machine) as worker:
        profile = measure(worker, checkout.package, tests_of(worker, checkout), float("inf"))
    assert profile is not None
    return profile


def _check_independence(profile: TestProfile) -> None:
    if profile.together:
        raise Unusable("some tests need others")
