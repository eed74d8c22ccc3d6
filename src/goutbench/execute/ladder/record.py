"""The record of an execution that has not started yet, and its identity."""

import hashlib
from dataclasses import asdict, replace
from typing import Any

from goutbench.execute.options import ExecuteOptions
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Candidate, Execution, Rung, Status

HARNESS = "9"
"""The version of what a result means. When it changes, no earlier result is used again."""


def blank_record(
    candidate: Candidate, package: PackageUnderTest, sandbox: str, options: ExecuteOptions
) -> Execution:
    """The record of a candidate before its first step; its id is final."""
    tree = package.tree
    names = (
        candidate.id,
        tree.repository,
        str(package.folder.relative_to(tree.root.resolve())),
        package.test,
        str(candidate.mode),
        *candidate.focal,
    )
    focal, version = package.focal_source.decode("utf-8", "surrogateescape"), package.toolchain.version
    options = options.for_repository(package.settings)
    key = identity(candidate.code, focal, tree.revision, names, version, sandbox, options)
    record = empty_record(candidate, key, options, version, sandbox)
    return replace(record, go_source=package.toolchain.source)


def empty_record(
    candidate: Candidate, key: str, options: ExecuteOptions, toolchain: str = "", sandbox: str = ""
) -> Execution:
    """A record that has reached nothing: an infrastructure error until a step decides otherwise."""
    return Execution(
        id=key, candidate_id=candidate.id, pair_id=candidate.pair_id, model=candidate.model,
        status=Status.INFRA_FAILURE, rung=Rung.NONE, reason="", evidence="", declared=(), passed=(),
        failed=(), skipped=(), flaky=(), statements=0, covered=0, mutation=None, repeats=0, gate_seconds=0.0,
        build_seconds=0.0, run_seconds=0.0, siblings=options.siblings, toolchain=toolchain, sandbox=sandbox,
    )  # fmt: skip


def _used(options: ExecuteOptions) -> dict[str, Any]:
    """The options by name; the latest only where it is used, so that earlier results keep their names."""
    return {name: value for name, value in asdict(options).items() if name != "hide_focal" or value}


def identity(
    code: str,
    focal: str,
    revision: str,
    names: tuple[str, ...],
    toolchain: str,
    sandbox: str,
    options: ExecuteOptions,
) -> str:
    """The SHA-256 that names a result: with another option, toolchain or file, no earlier result is used."""
    parts = [HARNESS, code, focal, revision, *names, toolchain, sandbox]
    parts += [f"{name}={value!r}" for name, value in sorted(_used(options).items())]
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
