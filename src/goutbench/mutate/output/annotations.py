"""Mutants that no test detects as annotations of GitHub Actions."""

from collections.abc import Iterable, Iterator, Mapping

from goutbench.mutate.output.diff import mutant_diff
from goutbench.mutate.results import MutatedFile, TestedMutant
from goutbench.records import MutantStatus

_KINDS: Mapping[MutantStatus | None, str] = {
    MutantStatus.NO_COVERAGE: "Uncovered",
    MutantStatus.TIMED_OUT: "Timed out",
}


def annotations(entries: Iterable[tuple[MutatedFile, TestedMutant]]) -> Iterator[str]:
    """One workflow command for each mutant; GitHub shows the first ten of a step."""
    for file, tested in entries:
        mutant = tested.mutant
        properties = {
            "file": file.path, "line": str(mutant.line), "endLine": str(mutant.end_line),
            "title": f"{_KINDS.get(tested.status, 'Surviving')} mutant ({mutant.operator})",
        }  # fmt: skip
        fields = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        message = f"No test fails with this change:\n{mutant_diff(file.source, mutant).text()}"
        yield f"::warning {fields}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
