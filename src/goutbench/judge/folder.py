"""A judge as data: a folder with `judge.yaml`, which holds template, schema, model and parser."""

import string
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
_WANTED = {"first", "second", "label_first", "label_second"}
_KNOWN = _WANTED | {"label_tie", "code", "reference", "path", "package", "repository", "focal"}


class Judge(Strict):
    """A `judge.yaml`.

    `mode` "paper" asks once for each item, in an order drawn by the item's id; "both-orders" asks twice.
    `parser` says what a reply has to hold: "winner" or "scores" (`goutbench.judge.verdict`). `schema` is
    the JSON schema that is sent along, if any. `model` is Inspect's name, for which `--model` stands in.
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
    def _shows_both(self) -> "Judge":
        template = string.Template(self.user)
        if not template.is_valid():
            raise ValueError("user: a lone $; write $$ for one")
        names = set(template.get_identifiers())
        wanted = _WANTED | ({"label_tie"} if self.parser == "winner" else set())
        if names - _KNOWN:
            raise ValueError(f"user: there is no ${min(names - _KNOWN)}; there are {_dollars(_KNOWN)}")
        if wanted - names:
            raise ValueError(f"user: lacks {_dollars(wanted - names)}")
        return self


def _dollars(names: set[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(names))


@dataclass(frozen=True, slots=True)
class Juror:
    """A judge and the model that it is asked of: what one `--judge` names."""

    judge: Judge
    model: str

    @property
    def label(self) -> str:
        """How records call it: NAME=MODEL, as on the command line."""
        return f"{self.judge.name}={self.model}"

    @property
    def fingerprint(self) -> str:
        """Changes with anything in the judge's folder, and with the model."""
        return short_hash(self.judge.model_dump_json(), self.model)


def load_judge(name: str) -> Judge:
    """A judge that ships with the package, by name, or one's own, by its folder. Raises ConfigError."""
    if Path(name).is_dir():
        return load_yaml(Path(name) / FILE, Judge)
    folder = resources.files("goutbench") / "judges"
    known = sorted(entry.name for entry in folder.iterdir() if (entry / FILE).is_file())
    if name not in known:
        hint = f"one of {', '.join(known)}, or a folder with a {FILE}"
        raise ConfigError(f"no judge {name!r}", where="--judge", hint=hint)
    with resources.as_file(folder / name / FILE) as path:
        return load_yaml(path, Judge)


def seat(words: str, model: str) -> Juror:
    """The juror of `NAME`, `FOLDER` or `NAME=MODEL`; else the model is that of --model, else the folder's.

    A model alone, as in `provider/name`, is asked as the default judge. Raises ConfigError where no model is
    named.
    """
    name, _, own = words.partition("=")
    if not own and "/" in name and not Path(name).is_dir():
        name, own = DEFAULT, name
    judge = load_judge(name)
    chosen = own or model or judge.model
    if not chosen:
        raise ConfigError(f"no model for judge {name!r}", where="--judge", hint="give --model provider/name")
    return Juror(judge, chosen)
