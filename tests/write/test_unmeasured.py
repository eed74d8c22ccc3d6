"""A test whose mutants could not be measured is not called useless."""

from dataclasses import replace

from judging import make_pair
from reporting import execution

from goutbench.records import Mutation, Rung, Status
from goutbench.write.state import unmeasured_mutants


def test_the_reason_counts_only_where_mutants_exist_and_none_was_tested() -> None:
    record = execution("a", make_pair(0), "m", Status.PASSED, Rung.MUTATION, "")
    control = Mutation(7, 0, 0, 0, 0, 0, None, None, None, reason="the tests fail without any mutant")
    assert unmeasured_mutants(replace(record, mutation=control)) == "the tests fail without any mutant"
    assert not unmeasured_mutants(replace(record, mutation=replace(control, total=0)))
    tested = replace(control, killed=1, survived=6, score=1 / 7, reason="")
    assert not unmeasured_mutants(replace(record, mutation=tested))
    assert not unmeasured_mutants(replace(record, mutation=None))
