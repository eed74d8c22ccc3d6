"""What a run has to say on a terminal: its counts, and the command that continues."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_table
from goutbench.errors import GoutbenchError
from goutbench.inference.calls import OVERFLOW
from goutbench.locations import CANDIDATES, COMPLETIONS, ROUNDS
from goutbench.records import MODEL_ERROR, TRUNCATED, Candidate

_HINTS = {
    MODEL_ERROR: "check the server, its address and the key; the same command asks again",
    OVERFLOW: "give a larger --window if the model has one, or a smaller --budget",
}

_LIMIT = "the token limit; --max-tokens raises it"


def execute_command(out: Path, dataset: Path, shard: str = "", shard_costs: Path | None = None) -> str:
    """The command that executes the candidates of a run folder, to be pasted into a shell.

    A shard has the costs that it was generated with: others are another assignment.
    """
    arguments = ["goutbench", "execute", str(out / CANDIDATES)]
    if dataset != Path("dataset"):  # the default of `goutbench execute`
        arguments += ["--dataset", str(dataset)]
    if shard:
        arguments += ["--shard", shard]
    if shard_costs:
        arguments += ["--shard-costs", str(shard_costs)]
    return shlex.join([*arguments, "--out", str(out)])


def report_command(out: Path, dataset: Path) -> str:
    """The command that shows the results of a run folder, to be pasted into a shell."""
    return shlex.join(["goutbench", "report", str(out), "--dataset", str(dataset)])


def summary(
    out: Path,
    dataset: Path,
    candidates: Sequence[Candidate],
    shard: str = "",
    shard_costs: Path | None = None,
) -> dict[str, Any]:
    """The counts of a run for a terminal, with an example of what failed.

    After rounds of feedback, `ended` counts why there was no further one, and everything is executed.

    Raises GoutbenchError where the model answered no call: there is nothing to execute.
    """
    rows = read_table(out / COMPLETIONS).to_pylist()
    failed = [row for row in rows if row["error"] in (MODEL_ERROR, OVERFLOW)]
    failures = _failures(failed, len(rows))
    if rows and len(failed) == len(rows):
        raise GoutbenchError(
            f"the model answered no call: {failures}", where=str(out), hint=_HINTS[failed[0]["error"]]
        )
    cut_off = sum(row["error"] == TRUNCATED for row in rows)
    has_rounds = (out / ROUNDS).is_file()
    ended = Counter(read_table(out / ROUNDS).column("reason").to_pylist()) if has_rounds else {}
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "candidates": len(candidates),
        "with code": sum(bool(candidate.code.strip()) for candidate in candidates),
        "errors": count_errors(row["error"] for row in rows),
        **({"failed calls": failures} if failed else {}),
        **({"cut off": f"{cut_off} of {len(rows)} replies, at {_LIMIT}"} if cut_off else {}),
        "input tokens": sum(row["input_tokens"] for row in rows),
        "output tokens": sum(row["output_tokens"] for row in rows),
        "model seconds": round(sum(row["seconds"] for row in rows), 1),
        **({"cost": round(sum(costs), 6)} if costs else {}),
        **({"ended": dict(sorted(ended.items()))} if has_rounds else {}),
        "next": report_command(out, dataset)
        if has_rounds
        else execute_command(out, dataset, shard, shard_costs),
    }


def _failures(failed: Sequence[Mapping[str, Any]], calls: int) -> str:
    """ "2 of 6, such as: Connection error." """
    detail = next((row["detail"] for row in failed if row["detail"]), "")
    printable = "".join(char if char.isprintable() else " " for char in detail)
    again = "; the same command asks for them again" if len(failed) < calls else ""
    return f"{len(failed)} of {calls} failed" + (f", such as: {printable}" if printable else "") + again


def count_errors(errors: Iterable[str]) -> dict[str, int]:
    """How often each error occurs; without the empty ones."""
    return dict(sorted(Counter(error for error in errors if error).items()))
