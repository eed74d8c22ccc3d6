"""The build cache of a test that calls the go command: its runs begin with the compiled standard library.

A cache of its own is empty at first, so that each run of such a test compiles the standard library anew. This
seed holds nothing else, and was filled in a sandbox that saw the toolchain alone: not the build cache of our
compiler, which has reference tests, other candidates and the mutants' switch. Each run gets a private copy.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.sandbox.command import COMPILER, GIB, Command, Limits, Sandbox
from goutbench.execute.sandbox.copies import why_no_overlay
from goutbench.execute.workspace.folders import Workspace, staging_folder
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import short_hash

CACHE = Path("/tmp/go-build")
"""Where runs have their build cache."""

PACKAGES = ("std",)
"""What a seed holds, as arguments of `go build`."""

_SIGN = re.compile(rb'"os/exec"|"internal/testenv"|"golang.org/x/tools/|"go/importer"')
_SECONDS = 900
_NEVER_OLD = 4_102_444_800
"""The time of a seed's files, in the year 2100: the go command renews that of a file it uses, which would
copy the file into the writable layer, and removes old ones."""


@dataclass(frozen=True, slots=True)
class BuildSeed:
    """The seed of a package's runs: one for a machine, a toolchain and the settings of a build.

    `env` is the environment of go commands on the package, `settings` are the variables in it that the
    repository or the user has set, and `flags` are GOFLAGS. With `hide_focal`, runs must not see the focal
    file.
    """

    workspace: Workspace
    sandbox: Sandbox
    package: PackageUnderTest
    env: Mapping[str, str]
    settings: Mapping[str, str]
    flags: tuple[str, ...]
    hide_focal: bool

    @property
    def folder(self) -> Path:
        """The folder on the host, which may not be there yet."""
        toolchain = self.package.toolchain
        parts = [toolchain.version, str(toolchain.go), str(toolchain.go.stat().st_mtime_ns), *PACKAGES]
        parts += [self._go_flags, self.env["CGO_ENABLED"]]
        parts += [f"{name}={value}" for name, value in sorted(self.settings.items())]
        return self.workspace.seeds / short_hash(*parts)

    @property
    def _go_flags(self) -> str:
        """Without a module's own flag, which says nothing about the standard library."""
        return " ".join(flag for flag in self.flags if not flag.startswith("-mod="))

    def is_expected(self) -> bool:
        """Whether it is there, and the package's tests look as if they call the go command."""
        tests = (path.read_bytes() for path in self.package.go_files() if path.name.endswith("_test.go"))
        return self.folder.is_dir() and any(map(_SIGN.search, tests)) and self.is_possible()

    def is_possible(self) -> bool:
        """Whether the sandbox has overlays, and the seed nothing that must be hidden."""
        if self.hide_focal and self.package.tree.goroot is not None:
            return False  # compiled, the focal file would be there
        return not why_no_overlay(self.sandbox, self.package.source_root)

    def fill(self) -> bool:
        """Whether it is there; it is filled first if it is not, which takes most of a minute."""
        folder = self.folder
        with self.workspace.locked("seed"):
            if folder.is_dir():
                return True
            with contextlib.suppress(_NotCompiled), staging_folder(folder) as staging:
                self._compile(staging)
        return folder.is_dir()

    def _compile(self, cache: Path) -> None:
        toolchain, user = self.package.toolchain, self.sandbox.user_id(COMPILER)
        cache.chmod(0o755)
        if user != os.geteuid():
            os.chown(cache, user, user)
        own = {"GOCACHE": str(cache), "GOPATH": "/tmp/go", "GOMODCACHE": "/tmp/modules"}
        command = Command(
            (str(toolchain.go), "build", *PACKAGES), Path("/"),
            {**self.env, "GOFLAGS": self._go_flags, "GOWORK": "off", **own},
            readable=(toolchain.goroot.resolve(),), writable=(cache,),
            limits=Limits(
                wall=_SECONDS, cpu=_SECONDS, data=4 * GIB, memory=6 * GIB, processes=512, file_size=1 * GIB,
                open_files=4096, scratch=2 * GIB,
            ),
            worker=COMPILER,
        )  # fmt: skip
        if not self.sandbox.run(command).ok:
            raise _NotCompiled
        for parent, folders, files in os.walk(cache):
            for name in (*folders, *files):
                os.utime(Path(parent, name), (_NEVER_OLD, _NEVER_OLD), follow_symlinks=False)


class _NotCompiled(Exception):
    pass
