"""Inspect's scores of unit tests: whether they pass, what they cover, and which mutants they kill."""

import atexit
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.errors import GoutbenchError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward.session import RewardSession
from goutbench.generate.items import Item
from goutbench.inference.calls import FAILURE
from goutbench.locations import clones_folder
from goutbench.records import Status

if TYPE_CHECKING:
    from inspect_ai.scorer import Score, Scorer

PASS, COVERAGE, MUTATION = "pass", "coverage", "mutation_score"


def ladder_scorer(
    dataset: Path, items: Sequence[Item], *, repos: Path | None, mutants: int
) -> "Scorer | None":
    """The scorer of the prompts of these items; None where no sandbox works here, with a warning.

    Raises DatasetError.
    """
    session = RewardSession.of_dataset(
        dataset, clones_folder(repos), options=ExecuteOptions(repeat=1, mutants=mutants)
    )
    try:
        session.open()
    except GoutbenchError as error:
        print(f"warning: replies are not executed, and have no scores: {error}", file=sys.stderr)
        return None
    atexit.register(session.close)
    return _scorer(session, items)


def _scorer(session: RewardSession, items: Sequence[Item]) -> "Scorer":
    from inspect_ai.scorer import Score, Target, mean, scorer, stderr
    from inspect_ai.solver import TaskState

    by_prompt = {prompt.id: item for item in items for prompt in item.prompts}

    @scorer(name="ladder", metrics={name: [mean(), stderr()] for name in (PASS, COVERAGE, MUTATION)})
    def build() -> "Scorer":
        async def score(state: TaskState, target: Target) -> Score:
            item = by_prompt[str(state.metadata["prompt"])]
            if failure := state.store.get(FAILURE):
                value = dict.fromkeys((PASS, COVERAGE, MUTATION), 0.0)
                return Score(value=value, explanation=f"{failure['error']}: {failure['detail']}")
            return await _score(session, state.output.completion, item)

        return score

    return build()


async def _score(session: RewardSession, text: str, item: Item) -> "Score":
    """The score of a reply; an infrastructure error is none of it, and counts in no mean."""
    from inspect_ai.scorer import Score

    result = await session.score(text, item.pair.id, item.focal)
    if result is None:
        value = dict.fromkeys((PASS, COVERAGE, MUTATION), math.nan)
        return Score(value=value, explanation="infrastructure error: `goutbench execute` explains it")
    record, mutation = result.record, result.record.mutation
    reason = f" ({record.reason})" if record.reason else ""
    return Score(
        value={
            PASS: float(record.status is Status.PASSED),
            COVERAGE: record.coverage or 0.0,
            MUTATION: (mutation.score if mutation else None) or 0.0,
        },
        answer=text,
        explanation=f"{record.status.label}{reason}\n{record.evidence}",
        metadata={
            "status": str(record.status),
            "rung": str(record.rung),
            "survivors": list(mutation.survivors) if mutation else [],
        },
    )
