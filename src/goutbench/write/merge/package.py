"""Puts accepted tests into the test files of their package, and checks that they pass beside all others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from goutbench.assemble.pieces import Unit
from goutbench.golang.syntax.parser import parse
from goutbench.records import Execution, Status
from goutbench.write.files import FileUnderTest
from goutbench.write.merge.additions import new_tests, with_tests
from goutbench.write.results import BESIDE, CLASHES

RunTogether = Callable[[dict[str, bytes], tuple[str, ...], bool], Execution]
"""Runs these tests of a package with an overlay of its test files; also in shuffled orders, or not."""


@dataclass(frozen=True, slots=True)
class AcceptedTest:
    """A test that adds something; `number` identifies it, `target` is the base name of the file that it goes
    into, whose content is `before` (None: a new file)."""

    number: int
    name: str
    code: str
    file: FileUnderTest
    target: str
    before: bytes | None


@dataclass(slots=True)
class MergedPackage:
    """The new tests of a package, its test files with them by their base names, the tests' names there, and
    the reason and detail of those that cannot stay, by their numbers."""

    tests: Sequence[AcceptedTest] = ()
    overlay: dict[str, bytes] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    dropped: dict[int, tuple[str, str]] = field(default_factory=dict)
    notice: str = ""


def merged_package(path: str, tests: Sequence[AcceptedTest], run: RunTogether) -> MergedPackage:
    """Merge the tests of the package with this import path, and run all of its tests together. Where that
    fails, they are added one by one, and each with which it fails is dropped.

    Shuffled orders count only where the package's own tests pass in them; where these do not pass at all, the
    new tests need to pass by themselves.
    """
    merged = _merged(tests)
    if merged.dropped:
        return merged
    own = tests[0].file.names
    names = (*own, *merged.names.values())
    if run(merged.overlay, names, True).status is Status.PASSED:
        return merged
    if not own or (alone := run({}, own, True)).status is Status.PASSED:
        return _one_by_one(tests, run, own, shuffled=True)
    culprits = ", ".join((*alone.failed, *alone.flaky)) or alone.reason
    notice = f"{path}: its own tests do not pass together in every order ({culprits})"
    if run(merged.overlay, names, False).status is not Status.PASSED:
        own_pass = run({}, own, False).status is Status.PASSED
        merged = _one_by_one(tests, run, own if own_pass else (), shuffled=False)
    merged.notice = notice
    return merged


def _one_by_one(
    tests: Sequence[AcceptedTest], run: RunTogether, own: Sequence[str], *, shuffled: bool
) -> MergedPackage:
    """Add each test that passes beside those before it and the package's own ones."""
    accepted: list[AcceptedTest] = []
    dropped: dict[int, tuple[str, str]] = {}
    for test in tests:
        attempt = _merged([*accepted, test])
        record = run(attempt.overlay, (*own, *attempt.names.values()), shuffled)
        if record.status is Status.PASSED:
            accepted.append(test)
        else:
            dropped[test.number] = BESIDE, record.evidence
    return MergedPackage(dropped=dropped) if dropped else _merged(accepted)


def _merged(tests: Sequence[AcceptedTest]) -> MergedPackage:
    """The test files with these tests, file by file, so that later ones see the names of earlier ones."""
    result = MergedPackage(tests)
    groups: dict[tuple[str, str], list[AcceptedTest]] = {}
    for test in tests:
        groups.setdefault((test.target, test.file.path), []).append(test)
    for (target, _), group in groups.items():
        remaining = group
        while remaining and (lost := _merge_group(remaining, target, result)):
            result.dropped |= lost
            remaining = [test for test in remaining if test.number not in lost]
    return result


def _merge_group(
    group: Sequence[AcceptedTest], target: str, result: MergedPackage
) -> dict[int, tuple[str, str]]:
    """Add tests of one file to the result, or return those that prevent it, with their reasons."""
    file = group[0].file
    before = result.overlay.get(target, group[0].before)
    context = file.context(target, result.overlay)
    units = [Unit(number, 0, parse(test.code.encode())) for number, test in enumerate(group, 1)]
    new = new_tests(before, units, context)
    renamed = {
        (note.reply, old): name
        for note in new.notes
        if note.kind == "renamed"
        for old, _, name in [note.what.partition(" -> ")]
    }
    names = {test.number: renamed.get((number, test.name), test.name) for number, test in enumerate(group, 1)}
    present = {test.name for test in parse(new.code.encode()).tests}
    lost = {number for number, name in names.items() if name not in present}
    after = with_tests(before, new.code, file.source) if new.code and not lost else None
    if after is None:
        # without a culprit, the last one is tried without
        numbers = lost or {group[-1].number}
        return dict.fromkeys(numbers, (CLASHES, f"it cannot be merged into {target}"))
    result.overlay[target] = after
    result.names |= names
    return {}
