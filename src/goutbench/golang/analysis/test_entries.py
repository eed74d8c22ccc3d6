"""What runs as a test: functions that `go test` calls, and what it does not: suite methods, Ginkgo specs."""

import re

from goutbench.golang.syntax.file import Declaration, GoFile, TestFunction
from goutbench.golang.syntax.test_functions import split_test_name

_GINKGO_CONTAINERS = frozenset({"Describe", "Context", "When", "It", "DescribeTable", "FDescribe"})
_OUTPUT = re.compile(rb"/[/*]\s*(?:unordered )?output:", re.IGNORECASE)


def is_run(file: GoFile, test: TestFunction) -> bool:
    """Whether `go test` runs this function without options: an example needs a comment of its output."""
    if test.kind == "example":
        body = file.declarations[test.declaration].body or (0, 0)
        return _OUTPUT.search(file.source, *body) is not None
    return test.kind in ("test", "fuzz")


def is_suite_method(declaration: Declaration) -> bool:
    """Whether a method has the name of a test."""
    parts = split_test_name(declaration.names[0]) if declaration.kind == "method" else None
    return parts is not None and parts[0] == "Test" and parts[1] != ""


def is_ginkgo_spec(file: GoFile, declaration: Declaration) -> bool:
    """Whether a declaration has the form `var _ = Describe(…)`."""
    if declaration.kind != "var" or declaration.names != ("_",):
        return False
    text = file.source[declaration.node_start : declaration.node_end]
    callee = text.partition(b"=")[2].partition(b"(")[0].strip().rpartition(b".")[2]
    return callee.decode("utf-8", "replace") in _GINKGO_CONTAINERS
