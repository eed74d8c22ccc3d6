"""The files beside the pairs: what their packages declare, and the module that they belong to."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from goutbench.config import RepositoryConfig
from goutbench.curate.filters import Content, content_rejection
from goutbench.curate.licence import is_licence_file, is_permissive, licences
from goutbench.curate.pairing.naming import folder_of
from goutbench.curate.pairing.rules import is_test
from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.modfile import Module, read_module
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse
from goutbench.records import PackageFile

_MODULE_FILE = b"go.mod"
_NO_MODULE = Module()


def wanted_paths(codes: Sequence[bytes], paths: Collection[bytes]) -> set[bytes]:
    """Of all paths those of plain Go sources in a folder of the focal files, and of every go.mod."""
    folders = {folder_of(path) for path in codes}
    sources = {
        path for path in paths if path.endswith(b".go") and not is_test(path) and folder_of(path) in folders
    }
    return sources | {path for path in paths if _name(path) == _MODULE_FILE}


def package_files(
    config: RepositoryConfig, codes: Sequence[bytes], contents: Mapping[bytes, Content]
) -> tuple[PackageFile, ...]:
    """The plain sources in the folders of these focal files, in outline.

    The filters and the licences that are asked for hold for these files as well.
    """
    modules = dict(_modules(contents))
    found = []
    for path in _allowed(config, sorted(_readable(config, codes, contents)), contents):
        package = package_name(contents[path].data)
        if package is not None:
            module = _module_of(folder_of(path), modules)
            outline = file_outline(parse(contents[path].data))
            found.append(PackageFile(config.name, path.decode(), package, module.path, module.go, outline))
    return tuple(found)


def _readable(
    config: RepositoryConfig, codes: Sequence[bytes], contents: Mapping[bytes, Content]
) -> Iterator[bytes]:
    for path in wanted_paths(codes, contents.keys()):
        if _name(path) != _MODULE_FILE and content_rejection(contents[path], config.filters) is None:
            yield path


def _allowed(
    config: RepositoryConfig, paths: Sequence[bytes], contents: Mapping[bytes, Content]
) -> Iterable[bytes]:
    if config.licence != "permissive":
        return paths
    texts = {path: content for path, content in contents.items() if is_licence_file(path)}
    found = licences({path: contents[path].data for path in paths}, texts, config.declared_licence)
    return [path for path in paths if is_permissive(found[path].expression)]


def _modules(contents: Mapping[bytes, Content]) -> Iterator[tuple[bytes, Module]]:
    """Each folder with a go.mod, and what it says."""
    for path, content in contents.items():
        if _name(path) == _MODULE_FILE and content.state == "present":
            yield folder_of(path), read_module(content.data.decode("utf-8", "replace"))


def _module_of(folder: bytes, modules: Mapping[bytes, Module]) -> Module:
    """The nearest module at or above a folder; a vendored package belongs to one that is not there."""
    while folder not in modules:
        if not folder or _name(folder) == b"vendor":
            return _NO_MODULE
        folder = folder_of(folder)
    return modules[folder]


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
