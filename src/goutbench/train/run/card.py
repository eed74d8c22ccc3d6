"""The model card: data, recipe, licences, results; beside the record, and beside each set of weights."""

from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_text

_LIBRARY = {"adapter": "peft", "merged": "transformers", "model": "transformers"}


def write_card(record: dict[str, Any], out: Path) -> None:
    """Write README.md of a run that has ended: into its folder, and into those of its weights.

    PEFT has put a template there by then, which says nothing.
    """
    write_text(out / "README.md", card(record, curve="loss.svg"))
    for kind, folder in record["outputs"].items():
        write_text(out / folder / "README.md", front(record, kind) + card(record, curve="../loss.svg"))


def front(record: dict[str, Any], kind: str) -> str:
    """What the Hub reads of a card, as YAML between two lines."""
    base = record["base"]
    told = {
        "base_model": base["name"],
        "license": base["licence"] or "other",
        "library_name": _LIBRARY[kind],
        "pipeline_tag": "text-generation",
        "tags": ["go", "unit-tests", "goutbench"],
    }
    return f"---\n{_yaml(told)}\n---\n\n"


def front_matter(path: Path) -> dict[str, Any]:
    """What a card says between the two lines at its start; empty where there is no such card."""
    import yaml

    try:
        text = path.read_text("utf-8")
        found = yaml.safe_load(text[3:].partition("\n---")[0]) if text.startswith("---\n") else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def card(record: dict[str, Any], *, curve: str) -> str:
    """The card's text: only what the record says; `curve` is the place of the figure."""
    base = record["base"]
    lines = [
        f"# {base['name']}, tuned to write Go unit tests",
        "",
        *_method(record),
        "",
        "## Data",
        "",
        *_data(record),
        "",
        "## Licences",
        "",
        f"The base model's licence, by its own card: {base['licence'] or 'not known; see its maker'}. "
        "The tuned weights are under its terms. The training texts keep the licences of their repositories; "
        "the numbers are of the pairs with a row that was trained on:",
        "",
        *(f"- {name}: {count:,} pairs" for name, count in sorted(record["dataset"]["licences"].items())),
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
        f"![loss by step]({curve})",
        "",
        "## Recipe",
        "",
        "```yaml",
        _yaml(record["recipe"]),
        "```",
        "",
        f"Seed {record['seeds']['seed']}; {record['steps']:,} of {record['preflight']['steps']:,} steps; "
        "versions and more in train_run.json.",
        "",
    ]
    return "\n".join(lines)


def _method(record: dict[str, Any]) -> list[str]:
    recipe, weights, leg = record["recipe"], record["preflight"]["weights"], record["legs"][-1]
    method = f"LoRA, r = {recipe['lora']['r']}" if recipe["lora"] else "all weights"
    return [
        f"Made by `goutbench train` {leg['versions']['goutbench']}: {method}; "
        f"{weights['trainable']:,} of {weights['total']:,} weights trained ({weights['share']:.2%})."
    ]


def _data(record: dict[str, Any]) -> list[str]:
    recipe, dataset, found = record["recipe"], record["dataset"], record["preflight"]
    lengths, where = found["train"], f" (`{dataset['where']}`)" if dataset["where"] else ""
    left = "; ".join(f"{number:,} {reason}" for reason, number in found["left_out"].items())
    return [
        f"Dataset `{dataset['name']}`, split `{dataset['split']}`, {dataset['chosen_pairs']:,} of "
        f"{dataset['pairs']:,} training pairs{where}, of which {dataset['trained_pairs']:,} have a row.",
        f"{lengths['rows']:,} rows of kind `{recipe['data']['rows']}`, {lengths['tokens']:,} tokens, "
        f"{lengths['completion_tokens']:,} of them in completions; "
        f"{lengths['cut_in_prompt']:,} rows without any. Left out: {lengths['dropped']:,} rows too long"
        + (f"; {left}." if left else "."),
        f"SHA-256 of the dataset: `{dataset['sha256']}`.",
    ]


def _loss_row(row: dict[str, Any]) -> str:
    change = "" if row["change"] is None else f"{row['change']:+.1%}"
    return f"| {row['task']} | {row['tokens']:,} | {row['before']:.3f} | {row['after']:.3f} | {change} |"


def _yaml(value: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100).strip()
