"""One repository under comparison: its sampled pairs, goutbench on them, and its checkout for `go test`."""

import json
import os
import random
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goutbench.config import load_lock
from goutbench.dataset.store import LOCK, read_pairs
from goutbench.execute.sandbox.command import COMPILER
from goutbench.execute.sandbox.supervise import worker_user_id
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.prepare import toolchain_for
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.records import Pair
from truth.plain import PlainTest, User, check_out, download_workspace

BUILD_SECONDS = 3600
"""`go test` has no limit of build time, and a busy machine needs long."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a dataset, with the options of the benchmark. `seconds` is the limit of one run."""

    name: str
    commit: str
    git_dir: Path
    pairs: tuple[Pair, ...]
    out: Path
    dataset: Path
    workers: int
    cgo: bool
    seconds: int

    @property
    def stem(self) -> str:
        return self.name.replace("/", "__")

    @property
    def checkout(self) -> Path:
        return self.out / "checkouts" / self.stem

    def plain(self, pair: Pair) -> PlainTest:
        """The pair's test file in the checkout, which is made on first use.

        Root becomes the user that owns goutbench's build cache; anybody else stays who he is.
        """
        work, home = self.out / "work", self.out / "home"
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        uid = worker_user_id(COMPILER) if os.geteuid() == 0 else None
        user = User(find_toolchain(), home, work / "build-cache", work / "modules", uid, self.cgo)
        if not self.checkout.exists():
            self.checkout.parent.mkdir(exist_ok=True)
            check_out(self.git_dir, self.commit, self.checkout, user)
            download_workspace(self.checkout, user)
        module = nearest_module(self.checkout, pair.test_path)
        user = replace(user, toolchain=toolchain_for(module, user.toolchain, Workspace(work)))
        return PlainTest(user, self.checkout, pair.code_path, pair.test_path, self.seconds)

    def execute(self, candidates: Sequence[dict[str, str]], run: Path, *flags: str) -> dict[str, Any]:
        """goutbench's records by candidate id; a run folder that exists is continued."""
        run.mkdir(parents=True, exist_ok=True)
        table = run / "requested.jsonl"
        table.write_text("".join(json.dumps(row) + "\n" for row in candidates))
        work = self.out / "work"
        command = [sys.executable, "-m", "goutbench", "execute", str(table), *flags]
        command += ["--dataset", str(self.dataset), "--out", str(run), "--work", str(work)]
        command += [
            "--repeat",
            "1",
            "--test-seconds",
            str(self.seconds),
            "--build-seconds",
            str(BUILD_SECONDS),
        ]
        command += ["--cgo"] if self.cgo else []
        prepared = work / "prepared" / self.stem
        if not prepared.exists():
            command.append("--prepare")
        with (run / "log.txt").open("a") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
        prepared.parent.mkdir(exist_ok=True)
        prepared.touch()
        records = [json.loads(line) for line in (run / "executions.jsonl").read_text().splitlines()]
        return {record["candidate_id"]: record for record in records}


def nearest_module(checkout: Path, test_path: str) -> Path:
    """The go.mod that decides about a test's Go; go.work where there is one."""
    if (checkout / "go.work").is_file():
        return checkout / "go.work"
    folders = (checkout / test_path).parents
    return next((f / "go.mod" for f in folders if (f / "go.mod").is_file()), checkout / "go.mod")


def repositories(arguments: Namespace) -> Iterator[Repository]:
    """The selected repositories of the dataset with their sampled pairs, which are drawn before any runs."""
    lock = {entry.settings.name: entry for entry in load_lock(arguments.dataset / LOCK).repositories}
    pairs: dict[str, list[Pair]] = {}
    for pair in read_pairs(arguments.dataset):
        pairs.setdefault(pair.repository, []).append(pair)
    for name in arguments.only or sorted(lock):
        drawn = sorted(pairs.get(name, []), key=lambda pair: pair.id)
        random.Random(arguments.seed).shuffle(drawn)
        yield Repository(
            name, lock[name].revision, Path(lock[name].settings.source), tuple(drawn[: arguments.pairs]),
            arguments.out.resolve(), arguments.dataset.resolve(), arguments.workers, name in arguments.cgo,
            arguments.seconds,
        )  # fmt: skip
