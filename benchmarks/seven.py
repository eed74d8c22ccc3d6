"""The seven repositories whose counts the paper gives, and how the curate benchmarks measure time."""

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
class Known:
    """A repository with its commit as of 2024-11-25, and the number of pairs in the paper's Table 1."""

    name: str
    commit: str
    pairs: int


SEVEN = (
    Known("gin-gonic/gin", "e46bd521859fdfc83c508f1d42c92cb7f91e9fcb", 27),
    Known("kserve/kserve", "5bbb1369a429f84303b71b9e512a09a63f9d68f3", 73),
    Known("prometheus/prometheus", "872e2db2a99b454498ec0278108978dcf66c28d2", 185),
    Known("gohugoio/hugo", "467444ef649b35676ed5b4198eb8165b347d9119", 226),
    Known("ethereum/go-ethereum", "5e1a39d67f642990b9b98f8391ceca39a5fdb849", 285),
    Known("moby/moby", "ca0910c1b903c8dd437dd24fd9a68d92dee17a2c", 412),
    Known("hashicorp/terraform", "b4a634ced88673d4d208ddee41f39666f51cd133", 482),
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: CPU of this process and its ended children together, and wall clock."""

    cpu: float
    wall: float

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def scaled(self, factor: float) -> "Spent":
        return Spent(self.cpu * factor, self.wall * factor)

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s CPU, {self.wall:.2f} s wall"


def measured(work: Callable[[], Result]) -> tuple[Result, Spent]:
    """What some work gives, and what it cost. Its child processes must have ended when it returns."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work()
    return result, Spent(cpu_seconds() - cpu, time.perf_counter() - wall)


def cpu_seconds() -> float:
    """User and system time of this process and its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options by which every curate benchmark finds its repositories."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--mirror",
        type=Path,
        default=os.environ.get("GOUTBENCH_MIRROR"),
        help="folder with ORG__REPO[.git] or ORG+REPO/repo git directories [$GOUTBENCH_MIRROR]",
    )
    made.add_argument("--only", action="append", default=[], help="a repository's name; may be repeated")
    return made


def chosen(options: argparse.Namespace) -> list[Known]:
    """The repositories that the options ask for; ends the program where there is no mirror."""
    if options.mirror is None:
        sys.exit("give --mirror DIR, or set GOUTBENCH_MIRROR")
    return [each for each in SEVEN if not options.only or each.name in options.only]


def opened(known: Known, mirror: Path) -> Repository:
    """A repository, which must hold its commit."""
    config = RepositoryConfig(name=known.name, source=known.name, revision=known.commit)
    source = open_source(config, SourceLocations((), mirror / "unused", mirror), None, lambda what: None)
    repository: Repository = source.repository  # type: ignore[attr-defined]
    return repository


def files_at(repository: Repository, commit: str) -> dict[bytes, str]:
    """Regular files at a commit: path → blob."""
    lines = repository.output("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
    entries = (line.split(b"\t", 1) for line in lines if line)
    return {path: facts.split()[2].decode() for facts, path in entries if facts.startswith(b"100")}


def pair_paths(files: Sequence[bytes] | dict[bytes, str]) -> list[bytes]:
    """The files that stand in pairs, in path order."""
    return sorted(path for match in same_name(list(files)) for path in (match.code, match.test))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table, ready for docs/benchmarks.md."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
