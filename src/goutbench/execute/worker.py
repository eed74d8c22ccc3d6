"""A worker: what the executions of one thread share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar, TypeVarTuple, cast

from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, go_env

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Worker:
    """Executes one candidate at a time; steps of the ladder get it instead of its parts.

    `number` selects the user id of its runs; `salt` hides the mutants' switch from candidates. `helpers` has
    the resident Go helper of each toolchain and environment, started on first use. `results` holds what
    `once` has computed.
    """

    workspace: Workspace
    sandbox: Sandbox
    options: ExecuteOptions
    number: int
    salt: bytes
    helpers: dict[tuple[Toolchain, tuple[str, ...]], GoHelper] = field(default_factory=dict)
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
        """The process that type-checks; its environment is the build's, so that both use the same modules."""
        env = self.go_environment(package)
        # requests carry the workspace
        variables = tuple(f"{name}={env[name]}" for name in sorted(env) if name != "GOWORK")
        key = package.toolchain, variables
        if key not in self.helpers:
            scratch = str(self.workspace.scratch)
            self.helpers[key] = GoHelper(package.toolchain, env | {"TMPDIR": scratch, "HOME": scratch})
        return self.helpers[key]

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
