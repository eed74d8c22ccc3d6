"""What an execution is worth: the reward, and its parts."""

from goutbench.records import Execution, Rung, Status

_BUILD, _VET, _PASS, _MUTATION = (rung.value for rung in (Rung.BUILD, Rung.VET, Rung.PASS, Rung.MUTATION))
PARTS = (_BUILD, _VET, _PASS, "coverage", _MUTATION, "cost")
"""The names of the parts of a reward; `parts_of` explains them."""


def reward_of(record: Execution) -> float | None:
    """The reward of an execution, from 0 to 1; None for an infrastructure error, which is not a
    result of the test.

    A test that does not pass gets the reward of its rung, and at most that of `Rung.RUNS`; so does a flaky
    one. A pass gets the reward of `Rung.PASS`, plus up to 0.5 for its mutants: (killed + coverage) ÷
    (tested + 1). All focal statements together are worth one mutant: a test that covers everything and checks
    nothing never gets more than one that kills a mutant more. Without mutants, coverage alone counts for up
    to 0.25, although it cannot tell a test that checks nothing. Where there are mutants and none could be
    tested, it counts nothing: a test can cause that.
    """
    if record.status is Status.INFRA_FAILURE:
        return None
    if record.status is not Status.PASSED:
        return min(record.rung.reward, Rung.RUNS.reward)
    mutation, coverage = record.mutation, record.coverage or 0.0
    if mutation is None or not mutation.total:
        return Rung.PASS.reward + 0.25 * coverage
    if not mutation.tested:
        return Rung.PASS.reward
    return Rung.PASS.reward + 0.5 * (mutation.killed + coverage) / (mutation.tested + 1)


def parts_of(record: Execution, limit_seconds: float) -> dict[str, float] | None:
    """The parts of an execution's reward by their names, each from 0 to 1; None as `reward_of`.

    - `build`: how far it comes on the way to the test binary that `go test` makes: the reward of its rung ÷
      that of `Rung.BUILD`. 1: there is a binary.
    - `vet`: 1 if vet has no objection, else 0. Vet reads only what compiles, so `build` is then 1, too.
    - `pass`: 1 if it passes, every time. Else a third if one of its tests ran: the share of the way from
      `Rung.BUILD` to `Rung.PASS`.
    - `coverage`: the covered share of the focal statements, if it passes, else 0; and 0 where there are
      mutants and none could be tested.
    - `mutation`: killed ÷ tested mutants, if it passes, else 0; 0 without mutants.
    - `cost`: CPU seconds of its test runs, with those against mutants, ÷ `limit_seconds`, at most 1; and 1 if
      a limit of time ended a run. Lower is better, so its weight is negative or 0.
    """
    if record.status is Status.INFRA_FAILURE:
        return None
    passed, mutation = record.status is Status.PASSED, record.mutation
    confirmed = passed and not (mutation and mutation.total and not mutation.tested)
    reached = min(record.rung.reward, (Rung.PASS if passed else Rung.RUNS).reward)
    build, complete = Rung.BUILD.reward, Rung.PASS.reward
    seconds = record.run_seconds + (mutation.seconds if mutation else 0.0)
    return {
        _BUILD: min(reached, build) / build,
        _VET: float(record.rung.reaches(Rung.VET)),
        _PASS: max(reached - build, 0.0) / (complete - build),
        "coverage": (record.coverage or 0.0) if confirmed else 0.0,
        _MUTATION: mutation.killed / mutation.tested if passed and mutation and mutation.tested else 0.0,
        "cost": 1.0 if record.status is Status.TIMED_OUT else min(seconds / limit_seconds, 1.0),
    }


def part_weights(mutants: int | None) -> dict[str, float]:
    """Weights of the parts whose sum is `reward_of`, for executions with this option `mutants`.

    The sum is equal but for an item with fewer mutants than the option asks for, where coverage counts less
    here, and if all mutants are run (0), where it counts nothing: then, too, a test that kills a mutant more
    never gets less. A larger weight of coverage breaks this, since a test without any assertion can have it.
    """
    if mutants is None:
        coverage, mutation = 0.25, 0.0
    else:
        coverage = 0.5 / (mutants + 1) if mutants else 0.0
        mutation = 0.5 - coverage
    build, complete = Rung.BUILD.reward, Rung.PASS.reward
    weights = {_BUILD: build, _PASS: complete - build, "coverage": coverage, _MUTATION: mutation}
    return {name: weights.get(name, 0.0) for name in PARTS}
