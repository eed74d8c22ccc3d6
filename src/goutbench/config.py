"""The YAML files of a user as pydantic models. Unknown keys are errors, and errors name the line."""

from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from goutbench.dataset.names import REPOSITORY
from goutbench.errors import ConfigError
from goutbench.golang.toolchain.variables import settings_problem

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


class Strict(BaseModel):
    """The base of every model of a YAML file: no unknown keys, and its values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filters(Strict):
    """Which files are rejected; by default only those with unusable content."""

    vendored: Literal["keep", "drop"] = "keep"
    generated: Literal["keep", "drop"] = "keep"
    max_bytes: int = Field(default=10_000_000, gt=0)
    exclude: tuple[str, ...] = ()  # shell patterns over the whole path; `*` also matches `/`


class GoTestConfig(Strict):
    """How a repository's tests are built and run: what its own CI gives to `go test`.

    `env` reaches the runs of tests; build variables such as GOEXPERIMENT also reach builds. `short` is
    `go test -short`. `timeout` is the limit of one run in seconds.
    """

    tags: tuple[str, ...] = ()
    env: dict[str, str] = {}
    short: bool = False
    timeout: float | None = Field(default=None, ge=1.0)
    cgo: bool = False

    @model_validator(mode="after")
    def _may_be_set(self) -> "GoTestConfig":
        if problem := settings_problem(self.tags, self.env.items()):
            raise ValueError(problem)
        return self


class RepositoryConfig(Strict):
    """One entry under `repositories:`.

    `source` is a URL, a local work tree, a local bare git directory, a plain source tree, or
    `package:NAME/sub/folder` for a tree in an installed Python package. `revision` is a commit or tag.
    `as_of` selects the last commit of the default branch's first-parent history at that instant; a date means
    its 00:00 UTC. The two exclude each other; without them the default branch's tip is used. A plain tree
    has a `version` instead. `declared_licence` is used if there is no licence file. `include` names the parts
    of a monorepo to read, as folders, files or shell patterns; empty: all of it.
    """

    name: str = Field(pattern=REPOSITORY, max_length=200)
    source: str = Field(min_length=1)
    revision: Annotated[str, Field(pattern=r"^[^-\s][^\s]*$")] | None = None
    as_of: datetime | date | None = None
    version: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    domain: str = ""
    pairing: str = "same-name"
    licence: Literal["permissive", "any"] = "any"
    declared_licence: str | None = None
    include: tuple[str, ...] = ()
    filters: Filters = Filters()
    test: GoTestConfig = GoTestConfig()

    @field_validator("name")
    @classmethod
    def _is_organization_and_repository(cls, name: str) -> str:
        organization, _, repository = name.partition("/")
        if organization in (".", "..") or repository in (".", ".."):
            raise ValueError("must be organization/repository")
        return name

    @field_validator("include")
    @classmethod
    def _are_inside(cls, include: tuple[str, ...]) -> tuple[str, ...]:
        for path in include:
            if path.startswith("/") or ".." in path.split("/") or not path.strip("./ "):
                raise ValueError(f"{path!r} is not a path below the repository's root")
        return tuple(path.removeprefix("./").rstrip("/") for path in include)

    @field_validator("source")
    @classmethod
    def _has_no_password(cls, source: str) -> str:
        scheme, separator, rest = source.partition("://")
        user, at, _ = rest.partition("/")[0].rpartition("@")
        # git@ and other plain user names are part of an ssh address; over http a user name may be a token
        if separator and at and (":" in user or not scheme.endswith("ssh")):
            raise ValueError(
                "has a user name or password, which the dataset would publish: remove it, and use git's "
                "credential helper, ~/.netrc or an ssh key"
            )
        return source

    @field_validator("as_of", mode="before")
    @classmethod
    def _is_no_number(cls, value: Any) -> Any:
        if isinstance(value, int | float):  # pydantic would read 20241125 as seconds since 1970
            raise ValueError("is a number: write a date as 2024-11-25")  # noqa: TRY004 - pydantic expects it
        return value

    @model_validator(mode="after")
    def _one_way_to_pin(self) -> "RepositoryConfig":
        keys = [key for key in ("revision", "as_of", "version") if getattr(self, key) is not None]
        if len(keys) > 1:
            raise ValueError(f"{' and '.join(keys)} exclude each other: keep one")
        return self

    @property
    def file_stem(self) -> str:
        """`organization__repository`: the stem of this repository's file names in a dataset."""
        return self.name.replace("/", "__")

    def as_of_instant(self) -> datetime | None:
        """`as_of` as an instant in UTC, or None."""
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
            stem = entry.file_stem.lower()  # a dataset must also fit on a file system that ignores case
            if stem in seen:
                raise ValueError(f"{entry.name} and {seen[stem]} would share the file {entry.file_stem}")
            seen[stem] = entry.name
        return self


class LockedRepository(Strict):
    """One entry of `repos.lock.yaml`: the pin, and the settings of the run that created it."""

    settings: RepositoryConfig
    kind: Literal["git", "tree"]
    revision: str
    tree: str
    date: datetime | None = None


