"""Reads the rows of `goutbench harvest`, and checks that they are of the training split."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from goutbench.dataset.store import file_hash, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import HARVEST, HARVESTED_ROWS
from goutbench.prompts.library import load_prompt
from goutbench.prompts.secrets import redact
from goutbench.train.data.tokens import TrainingRow
from goutbench.train.recipe import DataChoice

_SETTINGS = {"rows": "unit", "context_tokens": "budget"}
"""The options of `generate` for keys of a recipe that have another name there."""


@dataclass(frozen=True, slots=True)
class Harvested:
    """A folder of harvested rows to train on beside the pairs' rows, or `only` these."""

    folder: Path
    only: bool = False


@dataclass(frozen=True, slots=True)
class HarvestedRows:
    """The rows of a folder, and what its `harvest.json` says; empty without a folder."""

    rows: tuple[TrainingRow, ...] = ()
    only: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any] | None:
        """The options of `generate` that shaped the prompts; None if the runs differ in them."""
        settings = [run["settings"] for run in self.facts.get("runs", ())]
        return dict(settings[0]) if settings and all(one == settings[0] for one in settings) else None

    def differing_settings(self, choice: DataChoice) -> list[str]:
        """The recipe's keys whose values are not those of the rows' prompts, with the latter."""
        own = self.settings
        if own is None:
            return ["prompts of several kinds"] if self.rows else []
        values = {name: getattr(choice, name) for name in ("rows", "cross_file_tokens", "examples")}
        if choice.rows == "function":
            values["context_tokens"] = choice.context_tokens
        asked = {name: own.get(_SETTINGS.get(name, name)) for name in values}
        differing = [
            f"data.{name}: {asked[name]}" for name in values if asked[name] not in (None, values[name])
        ]
        digest = own.get("prompt_hash")
        same_prompt = not digest or digest == load_prompt(choice.prompt).hash
        return differing if same_prompt else [*differing, f"data.prompt: {own.get('prompt')}"]

    def redacted(self) -> "HarvestedRows":
        """The rows without keys and tokens."""
        rows = (
            replace(
                row,
                prompt=tuple((role, redact(text)) for role, text in row.prompt),
                completion=redact(row.completion),
            )
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def record(self) -> dict[str, Any]:
        """What the record of a run says of the rows; empty without any."""
        if not self.rows:
            return {}
        names = ("runs", "options", "excluded", "sha256")
        facts = {name: self.facts.get(name) for name in names}
        return {"harvest": {"rows": len(self.rows), "only": self.only, **facts}}


def read_harvested(source: Harvested | None, training: Collection[str]) -> HarvestedRows:
    """The rows of a folder; `training` are the ids of the pairs in the training split.

    Raises ConfigError for a folder that no harvest wrote and for rows of other pairs, DatasetError for a
    damaged file.
    """
    if source is None:
        return HarvestedRows()
    folder = source.folder
    try:
        facts = json.loads((folder / HARVEST).read_bytes())
        expected = facts["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        hint = "give the folder that `goutbench harvest --out` wrote"
        raise ConfigError(f"no rows: {HARVEST} cannot be read", where=f"--rows {folder}", hint=hint) from None
    path = folder / HARVESTED_ROWS
    if path.is_file() and file_hash(path) != expected:
        hint = "run the same `goutbench harvest` command again"
        raise DatasetError(f"not the rows that {HARVEST} describes", where=str(path), hint=hint)
    table = read_table(path).to_pylist()
    if other := sorted({row["pair_id"] for row in table} - set(training)):
        raise ConfigError(
            f"{len(other)} pairs of the rows are not in the training split, such as {other[0]}",
            where=f"--rows {folder}",
            hint="give the --dataset and the --split that the rows were harvested with",
        )
    return HarvestedRows(tuple(map(_training_row, table)), source.only, facts)


def _training_row(row: Mapping[str, Any]) -> TrainingRow:
    return TrainingRow(
        id=row["id"],
        pair_id=row["pair_id"],
        repository=row["repository"],
        functions=tuple(row["functions"]),
        tests=(),
        prompt=tuple((part["role"], part["content"]) for part in row["messages"]),
        completion=row["completion"],
    )
