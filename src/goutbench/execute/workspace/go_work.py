"""A workspace of go.work as the go command reads it, but no proxy ever hears of the workspace's modules."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goutbench.errors import SourceError
from goutbench.execute.sandbox.command import COMPILER, Command, Sandbox
from goutbench.execute.workspace.folders import Workspace, staging_folder
from goutbench.golang.toolchain.installation import Toolchain, go_env


def is_vendored(file: Path) -> bool:
    """Whether `go work vendor` has made the workspace's vendor folder; the go command then uses it."""
    listing = file.parent / "vendor" / "modules.txt"
    return listing.is_file() and listing.read_bytes().startswith(b"## workspace")


def usable_go_work(
    file: Path, root: Path, toolchain: Toolchain, workspace: Workspace, sandbox: Sandbox
) -> Path:
    """The go.work to use for `file`: the file itself, or a copy of it in our workspace.

    The go command reads the go.mod of every version that is required, also of a version of a member that
    another member requires, and asks the proxy for it. In the copy the member's folder replaces that version.
    A file that go cannot read is returned as it is, so that go reports it. Raises SourceError where the file
    names a folder outside of `root`, because go commands would read it.
    """

    def read(kind: str, file: Path) -> dict[str, Any] | None:
        return _read(kind, file, root, toolchain, sandbox)

    content = read("work", file)
    if content is None:
        return file
    for path in _local_paths(content):
        if not (file.parent / path).resolve().is_relative_to(root):
            raise SourceError(f"go.work names a folder outside of the repository: {path}", where=str(file))
    folders = [(file.parent / use["DiskPath"]).resolve() for use in content.get("Use") or ()]
    modules = [read("mod", folder / "go.mod") for folder in folders]
    if is_vendored(file) or None in modules:
        return file
    pairs = zip(modules, folders, strict=True)
    members = {(module.get("Module") or {}).get("Path"): folder for module, folder in pairs if module}
    required = [entry for module in modules if module for entry in module.get("Require") or ()]
    lines = [*_settings(content), *(f"use {_quoted(folder)}" for folder in folders)]
    lines += [*_replacements(content, file.parent), *_member_versions(content, required, members)]
    return _write_copy(file, "".join(f"{line}\n" for line in lines), workspace)


def _read(kind: str, file: Path, root: Path, toolchain: Toolchain, sandbox: Sandbox) -> dict[str, Any] | None:
    """What a go.work or go.mod says, without loading a module; None where go cannot read it."""
    env = go_env(toolchain, cache=Path("/tmp/go-build"), extra={"GOWORK": "off", "HOME": "/tmp/home"})
    command = Command(
        (str(toolchain.go), kind, "edit", "-json", str(file)), Path("/"), env,
        readable=(toolchain.goroot.resolve(), root.resolve()), worker=COMPILER,
    )  # fmt: skip
    outcome = sandbox.run(command)
    try:
        content = json.loads(outcome.stdout) if outcome.ok else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _local_paths(content: dict[str, Any]) -> list[str]:
    used = [use["DiskPath"] for use in content.get("Use") or ()]
    targets = [entry["New"] for entry in content.get("Replace") or ()]
    return used + [target["Path"] for target in targets if not target.get("Version")]


def _settings(content: dict[str, Any]) -> Iterator[str]:
    if content.get("Go"):
        yield f"go {content['Go']}"
    if content.get("Toolchain"):
        yield f"toolchain {content['Toolchain']}"
    for entry in content.get("Godebug") or ():
        yield f"godebug {entry['Key']}={entry['Value']}"


def _replacements(content: dict[str, Any], folder: Path) -> Iterator[str]:
    for entry in content.get("Replace") or ():
        target = entry["New"]
        new = _version(target) if target.get("Version") else _quoted((folder / target["Path"]).resolve())
        yield f"replace {_version(entry['Old'])} => {new}"


def _member_versions(
    content: dict[str, Any], required: list[dict[str, Any]], members: Mapping[str | None, Path]
) -> Iterator[str]:
    replaced = {_version(entry["Old"]) for entry in content.get("Replace") or ()}
    versions = {_version(entry): members[entry["Path"]] for entry in required if entry["Path"] in members}
    for version, folder in sorted(versions.items()):
        if version not in replaced:
            yield f"replace {version} => {_quoted(folder)}"


def _version(module: dict[str, Any]) -> str:
    return f"{module['Path']} {module.get('Version', '')}".rstrip()


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _write_copy(file: Path, text: str, workspace: Workspace) -> Path:
    """The copy with its sums, in a folder that the content names."""
    sums = file.with_name("go.work.sum")
    lines = sums.read_bytes() if sums.is_file() else b""
    folder = workspace.go_works / hashlib.sha256(text.encode() + b"\0" + lines).hexdigest()[:32]
    if not folder.is_dir():
        with staging_folder(folder) as staging:
            (staging / file.name).write_text(text)
            if lines:
                (staging / sums.name).write_bytes(lines)
    return folder / file.name
