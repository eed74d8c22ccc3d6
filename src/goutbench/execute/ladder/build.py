"""The fourth step: compile the candidate to a test binary, through an overlay, in its own sandbox.

The same command makes the checks of vet that `go test` makes, which depend on the toolchain.
"""

import codecs
import hashlib
import json
import os
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from goutbench.execute.ladder.faults import (
    BUILD_MEMORY,
    BUILD_TIMED_OUT,
    COMPILE_ERROR,
    LINKER,
    NO_TEST_FILES,
    SANDBOX,
    VET,
    candidate_may_cause,
    environment_fault,
)
from goutbench.execute.sandbox.command import COMPILER, GIB, Command, Limits, Outcome
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.folders import staging_folder
from goutbench.execute.workspace.hidden import SOURCES
from goutbench.execute.workspace.package import Overlay, PackageUnderTest, empty_test
from goutbench.golang.syntax.header import package_name
from goutbench.golang.toolchain.answers import HelperError
from goutbench.golang.toolchain.branches import BranchPlan, plan_branches, write_tool
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.golang.toolchain.test_output import evidence
from goutbench.golang.toolchain.testwitness import witness_sources

_VET_HEADER = re.compile(r"^# \[.+\]$", re.MULTILINE)
_PATIENCE = 3
_FIRST = "goutbench_first_test.go"
_COUNTING = ["-cover", "-covermode=atomic"]
_NO_DWARF = "-gcflags=-dwarf=false"
"""The linker leaves out debugging data anyway; the machine code is the same."""
_WITHOUT_BRANCHES = (COMPILE_ERROR, LINKER)
_EXHAUSTED = ("signal: killed", "out of memory", "cannot allocate memory")


