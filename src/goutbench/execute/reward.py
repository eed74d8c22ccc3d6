"""An execution as a number: the function that TRL's GRPOTrainer takes, for training by reward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from goutbench.assemble.file import assemble
from goutbench.assemble.package_context import package_context
from goutbench.assemble.stage import candidate_of
from goutbench.execute.evaluate import evaluate
from goutbench.execute.options import Options
from goutbench.records import Candidate, Execution, Pair

Reward = Callable[..., list[float | None]]

_STEPS = {"none": 0.0, "syntax": 0.05, "types": 0.15, "build": 0.2, "runs": 0.3}
_PASSES = 0.5


def reward_of(record: Execution) -> float | None:
    """What an execution is worth, from 0 to 1; None where the machine failed, which says nothing of a test.

    What does not pass is worth the rung that it reached, 0.3 at most, and a flaky test no more than that. A
    pass is worth 0.5, and up to 0.25 more each for the share of the focal statements that it covers and for
    its mutation score: a test that passes and tests nothing must not be the easy way to a high reward.
    """
    if record.status == "INFRA_FAILURE":
        return None
    if record.status != "PASSED":
        return _STEPS.get(record.rung, _STEPS["runs"])
    statements, covered = record.focal_statements, record.focal_covered
    if not statements:
        statements, covered = record.statements, record.covered
    coverage = covered / statements if statements else 0.0
    score = record.mutation.score if record.mutation and record.mutation.score is not None else 0.0
    return _PASSES + 0.25 * coverage + 0.25 * score


def execution_reward(
    pairs: Mapping[str, Pair],
    *,
    repositories: Path,
    sources: Mapping[str, str] | None = None,
    options: Options | None = None,
    workers: int = 1,
    work: Path | None = None,
    unsafe: bool = False,
) -> Reward:
    """A reward function as TRL calls it: `function(prompts=…, completions=…, pair_id=…, focal=…)`.

    Completions are texts, or conversations whose last message counts; `pair_id` and `focal` (names of the
    functions under test; may be left out) are columns of the training set. Each completion is assembled into
    a test file and run in the sandbox, as `generate` and `execute` would. Raises what `evaluate` raises.
    """
    chosen = options or Options(repeat=1, mutants=20)

    def execution(
        completions: Sequence[Any],
        pair_id: Sequence[str],
        focal: Sequence[Sequence[str]] | None = None,
        **_: Any,
    ) -> list[float | None]:
        functions = focal or [()] * len(completions)
        made = [
            _candidate(number, _text(completion), pairs[key], tuple(names))
            for number, (completion, key, names) in enumerate(
                zip(completions, pair_id, functions, strict=True)
            )
        ]
        records = evaluate(
            made, pairs, repositories=repositories, sources=sources, options=chosen, workers=workers,
            work=work, unsafe=unsafe,
        )  # fmt: skip
        return [reward_of(record) for record in records]

    return execution


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _candidate(number: int, text: str, pair: Pair, focal: tuple[str, ...]) -> Candidate:
    context = package_context(pair.code.encode("utf-8", "surrogateescape"), [])
    made = candidate_of(assemble([text], mode="merge", context=context), pair.id, "policy", ())
    return replace(made, id=f"{made.id}-{number}", focal=focal)
