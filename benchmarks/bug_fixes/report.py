"""All numbers of docs/benchmarks/bug-fixes.md, from the committed facts."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from bug_fixes import analyse
from bug_fixes.analyse import GROUPS, Summary, summarise
from bug_fixes.figure import KINDS, PLACES
from bug_fixes.suites import MEASURES, Pool
from goutbench.statistics import DIFFERENCES

Rows = Sequence[dict[str, Any]]

_MANY = 8
"""Tests that reach the focal file: about the upper half of the bugs."""


def report(rows: Rows) -> Iterator[str]:
    """Lines of text: one number each, with its interval, bugs and repositories."""
    yield f"{len(rows)} bugs of {len({row['repository'] for row in rows})} repositories"
    yield from _sizes(rows)
    yield "\nsuites"
    yield from _suites(rows)
    rows_used, pools = usable_pools(rows, timed_out=True)
    equal = [analyse.at_equal_size(pool) for pool in pools]
    for number in (0, 1):
        name = f"P(higher), one size, where time-outs are kills: {MEASURES[number]}"
        yield line(name, summarise(rows_used, [values[number] for values in equal]))
    yield "\nsingle tests"
    yield from _tests(rows)
    yield "\nthe tests before the fix"
    yield from _before(rows)


def usable_pools(rows: Rows, *, timed_out: bool = False) -> tuple[Rows, list[Pool]]:
    """The bugs whose tests give suites of one size that differ, and their tests."""
    pools = [Pool.of(row, timed_out=timed_out) for row in rows]
    kept = [(row, pool) for row, pool in zip(rows, pools, strict=True) if pool.usable]
    return [row for row, _ in kept], [pool for _, pool in kept]


def _sizes(rows: Rows) -> Iterator[str]:
    mutants = sum(len(row["fixed"]["mutants"]) for row in rows)
    tests = sorted(len(row["fixed"]["tests"]) for row in rows)
    agreement = [sum(row["agreement"].get(key, 0) for row in rows) for key in ("checked", "different")]
    before = sum(len(row["before"].get("mutants") or []) for row in rows)
    yield f"mutants run: {mutants} with the tests of the fix, {before} with those before it"
    yield f"tests of a file: {tests[0]} to {tests[-1]}, median {tests[len(tests) // 2]}"
    yield f"runs of suites that differ from the union of their tests: {agreement[1]} of {agreement[0]}"
    yield f"CPU seconds: {sum(row['cpu_seconds'] for row in rows):.0f}"


def _suites(rows: Rows) -> Iterator[str]:
    rows, pools = usable_pools(rows)
    equal = [analyse.at_equal_size(pool) for pool in pools]
    free = [analyse.at_any_size(pool) for pool in pools]
    for number, name in enumerate(MEASURES):
        yield line(f"P(higher), any size: {name}", summarise(rows, [values[number] for values in free]))
    for number, name in enumerate(MEASURES):
        yield line(f"P(higher), one size: {name}", summarise(rows, [values[number] for values in equal]))
    many = [at for at, pool in enumerate(pools) if len(pool.catching) >= _MANY]
    for number, name in enumerate(MEASURES):
        summary = summarise([rows[at] for at in many], [equal[at][number] for at in many])
        yield line(f"P(higher), one size, of {_MANY} or more tests: {name}", summary)
    for score, coverage in ((0, 2), (1, 3)):
        name = f"{MEASURES[score]}, equal {MEASURES[coverage]}"
        values = [analyse.at_equal_coverage(pool, score, coverage) for pool in pools]
        yield line(f"P(higher), one size: {name}", summarise(rows, values))
        pairs = [(value[score], value[coverage]) for value in equal]
        yield line(
            f"difference of {MEASURES[score]} and {MEASURES[coverage]}", analyse.differences(rows, pairs)
        )
    for number, name in enumerate(MEASURES):
        values = [analyse.correlation(pool, number) for pool in pools]
        yield line(f"tau-b, one size: {name}", summarise(rows, values, DIFFERENCES))
    for number, name in enumerate(MEASURES):
        above, below = (sum(sign * (values[number] - 0.5) > 1e-9 for values in equal) for sign in (1, -1))
        yield f"bugs above and below 1/2, one size, {name}: {above} and {below} of {len(rows)}"


def _tests(rows: Rows) -> Iterator[str]:
    rows_used, pools = usable_pools(rows)
    for number, name in enumerate(MEASURES):
        pairs = [analyse.needed(pool, number) for pool in pools]
        yield line(f"alone in {name}: catching tests", summarise(rows_used, [first for first, _ in pairs]))
        yield line(f"alone in {name}: other tests", summarise(rows_used, [second for _, second in pairs]))
        yield line(f"alone in {name}: difference", analyse.differences(rows_used, pairs))


def _before(rows: Rows) -> Iterator[str]:
    for near, place in ((2, "changed lines"), (1, "changed functions")):
        covers = [analyse.covered_shares(row, near=near) for row in rows]
        yield line(f"mutants reached, {place}", summarise(rows, [inside for inside, _ in covers]))
        yield line(f"mutants reached, {place} less elsewhere", analyse.differences(rows, covers))
        for covered in (False, True):
            of = "of those reached" if covered else "of all"
            shares = [analyse.killed_shares(row, near=near, covered=covered) for row in rows]
            yield line(f"mutants killed {of}, {place}", summarise(rows, [inside for inside, _ in shares]))
            yield line(f"mutants killed {of}, {place} less elsewhere", analyse.differences(rows, shares))


def line(name: str, summary: Summary) -> str:
    value, low, high = summary.estimate
    where = f"{summary.bugs} bugs, {summary.repositories} repositories"
    return f"{name}: {value:.3f} [{low:.3f}, {high:.3f}], {where}, detectable ±{summary.detectable:.3f}"


def figure_rows(rows: Rows) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the figure shows: catch rates by groups of suites, and P(higher) of each bug."""
    rows, pools = usable_pools(rows)
    groups, bugs = [], []
    equal = [analyse.at_equal_size(pool) for pool in pools]
    for number, (kind, place) in enumerate(product(KINDS, PLACES)):
        facts = {"kind": kind, "place": place}
        known = [at for at, values in enumerate(equal) if values[number] == values[number]]
        rates = [analyse.catch_rates(pools[at], number) for at in known]
        for group in range(GROUPS):
            summary = summarise([rows[at] for at in known], [rate[group] for rate in rates])
            value, low, high = summary.estimate
            groups.append(facts | {"group": group + 1, "rate": value, "low": low, "high": high})
        for rank, value in enumerate(sorted(equal[at][number] for at in known)):
            bugs.append(facts | {"rank": rank, "value": value})
    return groups, bugs
