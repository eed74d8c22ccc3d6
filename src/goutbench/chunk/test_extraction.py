"""Extracts some tests of a test file, with everything in the file that they use."""

from collections.abc import Iterable

from goutbench.chunk.render import Part, compose, full_texts
from goutbench.golang.syntax.file import GoFile


def extract_tests(tests: GoFile, names: Iterable[str]) -> str:
    """A test file with these test functions, what they use of their file, and the imports of both.

    Uses are matched by name, so nothing that the file declares is missing. A suite type brings its methods,
    and a variable the `init` functions that set it.
    """
    chosen = set(names)
    pending = [test.declaration for test in tests.tests if test.name in chosen]
    selected = set(pending)
    inits = [i for i, d in enumerate(tests.declarations) if d.kind == "func" and d.names == ("init",)]
    while pending:
        declaration = tests.declarations[pending.pop()]
        used = [*declaration.references, *declaration.maybe]
        if declaration.kind == "type":
            used += [
                index
                for index, method in enumerate(tests.declarations)
                if method.kind == "method" and method.receiver in declaration.names
            ]
        used += [i for i in inits if selected & {*tests.declarations[i].references}]
        pending += [index for index in dict.fromkeys(used) if index not in selected]
        selected.update(used)
    texts = full_texts(tests)
    text = compose(tests, [Part(index, "full", texts[index]) for index in sorted(selected)])
    return text.decode("utf-8", "replace")
