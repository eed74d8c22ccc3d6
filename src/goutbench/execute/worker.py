"""A worker: what the executions of one thread share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar, TypeVarTuple, cast

from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox.command import COMPILER, GIB, PATH, Command, Limits, Sandbox
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.helper import HELPER_MEMORY, GoHelper, install_program
from goutbench.golang.toolchain.installation import Toolchain, go_env
from goutbench.records import Candidate, Execution

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

_HELPERS = 4
"""The most helper processes of a worker: each keeps the packages of one repository in memory."""
_HELPER_LIMITS = Limits(
    cpu=1 << 30, data=HELPER_MEMORY, processes=512, file_size=1 * GIB, open_files=4096, scratch=2 * GIB
)


@dataclass(frozen=True, slots=True)
class Worker:
    """Executes one candidate at a time; steps of the ladder get it instead of its parts.

    `number` selects the user id of its runs; `salt` hides the mutants' switch from candidates. `helpers` has
    the resident Go helpers by toolchain, repository and environment, started on first use. `results` holds
    what `once` has computed.
    """

    workspace: Workspace
    sandbox: Sandbox
    options: ExecuteOptions
    number: int
    salt: bytes
    helpers: dict[tuple[Toolchain, tuple[Path, ...], int, tuple[str, ...]], GoHelper] = field(
        default_factory=dict
    )
    results: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def for_repository(self, package: PackageUnderTest) -> Self:
        """This worker with the options that are in effect for the package's repository."""
        return replace(self, options=self.options.for_repository(package.settings))

    def go_environment(self, package: PackageUnderTest) -> dict[str, str]:
        """The environment of all go commands on this package: offline, with the shared caches."""
        options = self.options.for_repository(package.settings)
        extra = {"CGO_ENABLED": "1" if options.with_cgo else "0", "GO111MODULE": "on"}
        extra |= {"TMPDIR": "/tmp", "HOME": "/tmp/home", "GOWORK": str(package.go_work or "off")}
        cache, modules = self.workspace.build_cache, self.workspace.module_cache
        env = go_env(package.toolchain, cache=cache, modcache=modules, extra=extra | options.build_variables)
        return env | {"GOFLAGS": f"{env['GOFLAGS']} {options.go_flags}".rstrip()}

    def helper(self, package: PackageUnderTest) -> GoHelper:
        """The process that type-checks; its environment is the build's, so that both use the same modules.

        It sees one repository, since its `go list` reads whatever that repository's files name.
        """
        env = self.go_environment(package)
        # requests carry the workspace
        variables = tuple(f"{name}={env[name]}" for name in sorted(env) if name != "GOWORK")
        inode = package.source_root.stat().st_ino  # a folder that was made anew is not the one that it sees
        key = package.toolchain, package.readable_folders(), inode, variables
        helper = self.helpers.pop(key, None) or self._start_helper(package, env)
        self.helpers[key] = helper  # the last one is the latest
        for old in list(self.helpers)[:-_HELPERS]:
            self.helpers.pop(old).close()
        return helper

    def helper_program(self, package: PackageUnderTest) -> Path:
        """The Go helper's program for the package's toolchain, which sandboxes can run."""
        return self.once(_install_helper, package.toolchain)

    def _start_helper(self, package: PackageUnderTest, env: dict[str, str]) -> GoHelper:
        program = self.helper_program(package)
        env = env | {"GOUTBENCH_HELPER_MEMORY": str(HELPER_MEMORY)}
        readable = (*package.readable_folders(), self.workspace.module_cache, program)
        command = Command(
            (str(program),), Path("/"), env, readable, writable=(self.workspace.build_cache,),
            limits=_HELPER_LIMITS, worker=COMPILER,
        )  # fmt: skip
        return GoHelper(package.toolchain, {"PATH": PATH}, command=self.sandbox.resident(command))

    def once(self, function: "Callable[[Worker, *Arguments], Result]", *arguments: *Arguments) -> Result:
        """`function(self, *arguments)`, computed on the first call: what candidates of a package share."""
        key = (function, *arguments)
        if key not in self.results:
            self.results[key] = function(self, *arguments)
        return cast(Result, self.results[key])

    def close(self) -> None:
        for helper in self.helpers.values():
            helper.close()
        self.helpers.clear()


def _install_helper(worker: Worker, toolchain: Toolchain) -> Path:
    return install_program(toolchain, worker.workspace.root, "gohelper")


Climb = Callable[[Worker, PackageUnderTest, Candidate], Execution]
"""Takes one candidate up the ladder: `ladder.climb.climb`."""
