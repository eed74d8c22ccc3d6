"""The tests of a reply, each as a candidate of its own."""

from collections.abc import Iterator, Sequence

from goutbench.assemble.extract import extract
from goutbench.chunk.test_extraction import extract_tests
from goutbench.golang.analysis.test_entries import is_run
from goutbench.golang.syntax.file import GoFile, TestFunction
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.test_functions import split_test_name
from goutbench.records import Completion, Note
from goutbench.write.files import Destination, FileUnderTest, ReplyTest, ReplyTests
from goutbench.write.merge.additions import new_tests
from goutbench.write.merge.destination import destination
from goutbench.write.results import ADDS_NOTHING, CLASHES, NO_BUILD, NO_TEST, NOT_RUN

_LOST = {"dropped": CLASHES, "broken": NO_BUILD, "folded": ADDS_NOTHING}
"""The reason of a test that assembling leaves out, by the kind of its note."""
_MAIN = "TestMain"


def tests_of(reply: Completion, file: FileUnderTest) -> ReplyTests:
    """The tests of a reply about a file. Raises ToolError without a Go toolchain."""
    extraction = extract(reply.text, 1)
    alone = new_tests(None, extraction.units, file.context("", {}))
    target = destination(file.listed, file.package.focal, alone.package)
    new = new_tests(target.content, extraction.units, file.context(target.name, {}))
    parsed = parse(new.code.encode())
    tests = [_reply_test(parsed, test, target) for test in parsed.tests]
    tests += _lost(new.notes, target)
    if any(item.names == (_MAIN,) for item in parsed.declarations):
        detail = "a TestMain would run around all tests of the package"
        tests.append(ReplyTest(_MAIN, "", target, CLASHES, detail))
    if not tests:
        tests.append(ReplyTest("", "", target, NO_TEST, _why_none(reply, extraction.notes)))
    return ReplyTests(new.code, new.package, tuple(tests))


def _reply_test(file: GoFile, test: TestFunction, target: Destination) -> ReplyTest:
    code = extract_tests(file, [test.name])
    if is_run(file, test):
        return ReplyTest(test.name, code, target)
    why = "an example without a comment of its output" if test.kind == "example" else f"a {test.kind}"
    return ReplyTest(test.name, code, target, NOT_RUN, why)


def _lost(notes: Sequence[Note], target: Destination) -> Iterator[ReplyTest]:
    for note in notes:
        parts = split_test_name(note.what)
        if note.kind in _LOST and parts is not None and parts[1]:
            why = "the test file has it already" if note.why.startswith("equal to") else note.why
            yield ReplyTest(note.what, "", target, _LOST[note.kind], why)


def _why_none(reply: Completion, notes: Sequence[Note]) -> str:
    if reply.error:
        return f"{reply.error}: {reply.detail}".rstrip(": ")
    return next((note.why for note in notes), "")
