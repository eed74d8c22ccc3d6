"""A container engine as a sandbox, podman or docker: where it is asked for by name, never by default.

Each command gets a container of its own, in which our init process is process 1 and does all runs of the
command. An engine passes no descriptors on, and its own processes outlive us; so a process of ours starts the
container, and hands over the descriptors on a socket (`sandboxinit/container`). When either of us ends, so
does the container.

Programs and libraries are those of the image; Go and all else is mounted, at its usual path.
"""

import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.errors import ConfigError, ToolError
from goutbench.execute.sandbox.command import COMPILER, PATH, Command, Outcome
from goutbench.execute.sandbox.copies import with_original
from goutbench.execute.sandbox.supervise import (
    FILTERED,
    TASKS,
    supervise,
    why_true_fails,
    worker_user_id,
)

ENGINES = ("podman", "docker")
ARGUMENTS = "GOUTBENCH_ENGINE_ARGS"
"""The environment variable with further arguments of `podman run` or `docker run`; the last of two wins."""

_IMAGE = re.compile(r"(?:[^@\s]+@)?sha256:[0-9a-f]{64}")
_CLIENT_VARIABLES = (
    "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS",
    "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG",
    "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
)  # fmt: skip
_ISOLATION = (
    "--rm", "--pull", "never", "--network", "none", "--hostname", "sandbox", "--ipc", "private",
    "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--log-driver", "none",
)  # fmt: skip
_PODMAN = ("--read-only-tmpfs=false", "--no-hosts", "--http-proxy=false", "--image-volume=ignore")
_SOCKET = Path("/run/goutbench.socket")
_LINE = 1000
"""The number of the descriptor of the line to the process outside: one that no other has."""

_UNCOUNTED = 16_384
"""What is no limit on a user's processes in practice; podman itself has 32,768."""

_START_SECONDS = 15.0
_USERS_START_SECONDS = 60.0
"""What a container may take to start; for an ordinary user, podman may first copy the image."""

