"""Files without tests, and test files without assertions: what `curate` knows."""

import re
from collections.abc import Iterable, Iterator, Sequence

from goutbench.gaps.finding import Finding, Kind, TestedFile, folder_of, plural
from goutbench.golang.analysis.features import style_of
from goutbench.golang.syntax.parser import parse
from goutbench.records import PackageFile, Rejection

NO_TEST = "no_test"
"""The rule of `curate` that rejects a source file without a test file."""

_NAME = re.compile(r"[^\W\d]\w*")
_IGNORED = re.compile(r"(^|/)(testdata|vendor|_vendor|third_party|Godeps|[._][^/]*)/")
"""Folders that the go command ignores, and folders of other projects' code."""


def files_without_tests(
    rejections: Iterable[Rejection], outlines: Iterable[PackageFile], files: Sequence[TestedFile]
) -> Iterator[Finding]:
    """The source files that no test file is paired with.

    The need is the number of functions that no test of the package names, or of 1 where the functions are
    unknown. A file without functions is nothing to test.
    """
    texts = {(outline.repository, outline.path): outline.outline for outline in outlines}
    named: dict[tuple[str, str], set[str]] = {}
    for file in files:
        folder = file.pair.repository, folder_of(file.pair.code_path)
        for pair in file.pairs:
            named.setdefault(folder, set()).update(_NAME.findall(pair.test))
    for rejection in rejections:
        if rejection.rule != NO_TEST or _IGNORED.search(rejection.path):
            continue
        text = texts.get((rejection.repository, rejection.path))
        if text is None:
            detail, need = "no test file in the folder is paired", 1
        else:
            declared = parse(text.encode("utf-8", "surrogateescape")).declarations
            functions = [declaration.names[0] for declaration in declared if declaration.is_function]
            if not functions:
                continue
            elsewhere = named.get((rejection.repository, folder_of(rejection.path)), set())
            unnamed = [name for name in functions if name not in elsewhere]
            need = len(unnamed)
            detail = (
                f"{plural(len(functions), 'function')}, {len(functions) - need} named in tests of other files"
            )
        yield Finding(Kind.NO_TEST, rejection.repository, rejection.path, None, "", detail, need)


def assertion_free_tests(files: Iterable[TestedFile]) -> Iterator[Finding]:
    """The test files that declare tests, of which only a panic can make one fail."""
    for file in files:
        for pair in file.pairs:
            style = style_of(parse(pair.test.encode("utf-8", "surrogateescape")))
            if style.assertion_free:
                detail = f"{plural(style.tests, 'test')} of {pair.code_path}, and nothing that can fail"
                yield Finding(
                    Kind.ASSERTION_FREE, pair.repository, pair.test_path, None, "", detail, style.tests
                )
