"""Handing the compiler's errors back: prompts for candidates that `execute` found not to build."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from goutbench.chunk import TokenCounter
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.generate.asking import Answers, Asker
from goutbench.prompts.prompt import REPAIR, completion_text, repair_text, template_hash
from goutbench.records import Candidate, Completion, Prompt, short_hash

EXECUTIONS = "executions.parquet"

Assemble = Callable[[Candidate, Completion], Candidate]
"""Makes the new candidate of a repaired one and the model's answer."""


def repaired(
    first: Sequence[Candidate],
    prompts: Mapping[str, Prompt],
    out: Path,
    asker: Asker,
    counter: TokenCounter,
    assemble: Assemble,
) -> tuple[list[Candidate], list[Prompt], Answers]:
    """The candidates of all rounds of repair that can be asked for now, with their prompts and answers.

    `prompts` has the first prompt of each candidate by the candidate's id. A round asks about the candidates
    of the round before whose execution, in `out`, failed to build; where these were not executed yet, it
    ends there: `goutbench execute`, then the same command again. Raises ConfigError where nothing was
    executed at all.
    """
    executions = _executions(out)
    made: list[Candidate] = []
    asked: list[Prompt] = []
    answers: Answers = {}
    current = {candidate.id: prompts[candidate.id] for candidate in first}
    previous = list(first)
    for number in range(1, asker.options.repair + 1):
        broken = [each for each in previous if _fails_to_build(executions.get(each.id))]
        todo = [_prompt(current[each.id], each, executions[each.id]["evidence"], counter) for each in broken]
        if not todo:
            break
        found = asker.ask(todo, samples=1)
        previous = []
        for candidate, prompt in zip(broken, todo, strict=True):
            answer = replace(found[prompt.id, 0], round=number, sample=candidate.sample)
            answers[prompt.id, candidate.sample] = answer
            new = replace(assemble(candidate, answer), sample=candidate.sample, round=number)
            current[new.id] = prompt
            previous.append(new)
        made += previous
        asked += todo
    return made, asked, answers


def _executions(out: Path) -> dict[str, dict[str, Any]]:
    path = out / EXECUTIONS
    if not path.is_file():
        hint = f"run `goutbench execute {out / 'candidates.parquet'} --out {out}` before"
        raise ConfigError("nothing was executed, so there is nothing to repair", where=str(path), hint=hint)
    columns = ["candidate_id", "status", "evidence"]
    return {row["candidate_id"]: row for row in read_table(path).select(columns).to_pylist()}


def _fails_to_build(execution: Mapping[str, Any] | None) -> bool:
    return execution is not None and execution["status"] == "BUILD_FAILED"


def _prompt(asked: Prompt, candidate: Candidate, evidence: str, counter: TokenCounter) -> Prompt:
    """The conversation so far with the file made of the answer, and its errors, which name its lines."""
    errors = [line for line in evidence.splitlines() if line.strip()]
    messages = (
        *asked.messages,
        ("assistant", completion_text(candidate.code)),
        ("user", repair_text(errors)),
    )
    return replace(
        asked,
        id=short_hash(asked.id, candidate.id, template_hash(REPAIR)),
        template=REPAIR,
        template_hash=template_hash(REPAIR),
        messages=messages,
        tokens=sum(counter.count([content for _, content in messages])),
    )
