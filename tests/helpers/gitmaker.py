"""Writes git repositories commit by commit through `git fast-import`: any tree, any parents, any date."""

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

File = tuple[str, bytes]  # mode ("100644", "100755", "120000", "160000") and content (a hash for "160000")
Tree = dict[bytes, File]


@dataclass
class GitMaker:
    """A repository under construction; `commit` gives marks, `finish` gives hashes."""

    path: Path
    object_format: str = "sha1"
    _stream: list[bytes] = field(default_factory=list)
    _mark: int = 0
    _hashes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, object_format: str = "sha1") -> "GitMaker":
        command = ["git", "init", "-q", "--bare", f"--object-format={object_format}", "-b", "main", str(path)]
        subprocess.run(command, check=True)
        return cls(path, object_format)

    def commit(
        self,
        files: Mapping[bytes | str, File | bytes | str],
        parents: Sequence[int] = (),
        date: int = 1_700_000_000,
        branch: str = "main",
    ) -> int:
        """A commit whose tree is exactly `files`. Returns its mark, to be named as a parent."""
        self._mark += 1
        out = self._stream
        # a branch of its own for each commit: fast-import would else take the branch's tip as a parent
        out.append(b"reset refs/heads/tmp\n\ncommit refs/heads/tmp\nmark :%d\n" % self._mark)
        out.append(
            b"author A <a@example.com> %d +0000\ncommitter C <c@example.com> %d +0000\n" % (date, date)
        )
        out.append(b"data 2\nm\n\n")
        out.extend(
            (b"from :%d\n" if number == 0 else b"merge :%d\n") % parent
            for number, parent in enumerate(parents)
        )
        out.append(b"deleteall\n")
        for path, file in sorted(((_bytes(path), _file(file)) for path, file in files.items())):
            mode, content = file
            if mode == "160000":
                out.append(b"M 160000 %s %s\n" % (content, _quote(path)))
            else:
                header = b"M %s inline %s\ndata %d\n" % (mode.encode(), _quote(path), len(content))
                out.append(header + content + b"\n")
        out.append(b"\nreset refs/heads/%s\nfrom :%d\n\n" % (branch.encode(), self._mark))
        return self._mark

    def finish(self) -> dict[int, str]:
        """Write what was asked for so far; returns mark → hash."""
        marks = self.path / "marks"
        options = ["--quiet", "--force", f"--export-marks={marks}"]
        if marks.exists():
            options.append(f"--import-marks={marks}")
        subprocess.run(
            ["git", "--git-dir", str(self.path), "fast-import", *options],
            input=b"".join(self._stream),
            check=True,
            capture_output=True,
        )
        self._stream.clear()
        self.git("update-ref", "-d", "refs/heads/tmp")
        lines = marks.read_text().split()
        self._hashes = {int(mark[1:]): oid for mark, oid in zip(lines[::2], lines[1::2], strict=True)}
        return self._hashes

    def git(self, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
        command = ["git", "--git-dir", str(self.path), *arguments]
        return subprocess.run(command, check=True, input=stdin, capture_output=True).stdout

    def loosen(self) -> None:
        """Unpack every object into a file of its own, so that one of them can be damaged."""
        packs = self.path / "objects" / "pack"
        contents = [pack.read_bytes() for pack in packs.glob("*.pack")]
        for file in packs.iterdir():
            file.unlink()
        for content in contents:
            self.git("unpack-objects", "-q", stdin=content)

    def damage(self, oid: str, content: bytes | None) -> None:
        """Overwrite a loose object's file, or remove it."""
        file = self.path / "objects" / oid[:2] / oid[2:]
        file.unlink()
        if content is not None:
            file.write_bytes(content)


def _bytes(path: bytes | str) -> bytes:
    return path.encode() if isinstance(path, str) else path


def _file(file: File | bytes | str) -> File:
    if isinstance(file, tuple):
        return file
    return "100644", _bytes(file)


def _quote(path: bytes) -> bytes:
    """fast-import's C-style quoting, so that any path can be written."""
    escaped = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


NAMES = [b"a.go", b"a_test.go", b"d", b"e.go", b"new\nline.go", b'q"uote.go', b"*.go", b"[x].go"]
NAMES += ["é.go".encode(), b"A.go", b"\xff.go", b":x.go", b"sp ace.go", b"back\\slash.go"]


def random_tree(rng: random.Random, base: Tree) -> Tree:
    """A tree that differs from `base` in a few files: changed, added, removed, renamed, swapped, chmodded."""
    tree = dict(base)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        path = b"/".join(rng.choice(NAMES) for _ in range(rng.choice((1, 1, 2, 3))))
        action = rng.random()
        if action < 0.2 and tree:
            del tree[rng.choice(sorted(tree))]
        elif action < 0.35 and tree:
            victim = rng.choice(sorted(tree))
            mode, content = tree[victim]
            if mode in ("100644", "100755"):
                tree[victim] = ("100755" if mode == "100644" else "100644", content)
        elif action < 0.45 and tree:
            victim = rng.choice(sorted(tree))  # a rename
            _put(tree, path, tree.pop(victim))
        else:
            mode = rng.choice(("100644", "100644", "100644", "100755", "120000"))
            _put(tree, path, (mode, rng.choice((b"", b"1", b"2", b"3"))))
    return tree


def _put(tree: Tree, path: bytes, file: File) -> None:
    """Set a file; whatever stands in its way (a folder there, a file above) goes."""
    for other in list(tree):
        if other.startswith(path + b"/") or path.startswith(other + b"/"):
            del tree[other]
    tree[path] = file


def random_history(maker: GitMaker, rng: random.Random, commits: int = 30) -> str:
    """Merges (octopus and evil), several roots, skewed and equal dates. Returns the tip's hash."""
    trees: dict[int, Tree] = {}
    for _ in range(commits):
        known = sorted(trees)
        recent = known[-6:]
        kind = rng.random()
        if not known or kind < 0.05:
            parents: list[int] = []
        elif kind < 0.6:
            parents = [rng.choice(recent)]
        else:
            parents = rng.sample(recent, k=min(len(recent), rng.choice((2, 2, 2, 3, 4))))
        base: Tree = {}
        for parent in parents:  # a merge takes each file from one of its parents, or from none
            for path, file in trees[parent].items():
                if path not in base or rng.random() < 0.5:
                    _put(base, path, file)
        tree = base if parents and rng.random() < 0.25 else random_tree(rng, base)
        date = rng.choice(
            (1_600_000_000, 1_600_000_000 + rng.randrange(-5000, 5000), 1_500_000_000 + maker._mark)
        )
        trees[maker.commit(tree, parents, date)] = tree
    tips = sorted(trees)[-3:]
    final: Tree = {}
    for tip in tips:
        for path, file in trees[tip].items():
            _put(final, path, file)
    last = maker.commit(final or {b"a.go": ("100644", b"1")}, tips, 1_600_000_100)
    return maker.finish()[last]
