"""What a report has no numbers for, why, and the command that changes it."""

import shlex
from collections import Counter
from pathlib import Path

from goutbench.dataset.shards import read_shard
from goutbench.locations import CANDIDATES
from goutbench.records import REFERENCE
from goutbench.report.results import Results


def warnings_of(results: Results, dataset: Path) -> tuple[str, ...]:
    """A text for each model without numbers or with candidates that no number counts."""
    warnings = []
    for model in results.models:
        own = [sample for sample in results.samples if sample.model == model]
        first = [sample for sample in own if not sample.round]
        missing = [sample for sample in first if not sample.was_executed]
        later = [sample for sample in own if sample.round and not sample.was_executed]
        if model in results.not_measured and not missing:
            reasons = Counter(sample.execution.reason for sample in first if sample.execution)
            causes = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
            warnings.append(
                f"{model}: all executions ended with infrastructure errors ({causes}), so the report has no "
                "numbers for it. `goutbench execute` explains them, and the same command repeats them"
            )
        elif len(missing) == len(first):
            what = f"{model} has a run that was never executed, so the report has no numbers for it"
            warnings.append(f"{what}. To execute it: {_execute(results, model, dataset)}")
        elif missing:
            what = (
                f"{model}: {len(missing)} of {len(first)} candidates were not executed; no rate counts them"
            )
            warnings.append(f"{what}. To execute them: {_execute(results, model, dataset)}")
        if later and len(missing) < len(first):
            number = min(sample.round for sample in later)
            what = (
                f"{model}: candidates of round {number + 1} were not executed, so the columns “last round” "
            )
            what += f"show the results after round {number}" if number > 1 else "have no numbers"
            warnings.append(f"{what}. To execute them: {_execute(results, model, dataset)}")
        warnings += _calls(results, model)
    for folder in sorted({*results.folders.values()}):
        if (record := read_shard(folder)) is not None:
            warnings.append(f"{folder} is the shard {record.shard} of a run: join all with `goutbench merge`")
    for folder, (example, count) in results.dropped.unknown.items():
        warnings.append(
            f"{folder}: {count} candidates are left out, because the dataset {dataset} has no such pair: "
            f"{example!r}" + (", …" if count > 1 else "")
        )
    if results.dropped.references:
        warnings.append(
            f"{results.dropped.references} executed reference tests are left out, because no model was asked "
            f"for their files: the row {REFERENCE!r} covers the files of the models beside it"
        )
    return tuple(warnings)


def _calls(results: Results, model: str) -> list[str]:
    """How many calls of a model have no reply, which is no fault of the model's, and how many replies reached
    the token limit: a test in such a reply is rarely complete."""
    usage = results.usage_until(model, results.last_round(model))
    texts = []
    if usage.unanswered:
        texts.append(
            f"{model}: {usage.unanswered} of {usage.calls} calls have no reply, and count as failures of the "
            "model. The same `goutbench generate` asks for them again"
        )
    if usage.cut_off:
        texts.append(
            f"{model}: {usage.cut_off} of {usage.calls} replies were cut off at the token limit, so the "
            "model may do better than the numbers show. `goutbench generate --max-tokens` raises the limit"
        )
    return texts


def _execute(results: Results, model: str, dataset: Path) -> str:
    """The command that executes the candidates of a model's run, to be pasted into a shell."""
    run = results.folders[model]
    return shlex.join(
        (
            "goutbench",
            "execute",
            f"{run / CANDIDATES}",
            "--dataset",
            f"{dataset}",
            "--out",
            f"{run}",
        )
    )
