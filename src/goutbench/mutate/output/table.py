"""What the command prints: a table by file, the surviving mutants, redundant tests and notices."""

from collections.abc import Iterator, Sequence

from goutbench.mutate.output.diff import mutant_diff
from goutbench.mutate.results import (
    MutatedFile,
    MutateResult,
    TestedMutant,
    redundant_tests,
    score_of,
    shortened,
)
from goutbench.records import MutantStatus

_HEADERS = ("file", "mutants", "killed", "survived", "not covered", "timed out", "not run", "score")
_NOT_RUN = _HEADERS.index("not run")
_ALL = "all files"


def printed(text: str) -> str:
    """A text for a terminal: source code may hold control characters."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)


def table(result: MutateResult) -> Iterator[str]:
    """The lines of the table; a last one for all files where there are several. A score with ~ is an
    estimate, since some mutants were not run."""
    rows = [_row(file.path, file.mutants) for file in result.files if file.mutants]
    if len(rows) > 1:
        rows.append(_row(_ALL, result.mutants))
    if not rows:
        yield "nothing was run" if result.skipped else "no mutants"
        return
    cells = [_HEADERS, *rows]
    if all(row[_NOT_RUN] == "0" for row in rows):
        cells = [(*row[:_NOT_RUN], *row[_NOT_RUN + 1 :]) for row in cells]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        numbers = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *numbers]).rstrip()


def survivor_lines(entries: Sequence[tuple[MutatedFile, TestedMutant]], limit: int) -> Iterator[str]:
    """The first of these mutants as diffs, with how many more there are."""
    for file, tested in entries[:limit]:
        mutant = tested.mutant
        function = f" in {mutant.function}" if mutant.function else ""
        yield ""
        tests = f"tests: {shortened(tested.reached_by, 3)}" if tested.reached_by else "no test reaches it"
        yield printed(f"{file.path}:{mutant.line}: {mutant.operator}{function}; {tests}")
        yield from (f"    {printed(line)}" for line in mutant_diff(file.source, mutant).text().split("\n"))
    if len(entries) > limit:
        yield ""
        yield f"… and {len(entries) - limit} more; --show {len(entries)} prints all, --page writes them"


def redundant_lines(result: MutateResult) -> Iterator[str]:
    """The tests that kill nothing that no other test kills, by file; nothing without `--redundant`."""
    if not result.complete:
        return
    for package in result.packages:
        by_file: dict[str, list[str]] = {}
        for test in redundant_tests(package, result.files):
            by_file.setdefault(f"{package.folder}/{test.file}".removeprefix("./"), []).append(test.name)
        for path, names in by_file.items():
            yield printed(f"{path}: kill nothing that no other test kills: {', '.join(names)}")


def percent(score: float | None) -> str:
    return "–" if score is None else f"{100 * score:.1f}%"


def _row(name: str, mutants: Sequence[TestedMutant]) -> tuple[str, ...]:
    def count(status: MutantStatus) -> str:
        return str(sum(mutant.status is status for mutant in mutants))

    statuses = (
        MutantStatus.KILLED, MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE, MutantStatus.TIMED_OUT,
    )  # fmt: skip
    waiting = sum(mutant.status is None for mutant in mutants)
    share = score_of(mutants)
    score = f"~{percent(share)}" if waiting and share is not None else percent(share)
    return printed(name), str(len(mutants)), *map(count, statuses), str(waiting), score
