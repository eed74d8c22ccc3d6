"""The part of a test file that belongs to some of its tests: a file that stands alone as far as it did."""

from collections.abc import Iterable

from goutbench.chunk.render import Part, compose, full_texts
from goutbench.golang.syntax.file import GoFile


def extract_tests(tests: GoFile, names: Iterable[str]) -> str:
    """A test file with these test functions, what they use of their file, and the imports of both.

    What they use is by name, so it is never too little within the file; a suite's methods come with its type,
    and an `init` with the variables that it sets.
    """
    chosen = set(names)
    todo = [test.declaration for test in tests.tests if test.name in chosen]
    kept = set(todo)
    inits = [i for i, d in enumerate(tests.declarations) if d.kind == "func" and d.names == ("init",)]
    while todo:
        nearby = _uses(tests, todo.pop())
        nearby += [i for i in inits if kept & {*tests.declarations[i].references}]
        todo += [index for index in dict.fromkeys(nearby) if index not in kept]
        kept.update(nearby)
    texts = full_texts(tests)
    text = compose(tests, [Part(index, "full", texts[index]) for index in sorted(kept)])
    return text.decode("utf-8", "replace")


def _uses(tests: GoFile, index: int) -> list[int]:
    declaration = tests.declarations[index]
    used = [*declaration.references, *declaration.maybe]
    if declaration.kind == "type":
        used += [
            other
            for other, each in enumerate(tests.declarations)
            if each.kind == "method" and each.receiver in declaration.names
        ]
    return used