_MEMORY_EXCEEDED = 1  # the exit status of `sandboxinit container`
_CLIENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    """Containers of an image, given by its id, started by `program`, podman or docker, whose path is
    `client`, with the user's `arguments` after ours."""

    init: Path
    program: str
    client: str
    image: str
    arguments: tuple[str, ...] = ()
    limitation: str = ""
    private_tmp: bool = True
    hides_memory: bool = True

    @property
    def name(self) -> str:
        """With the image's id, and a digest of the user's arguments, if any: both can decide how a test
        ends."""
        digest = hashlib.sha256("\0".join(self.arguments).encode()).hexdigest()[:12]
        return f"{self.program}@{self.image}" + (f"+{digest}" if self.arguments else "")

    def why_unavailable(self) -> str:
        return why_true_fails(self)

    def user_id(self, worker: int) -> int:
        return worker_user_id(worker)

    def run(self, command: Command) -> Outcome:
        if command.copy is not None and command.copy.overlay and os.geteuid() != 0:
            problem = b"only root can mount an overlay into a container"
            return Outcome(125, b"", problem, "", 0.0, started=False)
        name, user = _new_name(), self.user_id(command.worker)
        prefix, settings = self._prefix(name, with_original(command)), {**FILTERED, "line": _LINE}
        patience = _START_SECONDS if os.geteuid() == 0 else _USERS_START_SECONDS
        patient = replace(command, limits=replace(command.limits, wall=command.limits.wall + patience))
        outcome = supervise(self.init, prefix, patient, user, settings, limited=True)
        if outcome.stopped:
            self._remove(name)  # its processes have ended with ours; this waits for what the engine keeps
            return outcome
        return _of_inside(outcome, command) if outcome.started else outcome

    def resident(self, command: Command) -> list[str]:
        settings = json.dumps({**FILTERED, "line": _LINE, "folder": str(command.cwd)})
        first = [str(self.init), str(_LINE), "once", settings, "--", *command.argv]
        return [*self._prefix(_new_name(), command), *first]

    def _prefix(self, name: str, command: Command) -> list[str]:
        """The command line that starts a container and runs what follows as its first process."""
        folder = self.init.parent / name
        client = [
            self.client, "run", "--name", name, *_ISOLATION, *(_PODMAN if self.program == "podman" else ()),
            *(["--userns", "keep-id"] if self.program == "podman" and os.geteuid() != 0 else []),
            "--user", "{}:{}".format(*self._user(command)), *self._limits(command),
            *self._files(command, folder / "socket"),
            "--entrypoint", str(self.init), *self.arguments,
            self.image, "contained", str(_SOCKET),
        ]  # fmt: skip
        settings = {
            "client": client,
            "environment": [f"{name}={value}" for name, value in _client_environment().items()],
            "folder": str(folder),
            "user": self.user_id(command.worker),
            "variables": [f"{name}={value}" for name, value in command.env.items()],
            "line": _LINE,
        }
        return [str(self.init), "container", json.dumps(settings)]

    def _user(self, command: Command) -> tuple[int, int]:
        user = self.user_id(command.worker)
        return user, user if os.geteuid() == 0 else os.getegid()

    def _limits(self, command: Command) -> Iterator[str]:
        limits = command.limits
        # the kernel counts a user's processes in a user namespace, and where there is none, on the machine
        counted = command.worker != COMPILER and (os.geteuid() == 0 or self.program == "podman")
        # an engine's own default may be more than it can give
        for name, limit in ({"nproc": _UNCOUNTED} | limits.of_process(counted=counted)).items():
            if limit != "unlimited":
                yield from ("--ulimit", f"{name}={limit}:{limit}")
        yield from ("--memory", str(limits.memory), "--memory-swap", str(limits.memory))
        yield from ("--pids-limit", str(TASKS * limits.processes), "--shm-size", str(limits.scratch))
        if self.program == "docker" and Path("/proc/sys/net/ipv6").is_dir():
            # Docker takes the address ::1 from a container without a network
            yield from ("--sysctl", "net.ipv6.conf.lo.disable_ipv6=0")

    def _files(self, command: Command, socket: Path) -> Iterator[str]:
        """Where two have the same place, the later one is there, as in other sandboxes."""
        empty, binds = self.init.parent / "empty", {}
        for path in (*_with_links(command.readable), *command.programs):
            binds[path] = (path, "readonly")
        tmpfs = [*command.tmpfs, Path("/tmp"), Path("/var/tmp")]
        for path in tmpfs:
            binds.pop(path, None)
        binds[Path("/etc/resolv.conf")] = (empty, "readonly")
        binds |= {inside: (source, "readonly") for source, inside in command.mounts}
        binds |= {path: (path, "") for path in command.writable}
        binds |= {self.init: (self.init, "readonly"), _SOCKET: (socket, "readonly")}
        user, options = self._user(command), f"rw,exec,nosuid,nodev,size={command.limits.scratch},mode=1777"
        owned = f"{options},U" if self.program == "podman" else f"{options},uid={user[0]},gid={user[1]}"
        for path in tmpfs:
            yield from ("--tmpfs", f"{path}:{owned if path in command.tmpfs else options}")
        yield from ("--tmpfs", "/sys:ro,nosuid,nodev,noexec,size=4096,mode=555")
        for inside, (source, how) in binds.items():
            fields = ["type=bind", f"source={source}", f"destination={inside}", *filter(None, [how])]
            yield from ("--mount", ",".join(map(_csv_field, fields)))

    def _remove(self, name: str) -> None:
        with suppress(subprocess.TimeoutExpired):  # the run has ended, and others go on
            _ask([self.client, "rm", "--force", name])


