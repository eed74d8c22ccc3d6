"""The fourth step: compile the candidate to a test binary, through an overlay, in its own sandbox.

The same command makes the checks of vet that `go test` makes, which depend on the toolchain.
"""

import codecs
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from goutbench.execute.ladder.faults import NOT_REQUIRED, environment_fault
from goutbench.execute.sandbox.command import COMPILER, GIB, Command, Limits, Outcome
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.test_output import evidence

NO_TEST_FILES = "no-test-files"
VET = "vet"
BUSY = "machine-busy"
_PATIENCE = 4
"""Wall seconds of a build for each second of CPU time that its processes may use."""
_VET_HEADER = re.compile(r"^# \[.+\]$", re.MULTILINE)
_EXHAUSTED = ("signal: killed", "out of memory", "cannot allocate memory")
Overlay = dict[str, bytes | None]
"""New contents of the package's files by base name; None removes a file."""


@dataclass(frozen=True, slots=True)
class Build:
    """A finished compilation. Without a `binary`, `reason` and `evidence` say why there is none.

    `infra` is True when the environment failed: neither the candidate nor the model is at fault. `cover` says
    whether the binary measures coverage.
    """

    binary: Path | None
    reason: str
    evidence: str
    infra: bool
    cpu_seconds: float
    cover: bool = True

    @classmethod
    def failed(cls, outcome: Outcome, candidate: str) -> Self:
        """A compilation without a binary: what the output says about the reason."""
        text, reason, infra = evidence(outcome.stdout, outcome.stderr), "compile-error", False
        if outcome.stopped == "wall":
            reason, infra = BUSY, True
            text = f"the build waited for the CPU: use fewer workers or more --build-seconds\n{text}"
        elif not outcome.started:
            reason, infra = "sandbox", True
        elif outcome.stopped or outcome.memory_exceeded or any(sign in text for sign in _EXHAUSTED):
            reason = "compile-limit"
            text = f"the compiler was stopped at a limit ({outcome.stopped or 'memory or CPU'})\n{text}"
        elif outcome.ok:
            reason = NO_TEST_FILES
        elif fault := environment_fault(text, candidate):
            reason, infra = fault, fault != NOT_REQUIRED
        elif _VET_HEADER.search(text):
            reason = VET
        return cls(None, reason, text, infra, outcome.cpu_seconds)


def compile_test(worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path) -> Build:
    """Vet and compile the package with an overlay, with coverage, in the scratch folder `folder`.

    A package with a byte order mark is built without coverage if it fails with it.
    """
    build = _compile(worker, package, overlay, folder, "cover", ["-cover"])
    if build.binary is None and _has_byte_order_mark(package):
        return _compile(worker, package, overlay, folder, "uncovered", [])
    return build


def _has_byte_order_mark(package: PackageUnderTest) -> bool:
    """Whether -cover may fail where `go test` does not: it writes text in front of the mark."""
    sources = (path for path in package.folder.glob("*.go") if not path.name.endswith("_test.go"))
    return any(path.read_bytes().startswith(codecs.BOM_UTF8) for path in sources)


def compile_mutants(worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path) -> Build:
    """Compile the package with an overlay of the focal file: without vet, whose word is on the candidate, and
    without -cover, which ignores overlays of non-test files (golang/go#73802)."""
    return _compile(worker, package, overlay, folder, "plain", ["-vet=off"])


def _compile(
    worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path, kind: str, flags: list[str]
) -> Build:
    """`go test -c`: only this command writes to the build cache. It names the binary as `go test` does, which
    tests can see."""
    sources, out = folder / "overlay", folder / kind
    sources.mkdir(exist_ok=True)
    replacements = {}
    for name, content in overlay.items():
        if content is not None:
            (sources / name).write_bytes(content)
        replacements[str(package.folder / name)] = str(sources / name) if content is not None else ""
    (sources / "overlay.json").write_text(json.dumps({"Replace": replacements}))
    out.mkdir(exist_ok=True)
    if worker.sandbox.user_id(COMPILER) != os.geteuid():
        os.chown(out, worker.sandbox.user_id(COMPILER), -1)
    flags = [*flags, *(["-race"] if worker.options.race else [])]
    seconds = worker.options.build_seconds
    command = Command(
        argv=(
            str(package.toolchain.go), "test", "-c", *flags, "-ldflags=-s -w",
            f"-overlay={sources / 'overlay.json'}", "-o", f"{out}/", ".",
        ),
        cwd=package.folder,
        env=worker.go_environment(package) | {"PWD": str(package.folder)},
        readable=(*package.readable_folders(), worker.workspace.module_cache, sources),
        writable=(worker.workspace.build_cache, out),
        limits=Limits(
            wall=_PATIENCE * seconds, cpu=max(1, int(seconds)), data=4 * GIB, memory=6 * GIB, processes=512,
            file_size=1 * GIB, open_files=4096,
        ),
        worker=COMPILER,
    )  # fmt: skip
    outcome = worker.sandbox.run(command)
    binary = next(out.glob("*.test"), None)
    if outcome.ok and binary is not None:
        return Build(binary, "", "", False, outcome.cpu_seconds, "-cover" in flags)
    build = Build.failed(outcome, package.test)
    # vet names the files of the overlay, the compiler those that they replace
    relative = os.path.relpath(sources, package.folder)
    text = build.evidence.replace(f"{sources}/", "./").replace(f"{relative}/", "./")
    return replace(build, evidence=text)


def builds_without_candidate(
    worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path
) -> bool:
    """Whether the package builds with an empty test instead of the candidate.

    If not, this machine or the repository is at fault for a failed build that the type check did not predict.
    """
    build = compile_test(worker, package, overlay, folder)
    return build.binary is not None or build.reason in (NO_TEST_FILES, VET)
