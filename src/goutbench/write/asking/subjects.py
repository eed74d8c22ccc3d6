"""What prompts say of a file under test: where its tests go, their style, and what its package declares."""

from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.modfile import read_module
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse_declarations
from goutbench.records import PackageFile
from goutbench.write.asking.subject import Subject
from goutbench.write.files import FileUnderTest
from goutbench.write.merge.destination import destination, style_text, usual_clause


def subject_of(file: FileUnderTest, repository: str) -> Subject:
    """The file as prompts describe it."""
    clause = usual_clause(file.listed, file.package.focal)
    tests = destination(file.listed, file.package.focal, clause).content or _largest_test(file)
    folder = file.path.rpartition("/")[0]
    return Subject(
        id=file.path,
        repository=repository,
        code_path=file.path,
        code=file.source.decode("utf-8", "surrogateescape"),
        test_path=f"{folder}/{file.package.test}".lstrip("/"),
        package=package_name(file.source) or "main",
        tests=tests,
        clause=clause,
        style=style_text(tests),
    )


def _largest_test(file: FileUnderTest) -> bytes | None:
    """The package's largest test file, whose style counts where the focal file has none."""
    texts = [(file.listed.folder / name).read_bytes() for name in file.listed.tests]
    return max(texts, key=len, default=None)


def outlines_of(file: FileUnderTest, repository: str) -> list[PackageFile]:
    """The declarations of the file's package, for prompts about it."""
    text = (file.package.module / "go.mod").read_text("utf-8", "replace")
    module, folder = read_module(text), file.path.rpartition("/")[0]
    sources = {name: (file.listed.folder / name).read_bytes() for name in file.listed.sources}
    return [
        PackageFile(
            repository, f"{folder}/{name}".lstrip("/"), package_name(source) or "main", module.path,
            module.go, file_outline(parse_declarations(source)), module.requires,
        )
        for name, source in sources.items()
    ]  # fmt: skip
