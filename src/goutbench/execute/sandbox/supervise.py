"""What all sandboxes share: user ids, the parts of the system that they show, and the run of a command."""

import base64
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

from goutbench.execute.sandbox import cgroup
from goutbench.execute.sandbox.command import COMPILER, PATH, Command, Outcome, RunReport, Sandbox
from goutbench.execute.sandbox.copies import copy_arguments
from goutbench.execute.sandbox.process import run_process

FILTERED: Mapping[str, object] = {"filter": True}
"""The settings of the init process in a sandbox: its commands lack some system calls."""

TASKS = 4
"""All processes of a command together may have so many times the tasks of each user's."""

_INIT_FAILED = 125
_WORKER_IDS = 256
_FIRST_ID = 1_878_000_000
_END_OF_IDS = 1 << 31
_ETC = (
    "alternatives", "ld.so.cache", "localtime", "mime.types", "protocols", "services", "ssl",
)  # fmt: skip


@cache
def worker_user_id(worker: int) -> int:
    """The host's user id of a worker's commands: one that owns no file if we are root, else our own.

    The ids are high, so that no account has them, and those of two processes of ours differ: a kernel counts
    the processes of a user, and a test of one could leave none for a test of another. What compiles has one
    id in all processes, because it owns the build cache. A container may map only few ids: then the last ones
    of its map.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    last = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        inside, _, count = map(int, line.split())
        last = max(last, inside + count)
    first = min(last - 1 - _WORKER_IDS, _FIRST_ID)
    if worker == COMPILER:
        return first + 1 + worker
    return first + 1 + worker + _WORKER_IDS * _own_range((min(last, _END_OF_IDS) - first) // _WORKER_IDS)


@cache
def _own_range(count: int) -> int:
    """The number of this process's ranges of user ids."""
    return secrets.randbelow(max(1, count - 1))


@cache
def system_paths() -> tuple[tuple[Path, ...], tuple[tuple[str, str], ...]]:
    """The system's programs and libraries, and an /etc that names no real user of this machine: the paths to
    show, and the symbolic links (path, target) to create."""
    top = [Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")]
    links = tuple((str(path), str(path.readlink())) for path in top if path.is_symlink())
    visible = [path for path in (*top, Path("/nix/store")) if path.is_dir() and not path.is_symlink()]
    visible += [path for path in (Path("/etc", name) for name in _ETC) if path.exists()]
    return (Path("/usr"), *visible), links


def missing_programs(names: Iterable[str]) -> str:
    """ "missing: bwrap, setpriv" for the programs that are not installed; empty when none is missing."""
    missing = [name for name in names if shutil.which(name, path=PATH) is None]
    return f"missing: {', '.join(missing)}" if missing else ""


def why_true_fails(sandbox: Sandbox) -> str:
    """The error when `/bin/true` does not run in the sandbox; empty when it does."""
    outcome = sandbox.run(Command(("/bin/true",), Path("/tmp"), {"PATH": PATH}))
    message = outcome.stderr.decode("utf-8", "replace").strip()
    return "" if outcome.ok else message or f"exit {outcome.exit_code}"


def resident_command(init: Path, prefix: list[str], command: Command, *, counted: bool = True) -> list[str]:
    """The command line of a resident program behind `prefix`."""
    return [*prefix, *command.limits.prlimit(counted=counted), str(init), "filter", *command.argv]


def supervise(
    init: Path,
    prefix: list[str],
    command: Command,
    user: int,
    settings: Mapping[str, object] = FILTERED,
    *,
    gently: bool = False,
    counted: bool = True,
    limited: bool = False,
) -> Outcome:
    """Run `command` as `user` behind `prefix` with `init` as its first process, in a cgroup where one can be
    created.

    `settings` are those of the init process that the sandbox decides. Where no namespace ends with that
    process, end it `gently`: it counts and ends all others, and limits their CPU time, which its own work for
    them must not use up. Without `counted` the user's processes have no
    limit. With `limited`, the prefix sets all limits but those of time and output.
    """
    read_end, write_end = os.pipe()
    limits = command.limits
    group = None if limited else cgroup.create(limits.memory, TASKS * limits.processes)
    mode = "many" if command.runs else "witnessed" if command.witnessed else "once"
    try:
        with (
            copy_arguments(init, command, user, settings) as copies,
            open(read_end, "rb", closefd=False) as pipe,
            ThreadPoolExecutor(1) as reader,
        ):
            argv = [
                *(group.join() if group else []),
                *copies.outside,
                *prefix,
                *([] if limited else limits.prlimit(counted=counted and not gently, timed=not gently)),
            ]
            argv += [str(init), str(write_end), mode, copies.inside, "--", *command.argv]
            # read while it runs: a full pipe would stop the init process, and all runs after this one
            status = reader.submit(pipe.read)
            try:
                outcome = _start(argv, command, (write_end, *copies.fds), gently=gently)
            finally:
                os.close(write_end)
                write_end = -1
            lines = status.result().splitlines()
        # the init process ends without a report where it is itself that fails
        silent = mode != "many" and len(lines) == 1 and not outcome.stopped
        failed = silent and outcome.exit_code == _INIT_FAILED
        return replace(
            outcome,
            started=bool(lines) and not failed,
            reports=tuple(map(_read_report, lines[1:])),
            memory_exceeded=group is not None and group.memory_exceeded(),
        )
    except OSError as error:
        return Outcome(126, b"", str(error).encode(), "", 0.0, started=False)
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
        if group is not None:
            group.remove()


def _read_report(line: bytes) -> RunReport:
    row = json.loads(line)
    witness = base64.b64decode(row.get("witness", ""))
    compiled = bool(row.get("compiled"))
    return RunReport(
        row["exit"], row["cpu"], row["wall"], row["stopped"], row.get("tail", ""), witness, compiled
    )


def _start(argv: list[str], command: Command, fds: tuple[int, ...], *, gently: bool) -> Outcome:
    runs = [
        {
            "args": run.args, "env": [f"{k}={v}" for k, v in run.env.items()],
            "wall": run.wall, "cpu": run.cpu, "idle": run.idle, "witnessed": command.witnessed,
        }
        for run in command.runs
    ]  # fmt: skip
    return run_process(
        argv,
        wall_seconds=command.limits.wall,
        output_bytes=command.limits.output,
        env={"PATH": PATH},
        cwd=Path("/"),
        stdin=json.dumps(runs).encode() if runs else b"",
        pass_fds=fds,
        gently=gently,
    )
