"""A prompt is data: a folder with `prompt.yaml` and Jinja2 templates, chosen by name or by path.

The folder may come from anyone. Its templates run in Jinja2's sandbox: they see the fields of FIELDS and the
texts of the folder, and nothing that changes from one call to the next.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from goutbench.config import Strict, load_yaml
from goutbench.errors import ConfigError, first_line

if TYPE_CHECKING:
    from jinja2 import Environment, TemplateSyntaxError

FILE = "prompt.yaml"
DEFAULT = "default"
CROSS_FILE_TOKENS = 512
"""Default limit for the cross-file context of a prompt, in tokens."""
FIELDS = frozenset(
    """
    path package repository focal code part parts module go_version go lacking libraries declarations
    existing_test message
    """.split()  # noqa: SIM905
)
"""The names that a template can use; docs/howto/write-a-prompt.md says what each one is."""

_BUILT_IN = Path(__file__).parent / "built_in"
_ENDING = ".md.j2"
_SYSTEM, _CONTEXT = "system", "context"
_UNITS = ("function", "file")
_MAX_FILES, _MAX_BYTES = 100, 1_000_000


class PromptSettings(Strict):
    """The options of `generate` that a prompt was written for; None: the usual value."""

    unit: Literal["file", "function"] | None = None
    budget: int | None = Field(default=None, ge=1)
    cross_file_tokens: int | None = Field(default=None, ge=0)
    mode: Literal["merge", "append"] | None = None


class PromptConfig(Strict):
    """A `prompt.yaml`. `examples` is the number of in-context examples, drawn from the training split."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    version: int = Field(ge=1)
    about: str = ""
    examples: int = Field(default=0, ge=0)
    settings: PromptSettings = PromptSettings()


@dataclass(frozen=True, slots=True)
class PromptFolder:
    """A prompt's configuration, its templates, and the SHA-256 of all files of its folder."""

    path: Path
    config: PromptConfig
    hash: str
    templates: Mapping[str, str]
    environment: "Environment"

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: an environment that was used cannot be pickled."""
        return _folder, (self.path, self.config, self.hash, self.templates)

    @property
    def identity(self) -> dict[str, Any]:
        """What `run.json` says of the prompt."""
        return {"name": self.config.name, "version": self.config.version, "hash": self.hash}

    def settings(self) -> dict[str, Any]:
        """The options of `generate` that the prompt sets."""
        return {"examples": self.config.examples, **self.config.settings.model_dump(exclude_none=True)}

    def template_name(self, unit: str) -> str:
        """The name of the template for a unit in records, such as "function-v3"."""
        return f"{unit}-v{self.config.version}"

    def template_hash(self, unit: str) -> str:
        """SHA-256 of the text of a unit's template."""
        return hashlib.sha256(self.templates[self._file(unit)].encode()).hexdigest()

    def system(self, fields: Mapping[str, Any]) -> str:
        """The system message. Raises ConfigError where its template fails."""
        return self._render(_SYSTEM, fields)

    def question(self, unit: str, fields: Mapping[str, Any]) -> str:
        """The user message that asks for a unit, "function" or "file".

        Raises ConfigError where the folder has no template for the unit, or the template fails.
        """
        return self._render(unit, fields)

    def context(self, fields: Mapping[str, Any]) -> str:
        """What the prompt says of a file's module and package; empty where it says nothing.

        Raises ConfigError where the folder has no template for it, or where it fails.
        """
        return self._render(_CONTEXT, fields).strip()

    def _file(self, stem: str) -> str:
        name = f"{stem}{_ENDING}"
        if name not in self.templates:
            units = [unit for unit in _UNITS if f"{unit}{_ENDING}" in self.templates]
            what = f"the prompt {self.config.name!r} has no template for the unit {stem!r}"
            hint = f"add {name} to the folder, or use --unit {' or '.join(units)}"
            raise ConfigError(what, where=str(self.path), hint=hint)
        return name

    def _render(self, stem: str, fields: Mapping[str, Any]) -> str:
        name = self._file(stem)
        try:
            return self.environment.get_template(name).render(fields)
        except Exception as error:  # a template is a program: whatever it raises is a mistake in the folder
            hint = "correct the template; copy the prompt `default` for one that works"
            raise ConfigError(first_line(error), where=str(self.path / name), hint=hint) from None


