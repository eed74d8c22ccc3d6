"""Whether the options select anything: a slip in a name must not look like a clean result."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from goutbench.errors import ConfigError, SourceError
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.results import MutatedFile, MutatedPackage
from goutbench.mutate.source.packages import ListedPackage


def check_inside(packages: Iterable[ListedPackage], root: Path) -> None:
    """Raises SourceError for a selected package whose files are outside of the work tree."""
    for package in packages:
        if not package.error and not package.folder.is_relative_to(root):
            hint = "run the command in the work tree of that package"
            raise SourceError("the package is not in this work tree", where=package.path, hint=hint)


def check_names(
    options: MutateOptions, packages: Sequence[MutatedPackage], files: Iterable[MutatedFile]
) -> None:
    """Raises ConfigError where `--tests` or `--functions` match nothing in all of the packages. With
    `--changed-since` there may be nothing to match."""
    if options.changed_since:
        return
    if options.tests and packages and not any(package.tests for package in packages):
        where, hint = f"--tests {options.tests}", "give a part of a test's name, such as ^TestParse"
        raise ConfigError("no test of these packages has such a name", where=where, hint=hint)
    files = list(files)
    if options.functions and not any(file.mutants or file.problem for file in files):
        where, hint = (
            f"--functions {options.functions}",
            r"a method's name is (*T).Name, such as ^\(\*T\)\.Name$",
        )
        raise ConfigError("no function with mutants has such a name", where=where, hint=hint)
