"""The YAML files a user writes, as pydantic models. Unknown keys are errors, and errors name the line."""

from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from goutbench.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


def _check_name(name: str) -> str:
    organization, _, repository = name.partition("/")
    if organization in (".", "..") or repository in (".", ".."):
        raise ValueError("must be organization/repository")
    return name


def _check_date(value: Any) -> Any:
    if isinstance(value, int | float):  # pydantic would take 20241125 for seconds since 1970
        raise ValueError("is a number: write a date as 2024-11-25")  # noqa: TRY004 - pydantic wants this one
    return value


class Strict(BaseModel):
    """Base of every model of a YAML file: unknown keys are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filters(Strict):
    """What is left out, each with a rejection: nothing but unusable content by default."""

    vendored: Literal["keep", "drop"] = "keep"
    generated: Literal["keep", "drop"] = "keep"
    max_bytes: int = Field(default=10_000_000, gt=0)
    exclude: tuple[str, ...] = ()  # shell patterns over the whole path; `*` also matches `/`


class RepositoryConfig(Strict):
    """One entry under `repositories:`.

    `source` is a URL, a local work tree, a local bare git directory, a plain source tree, or
    `package:NAME/sub/folder` for a tree that an installed Python package carries. `revision` (commit or
    tag) and `as_of` (the last commit of the default branch's first-parent history at that instant; a bare
    date is its 00:00 UTC) exclude each other; with neither the default branch's tip is taken. A plain tree
    has a `version` instead. `declared_licence` is used where no licence file is found.
    """

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$"), AfterValidator(_check_name)
    ]
    source: str = Field(min_length=1)
    revision: Annotated[str, Field(pattern=r"^[^-\s][^\s]*$")] | None = None
    as_of: Annotated[datetime | date | None, BeforeValidator(_check_date)] = None
    version: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    domain: str = ""
    pairing: str = "same-name"
    licence: Literal["permissive", "any"] = "any"
    declared_licence: str | None = None
    filters: Filters = Filters()

    @model_validator(mode="after")
    def _one_way_to_pin(self) -> "RepositoryConfig":
        given = [key for key in ("revision", "as_of", "version") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: keep one")
        return self

    @property
    def file_stem(self) -> str:
        """`organization__repository`, the name of this repository's files in a dataset."""
        return self.name.replace("/", "__")

    def as_of_instant(self) -> datetime | None:
        """`as_of` as an instant in UTC; None where it is not given."""
        if self.as_of is None:
            return None
        if isinstance(self.as_of, datetime):
            zone = self.as_of.tzinfo
            return self.as_of.astimezone(UTC) if zone else self.as_of.replace(tzinfo=UTC)
        return datetime(self.as_of.year, self.as_of.month, self.as_of.day, tzinfo=UTC)


