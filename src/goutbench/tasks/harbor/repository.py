"""The commits of a task: as a git directory for its judge, and as a plain archive for the agent."""

import gzip
import io
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from goutbench.curate.git.repository import Repository, run_git
from goutbench.locations.foreign_git import read_environment

_EPOCH = 0


def copy_commits(repository: Repository, commits: Sequence[str], target: Path) -> None:
    """Write a bare git directory with these commits and their files, and none of their history.

    Raises SourceError where an object is missing.
    """
    names = repository.output("rev-list", "--objects", "--no-walk", *commits)
    objects = b"".join(line.split(b" ")[0] + b"\n" for line in names.splitlines())
    pack = repository.output("pack-objects", "--stdout", "--threads=1", "--delta-base-offset", stdin=objects)
    run_git(["git", "init", "-q", "--bare", "--template=", "-b", "main", str(target)]).check_returncode()
    index = ["git", "--git-dir", str(target), "index-pack", "--stdin"]
    subprocess.run(index, input=pack, capture_output=True, check=True, env=read_environment())
    (target / "shallow").write_text("".join(f"{commit}\n" for commit in sorted(set(commits))))
    (target / "refs" / "heads" / "main").write_text(f"{commits[0]}\n")


def write_archive(
    repository: Repository, commit: str, target: Path, changes: Mapping[str, bytes | None]
) -> None:
    """Write the files of a commit as a tar archive, with these files in place of its own (None: without).

    Equal input gives equal bytes. Raises SourceError where an object is missing.
    """
    entries = _entries(repository, commit)
    contents: dict[str, tuple[str, bytes]] = {}
    for path, (mode, oid) in entries.items():
        if mode in ("100644", "100755", "120000") and path not in changes:
            contents[path] = mode, repository.output("cat-file", "blob", oid)
    contents |= {path: ("100644", text) for path, text in changes.items() if text is not None}
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=_EPOCH, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, (mode, data) in sorted(contents.items()):
            archive.addfile(*_member(path, mode, data))


def _entries(repository: Repository, commit: str) -> dict[str, tuple[str, str]]:
    """Mode and hash of each file of a commit, by path; names that are not UTF-8 are left out."""
    entries = {}
    for line in repository.output("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
        attributes, _, name = line.partition(b"\t")
        mode, _, oid = attributes.decode("ascii").split(" ")
        try:
            entries[name.decode("utf-8")] = mode, oid
        except UnicodeDecodeError:  # no Go file has such a name
            continue
    return entries


def _member(path: str, mode: str, data: bytes) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    member = tarfile.TarInfo(path)
    member.mtime = _EPOCH
    if mode == "120000":
        member.type, member.linkname = tarfile.SYMTYPE, data.decode("utf-8", "surrogateescape")
        return member, None
    member.mode, member.size = (0o755 if mode == "100755" else 0o644), len(data)
    return member, io.BytesIO(data)
