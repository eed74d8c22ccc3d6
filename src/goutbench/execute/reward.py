"""The reward of an execution: the function that TRL's GRPOTrainer takes for training by reward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from goutbench.assemble.package_context import package_context
from goutbench.assemble.stage import assemble, candidate_of
from goutbench.execute.evaluate import evaluate
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.workspace.settings import RepositorySettings
from goutbench.records import Candidate, Execution, Pair, Rung, Status

Reward = Callable[..., list[float | None]]


def reward_of(record: Execution) -> float | None:
    """The reward of an execution, from 0 to 1; None for an infrastructure error, which is not a
    result of the test.

    A test that does not pass gets the reward of its rung, and at most that of `Rung.RUNS`; so does a flaky
    one. A pass gets the reward of `Rung.PASS`, plus up to 0.5 for its mutants: (killed + coverage) ÷
    (tested + 1). All focal statements together are worth one mutant: a test that covers everything and checks
    nothing never gets more than one that kills a mutant more. Without mutants, coverage alone counts for up
    to 0.25, although it cannot tell a test that checks nothing.
    """
    if record.status is Status.INFRA_FAILURE:
        return None
    if record.status is not Status.PASSED:
        return min(record.rung.reward, Rung.RUNS.reward)
    statements, covered = record.focal_statements, record.focal_covered
    if not statements:
        statements, covered = record.statements, record.covered
    coverage = covered / statements if statements else 0.0
    mutation = record.mutation
    if mutation is None or not mutation.total:
        return Rung.PASS.reward + 0.25 * coverage
    return Rung.PASS.reward + 0.5 * (mutation.killed + coverage) / (mutation.tested + 1)


def execution_reward(
    pairs: Mapping[str, Pair],
    *,
    repositories: Path,
    sources: Mapping[str, str] | None = None,
    settings: Mapping[str, RepositorySettings] | None = None,
    options: ExecuteOptions | None = None,
    workers: int = 1,
    work: Path | None = None,
    unsafe: bool = False,
) -> Reward:
    """A reward function as TRL calls it: `function(prompts=…, completions=…, pair_id=…, focal=…)`.

    Completions are texts, or conversations whose last message counts; `pair_id` and `focal` (names of the
    functions under test; optional) are columns of the training set. Each completion is assembled into
    a test file and executed in the sandbox, as `generate` and `execute` do. Raises what `evaluate` raises.
    """
    options = options or ExecuteOptions(repeat=1, mutants=20)

    def execution(
        completions: Sequence[Any],
        pair_id: Sequence[str],
        focal: Sequence[Sequence[str]] | None = None,
        **_: Any,
    ) -> list[float | None]:
        candidates: list[Candidate] = []
        functions = focal or [()] * len(completions)
        for completion, key, names in zip(completions, pair_id, functions, strict=True):
            text = completion if isinstance(completion, str) else str(completion[-1]["content"])
            context = package_context(pairs[key].code.encode("utf-8", "surrogateescape"), [])
            assembly = assemble([text], mode="merge", context=context)
            candidate = candidate_of(assembly, key, "policy", ())
            number = len(candidates)  # equal completions stay separate candidates
            candidates.append(replace(candidate, id=f"{candidate.id}-{number}", focal=tuple(names)))
        records = evaluate(
            candidates, pairs, repositories=repositories, sources=sources, settings=settings,
            options=options, workers=workers, work=work, unsafe=unsafe,
        )  # fmt: skip
        return [reward_of(record) for record in records]

    return execution
