"""From a candidate to a test binary: the overlay, the compile command in its own sandbox, and whose fault a
failure is."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.options import Options
from goutbench.execute.sandbox.command import COMPILER, GIB, Command, Limits, Sandbox
from goutbench.execute.workspace.folders import Workplace
from goutbench.execute.workspace.subject import Subject
from goutbench.golang.toolchain.go import go_env
from goutbench.golang.toolchain.test_output import evidence

BINARY = "x.test"
# go.mod, go.sum or the vendor folder does not give a module: the repository's fault when the package does not
# build without the candidate either, else that of the candidate, which imports what nobody requires
NOT_REQUIRED = "module-not-required"

_ENVIRONMENT_FAULTS = {
    "missing-module": r"module lookup disabled by GOPROXY=off"
    r"|cannot find module providing package .*: module lookup"
    r"|/cache/download/.*(permission denied|read-only file system)",
    NOT_REQUIRED: r"missing go\.sum entry|inconsistent vendoring|updates to go\.mod needed",
    "go-version": r"requires go >= |go\.mod requires go|toolchain not available|requires newer Go version",
    "c-library": r"fatal error: .*\.h: No such file|cannot find -l|ld: library .* not found"
    r"|C compiler .* not found|pkg-config.*not found|Package .* was not found in the pkg-config",
    "cgo-off": r"build constraints exclude all Go files|requires cgo",
    "disk-full": r"no space left on device",
}  # fmt: skip

_OF_MODULES = ("missing-module", NOT_REQUIRED)


@dataclass(frozen=True, slots=True)
class Build:
    """A finished compile: `binary` is None when there is none, then `reason` and `evidence` say why.

    `infra` is True when the environment failed: not the candidate, and not the model.
    """

    binary: Path | None
    reason: str
    evidence: str
    infra: bool
    cpu_seconds: float


def environment(subject: Subject, place: Workplace, options: Options) -> dict[str, str]:
    """The environment of every go command about this subject: offline, with the shared caches."""
    cgo = "1" if options.cgo or options.race else "0"
    extra = {"CGO_ENABLED": cgo, "GO111MODULE": "on", "TMPDIR": "/tmp", "HOME": "/tmp/home"}
    return go_env(subject.toolchain, cache=place.build_cache, modcache=place.module_cache, extra=extra)


def compile_test(
    subject: Subject,
    replacements: dict[str, bytes | None],
    folder: Path,
    *,
    sandbox: Sandbox,
    place: Workplace,
    options: Options,
    cover: bool,
) -> Build:
    """`go test -c` with `replacements` laid over the package: base name → new content, None to delete.

    Only this command touches the build cache. Never `cover` with a replaced focal file: -cover does not look
    at overlays of non-test files (golang/go#73802).
    """
    sources = folder / "overlay"
    sources.mkdir(exist_ok=True)
    overlay = {}
    for name, content in replacements.items():
        if content is not None:
            (sources / name).write_bytes(content)
        overlay[str(subject.package / name)] = str(sources / name) if content is not None else ""
    (sources / "overlay.json").write_text(json.dumps({"Replace": overlay}))
    out = folder / ("cover" if cover else "plain")
    out.mkdir(exist_ok=True)
    if sandbox.user_id(COMPILER) != os.geteuid():
        os.chown(out, sandbox.user_id(COMPILER), -1)
    flags = [*(["-cover"] if cover else []), *(["-race"] if options.race else [])]
    command = Command(
        argv=(
            str(subject.toolchain.go), "test", "-c", "-vet=off", *flags, "-ldflags=-s -w",
            f"-overlay={sources / 'overlay.json'}", "-o", str(out / BINARY), ".",
        ),
        cwd=subject.package,
        env=environment(subject, place, options) | {"PWD": str(subject.package)},
        readable=(*readable(subject), place.module_cache, sources),
        writable=(place.build_cache, out),
        limits=_limits(options),
        worker=COMPILER,
    )  # fmt: skip
    outcome = sandbox.run(command)
    text = evidence(outcome.stdout, outcome.stderr)
    if outcome.ok and (out / BINARY).is_file():
        return Build(out / BINARY, "", "", False, outcome.cpu_seconds)
    reason, infra = "compile-error", False
    if not outcome.started:
        reason, infra = "sandbox", True
    elif outcome.stopped or outcome.memory_exceeded or _exhausted(text):
        reason = "compile-limit"
        text = f"the compiler was stopped at a limit ({outcome.stopped or 'memory or CPU'})\n{text}"
    elif outcome.ok:
        reason = "no-test-files"
    elif fault := environment_fault(text, subject.test):
        reason, infra = fault, fault != NOT_REQUIRED
    return Build(None, reason, text, infra, outcome.cpu_seconds)


def _exhausted(text: str) -> bool:
    return any(words in text for words in ("signal: killed", "out of memory", "cannot allocate memory"))


def environment_fault(text: str, candidate: str) -> str:
    """The word for a failure of the environment that `text` (a go command's words) tells of, else empty.

    A line that begins with the candidate's own position speaks of the candidate, but for what is said of
    modules: go names there whoever imports what is missing.
    """
    for line in text.splitlines():
        own = re.match(rf"(\S*/)?{re.escape(candidate)}:\d+", line) is not None
        for word, pattern in _ENVIRONMENT_FAULTS.items():
            if re.search(pattern, line) and (not own or word in _OF_MODULES):
                return word
    return ""


def readable(subject: Subject) -> tuple[Path, ...]:
    """What of the host a command about this subject may read: the toolchain and the tree."""
    goroot = subject.toolchain.goroot.resolve()
    root = subject.tree.root.resolve()
    return (goroot,) if root.is_relative_to(goroot) else (goroot, root)


def _limits(options: Options) -> Limits:
    return Limits(
        wall=options.build_seconds,
        cpu=int(options.build_seconds),
        data=4 * GIB,
        memory=6 * GIB,
        processes=512,
        file_size=1 * GIB,
        open_files=4096,
    )
