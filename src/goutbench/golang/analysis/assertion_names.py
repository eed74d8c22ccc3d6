"""Names that decide whether a call is an assertion where no declaration of it is at hand."""

import re
from collections.abc import Iterable

LIBRARIES = {
    "github.com/stretchr/testify/assert": "testify",
    "github.com/stretchr/testify/require": "testify",
    "github.com/stretchr/testify/suite": "testify",
    "github.com/onsi/gomega": "gomega",
    "github.com/onsi/ginkgo": "ginkgo",
    "github.com/onsi/ginkgo/v2": "ginkgo",
    "github.com/frankban/quicktest": "quicktest",
    "gotest.tools/v3/assert": "gotest.tools",
    "gotest.tools/assert": "gotest.tools",
    "gotest.tools/v3/golden": "gotest.tools",
    "github.com/alecthomas/assert/v2": "alecthomas/assert",
    "gopkg.in/check.v1": "check.v1",
    "github.com/go-check/check": "check.v1",
    "github.com/smartystreets/goconvey/convey": "goconvey",
    "github.com/matryer/is": "is",
    "github.com/maxatome/go-testdeep/td": "go-testdeep",
    "github.com/gkampitakis/go-snaps/snaps": "go-snaps",
    "github.com/shoenig/test": "shoenig/test",
    "github.com/shoenig/test/must": "shoenig/test",
    "github.com/gavv/httpexpect/v2": "httpexpect",
    "github.com/sebdah/goldie/v2": "goldie",
    "github.com/hexops/autogold/v2": "autogold",
    "github.com/approvals/go-approval-tests": "approvals",
    "pgregory.net/rapid": "rapid",
    "github.com/leanovate/gopter": "gopter",
    "go.uber.org/goleak": "goleak",
}
"""Assertion libraries by import path."""

_TEST_MODULES = frozenset({
    "github.com/DATA-DOG/go-sqlmock", "github.com/golang/mock", "github.com/google/go-cmp",
    "github.com/h2non/gock", "github.com/jarcoal/httpmock", "github.com/rogpeppe/go-internal",
    "go.uber.org/mock",
})  # fmt: skip
"""Modules for tests that are not assertion libraries: comparisons, mocks, scripts."""

PACKAGE_NAMES = {
    "github.com/frankban/quicktest": "qt",
    "github.com/approvals/go-approval-tests": "approvals",
    "gopkg.in/check.v1": "check",
    "github.com/go-check/check": "check",
}
"""What the libraries call themselves whose name is not the end of their path."""

FAILURE_METHODS = frozenset({"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"})
"""The methods of package testing that fail a test."""

ASSERTIONS = frozenset({
    "Assert", "Check", "CmpEquals", "Consistently", "Contains", "DeepEqual", "DeepEquals",
    "ElementsMatch", "Empty", "Equal", "EqualError", "EqualValues", "Error", "ErrorAs", "ErrorContains",
    "ErrorIs", "Eventually", "Exactly", "Expect", "Fail", "FailNow", "False", "FileExists", "Greater",
    "GreaterOrEqual", "Implements", "InDelta", "InEpsilon", "IsType", "JSONEq", "Len", "Less", "LessOrEqual",
    "Negative", "Nil", "NilError", "NoError", "NotContains", "NotEmpty", "NotEqual", "NotNil", "NotPanics",
    "NotRegexp", "NotSame", "NotZero", "Panics", "PanicsWithError", "PanicsWithValue", "Positive", "Regexp",
    "Same", "Subset", "True", "WithinDuration", "YAMLEq", "Zero", "Ω",
})  # fmt: skip
"""Assertions of the libraries, as methods of their objects; each may end in `f`."""

DOT_IMPORTED = frozenset({"Expect", "Eventually", "Consistently", "Fail", "So", "SoMsg", "AbortSuite", "Ω"})
"""Assertions that dot imports make available without a qualifier."""

FLUENT = frozenset({"Expect", "Eventually", "Consistently", "Ω"})
"""Assertions that check nothing before a method of their result is called."""

CONTAINERS = frozenset({
    "Run", "Convey", "FocusConvey", "SkipConvey", "Test", "Check", "MakeCheck", "Fuzz", "Repeat",
    "RunParallel",
})  # fmt: skip
"""Functions of CONTAINER_PACKAGES (and methods of `t`) that only run the functions that they get."""

CONTAINER_PACKAGES = frozenset({
    "testing", "testing/synctest", "pgregory.net/rapid", "github.com/smartystreets/goconvey/convey",
    "github.com/stretchr/testify/suite",
})  # fmt: skip

NO_CHECKS = frozenset({
    "ObjectsAreEqual", "ObjectsAreEqualValues", "ObjectsExportedFieldsAreEqual", "CallerInfo", "HTTPBody",
    "IsNil", "Equals", "Not", "Commentf", "Draw", "Context", "Cleanup", "Defer", "Done", "Helper", "Log",
    "Logf", "Mkdir", "Name",
    "Parallel", "Patch", "Run", "Setenv", "Skip", "SkipNow", "Skipf", "T", "TempDir", "Unsetenv", "Setup",
    "Reset", "Chdir", "Output", "Attr", "Skipped", "Failed", "MkDir", "Succeed", "SetT",
})  # fmt: skip
"""Functions and methods of assertion libraries that fail no test."""

TESTING_TYPES = rb"T|B|F|TB|C|G|I|TestingT|TestingTB|TestHelper|GinkgoTInterface|FullGinkgoTInterface"
"""Types of variables that can fail a test: those of package testing, and those that the libraries call so."""

ASSERTER_TYPES = rb"Assertions|WithT|GomegaWithT|Gomega|Expect|Goldie"
"""Types whose methods are assertions."""

NAMED_ASSERTION = re.compile(r"(?i)_?(?:assert|require|expect|ensure)|_?(?:check|verify|must)(?![a-z])")
"""How the name of a helper begins that fails a test, however it does so."""

HARMLESS = re.compile(
    r"(?i)(?:.*\.)?_?(?!assert|require[^s]|expect|check|verify|run)"
    r"(?:.*log(?:ger|r|s)?(?![a-z])|.*(?<!b)log(?:ger|r)|.*context(?![a-z])|(?:maybe|test)?skip|.*parallel|ctx|.*ctx$|needs|in_?short)"
)
"""Helpers that only log, skip or derive a context, although they get a testing variable."""


def test_libraries(modules: Iterable[str]) -> tuple[str, ...]:
    """Those of these modules that are for tests, in their order."""
    return tuple(
        module
        for module in modules
        if module in _TEST_MODULES
        or any(path == module or path.startswith(f"{module}/") for path in LIBRARIES)
    )


test_libraries.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it
