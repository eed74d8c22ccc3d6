"""The files of a round: a reply together with the tests that already pass."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from goutbench.assemble.extract import extract
from goutbench.chunk.test_extraction import extract_tests
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.feedback.message import EXTEND
from goutbench.prompts.prompt import completion_text
from goutbench.records import Candidate, Completion, Execution, Note, Status


class Executed(NamedTuple):
    """A candidate and the record of its execution."""

    candidate: Candidate
    execution: Execution


Assemble = Callable[[Sequence[str], Sequence[str]], Candidate]
"""Makes the candidate of an item from texts like replies, and the ids of the completions in it."""


def with_reply(assemble: Assemble, current: Executed, reply: Completion, template: str) -> Candidate:
    """The file that a reply makes of an executed candidate.

    Tests that were asked for beside those of the candidate are added to it. A corrected file replaces it,
    with those passing tests of the candidate that it does not declare.
    """
    candidate, execution = current
    if template == EXTEND:
        earlier = candidate.code
    else:
        declared = {test.name for unit in extract(reply.text).units for test in unit.file.tests}
        earlier = _only(candidate.code, [name for name in execution.passed if name not in declared])
    texts = [completion_text(earlier), reply.text] if earlier and reply.text else [reply.text]
    ids = (*candidate.completion_ids, reply.id) if earlier else (reply.id,)
    return assemble(texts, ids)


def passing_part(assemble: Assemble, current: Executed) -> Candidate | None:
    """The candidate without the tests that did not pass; None where all passed, or none.

    The part is executed again, because tests can depend on each other.
    """
    candidate, execution = current
    passing = {*execution.passed} - {*execution.failed, *execution.flaky}
    tests = [test.name for test in parse(candidate.code.encode("utf-8", "surrogateescape")).tests]
    dropped = [name for name in tests if name in execution.declared and name not in passing]
    if execution.status is Status.PASSED or passing.isdisjoint(tests):
        return None
    text = completion_text(_only(candidate.code, [name for name in tests if name not in dropped]))
    part = assemble([text], candidate.completion_ids)
    notes = (Note("dropped", name, "it does not pass") for name in dropped)
    return replace(part, notes=(*part.notes, *notes))


def _only(code: str, names: list[str]) -> str:
    """A test file with these tests alone; empty for no tests."""
    return extract_tests(parse(code.encode("utf-8", "surrogateescape")), names) if names else ""
