"""What this machine can isolate. Every property is tested, not assumed; container engines are only listed."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goutbench.errors import GoutbenchError
from goutbench.execute.sandbox import cgroup
from goutbench.execute.sandbox.choose import strongest
from goutbench.execute.sandbox.command import Command, Sandbox
from goutbench.execute.sandbox.copies import why_no_overlay
from goutbench.execute.sandbox.engine import ENGINES
from goutbench.execute.sandbox.no_sandbox import NoSandbox
from goutbench.execute.workspace.folders import open_workspace
from goutbench.golang.toolchain.helper import install_program
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.locations import workspace_folder
from goutbench.parallel.cluster import on_all_nodes

_FREE_GIB = 5
"""Below this, trees and build caches of a few large repositories may not fit."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `state` is "ok", "weak" (works with less isolation), "missing" (`execute`
    refuses to run) or "untried" (installed; whether it works is not known)."""

    what: str
    state: str
    detail: str
    hint: str = ""


def _status(pattern: str) -> str:
    """A script that succeeds where a line of the shell's own state in the kernel matches."""
    loop = f'while read -r line; do case "$line" in {pattern}) exit 0;; esac; done'
    return f"{loop} < /proc/self/status; exit 1"


_PROBES = {
    "the host's file system is read-only": "! touch /usr/goutbench-probe && ! touch /goutbench-probe",
    "no home directory can be read": f"! ls {Path.home()}/ || test {Path.home()} = /",
    "no environment of ours leaks": "test -z \"$GOUTBENCH_PROBE\"",
    "kernel settings cannot be written": "! sh -c 'echo 1 > /proc/sys/vm/overcommit_memory'",
    "no further user namespaces": "! unshare --user true",
    "rare system calls are refused": _status("Seccomp:*2"),
    "only the loopback network": "test $(ls /proc/sys/net/ipv4/conf | grep -cvE '^(all|default|lo)$') = 0",
    "no capabilities": _status("CapEff:*0000000000000000"),
    "processes of the host are not visible": "test $(ls /proc | grep -cE '^[0-9]+$') -lt 20",
}  # fmt: skip


def examine(work: Path | None = None) -> Iterator[Check]:
    """All checks, in the order in which a missing requirement would stop an execution."""
    try:
        toolchain = find_toolchain()
    except GoutbenchError as error:
        yield Check("Go", "missing", error.what, error.hint)
        return
    yield Check("Go", "ok", f"{toolchain.version} ({toolchain.go}, {toolchain.source})")
    for name, purpose, state in (
        ("git", "materialising commits needs it", "missing"),
        ("gcc", "needed for --race and --cgo only", "weak"),
    ):
        path = shutil.which(name)
        yield Check(name, "ok", path) if path else Check(name, state, purpose, f"install {name}")
    for engine in filter(shutil.which, ENGINES):
        detail = f"installed; `execute` tries it with --sandbox {engine} --image NAME@sha256:DIGEST only"
        yield Check(engine, "untried", detail)
    root = workspace_folder(work)
    try:
        init = install_program(toolchain, root, "sandboxinit")
    except (GoutbenchError, OSError) as error:
        yield Check("workspace", "missing", str(error), "give --work DIR")
        return
    yield _disk(root)
    sandbox, reasons = strongest(init)
    problems = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    try:
        yield Check("workspace", "ok", str(open_workspace(root, sandbox or NoSandbox(init)).root))
    except GoutbenchError as error:
        yield Check("workspace", "missing", error.what, error.hint)
    if sandbox is None:
        yield Check("sandbox", "missing", problems, _sandbox_hint())
        return
    if sandbox.limitation:
        detail = f"{sandbox.name}, which is weaker: {sandbox.limitation} ({problems})"
        yield Check("sandbox", "weak", detail, _sandbox_hint())
    elif os.geteuid() == 0:
        detail = f"{sandbox.name}; commands run as user {sandbox.user_id(0)} and up, which owns nothing here"
        yield Check("sandbox", "ok", detail)
    else:
        detail = f"{sandbox.name}; commands run as your own user id, so only namespaces isolate them"
        yield Check("sandbox", "ok", detail)
    os.environ["GOUTBENCH_PROBE"] = "leaked"
    for what, script in _PROBES.items():
        variables = {"PATH": "/usr/bin:/bin:/usr/sbin"}
        outcome = sandbox.run(Command(("/bin/sh", "-c", script), Path("/tmp"), variables))
        state, detail = ("ok", "tried") if outcome.ok else ("weak", f"exit {outcome.exit_code}")
        yield Check(what, state, detail)
    yield _copies(sandbox, root.resolve() / "trees")
    yield _cgroups()


