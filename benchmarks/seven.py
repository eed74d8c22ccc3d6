"""The seven repositories whose pair counts the paper reports, and how the curate benchmarks measure time."""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from goutbench.config import RepositoryConfig
from goutbench.curate.git.repository import Repository
from goutbench.curate.pairing.same_name import same_name
from goutbench.curate.sources.source import SourceLocations, open_source

Result = TypeVar("Result")
AS_OF = "2024-11-25"


@dataclass(frozen=True, slots=True)
class PinnedRepository:
    """A repository, its commit as of 2024-11-25, and its number of pairs in the paper's Table 1."""

    name: str
    commit: str
    pairs: int


SEVEN = (
    PinnedRepository("gin-gonic/gin", "e46bd521859fdfc83c508f1d42c92cb7f91e9fcb", 27),
    PinnedRepository("kserve/kserve", "5bbb1369a429f84303b71b9e512a09a63f9d68f3", 73),
    PinnedRepository("prometheus/prometheus", "872e2db2a99b454498ec0278108978dcf66c28d2", 185),
    PinnedRepository("gohugoio/hugo", "467444ef649b35676ed5b4198eb8165b347d9119", 226),
    PinnedRepository("ethereum/go-ethereum", "5e1a39d67f642990b9b98f8391ceca39a5fdb849", 285),
    PinnedRepository("moby/moby", "ca0910c1b903c8dd437dd24fd9a68d92dee17a2c", 412),
    PinnedRepository("hashicorp/terraform", "b4a634ced88673d4d208ddee41f39666f51cd133", 482),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU (this process and its ended children) and of wall clock."""

    cpu: float
    wall: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu + other.cpu, self.wall + other.wall)

    def scaled(self, factor: float) -> "Cost":
        return Cost(self.cpu * factor, self.wall * factor)

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s CPU, {self.wall:.2f} s wall"


def measured(work: Callable[[], Result]) -> tuple[Result, Cost]:
    """The result of some work and its cost. Its child processes must have ended when it returns."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work()
    return result, Cost(cpu_seconds() - cpu, time.perf_counter() - wall)


def cpu_seconds() -> float:
    """User and system time of this process and its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def mirror_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every curate benchmark needs to find its repositories."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--mirror",
        type=Path,
        default=os.environ.get("GOUTBENCH_MIRROR"),
        help="folder with ORG__REPO[.git] or ORG+REPO/repo git directories [$GOUTBENCH_MIRROR]",
    )
    parser.add_argument("--only", action="append", default=[], help="a repository's name; may be repeated")
    return parser


def selected_repositories(options: argparse.Namespace) -> list[PinnedRepository]:
    """The repositories that the options select; ends the program if there is no mirror."""
    if options.mirror is None:
        sys.exit("--mirror DIR or GOUTBENCH_MIRROR is required")
    return [pinned for pinned in SEVEN if not options.only or pinned.name in options.only]


def open_pinned(pinned: PinnedRepository, mirror: Path) -> Repository:
    """A repository of the mirror, which must contain its commit."""
    config = RepositoryConfig(name=pinned.name, source=pinned.name, revision=pinned.commit)
    source = open_source(config, SourceLocations((), mirror / "unused", mirror), None, lambda what: None)
    repository: Repository = source.repository  # type: ignore[attr-defined]
    return repository


def files_at(repository: Repository, commit: str) -> dict[bytes, str]:
    """Regular files at a commit: path → blob."""
    lines = repository.output("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
    entries = (line.split(b"\t", 1) for line in lines if line)
    return {path: facts.split()[2].decode() for facts, path in entries if facts.startswith(b"100")}


def pair_paths(files: Sequence[bytes] | dict[bytes, str]) -> list[bytes]:
    """The files of all pairs, in path order."""
    return sorted(path for match in same_name(list(files)) for path in (match.code, match.test))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table for docs/benchmarks/."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
