"""The third step: the checks of vet that `go test` makes, which run together with the build."""

import re
import shutil

from goutbench.execute.ladder.build import VET, compile_test
from goutbench.execute.ladder.type_check import empty_test
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest

PACKAGE_FAULT = "package-fails-vet"


def is_candidates_fault(
    worker: Worker, package: PackageUnderTest, faults: str, removed: tuple[str, ...]
) -> bool:
    """Whether the candidate is to blame for the output of vet: it names the candidate's file, or vet accepts
    the package without the candidate."""
    in_candidate = re.compile(rf"^(?:vet: )?(?:\S*/)?{re.escape(package.test)}:\d+:", re.MULTILINE)
    return in_candidate.search(faults) is not None or worker.once(_passes_without, package, removed)


def _passes_without(worker: Worker, package: PackageUnderTest, removed: tuple[str, ...]) -> bool:
    folder = worker.workspace.scratch_folder("run")
    try:
        overlay: Overlay = {package.test: empty_test(package), **dict.fromkeys(removed)}
        return compile_test(worker, package, overlay, folder).reason != VET
    finally:
        shutil.rmtree(folder, ignore_errors=True)