def _of_inside(outcome: Outcome, command: Command) -> Outcome:
    """The outcome of a container as the init process in it reports it.

    It reports nothing if it was killed: because the memory was exhausted, or from outside. The limit on wall
    time is one on the command, without the start of the container.
    """
    reports, exceeded = outcome.reports, outcome.exit_code == _MEMORY_EXCEEDED
    if not reports and not exceeded:
        problem = b"the container ended before its command did; was it or the engine stopped?"
        stderr = b"\n".join(filter(None, [outcome.stderr.rstrip(), problem]))
        return replace(outcome, exit_code=125, stderr=stderr, started=False)
    if sum(report.wall_seconds for report in reports) > command.limits.wall:
        return replace(outcome, exit_code=137, stopped="wall", memory_exceeded=exceeded)
    if command.runs:
        code = 0 if len(reports) == len(command.runs) else 125
    else:
        code = reports[0].exit_code if reports else 137
    return replace(outcome, exit_code=code, memory_exceeded=exceeded)


def open_engine(init: Path, program: str, image: str) -> Engine:
    """The engine called `program`, with an image that it has: NAME@sha256:… or sha256:…, its id.

    Raises ConfigError for another image, one with volumes under docker, or arguments that cannot be read, and
    ToolError where it does not work.
    """
    if not _IMAGE.fullmatch(image):
        what = f"{image} is not an image by its digest" if image else f"{program} needs an image"
        hint = f"give NAME@sha256:DIGEST or sha256:ID, see `{program} images --digests --no-trunc`"
        raise ConfigError(what, where="--image", hint=f"{hint}; a tag can come to mean another image")
    arguments = _further_arguments()
    client = shutil.which(program)
    if client is None:
        raise ToolError(f"{program} is not installed", where="--sandbox", hint="leave --sandbox out")
    try:
        answer = _ask([client, "image", "inspect", image])
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"{program} did not answer within {_CLIENT_SECONDS:.0f} seconds", where="--sandbox",
            hint=f"see whether `{program} image inspect {image}` ends; its service may need a restart",
        ) from error  # fmt: skip
    if answer.returncode != 0:
        name = image if "@" in image else "NAME@sha256:DIGEST"
        raise ToolError(
            f"{program} does not have the image: {answer.stderr.strip()[:500]}", where=f"--image {image}",
            hint=f"`{program} pull {name}`, or build one from the Containerfile; goutbench never pulls",
        )  # fmt: skip
    (init.parent / "empty").touch()
    details = json.loads(answer.stdout)[0]
    volumes = (details.get("Config") or {}).get("Volumes")
    if volumes and program == "docker":  # podman can ignore them
        raise ConfigError(
            f"the image has volumes, folders that its containers can write to: {', '.join(volumes)}",
            where=f"--image {image}", hint="build one without VOLUME, or use --sandbox podman",
        )  # fmt: skip
    return Engine(init, program, client, f"sha256:{details['Id'].removeprefix('sha256:')}", arguments)


def _further_arguments() -> tuple[str, ...]:
    try:
        return tuple(shlex.split(os.environ.get(ARGUMENTS, "")))
    except ValueError as error:
        hint = "quote its words as in a shell, or unset it"
        raise ConfigError(f"it cannot be split into words: {error}", where=ARGUMENTS, hint=hint) from error


def _ask(command: list[str]) -> subprocess.CompletedProcess[str]:
    """The answer of an engine's client; raises TimeoutExpired where it takes too long."""
    return subprocess.run(
        command, env=_client_environment(), cwd="/", capture_output=True, text=True, errors="replace",
        timeout=_CLIENT_SECONDS, check=False,
    )  # fmt: skip


def _new_name() -> str:
    return f"goutbench-{secrets.token_hex(8)}"


def _client_environment() -> dict[str, str]:
    """What a client needs of our environment, which has secrets."""
    own = {name: os.environ[name] for name in _CLIENT_VARIABLES if name in os.environ}
    return {"PATH": PATH, **own}


def _with_links(paths: tuple[Path, ...]) -> Iterator[Path]:
    """The paths, and where links of folders of the system lead: Debian's Go has its sources elsewhere in
    /usr, all of which other sandboxes show."""
    system = Path("/usr")
    for path in paths:
        yield path
        if path.is_relative_to(system) and path.is_dir():
            links = (entry.resolve() for entry in path.iterdir() if entry.is_symlink())
            yield from (link for link in links if link.is_relative_to(system) and link.exists())


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\n') else text
