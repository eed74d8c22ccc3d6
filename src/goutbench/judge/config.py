"""A judge is data: a folder with a `judge.yaml`, which holds prompt, JSON schema, parser and model."""

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from goutbench.config import Strict, load_yaml
from goutbench.errors import ConfigError
from goutbench.records import short_hash

FILE = "judge.yaml"
DEFAULT = "default"
_REQUIRED = {"first", "second", "label_first", "label_second"}
_PLACEHOLDERS = _REQUIRED | {"label_tie", "item", "code", "reference"}


class JudgeConfig(Strict):
    """A `judge.yaml`.

    `mode` "paper" asks once per comparison, in an order drawn by its id; "both-orders" asks twice. `parser`
    is the form of the verdict, "winner" or "scores" (`goutbench.judge.verdict`). `schema` is the JSON
    schema of the reply, if any. `model` is Inspect's name of the judge model; `--model` replaces it.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    version: int = Field(ge=1)
    about: str = ""
    mode: Literal["paper", "both-orders"]
    parser: Literal["winner", "scores"]
    model: str = ""
    temperature: float | None = None
    max_tokens: int = Field(default=1024, ge=1)
    system: str = Field(min_length=1)
    user: str = Field(min_length=1)
    reply_schema: dict[str, Any] | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def _check_placeholders(self) -> "JudgeConfig":
        template = string.Template(self.user)
        if not template.is_valid():
            raise ValueError("user: a $ must start a placeholder; write $$ for a dollar sign")
        names = set(template.get_identifiers())
        required = _REQUIRED | ({"label_tie"} if self.parser == "winner" else set())
        if unknown := names - _PLACEHOLDERS:
            raise ValueError(
                f"user: unknown placeholder ${min(unknown)}; use one of {_join_placeholders(_PLACEHOLDERS)}"
            )
        if missing := required - names:
            raise ValueError(f"user: missing {_join_placeholders(missing)}")
        return self


def _join_placeholders(names: Iterable[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(names))


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge's configuration and the model that it asks: the value of one `--judge`."""

    config: JudgeConfig
    model: str

    @property
    def label(self) -> str:
        """The name of the judge in records: NAME=MODEL, as on the command line."""
        return f"{self.config.name}={self.model}"

    @property
    def fingerprint(self) -> str:
        """Changes with the configuration and with the model."""
        return short_hash(self.config.model_dump_json(), self.model)


def load_judge(name: str) -> JudgeConfig:
    """The configuration of a built-in judge, by name, or of a folder. Raises ConfigError."""
    if Path(name).is_dir():
        return load_yaml(Path(name) / FILE, JudgeConfig)
    folder = resources.files("goutbench") / "judges"
    names = sorted(entry.name for entry in folder.iterdir() if (entry / FILE).is_file())
    if name not in names:
        hint = f"use one of {', '.join(names)}, or a folder with a {FILE}"
        raise ConfigError(f"there is no judge {name!r}", where="--judge", hint=hint)
    with resources.as_file(folder / name / FILE) as path:
        return load_yaml(path, JudgeConfig)


def parse_judge(text: str, model: str) -> Judge:
    """The judge of `NAME`, `FOLDER`, `NAME=MODEL` or `MODEL`, which must contain a slash.

    The first model given counts: the one in the text, then `model`, then the configuration's. A MODEL alone
    is asked as the default judge. Raises ConfigError if no model is given.
    """
    name, _, own_model = text.partition("=")
    if not own_model and "/" in name and not Path(name).is_dir():
        name, own_model = DEFAULT, name
    config = load_judge(name)
    chosen = own_model or model or config.model
    if not chosen:
        raise ConfigError(
            f"the judge {name!r} has no model", where="--judge", hint="give --model PROVIDER/NAME"
        )
    return Judge(config, chosen)


def check_judges(judges: Sequence[Judge]) -> None:
    """Raises ConfigError for an empty panel, or one with the same judge twice."""
    labels = [judge.label for judge in judges]
    if not labels or len(set(labels)) < len(labels):
        raise ConfigError(
            "a panel must have at least one judge, and none twice",
            where="--judge",
            hint="name each judge once",
        )