class Lock(Strict):
    """A `repos.lock.yaml`."""

    lock_version: Literal[1]  # no default: every lock states its version
    repositories: tuple[LockedRepository, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_names(self) -> "Lock":
        names = [locked.settings.name for locked in self.repositories]
        if len(set(names)) < len(names):
            raise ValueError("a repository occurs twice")
        return self


class Price(Strict):
    """The price of a million tokens, in any currency: the file of `--price`."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """The price of one call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def load_curate_config(path: Path) -> CurateConfig:
    """Read a `repos.yaml`. Raises ConfigError with file, line and hint."""
    return load_yaml(path, CurateConfig)


def load_lock(path: Path) -> Lock:
    """Read a `repos.lock.yaml`. Raises ConfigError with file, line and hint."""
    return load_yaml(path, Lock)


def load_curate_config_or_lock(path: Path) -> tuple[CurateConfig, Lock | None]:
    """Read a `repos.yaml`, or a lock: then the configuration that it was created from, and the lock."""
    try:
        is_lock = b"lock_version:" in path.read_bytes()
    except OSError:
        is_lock = False
    if not is_lock:
        return load_curate_config(path), None
    lock = load_lock(path)
    return CurateConfig(repositories=tuple(locked.settings for locked in lock.repositories)), lock


def load_builtin(name: str) -> CurateConfig:
    """A built-in configuration, such as `paper` or `std`."""
    folder = resources.files("goutbench") / "builtin"
    files = (Path(entry.name) for entry in folder.iterdir())
    names = sorted(file.stem for file in files if file.suffix == ".yaml")
    if name not in names:
        hint = f"one of {', '.join(names)}"
        raise ConfigError(f"there is no built-in configuration {name!r}", where="--builtin", hint=hint)
    with resources.as_file(folder / f"{name}.yaml") as path:
        return load_yaml(path, CurateConfig)


def dump_yaml(model: BaseModel) -> str:
    """A model as YAML in the order of its fields, with defaults, so that a later default changes nothing."""
    content = model.model_dump(exclude_none=True)
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """A SafeDumper that writes a tuple as a list."""


_Dumper.add_representer(tuple, lambda dumper, value: dumper.represent_list(value))


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as any model derived from `Strict`. Raises ConfigError with file, line and hint."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            error.strerror or "cannot be read", where=str(path), hint="give an existing file"
        ) from None
    except UnicodeDecodeError as error:
        what = f"not UTF-8 at byte {error.start}"
        raise ConfigError(what, where=str(path), hint="save it as UTF-8") from None
    lines = _Lines(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            lines.visit(root, ())
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what, mark = str(getattr(error, "problem", None) or error), getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(what, where=where, hint="correct the YAML") from None
    except (ValueError, RecursionError) as error:  # an invalid date such as 2024-13-45, or endless nesting
        raise ConfigError(str(error), where=str(path), hint="correct the value") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise lines.config_error(error) from None


class _Lines:
    """The line of each value in a YAML file (from 1), by its location in the document."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[Location, int] = {}
        self._visited: set[int] = set()

    def visit(self, node: yaml.Node, location: Location) -> None:
        """Add the lines of a node and the nodes below.

        Raises ConfigError for YAML that no configuration needs: two equal keys, of which PyYAML drops
        the first silently; keys that are not text; aliases, with which a few lines expand to any size.
        """
        self._lines.setdefault(location, node.start_mark.line + 1)
        if id(node) in self._visited:
            raise ConfigError(
                "YAML aliases (*name) are not allowed", where=self._at(node), hint="repeat the value"
            )
        self._visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise ConfigError("a key is not text", where=self._at(key), hint="write `key: value`")
                inner = (*location, key.value)
                if inner in self._lines:
                    what = f"key {key.value!r} occurs twice"
                    raise ConfigError(what, where=self._at(key), hint="keep one")
                self._lines[inner] = key.start_mark.line + 1
                self.visit(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.visit(value, (*location, index))

    def config_error(self, error: ValidationError) -> ConfigError:
        """The error of a wrong file, with the lines of all problems and the hint of the first."""
        details = error.errors()
        if len(details) > 1:  # a list with one invalid entry is also reported as too short
            details = [detail for detail in details if detail["type"] != "too_short"]
        details.sort(
            key=lambda detail: detail["type"] != "extra_forbidden"
        )  # a typo also lacks its right key
        problems = [self._problem(detail) for detail in details]
        line, what, hint = problems[0]
        more = "".join(f"\n  also line {number}: {text}" for number, text, _ in problems[1:])
        return ConfigError(what + more, where=f"{self._path}:{line}", hint=hint)

    def _problem(self, detail: Any) -> tuple[int, str, str]:
        """The line, the message and the hint of one of pydantic's errors."""
        location: Location = tuple(detail["loc"])
        parent = location
        while parent and parent not in self._lines:
            parent = parent[:-1]
        dotted, line = ".".join(str(part) for part in parent), self._lines.get(parent, 1)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            return line, f"unknown key {location[-1]!r}", "remove it, or correct its spelling"
        if detail["type"] in ("tuple_type", "list_type"):
            return (
                line,
                f"{dotted or 'the file'}: is not a list",
                "write [a, b], or a `- item` on each line",
            )
        if detail["type"] in ("dict_type", "model_type"):
            return line, f"{dotted or 'the file'}: is not a mapping", "write `NAME: VALUE`, one on each line"
        if detail["type"] == "string_type":
            return line, f"{dotted}: is not text", "put it in quotes"
        if detail["type"] == "missing":
            return line, f"{dotted or 'the file'} has no key {location[-1]!r}", "add it"
        return line, f"{dotted or 'the file'}: {message}", "correct the value"

    def _at(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"
