"""How every command looks: its group in the help, what its options take, and `--dataset` in one place."""

from collections.abc import Callable
from typing import Any, TypeVar

from typer import Typer
from typer.core import TyperCommand, TyperGroup

from goutbench.cli.remote import run_with_remote_paths

_Function = TypeVar("_Function", bound=Callable[..., None])

LOOP = "The whole loop"
DATASET = "Datasets"
MODELS = "Models"
RESULTS = "Results"
WORK_TREE = "Your work tree"
STEPS = "Single steps"
GROUPS = (LOOP, DATASET, MODELS, RESULTS, WORK_TREE, STEPS)
"""The groups of commands in the order of the help."""

_BY_VALUE = {
    "N": "audit_pairs cap connections count examples facts gpus limit max_calls min_killed mutants "
    "per_function per_repository repeat retries rounds samples seed show stop_at threads workers",
    "TOKENS": "budget cross_file_tokens max_tokens max_total_tokens window",
    "SECONDS": "build_seconds max_seconds test_seconds timeout",
    "FOLDER": "cache dataset judge mirror out prepare_embedded reference repos rows run tasks work",
    "FILE": "baseline export_batch focal gguf import_batch import_labels page price rest shard_costs stryker",
    "NAME": "builtin column embedder export sandbox tokenizer",
    "DATE": "after fresh_after",
    "REGEX": "functions paths tests",
    "KEY=VALUE": "model_arg setting",
    "NAME=VALUE": "env",
    "MODEL": "base model models",
    "EXPRESSION": "where",
    "SCHEME": "scheme",
    "REVISION": "changed_since revision",
    "URL": "base_url link",
    "ID": "only",
    "REPOSITORY": "hold_out",
    "CORPUS": "against",
    "PROGRAM": "go",
    "SHARE": "audit_threshold",
    "PERCENT": "threshold",
    "KINDS": "feedback",
    "MIB": "memory_mib",
    "COST": "max_cost",
    "K/N": "shard",
    "ADDRESS": "ray",
}
_VALUES = {name: value for value, names in _BY_VALUE.items() for name in names.split()}
_SPECIAL = {
    ("assemble", "out"): "FILE", ("facts", "out"): "FILE", ("leakage", "out"): "FILE",
    ("gaps", "out"): "PAGE", ("report", "out"): "PAGE", ("mutate", "budget"): "TIME",
    ("chunk", "tests"): "FILE",
    ("verify", "base"): "FOLDER", ("curate", "only"): "ORG/REPO", ("generate", "split"): "SCHEME:SPLIT",
    ("run", "split"): "SCHEME:SPLIT", ("train", "split"): "SCHEME", ("harvest", "split"): "SCHEME",
    ("assemble", "model"): "CALLABLE",
}  # fmt: skip


def metavar(command: str, option: str) -> str:
    """What an option takes, in its help: a kind of value, else the option's own name in capitals."""
    return _SPECIAL.get((command, option)) or _VALUES.get(option) or option.upper()


class _Command(TyperCommand):
    """A command whose options say what they take. It takes its argument DATASET as `--dataset`, too."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        for parameter in self.params:
            is_option = parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
            if parameter.metavar is not None:
                continue
            if is_option:
                parameter.metavar = metavar(str(self.name), str(parameter.name))
            elif parameter.param_type_name == "argument":
                parameter.metavar = str(parameter.name).upper() + ("..." if parameter.nargs == -1 else "")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        arguments = {p.name for p in self.params if p.param_type_name == "argument"}
        return super().parse_args(ctx, _dataset_first(args) if "dataset" in arguments else args)

    def invoke(self, ctx: Any) -> Any:
        return run_with_remote_paths(ctx, super().invoke)


def _dataset_first(args: list[str]) -> list[str]:
    """The words of a command line with the value of `--dataset` as the first argument."""
    for at, word in enumerate(args):
        if word == "--":
            break
        if word == "--dataset" and at + 1 < len(args):
            return [args[at + 1], *args[:at], *args[at + 2 :]]
        if word.startswith("--dataset="):
            return [word.removeprefix("--dataset="), *args[:at], *args[at + 1 :]]
    return args


class CommandGroup(TyperGroup):
    """The program: its help lists the commands by group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        width = max(len(name) for name, _ in commands)
        for group in GROUPS:
            own = [(name, command) for name, command in commands if _group_of(command) == group]
            if own:
                with formatter.section(group):
                    rows = [(f"{name:<{width}}", command.get_short_help_str(60)) for name, command in own]
                    formatter.write_dl(rows)


def _group_of(command: Any) -> str:
    return str(command.rich_help_panel)


def registrar(app: Typer) -> Callable[[str], Callable[[_Function], _Function]]:
    """The decorator that makes a function a command of a group: `@command(GROUP)`."""

    def command(group: str) -> Callable[[_Function], _Function]:
        return app.command(cls=_Command, rich_help_panel=group)

    return command
