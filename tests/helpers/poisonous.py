"""A ladder that kills the process of its worker, as a candidate could that exhausts the memory."""

import os
import signal

from goutbench.execute.ladder.climb import climb
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Candidate, Execution

POISON = "// poison"


def climb_or_die(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
    """`climb`, but for candidates with POISON in their code."""
    if POISON in candidate.code:
        os.kill(os.getpid(), signal.SIGKILL)
    return climb(worker, package, candidate)