def load_prompt(name: str) -> PromptFolder:
    """A built-in prompt by its name, or the prompt in a folder. Raises ConfigError."""
    if (_BUILT_IN / name / FILE).is_file() and "/" not in name:
        return _built_in(name)
    if Path(name).is_dir():
        return _read(Path(name))
    names = ", ".join(sorted(path.parent.name for path in _BUILT_IN.glob(f"*/{FILE}")))
    hint = f"use one of {names}, or a folder with a {FILE}"
    raise ConfigError(f"there is no prompt {name!r}", where="--prompt", hint=hint)


@cache
def _built_in(name: str) -> PromptFolder:
    return _read(_BUILT_IN / name)


def _read(folder: Path) -> PromptFolder:
    config = load_yaml(folder / FILE, PromptConfig)  # first: any other folder ends here
    digest, templates = hashlib.sha256(), {}
    for path, content in _contents(folder):
        relative = path.relative_to(folder).as_posix()
        digest.update(f"{relative}\0{hashlib.sha256(content).hexdigest()}\n".encode("utf-8", "replace"))
        if path.suffix == ".j2":
            try:
                templates[relative] = content.decode("utf-8")
            except UnicodeDecodeError as error:
                what = f"not UTF-8 at byte {error.start}"
                raise ConfigError(what, where=str(path), hint="save it as UTF-8") from None
    prompt = _folder(folder, config, digest.hexdigest(), templates)
    _check(folder, templates, prompt.environment)
    return prompt


def _folder(path: Path, config: PromptConfig, digest: str, templates: Mapping[str, str]) -> PromptFolder:
    return PromptFolder(path, config, digest, templates, _environment(templates))


def _contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """The files of a folder and their bytes, by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    hint = "keep only the templates and the settings of the prompt in its folder"
    if len(paths) > _MAX_FILES:
        raise ConfigError(f"a prompt has at most {_MAX_FILES} files", where=str(folder), hint=hint)
    for path in paths:
        if path.is_symlink():  # it could show a file of the user's to the model
            raise ConfigError("a link, which is not followed", where=str(path), hint=hint)
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            what = f"not a file of at most {_MAX_BYTES:,} bytes"
            raise ConfigError(what, where=str(path), hint=hint)
        yield path, path.read_bytes()


def _environment(templates: Mapping[str, str]) -> "Environment":
    """Jinja2 without what a template must not have: Python's objects, other files, chance."""
    from jinja2 import DictLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(templates),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals = {"range": environment.globals["range"]}
    del environment.filters["random"]
    return environment


def _check(folder: Path, templates: Mapping[str, str], environment: "Environment") -> None:
    """Raises ConfigError for a template that is missing, does not parse, or uses an unknown name."""
    from jinja2 import TemplateSyntaxError, meta

    if not any(f"{unit}{_ENDING}" in templates for unit in _UNITS) or f"{_SYSTEM}{_ENDING}" not in templates:
        what = f"a prompt needs {_SYSTEM}{_ENDING}, and {' or '.join(unit + _ENDING for unit in _UNITS)}"
        raise ConfigError(
            what, where=str(folder), hint="copy the folder of the prompt `default`, and change it"
        )
    for name, text in templates.items():
        try:
            tree = environment.parse(text)
        except TemplateSyntaxError as error:
            raise _syntax_error(folder / name, error) from None
        unknown = meta.find_undeclared_variables(tree) - FIELDS - environment.globals.keys()
        if unknown:
            hint = f"use some of: {', '.join(sorted(FIELDS))}"
            raise ConfigError(f"unknown name {min(unknown)!r}", where=str(folder / name), hint=hint)
        for other in meta.find_referenced_templates(tree):
            if other is not None and other not in templates:
                hint = "add the file; only files of the folder that end in .j2 can be included"
                raise ConfigError(f"no template {other!r}", where=str(folder / name), hint=hint)


def _syntax_error(path: Path, error: "TemplateSyntaxError") -> ConfigError:
    what = error.message or "not a template"
    return ConfigError(what, where=f"{path}:{error.lineno}", hint="correct the template")
