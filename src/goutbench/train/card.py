"""The model card: data, recipe, licences, results."""

from pathlib import Path
from typing import Any

from goutbench.store import write_text


def write_card(record: dict[str, Any], out: Path) -> None:
    """Write README.md of a finished run."""
    write_text(out / "README.md", card(record))


def card(record: dict[str, Any]) -> str:
    """The card's text: only what the record says."""
    recipe, dataset, found = record["recipe"], record["dataset"], record["preflight"]
    weights, lengths = found["weights"], found["train"]
    method = f"LoRA, r = {recipe['lora']['r']}" if recipe["lora"] else "all weights"
    lines = [
        f"# {recipe['model']['name']}, tuned to write Go unit tests",
        "",
        f"Made by `goutbench train` {record['versions']['goutbench']}: {method}; "
        f"{weights['trainable']:,} of {weights['total']:,} weights trained ({weights['share']:.2%}).",
        "",
        "## Data",
        "",
        f"Dataset `{dataset['name']}`, split `{dataset['split']}`, {dataset['chosen_pairs']:,} of "
        f"{dataset['pairs']:,} training pairs"
        + (f" (`{dataset['where']}`)" if dataset["where"] else "")
        + ".",
        f"{lengths['rows']:,} rows of kind `{recipe['data']['rows']}`, {lengths['tokens']:,} tokens, "
        f"{lengths['completion_tokens']:,} of them in completions; "
        f"{lengths['cut_in_prompt']:,} rows without any.",
        f"SHA-256 of the dataset: `{dataset['sha256']}`.",
        "",
        "## Licences",
        "",
        "The tuned weights are under the terms of the base model's licence. The training texts keep the "
        "licences of their repositories; the numbers are of the pairs trained on:",
        "",
        *(f"- {name}: {count:,} pairs" for name, count in sorted(dataset["licences"].items())),
        "",
        "## Results",
        "",
        "Loss in nats per token, before and after, on rows that were not trained on:",
        "",
        "| task | tokens | before | after | change |",
        "|---|---|---|---|---|",
        *(_loss_row(row) for row in record["losses"]),
        "",
        "A lower loss is not yet a better test: `goutbench generate` and `goutbench execute` say whether its "
        "tests compile, pass and catch anything.",
        "",
        "![loss by step](loss.svg)",
        "",
        "## Recipe",
        "",
        "```yaml",
        _yaml(recipe),
        "```",
        "",
        f"Seed {record['seeds']['seed']}; {record['steps']:,} of {found['steps']:,} steps; versions and "
        "more in train_run.json.",
        "",
    ]
    return "\n".join(lines)


def _loss_row(row: dict[str, Any]) -> str:
    change = "" if row["change"] is None else f"{row['change']:+.1%}"
    return f"| {row['task']} | {row['tokens']:,} | {row['before']:.3f} | {row['after']:.3f} | {change} |"


def _yaml(recipe: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100).strip()
