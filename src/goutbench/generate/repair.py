"""Repair rounds: prompts that return the compiler errors of a candidate to the model."""

import shlex
from dataclasses import replace
from pathlib import Path

from goutbench.chunk.tokens import TokenCounter
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.locations import CANDIDATES, EXECUTIONS
from goutbench.prompts.prompt import REPAIR, completion_text, repair_text, template_hash
from goutbench.records import Candidate, Prompt, Status, short_hash


def execute_command(out: Path, dataset: Path) -> str:
    """The command that executes the candidates of a run folder, to be pasted into a shell."""
    arguments = ["goutbench", "execute", str(out / CANDIDATES)]
    if dataset != Path("dataset"):  # the default of `goutbench execute`
        arguments += ["--dataset", str(dataset)]
    return shlex.join([*arguments, "--out", str(out)])


def read_build_errors(out: Path, dataset: Path) -> dict[str, str]:
    """The errors of the compiler or vet for the candidates in a run folder that do not build, by the
    candidate's id.

    Raises ConfigError if no candidate was executed; its hint names the command, for which `dataset` is.
    """
    path = out / EXECUTIONS
    if not path.is_file():
        raise ConfigError(
            "a repair round needs the results of an execution",
            where=str(path),
            hint=f"first run `{execute_command(out, dataset)}`",
        )
    rows = read_table(path, ["candidate_id", "status", "evidence"]).to_pylist()
    failed = (Status.BUILD_FAILED, Status.VET_FAILED)
    return {row["candidate_id"]: row["evidence"] for row in rows if row["status"] in failed}


def repair_prompt(previous: Prompt, candidate: Candidate, evidence: str, counter: TokenCounter) -> Prompt:
    """The conversation so far, the assembled candidate and its errors, which name lines of the candidate."""
    errors = [line for line in evidence.splitlines() if line.strip()]
    messages = (
        *previous.messages,
        ("assistant", completion_text(candidate.code)),
        ("user", repair_text(errors)),
    )
    return replace(
        previous,
        id=short_hash(previous.id, candidate.id, template_hash(REPAIR)),
        template=REPAIR,
        template_hash=template_hash(REPAIR),
        messages=messages,
        tokens=sum(counter.count([content for _, content in messages])),
    )
