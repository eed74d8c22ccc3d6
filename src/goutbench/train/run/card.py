"""The model card, from a run's record: in the run folder and beside each set of weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_text

_LIBRARY = {"adapter": "peft", "merged": "transformers", "model": "transformers"}


def write_card(record: Mapping[str, Any], out: Path) -> None:
    """Write the README.md of a run into its folder, and into the folders of its weights.

    The latter replaces PEFT's empty template.
    """
    write_text(out / "README.md", card(record, curve="loss.svg"))
    base = record["base"]
    for kind, folder in record["outputs"].items():
        metadata = {
            "base_model": base["name"],
            "license": base["licence"] or "other",
            "library_name": _LIBRARY[kind],
            "pipeline_tag": "text-generation",
            "tags": ["go", "unit-tests", "goutbench"],
        }
        head = f"---\n{_yaml(metadata)}\n---\n\n"
        write_text(out / folder / "README.md", head + card(record, curve="../loss.svg"))


def front_matter(path: Path) -> dict[str, Any]:
    """The metadata at the start of a card; empty if there is none."""
    import yaml

    try:
        text = path.read_text("utf-8")
        metadata = yaml.safe_load(text[3:].partition("\n---")[0]) if text.startswith("---\n") else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def card(record: Mapping[str, Any], *, curve: str) -> str:
    """The text of the card, which states only what the record contains; `curve` is the path of the figure."""
    base, recipe, weights = record["base"], record["recipe"], record["preflight"]["weights"]
    method = f"LoRA, r = {recipe['lora']['r']}" if recipe["lora"] else "all weights"
    version = record["sessions"][-1]["versions"]["goutbench"]
    lines = [
        f"# {base['name']}, tuned to write Go unit tests",
        "",
        f"Trained with `goutbench train` {version}: {method}; "
        f"{weights['trainable']:,} of {weights['total']:,} weights ({weights['share']:.2%}).",
        "",
        "## Data",
        "",
        *_data_lines(record),
        "",
        "## Licences",
        "",
        f"The licence of the base model, by its own card: {base['licence'] or 'unknown; ask its authors'}. "
        "Its terms apply to the tuned weights. The training texts have the licences of their repositories. "
        "Pairs that were trained on, by licence:",
        "",
        *(f"- {name}: {count:,} pairs" for name, count in sorted(record["dataset"]["licences"].items())),
        "",
        "## Results",
        "",
        "Loss in nats per token, before and after training, on rows that were not trained on:",
        "",
        "| task | tokens | before | after | change |",
        "|---|---|---|---|---|",
        *(_loss_row(row) for row in record["losses"]),
        "",
        "A lower loss does not mean better tests. `goutbench generate` and `goutbench execute` measure "
        "whether the model's tests compile, pass and detect bugs.",
        "",
        f"![loss by step]({curve})",
        "",
        "## Recipe",
        "",
        "```yaml",
        _yaml(recipe),
        "```",
        "",
        f"Seed {record['seeds']['seed']}; {record['steps']:,} of {record['preflight']['steps']:,} steps; "
        "train_run.json has the package versions.",
        "",
    ]
    return "\n".join(lines)


def _data_lines(record: Mapping[str, Any]) -> list[str]:
    dataset, preflight = record["dataset"], record["preflight"]
    lengths, where = preflight["train"], f" (`{dataset['where']}`)" if dataset["where"] else ""
    excluded = "".join(f"; {number:,} {reason}" for reason, number in preflight["excluded"].items())
    return [
        f"Dataset `{dataset['name']}`, split `{dataset['split']}`: {dataset['chosen_pairs']:,} of "
        f"{dataset['pairs']:,} training pairs{where}, of which {dataset['trained_pairs']:,} have a row.",
        f"{lengths['rows']:,} rows of kind `{record['recipe']['data']['rows']}` with {lengths['tokens']:,} "
        f"tokens, {lengths['completion_tokens']:,} of them in completions; "
        f"{lengths['cut_in_prompt']:,} rows have none. "
        f"Excluded: {lengths['dropped']:,} rows too long{excluded}.",
        f"SHA-256 of the dataset: `{dataset['sha256']}`.",
        *_harvest_lines(dataset.get("harvest")),
    ]


def _harvest_lines(harvest: Mapping[str, Any] | None) -> list[str]:
    """The rows from executed tests of models; none without them."""
    if harvest is None:
        return []
    models = ", ".join(sorted({f"`{run['model']}`" for run in harvest["runs"]}))
    return [
        "",
        f"{harvest['rows']:,} harvested rows, {'instead of' if harvest['only'] else 'beside'} those of the "
        f"pairs: executed tests by {models} for which `{harvest['options']['where']}` holds. The terms of "
        "these models may apply. SHA-256 of the rows: " + f"`{harvest['sha256']}`.",
    ]


def _loss_row(row: Mapping[str, Any]) -> str:
    change = "" if row["change"] is None else f"{row['change']:+.1%}"
    return f"| {row['task']} | {row['tokens']:,} | {row['before']:.3f} | {row['after']:.3f} | {change} |"


def _yaml(value: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100).strip()
