"""What sandboxes share: user ids, the parts of the system that they show, the watch over a run."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

from goutbench.execute.sandbox import cgroup
from goutbench.execute.sandbox.command import PATH, Command, Limits
from goutbench.execute.sandbox.process import Outcome, RunReport, run_process

_WORKER_IDS = 256
_ETC = (
    "alternatives", "ld.so.cache", "localtime", "mime.types", "protocols", "services", "ssl",
)  # fmt: skip


@cache
def _first_user_id() -> int:
    """The first of the host user ids lent to commands: high, so that no account has it.

    A container may map few ids: then the last ones of its map.
    """
    best = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        inside, _, count = (int(word) for word in line.split())
        best = max(best, inside + count - 1 - _WORKER_IDS)
    return min(best, 1_878_000_000)


def worker_user_id(worker: int) -> int:
    """The host's user id of a worker's commands: one that owns nothing where we are root, else our own."""
    return _first_user_id() + 1 + worker if os.geteuid() == 0 else os.geteuid()


@cache
def system_parts() -> tuple[tuple[Path, ...], tuple[tuple[str, str], ...]]:
    """The system's programs and libraries, and an /etc that names no real user of this machine: paths to
    show, and symbolic links (path, target) to make."""
    top = [Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")]
    links = tuple((str(path), str(path.readlink())) for path in top if path.is_symlink())
    shown = [path for path in (*top, Path("/nix/store")) if path.is_dir() and not path.is_symlink()]
    shown += [path for path in (Path("/etc", name) for name in _ETC) if path.exists()]
    return (Path("/usr"), *shown), links


def supervise(keeper: Path, prefix: list[str], command: Command) -> Outcome:
    """Run `command` behind `prefix` under the keeper, in a cgroup where there can be one."""
    read_end, write_end = os.pipe()
    group = cgroup.create(command.limits.memory, 4 * command.limits.processes)
    mode = "many" if command.runs else "once"
    argv = [*_join(group), *prefix, *_limits(command.limits), str(keeper), str(write_end), mode, "--"]
    try:
        with ThreadPoolExecutor(1) as aside:
            # read while it runs: a full pipe would stop the keeper, and with it every run that is left
            status = aside.submit(_read_all, read_end)
            try:
                outcome = _start([*argv, *command.argv], command, write_end)
            finally:
                os.close(write_end)
                write_end = -1
            lines = status.result().splitlines()
        return replace(
            outcome,
            started=bool(lines),
            reports=tuple(_report(line) for line in lines[1:]),
            memory_exceeded=group is not None and group.memory_exceeded(),
        )
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
        if group is not None:
            group.remove()


def _join(group: cgroup.Cgroup | None) -> list[str]:
    """A prefix that puts the process into the cgroup before anything of the command starts."""
    if group is None:
        return []
    script = 'while [ "$1" != -- ]; do echo $$ > "$1"/cgroup.procs || exit 125; shift; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", *map(str, group.folders), "--"]


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read()


def _limits(limits: Limits) -> list[str]:
    return [
        "prlimit",
        f"--data={limits.data or 'unlimited'}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_size}",
        f"--cpu={limits.cpu}",
        f"--nofile={limits.open_files}",
        "--core=0",
    ]


def _start(argv: list[str], command: Command, status: int) -> Outcome:
    runs = [
        {"env": [f"{k}={v}" for k, v in run.env.items()], "wall": run.wall, "cpu": run.cpu, "idle": run.idle}
        for run in command.runs
    ]
    try:
        return run_process(
            argv,
            wall_seconds=command.limits.wall,
            output_bytes=command.limits.output,
            env={"PATH": PATH},
            cwd=Path("/"),
            stdin=json.dumps(runs).encode() if runs else b"",
            pass_fds=(status,),
        )
    except OSError as error:
        return Outcome(126, b"", str(error).encode(), "", 0.0, started=False)


def _report(line: bytes) -> RunReport:
    fields = json.loads(line)
    return RunReport(fields["exit"], fields["cpu"], fields["wall"], fields["stopped"], fields.get("tail", ""))
