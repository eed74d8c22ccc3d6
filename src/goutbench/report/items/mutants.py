"""The mutants of a focal file, once for all models that ran against them, and each model's verdicts."""

from goutbench.records import MutantVerdict, Mutation

Change = tuple[str, str, str, str, str, str]
"""Position, function, operator, code before, code after, and why it is equivalent."""


class MutantTable:
    """The distinct mutants of a focal file, in the order in which they are first asked for."""

    def __init__(self) -> None:
        self._numbers: dict[Change, int] = {}

    @property
    def rows(self) -> list[Change]:
        return list(self._numbers)

    def verdicts(self, mutation: Mutation | None) -> list[tuple[int, str, str]]:
        """Row, status and killer of every mutant, in source order."""
        mutants = sorted(mutation.mutants, key=lambda mutant: mutant.id) if mutation else []
        return [(self._number(mutant), mutant.verdict, mutant.killer) for mutant in mutants]

    def _number(self, mutant: MutantVerdict) -> int:
        change = (
            mutant.position, mutant.function, mutant.operator, mutant.before, mutant.after, mutant.proof,
        )  # fmt: skip
        return self._numbers.setdefault(change, len(self._numbers))
