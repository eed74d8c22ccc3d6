"""Mutants that no test can kill: their machine code is that of the original."""

from collections.abc import Iterable
from pathlib import Path

from goutbench.execute.ladder.build import list_machine_code
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.machine_code import same_code, with_copies
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan

MACHINE_CODE = "the same machine code"
"""The proof of these mutants; others have those of `gohelper/mutation/equivalent.go`."""


def equivalent_mutants(
    worker: Worker, package: PackageUnderTest, plan: MutationPlan, mutants: Iterable[Mutant], folder: Path
) -> dict[int, str]:
    """The proofs by id of those of the mutants that are equivalent to the original.

    One build in the scratch folder `folder` compiles all that no earlier candidate has asked for. Without
    it, as when a limit stops it, none is equivalent.
    """
    known = worker.once(_known, package)
    wanted = sorted({mutant.id for mutant in mutants})
    unknown = [mutant for mutant in plan.mutants if mutant.id in wanted and mutant.id not in known]
    if source := with_copies(package.focal_source, plan.functions, unknown, plan.prefix):
        overlay: Overlay = {package.focal: source}
        listing = list_machine_code(worker, package, overlay, folder)
        same: frozenset[int] = frozenset()
        if listing is not None:
            with listing.open(encoding="utf-8", errors="replace") as lines:
                same = same_code(lines, plan.prefix)
            listing.unlink()
        known |= {mutant.id: mutant.id in same for mutant in unknown}
    return {number: MACHINE_CODE for number in wanted if known.get(number)}


def _known(worker: Worker, package: PackageUnderTest) -> dict[int, bool]:
    """Whether the mutants that were asked for are equivalent, by id. What candidates learn is added."""
    return {}
