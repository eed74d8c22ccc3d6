"""What this machine can contain, and why: each claim is tried, not guessed."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import GoutbenchError
from goutbench.execute.evaluate import Site, install_keeper
from goutbench.execute.sandbox import cgroup
from goutbench.execute.sandbox.choose import Bubblewrap, Uncontained, why_not_bubblewrap
from goutbench.execute.sandbox.command import Command, Sandbox
from goutbench.execute.sandbox.unshare import Unshare, why_not_unshare
from goutbench.execute.workspace.folders import default_root, open_workplace
from goutbench.golang.toolchain.go import find_toolchain


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `state` is "ok", "weak" (works with less) or "missing" (execution refuses)."""

    what: str
    state: str
    found: str
    hint: str = ""


_PROBES = {
    "the host's file system is read-only": "! touch /usr/goutbench-probe && ! touch /goutbench-probe",
    "no home directory is visible": f"test ! -e {Path.home()}/. || test {Path.home()} = /",
    "no environment of ours leaks": "test -z \"$GOUTBENCH_PROBE\"",
    "kernel settings cannot be written": "! sh -c 'echo 1 > /proc/sys/vm/overcommit_memory'",
    "no further user namespaces": "! unshare --user true",
    "only the loopback network": "test $(ls /proc/sys/net/ipv4/conf | grep -cvE '^(all|default|lo)$') = 0",
    "no capabilities": "grep -q 'CapEff:.*0000000000000000' /proc/self/status",
    "processes of the host are not visible": "test $(ls /proc | grep -cE '^[0-9]+$') -lt 20",
}  # fmt: skip


def examine(work: Path | None = None) -> Iterator[Check]:
    """Every check, in the order in which a missing thing would stop an execution."""
    try:
        toolchain = find_toolchain()
    except GoutbenchError as error:
        yield Check("Go", "missing", error.what, error.hint)
        return
    yield Check("Go", "ok", f"{toolchain.version} ({toolchain.go})")
    yield _program("git", "materialising commits needs it")
    yield _program("gcc", "needed for --race and --cgo only", weak=True)
    root = work or default_root()
    try:
        keeper = install_keeper(toolchain, root)
    except (GoutbenchError, OSError) as error:
        yield Check("workplace", "missing", str(error), "give --work DIR")
        return
    weakness, worse = why_not_bubblewrap(keeper), why_not_unshare(keeper)
    sandbox: Sandbox = Uncontained(keeper)
    if not weakness:
        sandbox = Bubblewrap(keeper)
    elif not worse:
        sandbox = Unshare(keeper)
    try:
        site = Site(sandbox, open_workplace(root, sandbox), toolchain)
        yield Check("workplace", "ok", str(site.place.root))
    except GoutbenchError as error:
        yield Check("workplace", "missing", error.what, error.hint)
    if weakness and worse:
        yield Check("sandbox", "missing", f"bubblewrap: {weakness}; unshare: {worse}", _userns_hint())
        return
    if weakness:
        found = f"unshare, a step down: commands can make further user namespaces (bubblewrap: {weakness})"
        yield Check("sandbox", "weak", found, _userns_hint())
    else:
        yield _identity(sandbox)
    yield from (_probe(sandbox, what, script) for what, script in _PROBES.items())
    yield _cgroups()


def _program(name: str, why: str, *, weak: bool = False) -> Check:
    found = shutil.which(name)
    return Check(
        name,
        "ok" if found else "weak" if weak else "missing",
        found or why,
        "" if found else f"install {name}",
    )


def _identity(sandbox: Sandbox) -> Check:
    if os.geteuid() == 0:
        found = f"bubblewrap; commands run as user {sandbox.user_id(0)} and up, which owns nothing here"
        return Check("sandbox", "ok", found)
    return Check(
        "sandbox", "ok", "bubblewrap; commands run as your own user id, so namespaces are the only wall"
    )


def _probe(sandbox: Sandbox, what: str, script: str) -> Check:
    os.environ["GOUTBENCH_PROBE"] = "leaked"
    outcome = sandbox.run(
        Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": "/usr/bin:/bin:/usr/sbin"})
    )
    return Check(what, "ok" if outcome.ok else "weak", "tried" if outcome.ok else f"exit {outcome.exit_code}")


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


def _userns_hint() -> str:
    switches = {
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
        "/proc/sys/kernel/unprivileged_userns_clone": "0",
        "/proc/sys/user/max_user_namespaces": "0",
    }
    for path, closed in switches.items():
        if Path(path).is_file() and Path(path).read_text().strip() == closed:
            key = path.removeprefix("/proc/sys/").replace("/", ".")
            return f"unprivileged user namespaces are off: see sysctl {key}"
    return "install bubblewrap (and util-linux), and allow unprivileged user namespaces"