@dataclass(frozen=True, slots=True)
class Build:
    """A finished compilation. Without a `binary`, `reason` and `evidence` say why there is none.

    `infra` is True when the environment failed: neither the candidate nor the model is at fault. `cover` says
    whether the binary measures coverage, `branches` whether it counts outcomes of branches.
    """

    binary: Path | None
    reason: str
    evidence: str
    infra: bool
    cpu_seconds: float
    cover: bool = True
    branches: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the compiler accepts all files: vet may still refuse them, and there may be no test."""
        return self.binary is not None or self.reason in (NO_TEST_FILES, VET)

    @property
    def stopped(self) -> bool:
        """Whether it was stopped at a limit."""
        return self.reason in (BUILD_TIMED_OUT, BUILD_MEMORY)

    @classmethod
    def failed(cls, outcome: Outcome, candidate: str) -> Self:
        """A compilation without a binary: what the output says about the reason."""
        text, reason, infra = evidence(outcome.stdout, outcome.stderr), COMPILE_ERROR, False
        if outcome.stopped == "wall":
            reason = BUILD_TIMED_OUT
        elif not outcome.started:
            reason, infra = SANDBOX, True
        elif outcome.stopped or outcome.memory_exceeded or any(sign in text for sign in _EXHAUSTED):
            reason = BUILD_MEMORY
        elif outcome.ok:
            reason = NO_TEST_FILES
        elif fault := environment_fault(text, candidate):
            reason, infra = fault, not candidate_may_cause(fault)
        elif _VET_HEADER.search(text):
            reason = VET
        return cls(None, reason, text, infra, outcome.cpu_seconds)


def compile_test(
    worker: Worker,
    package: PackageUnderTest,
    overlay: Overlay,
    folder: Path,
    *,
    counting: bool = False,
    branches: bool = True,
) -> Build:
    """Vet and compile the package with an overlay, with coverage, in the scratch folder `folder`.

    With `counting`, its coverage counts how often each statement ran. A package with a byte order mark is
    built without coverage if it fails with it, and any package without counters of branches, as without
    `branches`.
    """
    cover = _COUNTING if counting else ["-cover"]
    code = overlay.get(package.test) or b""
    if b"func Example" in code and b'"testing"' not in code:
        # package testing reads the witness's token before code of the candidate can
        first = f'package {package_name(code)}\n\nimport _ "testing"\n'.encode()
        overlay = overlay | {_FIRST: first}
    kind = "counting" if counting else "cover"
    build = _compile_covered(worker, package, overlay, folder, kind, cover, branches=branches)
    if build.binary is None and _has_byte_order_mark(package):
        return _compile(worker, package, overlay, folder, "uncovered", [])
    return build


def _compile_covered(
    worker: Worker,
    package: PackageUnderTest,
    overlay: Overlay,
    folder: Path,
    kind: str,
    flags: list[str],
    *,
    branches: bool,
) -> Build:
    """With counters of branches if there are any, and without them where that does not compile."""
    if not branches:
        return _compile(worker, package, overlay, folder, f"{kind}-plain", flags)
    plan = branch_plan(worker, package)
    if not plan.outcomes:
        return _compile(worker, package, overlay, folder, kind, flags)
    build = _compile(worker, package, overlay, folder, kind, flags, plan)
    if build.reason not in _WITHOUT_BRANCHES:
        return build
    plain = _compile(worker, package, overlay, folder, kind, flags)
    return replace(plain, cpu_seconds=build.cpu_seconds + plain.cpu_seconds)


def branch_plan(worker: Worker, package: PackageUnderTest) -> BranchPlan:
    """The branches of the focal file. Only answers are kept: what keeps the Go helper from one may pass."""
    try:
        return worker.once(_branch_plan, package)
    except HelperError as error:
        return BranchPlan((), b"", str(error))


def _branch_plan(worker: Worker, package: PackageUnderTest) -> BranchPlan:
    return plan_branches(
        worker.helper(package),
        package.folder,
        package.focal,
        flags=worker.options.build_flags,
        go_work=package.go_work,
        salt=worker.salt,
    )


def _has_byte_order_mark(package: PackageUnderTest) -> bool:
    """Whether -cover may fail where `go test` does not: it writes text in front of the mark."""
    return any(path.read_bytes().startswith(codecs.BOM_UTF8) for path in package.sources())


def compile_without(
    worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path, *, branches: bool
) -> Build:
    """Compile the package with an overlay that lacks the candidate, with coverage that counts, and no vet."""
    flags = [*_COUNTING, "-vet=off"]
    return _compile_covered(worker, package, overlay, folder, "without", flags, branches=branches)


def compile_own(worker: Worker, package: PackageUnderTest, folder: Path) -> Build:
    """Compile the package as it is, with its own tests and with coverage, and without vet.

    A package with a byte order mark is built without coverage if it fails with it.
    """
    build = _compile(worker, package, {}, folder, "cover", ["-cover", "-vet=off"])
    if build.binary is None and _has_byte_order_mark(package):
        return _compile(worker, package, {}, folder, "uncovered", ["-vet=off"])
    return build


def compile_mutants(
    worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path, kind: str
) -> Build:
    """Compile the package with an overlay of the focal file: without vet, whose word is on the candidate, and
    without -cover, which ignores overlays of non-test files (golang/go#73802)."""
    return _compile(worker, package, overlay, folder, kind, ["-vet=off"])


def list_machine_code(
    worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path
) -> Path | None:
    """Compile the package without its tests, with an overlay: the file with the assembly listing of its code.

    None if it does not compile within the limits.
    """
    out = _output_folder(worker, folder / "listing")
    sources = _write_overlay(worker, package, overlay, folder)
    build = (
        str(package.toolchain.go), "build", "-gcflags=-S", *worker.options.build_flags,
        f"-overlay={sources / 'overlay.json'}", "-o", os.devnull, ".",
    )  # fmt: skip
    listing = out / "listing.txt"
    argv = ("/bin/sh", "-c", f'exec "$@" 2>{shlex.quote(str(listing))}', "sh", *build)
    outcome = worker.sandbox.run(_command(worker, package, argv, sources, out))
    return listing if outcome.ok and listing.is_file() else None


def _compile(
    worker: Worker,
    package: PackageUnderTest,
    overlay: Overlay,
    folder: Path,
    kind: str,
    flags: list[str],
    branches: BranchPlan | None = None,
) -> Build:
    """`go test -c`: only this command writes to the build cache. It names the binary as `go test` does, which
    tests can see."""
    out = _output_folder(worker, folder / kind)
    sources = _write_overlay(worker, package, overlay, folder)
    flags = [*flags, *worker.options.build_flags, *(["-race"] if worker.options.race else [])]
    if "-gcflags" not in worker.options.go_flags:  # the command line would replace the user's
        flags.append(_NO_DWARF)
    if branches is not None:
        flags.append(write_tool(sources, branches, worker.helper_program(package)))
    argv = (
        str(package.toolchain.go), "test", "-c", *flags, "-ldflags=-s -w",
        f"-overlay={sources / 'overlay.json'}", "-o", f"{out}/", ".",
    )  # fmt: skip
    outcome = worker.sandbox.run(_command(worker, package, argv, sources, out))
    binary = next(out.glob("*.test"), None)
    if outcome.ok and binary is not None:
        cover, counts = "-cover" in flags, branches is not None
        return Build(binary, "", "", False, outcome.cpu_seconds, cover, counts)
    build = Build.failed(outcome, package.test)
    # vet names the files of the overlay, the compiler those that they replace
    relative = os.path.relpath(sources, package.folder)
    text = build.evidence.replace(f"{sources}/", "./").replace(f"{relative}/", "./")
    return replace(build, evidence=text)


def _output_folder(worker: Worker, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    if worker.sandbox.user_id(COMPILER) != os.geteuid():
        os.chown(out, worker.sandbox.user_id(COMPILER), -1)
    return out


def _write_overlay(worker: Worker, package: PackageUnderTest, overlay: Overlay, folder: Path) -> Path:
    """The folder with the files of an overlay, and `overlay.json`, which names what they replace."""
    sources = folder / SOURCES
    sources.mkdir(exist_ok=True)
    replacements = dict(worker.once(_witness, package.toolchain))
    for name, content in overlay.items():
        if content is not None:
            (sources / name).write_bytes(content)
        replacements[str(package.folder / name)] = str(sources / name) if content is not None else ""
    (sources / "overlay.json").write_text(json.dumps({"Replace": replacements}))
    return sources


def _command(
    worker: Worker, package: PackageUnderTest, argv: tuple[str, ...], sources: Path, out: Path
) -> Command:
    """A command that compiles the package with an overlay, in the sandbox."""
    seconds = worker.options.build_seconds
    return Command(
        argv=argv,
        cwd=package.folder,
        env=worker.go_environment(package) | {"PWD": str(package.folder)},
        readable=(
            *package.readable_folders(), worker.workspace.module_cache, worker.workspace.witness, sources,
            worker.helper_program(package),
        ),
        writable=(worker.workspace.build_cache, out),
        limits=Limits(
            wall=seconds, cpu=max(1, int(seconds)), data=4 * GIB, memory=6 * GIB, processes=512,
            file_size=1 * GIB, open_files=4096,
        ),
        worker=COMPILER,
    )  # fmt: skip


def _witness(worker: Worker, toolchain: Toolchain) -> dict[str, str]:
    """The overlay of the standard library's test packages: their paths, and those of our versions.

    Raises ToolError if they are not as expected.
    """
    files = witness_sources(toolchain)
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    folder = worker.workspace.witness / digest
    if not folder.is_dir():
        with staging_folder(folder) as staging:
            for name, text in files.items():
                path = staging / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return {str(toolchain.goroot / "src" / name): str(folder / name) for name in files}


def build_without_candidate(worker: Worker, package: PackageUnderTest, removed: tuple[str, ...]) -> Build:
    """The build with an empty test instead of the candidate, and without the siblings `removed`.

    It has more time: with an empty cache it compiles and vets everything that the package imports.
    """
    patient = replace(worker.options, build_seconds=_PATIENCE * worker.options.build_seconds)
    folder = worker.workspace.scratch_folder("run")
    try:
        overlay: Overlay = {package.test: empty_test(package), **dict.fromkeys(removed)}
        return compile_test(replace(worker, options=patient), package, overlay, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
