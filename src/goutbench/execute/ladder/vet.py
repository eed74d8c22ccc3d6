"""The third step: the checks of vet that `go test` makes, which run together with the build."""

import re

from goutbench.execute.ladder.build import build_without_candidate
from goutbench.execute.ladder.faults import VET
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest


def is_candidates_fault(
    worker: Worker, package: PackageUnderTest, faults: str, removed: tuple[str, ...]
) -> bool:
    """Whether the candidate is to blame for the output of vet: it names the candidate's file, or vet accepts
    the package without the candidate."""
    in_candidate = re.compile(rf"^(?:vet: )?(?:\S*/)?{re.escape(package.test)}:\d+:", re.MULTILINE)
    return in_candidate.search(faults) is not None or (
        worker.once(build_without_candidate, package, removed).reason != VET
    )
