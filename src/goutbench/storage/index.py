"""What a local copy has of its remote folder: the state of each object when it was last equal."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from goutbench.dataset.store import file_hash, write_json


@dataclass(frozen=True, slots=True)
class Synced:
    """An object and its local file while they were equal: the object's tag, and what the file was like."""

    tag: str
    bytes: int
    modified: int
    sha256: str = ""

    def is_of(self, path: Path) -> bool:
        """Whether a local file is unchanged, by its size and time."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.bytes, self.modified)

    def has_content_of(self, path: Path) -> bool:
        """Whether a local file has the same bytes."""
        return path.is_file() and path.stat().st_size == self.bytes and file_hash(path) == self.sha256

    @classmethod
    def now(cls, tag: str, path: Path) -> Self:
        status = path.stat()
        return cls(tag, status.st_size, status.st_mtime_ns, file_hash(path))


@dataclass(slots=True)
class SyncIndex:
    """By name the objects that are synced, and the tags of each journal's segments in their order."""

    path: Path
    files: dict[str, Synced] = field(default_factory=dict)
    segments: dict[str, dict[str, str]] = field(default_factory=dict)
    unsent: bool = False
    """Whether a finished command could not send all of its results."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The index in a file; an empty one where there is none, or one that cannot be read."""
        try:
            content = json.loads(path.read_bytes())
            files = {name: Synced(**entry) for name, entry in content["files"].items()}
            return cls(path, files, content["segments"], content.get("unsent", False))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def write(self) -> None:
        files = {name: asdict(entry) for name, entry in self.files.items()}
        write_json(self.path, {"files": files, "segments": self.segments, "unsent": self.unsent})


def tag_of(info: dict[str, Any]) -> str:
    """What changes with the content of an object: its ETag, hash or generation."""
    for name in ("ETag", "etag", "md5Hash", "generation"):
        if info.get(name):
            return str(info[name]).strip('"')
    return f"{info.get('size')} {info.get('mtime') or info.get('LastModified')}"