def examine_nodes(address: str, work: Path | None = None) -> Iterator[tuple[str, Check]]:
    """The name and the checks of each node of a Ray cluster; a node that does not answer has one.

    The last one is whether it has the Go and the sandbox of this machine. Raises ConfigError without Ray,
    ToolError without a cluster.
    """
    here = _go_and_sandbox(work)
    for node, result in sorted(on_all_nodes(partial(_examine_all, work), address).items()):
        if isinstance(result, GoutbenchError):
            yield node, Check("node", "missing", result.what, result.hint)
            continue
        checks, there = result
        yield from ((node, check) for check in checks)
        yield node, compare_machines(here, there)


def compare_machines(here: str, there: str) -> Check:
    """Whether a node can execute for a command on this machine; both have their Go and sandbox as text."""
    what = "the Go and sandbox of this command"
    if there == here:
        return Check(what, "ok", there)
    detail = f"{there}, but the command has {here}: all units of this node would be `worker-differs`"
    return Check(what, "missing", detail, "install the same on all nodes")


def _examine_all(work: Path | None) -> tuple[list[Check], str]:
    return list(examine(work)), _go_and_sandbox(work)


def _go_and_sandbox(work: Path | None) -> str:
    """What records depend on: the version of Go, and the sandbox that `execute` would choose."""
    try:
        toolchain = find_toolchain()
        sandbox, _ = strongest(install_program(toolchain, workspace_folder(work), "sandboxinit"))
    except (GoutbenchError, OSError):
        return "no Go"
    return f"{toolchain.version}, {sandbox.name if sandbox else 'no sandbox'}"


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free >> 30
    hint = "free some space, or give --work on another disk" if free < _FREE_GIB else ""
    return Check("disk", "ok" if free >= _FREE_GIB else "weak", f"{free} GiB free at {root}", hint)


def _copies(sandbox: Sandbox, trees: Path) -> Check:
    what = "private copies of sources"
    problem = why_no_overlay(sandbox, trees)
    if not problem:
        return Check(what, "ok", "by an overlay file system")
    detail = f"file by file before every run, which is slow: {problem}"
    return Check(what, "weak", detail, "use Linux 6.6 or newer, and --work DIR on ext4, xfs or btrfs")


def _cgroups() -> Check:
    version, bases = cgroup.parents()
    if bases:
        return Check("memory and process cgroup", "ok", f"version {version}: {', '.join(map(str, bases))}")
    return Check(
        "memory and process cgroup",
        "weak",
        "none is writable: memory and processes are limited for each process, not for all together",
        "run as root, or under `systemd-run --user --scope -p Delegate=yes`",
    )


def _sandbox_hint() -> str:
    switches = {
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
        "/proc/sys/kernel/unprivileged_userns_clone": "0",
        "/proc/sys/user/max_user_namespaces": "0",
    }
    for path, off in switches.items():
        if Path(path).is_file() and Path(path).read_text().strip() == off:
            key = path.removeprefix("/proc/sys/").replace("/", ".")
            return f"unprivileged user namespaces are off: see sysctl {key}"
    return "install bubblewrap (and util-linux), and allow unprivileged user namespaces"
