"""Container engines as sandboxes: what holds without one, and what needs one.

The hostile suite and the comparison of records run under them, too, where GOUTBENCH_TEST_IMAGE names an image
of theirs.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sandboxes import IMAGES, sandbox_called

from goutbench.errors import ConfigError, ToolError
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.choose import SANDBOXES, choose
from goutbench.execute.sandbox.command import COMPILER, PATH, Command, CommandRun, Limits, Outcome, RunReport
from goutbench.execute.sandbox.engine import ARGUMENTS, ENGINES, Engine, _of_inside, open_engine

IMAGE = "sha256:" + 64 * "0"
LINE = 1000
with_engine = pytest.mark.skipif(
    not IMAGES, reason="GOUTBENCH_TEST_IMAGE names no image of podman or docker (docs/howto)"
)


def init_of(machine: Machine) -> Path:
    init: Path = machine.sandbox.init  # type: ignore[attr-defined]
    return init


def test_no_engine_is_used_unless_it_is_named(machine: Machine) -> None:
    assert not set(ENGINES) & set(SANDBOXES)
    with pytest.raises(ConfigError, match="only container engines have images"):
        choose(init_of(machine), image=IMAGE)
    with pytest.raises(ConfigError, match="only container engines have images"):
        choose(init_of(machine), name="bubblewrap", image=IMAGE)


@pytest.mark.parametrize(
    "image", ["", "debian", "debian:13-slim", "sha256:00", "a@sha256:00", IMAGE[7:], "-v"]
)
def test_an_image_is_named_by_its_digest(image: str, machine: Machine) -> None:
    for engine in ENGINES:
        with pytest.raises(ConfigError, match=r"--image: .*(by its digest|needs an image)"):
            open_engine(init_of(machine), engine, image)


def test_an_engine_that_is_not_installed_is_an_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="podman is not installed"):
        open_engine(init_of(machine), "podman", IMAGE)


def fake_client(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Makes the script the only client of both engines."""
    for engine in ENGINES:
        client = folder / engine
        client.write_text(f"#!/bin/sh\n{script}\n")
        client.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_an_engine_that_does_not_answer_is_an_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_client(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr("goutbench.execute.sandbox.engine._CLIENT_SECONDS", 0.1)
    with pytest.raises(ToolError, match=r"did not answer within .*\n  hint: see whether `podman image"):
        open_engine(init_of(machine), "podman", IMAGE)


def test_further_arguments_are_words(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_client(tmp_path, monkeypatch, f"""echo '[{{"Id": "{IMAGE[7:]}"}}]'""")
    monkeypatch.setenv(ARGUMENTS, "--runtime 'my runc'")
    engine = open_engine(init_of(machine), "podman", IMAGE)
    assert engine.arguments == ("--runtime", "my runc")
    assert re.fullmatch(rf"podman@{IMAGE}\+[0-9a-f]{{12}}", engine.name)
    monkeypatch.setenv(ARGUMENTS, "--runtime my runc")
    assert open_engine(init_of(machine), "podman", IMAGE).name != engine.name
    monkeypatch.delenv(ARGUMENTS)
    assert open_engine(init_of(machine), "podman", IMAGE).name == f"podman@{IMAGE}"
    monkeypatch.setenv(ARGUMENTS, "--runtime 'my runc")
    with pytest.raises(ConfigError, match=f"{ARGUMENTS}: .*No closing quotation\n  hint: quote"):
        open_engine(init_of(machine), "podman", IMAGE)


def test_no_volume_of_an_image_can_be_written_to(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = json.dumps([{"Id": IMAGE, "Config": {"Volumes": {"/data": {}}}}])
    fake_client(tmp_path, monkeypatch, f"echo '{image}'")
    with pytest.raises(ConfigError, match=r"has volumes.*: /data\n  hint: build one without VOLUME"):
        open_engine(init_of(machine), "docker", IMAGE)
    podman = open_engine(init_of(machine), "podman", IMAGE)
    assert podman.image == IMAGE
    assert "--image-volume=ignore" in arguments_of(podman, Command(("/bin/true",), Path("/"), {}))


def arguments_of(engine: Engine, command: Command) -> list[str]:
    """The command line of the engine's client."""
    settings: dict[str, Any] = json.loads(engine.resident(command)[2])
    client: list[str] = settings["client"]
    return client


@pytest.mark.parametrize("program", ENGINES)
def test_the_command_line_isolates(program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("API_TOKEN", "hunter2")
    arguments = ("--runtime", "my runc")
    engine = Engine(tmp_path / "init", program, f"/usr/bin/{program}", IMAGE, arguments)
    strange = tmp_path / 'with,comma"s'
    command = Command(
        ("/bin/true",), Path("/"), {"NAME": "value"},
        readable=(strange, tmp_path / "twice", Path("/usr/bin/env")),
        writable=(tmp_path / "out",), mounts=((tmp_path / "a", tmp_path / "twice"),), worker=COMPILER,
    )  # fmt: skip
    line = arguments_of(engine, command)
    assert line[:2] == [f"/usr/bin/{program}", "run"]
    assert line[-5:] == ["--runtime", "my runc", IMAGE, "contained", "/run/goutbench.socket"]
    for words in ("--network none", "--cap-drop all", "--security-opt no-new-privileges", "--pull never"):
        assert words in " ".join(line)
    assert "--read-only" in line
    assert ("--read-only-tmpfs=false" in line) == (program == "podman")
    mounts = [word for option, word in pairwise(line) if option == "--mount"]
    assert f"type=bind,source={tmp_path}/out,destination={tmp_path}/out" in mounts
    writable = [mount for mount in mounts if not mount.endswith(",readonly")]
    assert writable == [f"type=bind,source={tmp_path}/out,destination={tmp_path}/out"]
    quoted = str(strange).replace('"', '""')
    assert f'type=bind,"source={quoted}","destination={quoted}",readonly' in mounts
    assert [mount for mount in mounts if mount.endswith("/twice,readonly")] == [
        f"type=bind,source={tmp_path}/a,destination={tmp_path}/twice,readonly"
    ]
    assert "hunter2" not in " ".join(engine.resident(command))


def test_a_first_process_gets_our_descriptors_and_nothing_else(machine: Machine) -> None:
    """The way into a container, without a container: the client runs the first process itself."""
    init, folder = init_of(machine), init_of(machine).parent / f"way-{os.getpid()}"
    client = [str(init), "contained", str(folder / "socket")]
    if os.geteuid() == 0:
        client = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "--", *client]
    settings = {
        "client": ["/usr/bin/env", *client], "environment": [f"PATH={PATH}"], "folder": str(folder),
        "user": 65_533 if os.geteuid() == 0 else os.geteuid(), "variables": ["ONLY=this"], "line": LINE,
    }  # fmt: skip
    read_end, write_end = os.pipe()
    script = f"cat; echo status >&{write_end}; echo error >&2; env; exec ls /proc/self/fd"
    done = subprocess.run(
        [init, "container", json.dumps(settings), "/bin/bash", "-c", script], input=b"input\n",
        capture_output=True, pass_fds=(write_end,), env={"API_TOKEN": "hunter2", "PATH": PATH}, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert os.read(read_end, 100) == b"status\n"
    assert os.read(read_end, 100) == b""
    os.close(read_end)
    assert (done.returncode, done.stderr) == (0, b"error\n")
    words = done.stdout.decode().split()
    assert words[0] == "input"
    variables, descriptors = set(words[1:]) - {"input"}, {int(word) for word in words if word.isdigit()}
    own = {"PWD=/", "OLDPWD=/", "SHLVL=1", "SHLVL=0", "_=/usr/bin/env"}  # the shell's
    assert {word for word in variables if "=" in word} - own == {"ONLY=this"}
    assert {0, 1, 2, write_end, LINE} <= descriptors <= {0, 1, 2, 3, 4, 5, write_end, LINE}
    assert not folder.exists()


def test_a_client_that_fails_is_an_error_with_its_words(machine: Machine) -> None:
    folder = init_of(machine).parent / f"way-{os.getpid()}"
    settings = {
        "client": ["/bin/sh", "-c", "echo no such image >&2; exit 3"], "environment": [],
        "folder": str(folder), "user": os.geteuid(), "variables": [], "line": LINE,
    }  # fmt: skip
    command = [init_of(machine), "container", json.dumps(settings), "/bin/true"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr, folder.exists()) == (125, b"no such image\n", False)


@pytest.mark.parametrize(
    ("exit_code", "reports", "ends"),
    [
        (0, (RunReport(3, 0.1, 2.0, "", ""),), (3, "", True, False)),
        (0, (), (125, "", False, False)),  # killed from outside
        (1, (), (137, "", True, True)),  # killed because the memory was exhausted
        (0, (RunReport(0, 0.1, 61.0, "", ""),), (137, "wall", True, False)),
    ],
)  # fmt: skip
def test_a_container_ends_as_its_first_process_reports(
    exit_code: int, reports: tuple[RunReport, ...], ends: tuple[int, str, bool, bool]
) -> None:
    command = Command(("/bin/true",), Path("/"), {}, limits=Limits(wall=60.0))
    outcome = _of_inside(Outcome(exit_code, b"", b"words", "", 70.0, reports=reports), command)
    assert (outcome.exit_code, outcome.stopped, outcome.started, outcome.memory_exceeded) == ends
    assert (b"the container ended before" in outcome.stderr) == (not outcome.started)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's socket needs root")
def test_a_socket_of_another_user_is_an_error_of_user_ids(machine: Machine) -> None:
    init = init_of(machine)
    path = Path(f"/tmp/goutbench-test-{os.getpid()}")  # an address has at most 107 bytes
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        command = [
            "setpriv",
            "--reuid=65533",
            "--regid=65533",
            "--clear-groups",
            "--",
            init,
            "contained",
            path,
        ]
        refused = subprocess.run(command, capture_output=True, check=False)
    ended = subprocess.run([init, "contained", path], capture_output=True, check=False)
    path.unlink()
    assert (refused.returncode, ended.returncode) == (125, 125)
    assert b"are user ids mapped?" in refused.stderr
    assert b"goutbench has ended" in ended.stderr


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def containers(engine: str) -> list[str]:
    command = [engine, "ps", "--all", "--quiet", "--filter", "name=goutbench-"]
    return subprocess.check_output(command, text=True).split()


def sleepers(number: int) -> list[str]:
    found = subprocess.run(["pgrep", "-f", f"sleep {number}"], capture_output=True, text=True, check=False)
    return found.stdout.split()


@with_engine
@pytest.mark.parametrize("name", IMAGES)
def test_a_container_ends_with_its_limit(name: str, machine: Machine) -> None:
    script = "setsid sleep 986543 & sleep 986543"
    command = Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": PATH}, limits=Limits(wall=-10.0))
    outcome = sandbox_called(name, machine).run(command)
    assert (outcome.stopped, outcome.exit_code, outcome.started) == ("wall", 137, True)
    assert sleepers(986543) == []
    wait_until(lambda: containers(name) == [])  # what the engine notes down of one that has ended


@with_engine
@pytest.mark.parametrize("name", IMAGES)
def test_a_resident_program_answers_until_its_group_is_killed(name: str, machine: Machine) -> None:
    command = Command(("/bin/sh", "-c", "cat; sleep 986544"), Path("/"), {"PATH": PATH}, worker=COMPILER)
    line = sandbox_called(name, machine).resident(command)
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env={"PATH": PATH}
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"question\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"question\n"
        process.stdin.close()
        wait_until(lambda: sleepers(986544) != [])
        os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: containers(name) == [])
    assert sleepers(986544) == []


@with_engine
@pytest.mark.parametrize("name", IMAGES)
def test_runs_in_one_container_share_nothing(name: str, machine: Machine) -> None:
    places = "/tmp /var/tmp /dev/shm /dev/mqueue"
    script = f"for place in {places}; do [ ! -e $place/left ] || echo $place; : > $place/left; done; exit 7"
    command = Command(
        ("/bin/sh", "-c", script), Path("/tmp"), {"PATH": PATH}, runs=(CommandRun(), CommandRun())
    )
    outcome = sandbox_called(name, machine).run(command)
    assert outcome.ok, outcome
    assert [(report.exit_code, report.tail) for report in outcome.reports] == [(7, ""), (7, "")]


@with_engine
@pytest.mark.parametrize("name", IMAGES)
def test_an_image_that_is_not_there_is_an_error(name: str, machine: Machine) -> None:
    with pytest.raises(ToolError, match="does not have the image") as caught:
        open_engine(init_of(machine), name, f"localhost/nothing@{IMAGE}")
    assert f"{name} pull localhost/nothing@{IMAGE}" in caught.value.hint
