"""`go test` as a user runs it: an ordinary account, a writable checkout, no sandbox."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from goutbench.golang.toolchain.installation import Toolchain

# also in the folder of a package with an external test package; methods are not tests
_NAME = re.compile(r"^func ((?:Test|Fuzz|Example)(?:[^a-z\W]\w*)?)\s*\(", re.MULTILINE)
_SPECS = re.compile(r"^(?:\x1b\[[\d;]*m)*Ran (\d+) of \d+ Specs", re.MULTILINE)
_LINE = re.compile(r"^\S+/([^/:]+):(\d+\.\d+,\d+\.\d+) (\d+) (\d+)$", re.MULTILINE)
_TAIL = 3000  # characters of output to keep
_MEMORY = Path("/dev/shm/goutbench-truth")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `go test` says about the tests of one file.

    `result`: pass, fail, timeout, skip (everything skipped), none (nothing to run), build, vet, setup, or
    ignored (a test fails, and its `TestMain` exits with 0 all the same). With `elsewhere`, the file declares
    no test of its own, but the package's tests do more with it than without it; the result is then that of
    the whole package. If the package's tests do not even build without it, it is `needed`. `statements` and
    `covered` are the focal file's.
    """

    result: str
    tests: tuple[str, ...] = ()
    elsewhere: bool = False
    statements: int = 0
    covered: int = 0
    output: str = ""
    needed: bool = False

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class User:
    """The account that runs `go test`, with its home, its Go and its caches. `uid` is None for our own.

    Temporary files are in its home, or in the folder `temporary`.
    """

    toolchain: Toolchain
    home: Path
    build_cache: Path
    module_cache: Path
    uid: int | None
    cgo: bool = False
    temporary: Path | None = None

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.toolchain.go.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "USER": "user",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.temporary or self.home / "tmp"),
            "GOCACHE": str(self.build_cache),
            "GOMODCACHE": str(self.module_cache),
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
            "CGO_ENABLED": "1" if self.cgo else "0",
        }

    def run(
        self, args: Sequence[str], folder: Path, *, seconds: float = 3600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user; the process group is killed at the time limit."""
        (self.home / "tmp").mkdir(parents=True, exist_ok=True)
        self.own(self.home)
        if self.temporary is not None:
            self.temporary.mkdir(exist_ok=True)
            self.own(self.temporary)
        identity: dict[str, Any] = (
            {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        )
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(
                list(args), cwd=folder, env=self.environment() | {"PWD": str(folder)}, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, umask=0o022,
                **identity,
            )  # fmt: skip
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = -signal.SIGKILL
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            out.seek(0)
            text = out.read().decode("utf-8", "replace")
        return subprocess.CompletedProcess(list(args), code, text, "")

    def own(self, folder: Path) -> None:
        if self.uid is not None and folder.stat().st_uid != self.uid:
            subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", str(folder)], check=True)


def check_out(git_dir: Path, commit: str, folder: Path, user: User) -> None:
    """A clone with a work tree at the commit, which the user owns. moby's vendor.mod becomes its go.mod."""
    if (folder / ".git").is_dir():
        return
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    git = ["git", "-c", "safe.directory=*", "-c", "advice.detachedHead=false"]
    clone = [*git, "clone", "--quiet", "--shared", "--no-checkout", str(git_dir.resolve()), str(draft)]
    subprocess.run(clone, check=True)
    # a copy of a repository may lack large files: all others are written then, and git names those
    subprocess.run([*git, "-C", str(draft), "read-tree", commit], check=True)
    subprocess.run([*git, "-C", str(draft), "checkout-index", "--all", "--force"], check=False)
    if not (draft / "go.mod").exists() and (draft / "vendor.mod").exists():
        for ending in ("mod", "sum"):
            shutil.copy(draft / f"vendor.{ending}", draft / f"go.{ending}")
    user.own(draft)
    draft.rename(folder)


def download_workspace(folder: Path, user: User) -> None:
    """Download what a workspace requires, as `go test` would: the versions of its own modules that other
    members ask for, too, which goutbench replaces."""
    if (folder / "go.work").is_file():
        env = user.environment()
        del env["GOPROXY"]
        go = str(user.toolchain.go)
        subprocess.run([go, "mod", "download"], cwd=folder, env={**os.environ, **env}, check=True)


def declared_names(text: str) -> tuple[str, ...]:
    """The names of the functions that `go test` may run: with `-run` of these, it decides which it does."""
    return tuple(dict.fromkeys(_NAME.findall(text)))


@dataclass(frozen=True, slots=True)
class PlainTest:
    """The tests of one file of a checkout."""

    user: User
    checkout: Path
    code_path: str
    test_path: str
    seconds: int = 120

    @property
    def folder(self) -> Path:
        return (self.checkout / self.test_path).parent

    def in_memory(self) -> "PlainTest":
        """The same tests with their temporary files in a tmpfs."""
        return replace(self, user=replace(self.user, temporary=_MEMORY))

    def run(self, *flags: str) -> Verdict:
        """The verdict of one `go test`, with the focal file's coverage."""
        text = (self.checkout / self.test_path).read_text(encoding="utf-8", errors="replace")
        names = declared_names(text)
        if not names:
            return self._elsewhere()
        with tempfile.TemporaryDirectory(dir=self.user.home) as scratch:
            self.user.own(Path(scratch))
            profile = Path(scratch) / "cover.out"
            done = self._go_test(f"-coverprofile={profile}", f"-run=^({'|'.join(names)})$", *flags)
            blocks = profile.read_text(errors="replace") if profile.is_file() else ""
        verdict = self._judge(done, names)
        statements, covered = _coverage(blocks, Path(self.code_path).name)
        return Verdict(verdict.result, verdict.tests, False, statements, covered, verdict.output)

    def _go_test(self, *flags: str) -> subprocess.CompletedProcess[str]:
        go = str(self.user.toolchain.go)
        args = [go, "test", "-json", "-count=1", f"-timeout={self.seconds}s", *flags, "."]
        return self.user.run(args, self.folder, seconds=3600 + self.seconds)

    def _judge(self, done: subprocess.CompletedProcess[str], names: Sequence[str]) -> Verdict:
        events = list(_events(done.stdout))
        output = "".join(event.get("Output", "") for event in events if "Output" in event)[-_TAIL:]
        if not any("Output" in event for event in events):
            output = done.stdout[-_TAIL:]
        results = {
            event["Test"]: event["Action"]
            for event in events
            if event.get("Test") in names and event["Action"] in ("pass", "fail", "skip")
        }
        ran = tuple(name for name in names if name in results)
        if done.returncode == 0:
            if not results:
                return Verdict("none", output=output)
            if "fail" in results.values():
                return Verdict("ignored", ran, output=output)
            return Verdict("pass" if "pass" in results.values() else "skip", ran)
        if "panic: test timed out after" in done.stdout or done.returncode < 0:
            return Verdict("timeout", ran, output=output)
        if any(event.get("FailedBuild") for event in events) or not any("Package" in e for e in events):
            return Verdict(self._build_failure(output), output=output)
        return Verdict("setup" if "[setup failed]" in output else "fail", ran, output=output)

    def _build_failure(self, output: str) -> str:
        """Vet and the compiler fail alike: without vet the package then builds, or not."""
        if "[setup failed]" in output:
            return "setup"
        go = str(self.user.toolchain.go)
        with tempfile.TemporaryDirectory(dir=self.user.home) as scratch:
            self.user.own(Path(scratch))
            done = self.user.run([go, "test", "-c", "-vet=off", "-o", f"{scratch}/x.test", "."], self.folder)
        return "vet" if done.returncode == 0 else "build"

    def _elsewhere(self) -> Verdict:
        """The whole package with and without the file: does its own entry points' work include this file?"""
        whole = self._go_test()
        events = list(_events(whole.stdout))
        names = sorted({event["Test"] for event in events if "Test" in event})
        verdict = self._judge(whole, names)
        if verdict.result in ("build", "vet", "setup"):
            return verdict
        with self._without_file() as flags:
            less = self._go_test(*flags)
        if _work(whole.stdout) == _work(less.stdout):
            return Verdict("none", output=verdict.output)
        needed = any(event.get("FailedBuild") for event in _events(less.stdout))
        return replace(verdict, elsewhere=True, needed=needed)

    @contextmanager
    def _without_file(self) -> Iterator[list[str]]:
        with tempfile.TemporaryDirectory(dir=self.user.home) as scratch:
            overlay = Path(scratch) / "overlay.json"
            overlay.write_text(json.dumps({"Replace": {str(self.checkout / self.test_path): ""}}))
            self.user.own(Path(scratch))
            yield [f"-overlay={overlay}"]


def _work(output: str) -> tuple[frozenset[str], tuple[int, ...], bool]:
    """What a run did: its tests and subtests, its numbers of specs, and whether the package built."""
    events = list(_events(output))
    text = "".join(event.get("Output", "") for event in events)
    names = frozenset(event["Test"] for event in events if "Test" in event)
    return (
        names, tuple(map(int, _SPECS.findall(text))), any(event.get("FailedBuild") for event in events)
    )  # fmt: skip


def _events(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            with suppress(ValueError):
                yield json.loads(line)


def _coverage(profile: str, file_name: str) -> tuple[int, int]:
    """Statements and covered statements of the file; a block that occurs twice is one block."""
    blocks: dict[tuple[str, int], bool] = {}
    for name, span, count, hits in _LINE.findall(profile):
        if name == file_name:
            key = span, int(count)
            blocks[key] = blocks.get(key, False) or int(hits) > 0
    return sum(count for _, count in blocks), sum(count for (_, count), hit in blocks.items() if hit)
