"""What every execution of one worker shares."""

from dataclasses import dataclass, field
from pathlib import Path

from goutbench.execute.ladder.build import environment
from goutbench.execute.options import Options
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.workspace.folders import Workplace
from goutbench.execute.workspace.subject import Subject
from goutbench.golang.toolchain.go import Toolchain
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.mutation import MutationPlan


@dataclass(frozen=True, slots=True)
class Bench:
    """`worker` chooses the user id of the runs; `salt` hides the mutants' switch from candidates.

    `helpers` has the resident Go helper of each toolchain, started on first use. `baselines` remembers
    whether a package has errors without any candidate, `orphans` which test files do not compile without the
    reference test, `plans` the mutants of each focal file.
    """

    place: Workplace
    sandbox: Sandbox
    options: Options
    worker: int
    salt: bytes
    helpers: dict[Toolchain, GoHelper] = field(default_factory=dict)
    baselines: dict[tuple[Path, str], bool] = field(default_factory=dict)
    orphans: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    plans: dict[Path, MutationPlan] = field(default_factory=dict)

    def helper(self, subject: Subject) -> GoHelper:
        """The gate's process; its environment is the build's, so that both see the same modules."""
        if subject.toolchain not in self.helpers:
            env = environment(subject, self.place, self.options)
            outside = {"TMPDIR": str(self.place.scratch), "HOME": str(self.place.scratch)}
            self.helpers[subject.toolchain] = GoHelper(subject.toolchain, env | outside)
        return self.helpers[subject.toolchain]

    def close(self) -> None:
        for helper in self.helpers.values():
            helper.close()
        self.helpers.clear()
