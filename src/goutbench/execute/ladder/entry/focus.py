"""How to run only what a candidate adds to a test of another file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goutbench.execute.ladder.entry.plan import EntryPlan
from goutbench.golang.analysis.registrations import GINKGO, GINKGO_1, GOCHECK
from goutbench.golang.toolchain.test_output import TestOutput

_MAX_PATTERN = 60_000
"""Bytes; a longer argument does not reach the program."""

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


@dataclass(frozen=True, slots=True)
class Focus:
    """A part of tests: the pattern for -test.run of the level below, or the flags of a framework.

    `methods` are the test methods of which at least one must have a result.
    """

    subtests: str = ""
    flags: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def names(self, output: TestOutput) -> tuple[str, ...]:
        """The subtests that ran, and that the candidate adds; none if the framework reports none."""
        if not self.methods:
            return ()
        expected = {name for method in self.methods for name in (method, method.removeprefix("Test"))}
        return tuple(
            name for name in output.subtests if name.count("/") == 1 and name.split("/")[1] in expected
        )

    def has_effect(self, output: TestOutput) -> bool:
        """Whether anything of the candidate ran."""
        return bool(self.names(output)) if self.methods else output.specs > 0


def focuses(plan: EntryPlan, test_file: str, seed: int) -> Iterator[Focus]:
    """The ways to run the candidate alone, without knowing how the tests run it."""
    added = plan.added
    flags = framework_flags(plan, seed)
    file = f"/{re.escape(test_file)}$"
    if added.framework == GINKGO:
        yield Focus(flags=(*flags, f"-ginkgo.focus-file={file}"))
    elif added.framework == GINKGO_1:
        yield Focus(
            flags=(*flags, "-ginkgo.regexScansFilePath=true", f"-ginkgo.focus=/{re.escape(test_file)}")
        )
    elif added.framework == GOCHECK and added.methods:
        own = {method.partition(".")[0] for method in added.methods}.difference(added.suites)
        names = "|".join([*sorted(own), *(re.escape(method) for method in added.methods)])
        yield Focus(flags=(*flags, f"-check.f=^({names})$"))
    elif added.methods:
        methods = tuple(method.partition(".")[2] for method in added.methods)
        names = "|".join(dict.fromkeys(method.removeprefix("Test") for method in methods))
        yield Focus(subtests=f"/^(Test)?({names})$", methods=methods)


def framework_flags(plan: EntryPlan, seed: int) -> tuple[str, ...]:
    """Flags for all runs with the candidate's framework: Ginkgo's order of specs is random otherwise."""
    colour = {GINKGO: "-ginkgo.no-color", GINKGO_1: "-ginkgo.noColor"}.get(plan.added.framework or GOCHECK)
    return (colour, f"-ginkgo.seed={seed}") if colour else ()


def subtest_pattern(names: Sequence[str]) -> str | None:
    """A pattern for -test.run that selects these subtests, of one or several tests; None if there is none.

    The testing package numbers subtests of equal names, so their numbers change with the candidate.
    """
    if any("#" in name for name in names):
        return None
    levels = ["/".join(f"^{_SPECIAL.sub(_escaped, level)}$" for level in name.split("/")) for name in names]
    pattern = "|".join(levels)
    return pattern if 0 < len(pattern) < _MAX_PATTERN else None


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[0]
