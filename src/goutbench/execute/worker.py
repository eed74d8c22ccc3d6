"""A worker: what the executions of one thread share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, TypeVarTuple, cast

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
    the resident Go helper of each toolchain, started on first use. `results` holds what `once` has computed.
    """

    workspace: Workspace
    sandbox: Sandbox
    options: ExecuteOptions
    number: int
    salt: bytes
    helpers: dict[Toolchain, GoHelper] = field(default_factory=dict)
    results: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def go_environment(self, package: PackageUnderTest) -> dict[str, str]:
        """The environment of all go commands on this package: offline, with the shared caches."""
        cgo = "1" if self.options.with_cgo else "0"
        extra = {"CGO_ENABLED": cgo, "GO111MODULE": "on", "TMPDIR": "/tmp", "HOME": "/tmp/home"}
        extra["GOWORK"] = str(package.go_work or "off")
        cache, modules = self.workspace.build_cache, self.workspace.module_cache
        return go_env(package.toolchain, cache=cache, modcache=modules, extra=extra)

    def helper(self, package: PackageUnderTest) -> GoHelper:
        """The process that type-checks; its environment is the build's, so that both use the same modules."""
        if package.toolchain not in self.helpers:
            scratch = str(self.workspace.scratch)
            env = self.go_environment(package) | {"TMPDIR": scratch, "HOME": scratch}
            self.helpers[package.toolchain] = GoHelper(package.toolchain, env)
        return self.helpers[package.toolchain]

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
