"""Uncovered functions, surviving mutants and failing tests: what `execute --reference` knows."""

from collections import defaultdict
from collections.abc import Iterator

from goutbench.gaps.finding import Finding, Kind, TestedFile
from goutbench.golang.measured.blocks import functions_never_called, positions
from goutbench.golang.measured.mutants import diff
from goutbench.golang.syntax.file import line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.records import MutantStatus, MutantVerdict, Status


def uncovered_functions(file: TestedFile) -> Iterator[Finding]:
    """The functions that none of the file's tests calls: the first block of their bodies was never reached.

    Nothing where no execution measured the file.
    """
    if not file.measured:
        return
    missed = [{positions(block)[0] for block in execution.uncovered} for execution in file.measured]
    source = parse(file.pair.code.encode("utf-8", "surrogateescape"))
    for key, function in functions_never_called(source, set.intersection(*missed)):
        first, last = (
            line_and_column(source.source, at)[0] for at in (function.node_start, function.node_end)
        )
        tests = ", ".join(pair.test_path.rpartition("/")[2] for pair in file.pairs)
        yield Finding(
            Kind.UNCOVERED, file.pair.repository, file.pair.code_path, (first, last), key,
            f"never called by {tests}", last - first + 1,
        )  # fmt: skip


def surviving_mutants(file: TestedFile) -> Iterator[Finding]:
    """The mutants of covered code that no test of the file detects, as small diffs.

    The need is the number of survivors in the same function.
    """
    verdicts: dict[tuple[str, str, str], list[MutantVerdict]] = defaultdict(list)
    for execution in file.executions:
        for mutant in execution.mutation.mutants if execution.mutation else ():
            verdicts[mutant.position, mutant.operator, mutant.after].append(mutant)
    survivors = [
        group[0]
        for group in verdicts.values()
        if {mutant.verdict for mutant in group} <= {MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE}
        and any(mutant.verdict is MutantStatus.SURVIVED for mutant in group)
    ]
    by_function: dict[str, list[MutantVerdict]] = defaultdict(list)
    for mutant in survivors:
        by_function[mutant.function].append(mutant)
    lines = file.pair.code.encode("utf-8", "surrogateescape").split(b"\n")
    for function, group in by_function.items():
        for mutant in group:
            (first, _), (last, _) = positions(mutant.position)
            yield Finding(
                Kind.SURVIVOR, file.pair.repository, file.pair.code_path, (first, last), function,
                mutant.operator, len(group), diff(lines, mutant),
            )  # fmt: skip


def failing_tests(file: TestedFile) -> Iterator[Finding]:
    """The test files that do not pass; infrastructure errors say nothing about a test."""
    paths = {pair.id: pair.test_path for pair in file.pairs}
    for execution in file.executions:
        if execution.status in (Status.PASSED, Status.INFRA_FAILURE):
            continue
        names = ", ".join(execution.flaky or execution.failed)
        detail = ": ".join(filter(None, (f"{execution.status.label}, {execution.reason}", names)))
        count = len(execution.flaky or execution.failed) or 1
        yield Finding(Kind.FAILING, file.pair.repository, paths[execution.pair_id], None, "", detail, count)
