"""What a run of a candidate may not read: the reference test that it replaces, and a focal file."""

import re
from collections.abc import Iterator
from pathlib import Path

from goutbench.execute.workspace.package import PackageUnderTest, empty_test
from goutbench.golang.syntax.modfile import read_module
from goutbench.golang.toolchain.installation import installed_toolchains

SOURCES = "overlay"
"""The folder in an execution's scratch folder with the files that replace those of the package."""

HIDDEN = "hidden"
"""The one with files that hide others from runs."""
_MAJOR = re.compile(r"(?:/|\.)v\d+$")


def replaced_files(package: PackageUnderTest, sources: Path) -> tuple[tuple[str, Path], ...]:
    """The candidate's files in the folder `sources`, by the paths below the sources' root that they replace.

    As if the candidate had been written over the reference test, which then nothing can read.
    """
    names = filter(None, (package.test, package.unbuilt_test))
    present = ((package.folder / name, sources / name) for name in names)
    return tuple(
        (str(path.relative_to(package.source_root)), file)
        for path, file in present
        if path.is_file() and file.is_file()
    )


def replaced_focal(package: PackageUnderTest, folder: Path) -> tuple[tuple[str, Path], ...]:
    """A file with nothing but a package clause, written to `folder`, in place of the focal file, so that
    runs cannot see which version of it they have."""
    file = folder / package.focal
    if not file.is_file():
        folder.mkdir(exist_ok=True)
        file.write_bytes(empty_test(package))
    return ((str((package.folder / package.focal).relative_to(package.source_root)), file),)


def folders_with_copies(package: PackageUnderTest, module_cache: Path) -> tuple[Path, ...]:
    """The folders that may hold the reference test, too.

    They have other versions of the package's module or, for packages of Go, other installations of it.
    Nothing is hidden where no candidate replaces a test.
    """
    if not package.test:
        return ()
    if package.tree.goroot is not None:
        return tuple(_further_installations(package, module_cache))
    try:
        text = (package.module / "go.mod").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(_versions(_MAJOR.sub("", read_module(text).path), module_cache))


def _versions(module: str, module_cache: Path) -> Iterator[Path]:
    """The folders of a module, of its other major versions and of modules below it in the module cache."""
    path = re.sub("[A-Z]", lambda letter: f"!{letter[0].lower()}", module)
    if not path or ".." in path.split("/") or path.startswith("/"):
        return
    parent, name = (module_cache / path).parent, Path(path).name
    for folder in (parent, (module_cache / "cache" / "download" / path).parent):
        if folder.is_dir():
            yield from (
                entry
                for entry in sorted(folder.iterdir())
                if entry.is_dir() and re.fullmatch(rf"{re.escape(name)}(?:\.v\d+)?(?:@.*)?", entry.name)
            )


def _further_installations(package: PackageUnderTest, module_cache: Path) -> Iterator[Path]:
    own = package.source_root
    yield from (goroot for goroot in sorted(module_cache.glob("golang.org/toolchain@*")) if goroot != own)
    for toolchain in installed_toolchains():
        goroot = toolchain.goroot.resolve()
        if goroot != own and goroot.is_relative_to("/usr"):  # sandboxes show nothing else of the system
            yield goroot / "src"
