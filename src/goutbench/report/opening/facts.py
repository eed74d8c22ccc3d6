"""What a reader should know of the numbers before reading them: dataset, items, settings, sandbox, Go."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from goutbench.dataset.store import read_manifest
from goutbench.records import REFERENCE, Execution
from goutbench.report.contestants import baselines
from goutbench.report.results import Results

_MANY = 3
"""With more models than these, a value that differs does not say whose it is."""


class OpeningFact(NamedTuple):
    """One thing that is known of all results, or of some models, in words."""

    name: str
    value: str


def facts_of(report: Results, dataset: Path) -> list[OpeningFact]:
    """The facts that are known, none that depends on the machine or its folders."""
    asked = {model: _settings(folder / "run.json") for model, folder in report.folders.items()}
    called = {model: options for model, options in asked.items() if model not in baselines(report)}
    executed = {
        model: _settings(report.folders[model] / "execute.json")
        for model in report.models
        if model in report.folders
    }
    executions = [sample.execution for sample in report.samples if sample.execution]
    samples = report.sample_count
    facts = (
        OpeningFact("Report of", datetime.now(UTC).date().isoformat()),
        OpeningFact("Dataset", _dataset(dataset)),
        OpeningFact("Split", _of_models(asked, "split")),
        OpeningFact("Items", _items(report)),
        OpeningFact("Samples", f"{samples} per item" if samples > 1 else ""),
        OpeningFact("Prompt", _of_models(called, "prompt")),
        OpeningFact("Temperature", _of_models(called, "temperature")),
        OpeningFact("Token limit", _of_models(called, "max_tokens")),
        OpeningFact("Runs", _of_models(executed, "repeat", " per candidate")),
        OpeningFact("Mutants", _of_models(executed, "mutants", " per item at most")),
        OpeningFact("Sandbox", _of_executions(executions, "sandbox")),
        OpeningFact("Go", _of_executions(executions, "toolchain").replace("go", "")),
    )
    return [fact for fact in facts if fact.value]


def _settings(path: Path) -> Mapping[str, Any]:
    """The options that a run folder records; none where it has no such file, as of an earlier version."""
    try:
        options = json.loads(path.read_text("utf-8")).get("options", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return options if isinstance(options, dict) else {}


def _dataset(dataset: Path) -> str:
    """The dataset's name and size; a single repository by name and version."""
    manifest = read_manifest(dataset)
    repositories = manifest.get("repositories") or {}
    text = f"{dataset.resolve().name}, {manifest['pairs']:,} pairs"
    if not isinstance(repositories, dict) or not repositories:
        return text
    if len(repositories) > 1:
        return f"{text} of {len(repositories)} repositories"
    ((name, version),) = repositories.items()
    return f"{text} of {name} {version}"


def _items(report: Results) -> str:
    """How many items of each unit there are."""
    models = report.compared
    items = {item.item for model in models for item in report.first_answers(model) if model != REFERENCE}
    items = items or {item.item for model in models for item in report.first_answers(model)}
    functions = sum(bool(item.focal) for item in items)
    counts = {"functions": functions, "files": len(items) - functions}
    return " and ".join(f"{count:,} {unit}" for unit, count in counts.items() if count)


def _of_models(settings: Mapping[str, Mapping[str, Any]], name: str, unit: str = "") -> str:
    """One setting of all models: the value, or each value with its models where they differ."""
    models: dict[str, list[str]] = {}
    for model, options in settings.items():
        if (value := options.get(name)) not in (None, ""):
            text = f"{value:,}" if isinstance(value, int) else str(value)
            models.setdefault(text + unit, []).append(model)
    if len(models) < 2:
        return "".join(models)
    return "; ".join(
        f"{text} ({', '.join(names)})" if len(names) <= _MANY else f"{text} ({len(names)} models)"
        for text, names in models.items()
    )


def _of_executions(executions: list[Execution], name: str) -> str:
    return ", ".join(sorted({value for execution in executions if (value := getattr(execution, name))}))
