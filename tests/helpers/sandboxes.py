"""The sandboxes that the tests run in."""

import os
from dataclasses import replace
from pathlib import Path

from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.choose import SANDBOXES as ALL_SANDBOXES
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.worker import Worker

DATA = Path(__file__).parents[1] / "data" / "execute"

SANDBOXES = ["bubblewrap", *(["unshare"] if os.geteuid() == 0 else []), "landlock"]
"""The sandboxes that every machine for these tests must have."""


def sandbox_called(name: str, machine: Machine) -> Sandbox:
    """A sandbox that works here."""
    sandbox = ALL_SANDBOXES[name](machine.sandbox.init)  # type: ignore[attr-defined]
    problem = sandbox.why_unavailable()
    assert not problem, f"{name}: {problem}"
    return sandbox


def slow(worker: Worker) -> Worker:
    """The worker with the time that compiling the standard library takes on a busy machine."""
    return replace(worker, options=replace(worker.options, build_seconds=600.0))
