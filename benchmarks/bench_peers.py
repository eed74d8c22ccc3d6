"""CPU seconds per mutant that was run: `goutbench mutate` beside other mutation tools for Go.

    python benchmarks/bench_peers.py measure --checkouts FOLDER --tools FOLDER --work FOLDER --out ROWS
    python benchmarks/bench_peers.py report --out ROWS

FOLDER of checkouts has those of CASES, each a git work tree with its modules downloaded; FOLDER of tools has
the programs `gomutants`, `gremlins` and `assay`. ROWS gets one JSON line for each case, tool and mode;
what it has is not measured again.

Every tool has one worker and a copy of the same build cache, in which the package and its tests are built,
also with coverage, and no mutant is. For goutbench the copied workspace is that of a run on the package with
one more declaration in every file. "Run" are mutants that were killed, survived or timed out. CPU seconds
are those of all processes, for the complete command, and for assay of its index too.

In the mode "matched", a peer makes only changes that goutbench makes as well, and goutbench runs only
mutants whose changed file is equal to that of a mutant which the peer ran, but for white space. Its binary
still holds all mutants. The verdicts of those that both ran are compared, as "PEER/GOUTBENCH".
"""

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpu_group import run_counted

LIMIT = 300
"""Seconds of one run."""
CASES = (
    ("zap", "./buffer"),
    ("zap", "./internal/stacktrace"),
    ("hcl", "./ext/tryfunc"),
    ("hcl", "./ext/userfunc"),
    ("go-toml", "./internal/cli"),
    ("cobra", "./doc"),
)
MATCHED = (
    "ARITHMETIC_BASE,CONDITIONALS_BOUNDARY,CONDITIONALS_NEGATION,INCREMENT_DECREMENT,INVERT_LOGICAL,"
    "INVERT_LOOP_CTRL,INTEGER_INCREMENT,BRANCH_IF,BRANCH_CASE,RETURN_ZERO,RETURN_ERROR_NIL"
)
"""Operators of gomutants whose changes goutbench makes too, in most places."""
PEERS = (("gremlins", "matched"), ("assay", "default"), ("gomutants", "matched"), ("gomutants", "default"))
"""All operators that gremlins has by default are also goutbench's: its default is its matched mode."""
SWAPS = {
    "ARITHMETIC_BASE": {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
    "CONDITIONALS_BOUNDARY": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
    "CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", "<=": ">", ">": "<=", "<": ">=", ">=": "<"},
    "INCREMENT_DECREMENT": {"++": "--", "--": "++"},
    "INVERT_NEGATIVES": {"-": ""},
}
"""What gremlins does; its report has only the operator and the place."""
VERDICTS = {
    "KILLED": "killed", "LIVED": "survived", "TIMED OUT": "timed out", "Killed": "killed", "killed": "killed",
    "Survived": "survived", "survived": "survived", "Timeout": "timed out", "timeout": "timed out",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A package of a checkout, and where its runs keep their files."""

    root: Path
    pattern: str
    tools: Path
    work: Path

    @property
    def folder(self) -> Path:
        return self.root / self.pattern

    def environment(self, cache: Path) -> dict[str, str]:
        return os.environ | {"GOCACHE": str(cache), "GOTOOLCHAIN": "local"}

    def copied(self, name: str) -> Path:
        """A fresh copy of a folder with warm caches, whose files are links: they are never written again."""
        copy = self.work / f"{name}-copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.work / name, copy, copy_function=os.link, symlinks=True)
        return copy


@dataclass(frozen=True)
class Outcome:
    """CPU seconds of a run, and for each mutant that was run its changed file (if known) and verdict."""

    cpu: float
    verdicts: list[tuple[str, str]]
    finished: bool = True


def main() -> None:
    if sys.argv[1:2] == ["one"]:  # not parsed: the rest is the command line of goutbench
        run_here(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("measure", "report"))
    for name in ("--checkouts", "--tools", "--work", "--out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.action == "report":
        report(read_rows(options.out))
    else:
        root, places = options.checkouts.resolve(), {}
        for checkout, pattern in CASES:
            if options.only in f"{checkout} {pattern}":
                place = Place(root / checkout, pattern, options.tools.resolve(), options.work.resolve())
                places[f"{checkout} {pattern}"] = place
        measure(places, options.out)


def read_rows(path: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row["case"], row["tool"], row["mode"]): row for row in rows}


def measure(places: dict[str, Place], out: Path) -> None:
    """All tools on all packages, one tool after the other; every row is written at once."""
    for case, place in places.items():
        if (case, "goutbench", "default") not in read_rows(out):
            warm(place)
            write(out, case, "goutbench", "default", ours(place, None))
    for tool, mode in PEERS:
        for case, place in places.items():
            rows = read_rows(out)
            if (case, tool, mode) not in rows:
                warm(place)
                write(out, case, tool, mode, peer(place, tool, mode))
            if mode == "matched" and (case, "goutbench", f"matched {tool}") not in rows:
                warm(place)
                theirs = dict(read_rows(out)[case, tool, mode]["verdicts"])
                mine = ours(place, list(theirs))
                pairs = Counter(f"{theirs[key]}/{verdict}" for key, verdict in mine.verdicts)
                write(out, case, "goutbench", f"matched {tool}", mine, pairs=pairs)


def write(out: Path, case: str, tool: str, mode: str, outcome: Outcome, **more: Any) -> None:
    counts = Counter(verdict for _, verdict in outcome.verdicts)
    row = {"case": case, "tool": tool, "mode": mode, "cpu": round(outcome.cpu, 3), "run": counts.total()}
    row |= counts | {"finished": outcome.finished} | more
    print(row, flush=True)
    with out.open("a") as stream:
        print(json.dumps(row | {"verdicts": outcome.verdicts}), file=stream)


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────


def warm(place: Place) -> None:
    """Build the package and its tests, with and without coverage, and what goutbench needs beside them."""
    cache, marker = place.work / "cache", place.work / "warm"
    marker.mkdir(parents=True, exist_ok=True)
    done = marker / hashlib.sha256(str(place.folder).encode()).hexdigest()
    if done.exists():
        return
    for extra in ([], ["-cover"]):
        command = ["go", "test", "-count=1", *extra, place.pattern]
        subprocess.run(
            command, cwd=place.root, env=place.environment(cache), check=True, stdout=subprocess.DEVNULL
        )
    sources = [path for path in place.folder.glob("*.go") if not path.name.endswith("_test.go")]
    before = {path: path.read_bytes() for path in sources}
    try:
        for path, text in before.items():
            path.write_bytes(text + b"\nvar _ = 1\n")
        (place.work / "ours").mkdir(exist_ok=True)
        copy = place.copied("ours")  # the path counts for what the build cache finds
        run_ours(place, copy, None)
    finally:
        for path, text in before.items():
            path.write_bytes(text)
    shutil.rmtree(copy / "mutants", ignore_errors=True)
    shutil.rmtree(place.work / "ours")
    copy.rename(place.work / "ours")
    done.touch()


def run_ours(place: Place, work: Path, keys: list[str] | None) -> tuple[dict[str, Any], float]:
    """Stryker's report and the CPU seconds of `goutbench mutate`, of all mutants or of those with a key."""
    report, wanted = place.work / "ours.json", place.work / "keys.json"
    report.unlink(missing_ok=True)
    wanted.write_text(json.dumps(keys))
    arguments = ["--work", str(work), "--workers", "1", "--json", str(report)]
    command = [sys.executable, __file__, "one", str(wanted), "mutate", place.pattern, *arguments]
    _, cpu = run_counted(command, cwd=place.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads(report.read_text()), cpu


def ours(place: Place, keys: list[str] | None) -> Outcome:
    report, cpu = run_ours(place, place.copied("ours"), keys)
    verdicts = []
    for file in report["files"].values():
        for mutant in file["mutants"]:
            start, end = (offset(file["source"], mutant["location"][side]) for side in ("start", "end"))
            text = file["source"][:start] + mutant["replacement"] + file["source"][end:]
            if mutant["status"] in VERDICTS:
                verdicts.append((key_of(text), VERDICTS[mutant["status"]]))
    return Outcome(cpu, verdicts)


def run_here(keys: Path, arguments: list[str]) -> None:
    """`goutbench` in this process, with the mutants limited to those with a key."""
    from goutbench.cli import main as goutbench
    from goutbench.golang.toolchain.mutation import Mutant, apply_mutant
    from goutbench.mutate.source.scope import Scope

    wanted = json.loads(keys.read_text())
    if wanted is not None:

        def chosen(self: Scope, package: object, name: str, source: bytes, mutants: Any) -> list[Mutant]:
            return [item for item in mutants if key_of(apply_mutant(source, item).decode()) in wanted]

        Scope.mutants = chosen  # type: ignore[method-assign]
    sys.argv = ["goutbench", *arguments]
    goutbench()


def peer(place: Place, tool: str, mode: str) -> Outcome:
    cache, report, program = place.copied("cache"), place.work / "peer.json", str(place.tools / tool)
    report.unlink(missing_ok=True)
    commands = {
        "gomutants": [["--cache=off", "-w", "1", "-v", "-o", str(report), place.pattern]],
        "gremlins": [["unleash", "--workers", "1", "--timeout-coefficient", "20", "-o", str(report)]],
        "assay": assay_commands(place, cache),
    }[tool]
    if tool == "gremlins":
        commands[0].append(place.pattern)
    if tool == "gomutants" and mode == "matched":
        commands[0][:0] = ["--only", MATCHED]
    cpu, output = 0.0, ""
    for command in commands:
        limited = ["sh", "-c", 'timeout "$@"; true', "sh", str(LIMIT), program, *command]
        done, seconds = run_counted(
            limited, cwd=place.root, env=place.environment(cache), stdout=subprocess.PIPE
        )
        cpu, output = cpu + seconds, done.stdout.decode()
    if tool == "assay":
        rows = json.loads(output)["mutants"]
        return Outcome(cpu, [("", VERDICTS[row["outcome"]]) for row in rows if row["outcome"] in VERDICTS])
    if not report.exists():  # ended by the limit: what it printed until then
        found = re.findall(r"^\s*(?:\[[^]]*\]\s*)?(KILLED|LIVED|TIMED OUT)\b", output, re.MULTILINE)
        return Outcome(cpu, [("", VERDICTS[name]) for name in found], finished=False)
    return Outcome(cpu, list(verdicts_of(place, json.loads(report.read_text()))))


def assay_commands(place: Place, cache: Path) -> list[list[str]]:
    listed = subprocess.run(
        ["go", "list", place.pattern], cwd=place.root, check=True, capture_output=True, text=True
    )
    shared = ["--root", ".", "--cache-dir", str(cache / "assay")]
    limits = ["--jobs", "1", "--quiet", "--packages", listed.stdout.strip()]
    return [[*shared, "index", *limits], [*shared, "mutate", "--whole", "--json", *limits]]


# ── the same mutants ──────────────────────────────────────────────────────────────────────────────────


def verdicts_of(place: Place, report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The changed file and the verdict of each mutant that gomutants or gremlins ran."""
    for file in report["files"]:
        path = place.folder / Path(file["file_name"]).name
        source = path.read_bytes()
        for mutant in file["mutations"]:
            if mutant["status"] in VERDICTS:
                yield key_of(changed(source, mutant)), VERDICTS[mutant["status"]]


def changed(source: bytes, mutant: dict[str, Any]) -> str:
    lines = source.split(b"\n")
    start = sum(len(line) + 1 for line in lines[: mutant["line"] - 1]) + mutant["column"] - 1
    before, after = source[:start].decode(), source[start:].decode()
    if "original" in mutant or "replacement" in mutant:
        return before + str(mutant.get("replacement", "")) + after[len(mutant.get("original", "")) :]
    swaps = SWAPS[mutant["type"]]
    token = max((token for token in swaps if after.startswith(token)), key=len)
    return before + swaps[token] + after[len(token) :]


def offset(source: str, position: dict[str, int]) -> int:
    lines = source.split("\n")[: position["line"] - 1]
    return sum(len(line) + 1 for line in lines) + position["column"] - 1


def key_of(text: str) -> str:
    """A hash of a file without white space and without statements that gomutants adds."""
    return hashlib.sha256(re.sub(r"\s+|_ = 0", "", text).encode()).hexdigest()[:16]


# ── report ────────────────────────────────────────────────────────────────────────────────────────────


def report(rows: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    """For each peer and mode: CPU seconds per run mutant, the ratios, and their geometric mean."""
    for tool, mode in (*PEERS, ("gremlins", "default")):
        ratios: list[float] = []
        for case in dict.fromkeys(case for case, *_ in rows):
            mine = rows.get((case, "goutbench", mode if mode == "default" else f"matched {tool}"))
            theirs = rows.get((case, tool, "matched" if tool == "gremlins" else mode))
            if mine and theirs and mine["run"] and theirs["run"]:
                ratios.append(theirs["cpu"] / theirs["run"] / (mine["cpu"] / mine["run"]))
                shown = [{name: row[name] for name in row if name != "verdicts"} for row in (theirs, mine)]
                print(f"{case} {tool} {mode}: {ratios[-1]:.1f}x; {shown}")
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            print(f"{tool} {mode}: geometric mean {mean:.1f}x, lowest {min(ratios):.1f}x of {len(ratios)}")


if __name__ == "__main__":
    main()