class CurateConfig(Strict):
    """A `repos.yaml`."""

    repositories: tuple[RepositoryConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_names(self) -> "CurateConfig":
        seen: dict[str, str] = {}
        for entry in self.repositories:
            stem = entry.file_stem.lower()  # a dataset must also unpack on a file system that folds case
            if stem in seen:
                raise ValueError(f"{entry.name} and {seen[stem]} would share the file {entry.file_stem}")
            seen[stem] = entry.name
        return self


class LockedRepository(Strict):
    """One entry of `repos.lock.yaml`: the pin, and the settings it was curated with."""

    settings: RepositoryConfig
    kind: Literal["git", "tree"]
    revision: str
    tree: str
    date: datetime | None = None


class Lock(Strict):
    """A `repos.lock.yaml`."""

    lock_version: Literal[1]  # no default: a lock always says which form it has
    repositories: tuple[LockedRepository, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_names(self) -> "Lock":
        names = [each.settings.name for each in self.repositories]
        if len(set(names)) < len(names):
            raise ValueError("a repository stands twice")
        return self


class Price(Strict):
    """What a million tokens cost, in any one unit: the file of `--price`."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """What one call cost."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def load_curate_config(path: Path) -> CurateConfig:
    """Read a `repos.yaml`. Raises ConfigError with file, line and hint."""
    return _load(path, CurateConfig)


def load_lock(path: Path) -> Lock:
    """Read a `repos.lock.yaml`. Raises ConfigError with file, line and hint."""
    return _load(path, Lock)


def load_curate_config_or_lock(path: Path) -> tuple[CurateConfig, Lock | None]:
    """Read a `repos.yaml`, or a lock as the configuration that it was made from and itself."""
    try:
        is_lock = b"lock_version:" in path.read_bytes()
    except OSError:
        is_lock = False
    if not is_lock:
        return load_curate_config(path), None
    lock = load_lock(path)
    return CurateConfig(repositories=tuple(each.settings for each in lock.repositories)), lock


def load_builtin(name: str) -> CurateConfig:
    """A configuration that ships with the package, such as `paper` or `std`."""
    folder = resources.files("goutbench") / "builtin"
    files = (Path(entry.name) for entry in folder.iterdir())
    known = sorted(file.stem for file in files if file.suffix == ".yaml")
    if name not in known:
        hint = f"one of {', '.join(known)}"
        raise ConfigError(f"there is no builtin {name!r}", where="--builtin", hint=hint)
    with resources.as_file(folder / f"{name}.yaml") as path:
        return _load(path, CurateConfig)


def dump_yaml(model: BaseModel) -> str:
    """A model as YAML text in the order of its fields; defaults are written out, so that they may change."""
    content = model.model_dump(exclude_none=True)
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """SafeDumper, with a tuple written as a list."""


_Dumper.add_representer(tuple, lambda dumper, value: dumper.represent_list(value))


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as any model derived from `Strict`. Raises ConfigError with file, line and hint."""
    return _load(path, model)


def _load(path: Path, model: type[Model]) -> Model:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            error.strerror or "cannot be read", where=str(path), hint="give an existing file"
        ) from None
    except UnicodeDecodeError as error:
        what = f"not UTF-8 at byte {error.start}"
        raise ConfigError(what, where=str(path), hint="save it as UTF-8") from None
    lines: dict[Location, int] = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            lines = _lines(root, path)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = str(getattr(error, "problem", None) or error)
        raise ConfigError(what, where=_yaml_place(error, path), hint="correct the YAML") from None
    except (ValueError, RecursionError) as error:  # an impossible date such as 2024-13-45, or endless nesting
        raise ConfigError(str(error), where=str(path), hint="correct the value") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _config_error(error, lines, path) from None


def _lines(node: yaml.Node, path: Path) -> dict[Location, int]:
    """Where each value stands (1-based), by its location in the document.

    Refuses what YAML allows and no configuration needs: two equal keys, of which PyYAML would silently
    keep the last; keys that are not text; aliases, which a few lines can blow up to any size.
    """
    lines: dict[Location, int] = {}
    visited: set[int] = set()

    def visit(node: yaml.Node, location: Location) -> None:
        lines.setdefault(location, node.start_mark.line + 1)
        if id(node) in visited:
            raise ConfigError("an alias (*name)", where=_at(path, node), hint="write the value out")
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise ConfigError("a key is not text", where=_at(path, key), hint="write `key: value`")
                inner = (*location, key.value)
                if inner in lines:
                    what = f"key {key.value!r} stands twice"
                    raise ConfigError(what, where=_at(path, key), hint="keep one")
                lines[inner] = key.start_mark.line + 1
                visit(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, (*location, index))

    visit(node, ())
    return lines


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _yaml_place(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}:{mark.line + 1}" if mark else str(path)


def _config_error(error: ValidationError, lines: dict[Location, int], path: Path) -> ConfigError:
    details = error.errors()
    if len(details) > 1:  # a list with one bad entry is also reported as too short: noise
        details = [detail for detail in details if detail["type"] != "too_short"]
    problems = [_problem(detail, lines) for detail in details]
    line, what, hint = problems[0]
    more = "".join(f"\n  also line {number}: {text}" for number, text, _ in problems[1:])
    return ConfigError(what + more, where=f"{path}:{line}", hint=hint)


def _problem(detail: Any, lines: dict[Location, int]) -> tuple[int, str, str]:
    location: Location = tuple(detail["loc"])
    known = location
    while known and known not in lines:
        known = known[:-1]
    dotted = ".".join(str(part) for part in known)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return lines.get(known, 1), f"unknown key {location[-1]!r}", "remove it, or correct its spelling"
    if detail["type"] == "string_type":
        return lines.get(known, 1), f"{dotted}: is not text", "put it in quotes"
    if detail["type"] == "missing":
        return lines.get(known, 1), f"{dotted or 'the file'} lacks the key {location[-1]!r}", "add it"
    return lines.get(known, 1), f"{dotted or 'the file'}: {message}", "correct the value"
