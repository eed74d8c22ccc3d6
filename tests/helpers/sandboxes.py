"""The sandboxes that the tests run in."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.choose import SANDBOXES as ALL_SANDBOXES
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.sandbox.engine import ENGINES, open_engine
from goutbench.execute.worker import Worker

DATA = Path(__file__).parents[1] / "data" / "execute"


def _images() -> dict[str, str]:
    """The container engines of this machine that have one of the images of GOUTBENCH_TEST_IMAGE, and which.

    The variable has ids or digests (see docs/howto/use-a-container-engine.md), separated by spaces.
    """
    images = os.environ.get("GOUTBENCH_TEST_IMAGE", "").split()
    found = {}
    for engine in filter(shutil.which, ENGINES if images else ()):
        for image in images:
            if subprocess.run([engine, "image", "inspect", image], capture_output=True).returncode == 0:
                found[engine] = image
    return found


IMAGES = _images()

SANDBOXES = ["bubblewrap", *(["unshare"] if os.geteuid() == 0 else []), "landlock", *IMAGES]
"""The sandboxes that every machine for these tests must have, and the container engines that this one has."""


def sandbox_called(name: str, machine: Machine) -> Sandbox:
    """A sandbox that works here."""
    init = machine.sandbox.init  # type: ignore[attr-defined]
    sandbox = open_engine(init, name, IMAGES[name]) if name in IMAGES else ALL_SANDBOXES[name](init)
    problem = sandbox.why_unavailable()
    assert not problem, f"{name}: {problem}"
    return sandbox


def slow(worker: Worker) -> Worker:
    """The worker with the time that compiling the standard library takes on a busy machine."""
    return replace(worker, options=replace(worker.options, build_seconds=600.0))
