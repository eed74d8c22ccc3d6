"""The source files in the folders of pairs: what they declare, and the module that they belong to."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from goutbench.config import RepositoryConfig
from goutbench.curate.filters import Content, content_rejection
from goutbench.curate.licence import is_licence_file, is_permissive, licences
from goutbench.curate.pairing.rule import folder_of, is_test
from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.modfile import Module, read_module
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse_declarations
from goutbench.records import PackageFile

_MODULE_FILE = b"go.mod"
_NO_MODULE = Module()


def package_paths(codes: Sequence[bytes], paths: Collection[bytes]) -> set[bytes]:
    """The paths of source files in the folders of the focal files, and of every go.mod."""
    folders = {folder_of(path) for path in codes}
    sources = {
        path for path in paths if path.endswith(b".go") and not is_test(path) and folder_of(path) in folders
    }
    return sources | {path for path in paths if _name(path) == _MODULE_FILE}


def package_files(
    config: RepositoryConfig, codes: Sequence[bytes], contents: Mapping[bytes, Content]
) -> tuple[PackageFile, ...]:
    """The outlines of the source files in the folders of the focal files.

    The configured filters and licences apply to these files, too.
    """
    modules = {
        folder_of(path): read_module(content.data.decode("utf-8", "replace"))
        for path, content in contents.items()
        if _name(path) == _MODULE_FILE and content.state == "present"
    }
    readable = sorted(
        path
        for path in package_paths(codes, contents.keys())
        if _name(path) != _MODULE_FILE and content_rejection(contents[path], config.filters) is None
    )
    files = []
    for path in _with_allowed_licence(config, readable, contents):
        package = package_name(contents[path].data)
        if package is not None:
            module = _module_of(folder_of(path), modules)
            outline = file_outline(parse_declarations(contents[path].data))
            requires = module.requires if module.path else None
            files.append(
                PackageFile(config.name, path.decode(), package, module.path, module.go, outline, requires)
            )
    return tuple(files)


def _with_allowed_licence(
    config: RepositoryConfig, paths: Sequence[bytes], contents: Mapping[bytes, Content]
) -> Iterable[bytes]:
    if config.licence != "permissive":
        return paths
    texts = {path: content for path, content in contents.items() if is_licence_file(path)}
    by_path = licences({path: contents[path].data for path in paths}, texts, config.declared_licence)
    return [path for path in paths if is_permissive(by_path[path].expression)]


def _module_of(folder: bytes, modules: Mapping[bytes, Module]) -> Module:
    """The nearest module at or above a folder. The module of a vendored package is not in the repository."""
    while folder not in modules:
        if not folder or _name(folder) == b"vendor":
            return _NO_MODULE
        folder = folder_of(folder)
    return modules[folder]


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
