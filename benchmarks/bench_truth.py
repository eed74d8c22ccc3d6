"""goutbench's verdicts, and its coverage, beside those of plain `go test`.

    bench_truth.py references --dataset DIR --out DIR [--only ORG/REPO] [--pairs 80] [--cgo ORG/REPO]
    bench_truth.py mutilated --dataset DIR --out DIR [--only ORG/REPO] [--cases 40]
    bench_truth.py table --out DIR [--full]

DIR of --dataset is the output of `goutbench curate repos.yaml`, whose repositories are local git directories.
`references` draws pairs of each repository with a seed, executes their reference tests with `goutbench
execute --reference` in one run, and runs the tests of each file, by name, with `go test -json` in a writable
clone, as an ordinary user if the benchmark runs as root. Both have the same Go, module cache, build cache,
CGO_ENABLED and time limit. Where the verdicts differ, both run again alone. `mutilated` damages reference
tests in the ways of truth/mutilate.py, and gives each case to both as well. Results are in
OUT/references/ORG__REPO.jsonl and OUT/mutilated/ORG__REPO.jsonl: the same command continues an interrupted
run, and `table` shows totals and every difference.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seven import print_table
from truth.compare import classify, coverage_differs, same
from truth.mutilate import mutilate, ways
from truth.plain import PlainTest, User, Verdict, check_out

from goutbench.config import load_lock
from goutbench.dataset.store import LOCK, read_pairs
from goutbench.execute.sandbox.command import COMPILER
from goutbench.execute.sandbox.supervise import worker_user_id
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.records import Pair

KEPT = ("status", "reason", "evidence", "statements", "covered", "declared", "passed", "failed", "skipped")
SECONDS = 120
FLAKY = "flaky"
"""The way whose tests fail half of the time."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the dataset: its git directory, its sampled pairs, and where its results are."""

    name: str
    commit: str
    git_dir: Path
    pairs: tuple[Pair, ...]
    out: Path
    dataset: Path
    workers: int
    cgo: bool

    @property
    def stem(self) -> str:
        return self.name.replace("/", "__")

    @property
    def work(self) -> Path:
        return self.out / "work"

    def user(self) -> User:
        """Root becomes the user that owns goutbench's build cache; anybody else stays who he is."""
        uid = worker_user_id(COMPILER) if os.geteuid() == 0 else None
        home = self.out / "home"
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        toolchain = find_toolchain()
        return User(toolchain, home, self.work / "build-cache", self.work / "modules", uid, self.cgo)

    def execute(self, candidates: Sequence[dict[str, str]], run: Path, *flags: str) -> dict[str, Any]:
        """The records of goutbench by candidate id; a run folder that exists is continued."""
        run.mkdir(parents=True, exist_ok=True)
        table = run / "requested.jsonl"
        table.write_text("".join(json.dumps(row) + "\n" for row in candidates))
        command = [sys.executable, "-m", "goutbench", "execute", str(table), *flags]
        command += ["--dataset", str(self.dataset), "--out", str(run), "--work", str(self.work)]
        command += ["--repeat", "1", "--test-seconds", str(SECONDS), *(["--cgo"] if self.cgo else [])]
        if not (self.work / "prepared" / self.stem).exists():
            command.append("--prepare")
        with (run / "log.txt").open("a") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
        (self.work / "prepared").mkdir(exist_ok=True)
        (self.work / "prepared" / self.stem).touch()
        lines = (run / "executions.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return {record["candidate_id"]: record for record in records}


def references(arguments: argparse.Namespace) -> None:
    for repository in repositories(arguments):
        try:
            compare_references(repository)
        except (subprocess.CalledProcessError, OSError) as error:
            say(f"{repository.name}: {error}")


def compare_references(repository: Repository) -> None:
    target = repository.out / "references" / f"{repository.stem}.jsonl"
    finished = {row["pair"] for row in read_rows(target)}
    pairs = [pair for pair in repository.pairs if pair.id not in finished]
    if not pairs:
        return
    say(f"{repository.name}: {len(pairs)} pairs")
    run = repository.out / "references" / repository.stem
    requested = [{"pair_id": pair.id, "model": "reference", "code": pair.test} for pair in pairs]
    flags = ("--reference", "--workers", str(repository.workers))
    records = {record["pair_id"]: record for record in repository.execute(requested, run, *flags).values()}
    user = repository.user()
    checkout = repository.out / "checkouts" / repository.stem
    checkout.parent.mkdir(exist_ok=True)
    check_out(repository.git_dir, repository.commit, checkout, user)
    for number, pair in enumerate(sorted(pairs, key=lambda pair: pair.test_path), 1):
        test = PlainTest(user, checkout, pair.code_path, pair.test_path, SECONDS)
        executions, plain = [records[pair.id]], [test.run()]
        if not same(executions[0], [plain[0].result]):
            again = [{"pair_id": pair.id, "model": "reference", "code": pair.test}]
            alone = run.with_name(f"{repository.stem}-alone") / pair.id
            executions += repository.execute(again, alone, "--reference", "--workers", "1").values()
            plain += [test.run() for _ in range(1 if plain[0].elsewhere else 2)]
        row = result_row(pair, "", executions, plain)
        append(target, row)
        say(f"{repository.name} {number}/{len(pairs)}: {describe(row)}")


def mutilated(arguments: argparse.Namespace) -> None:
    for repository in repositories(arguments):
        try:
            compare_mutilated(repository, arguments.cases, arguments.seed)
        except (subprocess.CalledProcessError, OSError) as error:
            say(f"{repository.name}: {error}")


def compare_mutilated(repository: Repository, count: int, seed: int) -> None:
    target = repository.out / "mutilated" / f"{repository.stem}.jsonl"
    target.parent.mkdir(exist_ok=True)
    passing = {
        row["pair"]
        for row in read_rows(repository.out / "references" / f"{repository.stem}.jsonl")
        if row["plain"][0]["result"] == "pass" and not row["plain"][0]["elsewhere"]
    }
    bases = [pair for pair in repository.pairs if pair.id in passing]
    if not bases:
        return
    finished = {(row["pair"], row["way"]) for row in read_rows(target)}
    cases = [
        (pair, way, text)
        for pair, way, text in draw_cases(bases, f"{seed} {repository.name}", count)
        if (pair.id, way) not in finished
    ]
    if not cases:
        return
    say(f"{repository.name}: {len(cases)} mutilated tests")
    requested = [
        {"pair_id": pair.id, "model": way, "code": text, "id": f"{pair.id}-{way}"}
        for pair, way, text in cases
    ]
    run = repository.out / "mutilated" / repository.stem
    records = repository.execute(requested, run, "--workers", str(repository.workers))
    user = repository.user()
    checkout = repository.out / "checkouts" / repository.stem
    for pair, way, text in cases:
        test = PlainTest(user, checkout, pair.code_path, pair.test_path, SECONDS)
        file = checkout / pair.test_path
        try:
            file.write_text(text)
            executions, plain = [records[f"{pair.id}-{way}"]], [test.run()]
            if not same(executions[0], [plain[0].result]):
                alone = run.with_name(f"{repository.stem}-alone") / f"{pair.id}-{way}"
                again = [row for row in requested if row["id"] == f"{pair.id}-{way}"]
                executions += repository.execute(again, alone, "--workers", "1").values()
                plain += [test.run() for _ in range(8 if way == FLAKY else 2)]
        finally:
            file.write_text(pair.test)
        row = result_row(pair, way, executions, plain)
        append(target, row)
        say(f"{repository.name} {way}: {describe(row)}")


def draw_cases(pairs: Sequence[Pair], seed: str, count: int) -> list[tuple[Pair, str, str]]:
    """Pairs with a way and the damaged test: all ways in turn, so that none is left out by chance."""
    drawn, names = sorted(pairs, key=lambda pair: pair.id), sorted(ways())
    random.Random(seed).shuffle(drawn)
    random.Random(seed).shuffle(names)
    cases = []
    for number in range(count):
        pair, way = drawn[number % len(drawn)], names[number % len(names)]
        text = mutilate(pair.test, ways()[way])
        if text is not None:
            cases.append((pair, way, text))
    return cases


def repositories(arguments: argparse.Namespace) -> Iterator[Repository]:
    """The selected repositories of the dataset with their sampled pairs, which are drawn before any runs."""
    lock = {entry.settings.name: entry for entry in load_lock(arguments.dataset / LOCK).repositories}
    pairs: dict[str, list[Pair]] = {}
    for pair in read_pairs(arguments.dataset):
        pairs.setdefault(pair.repository, []).append(pair)
    for name in arguments.only or sorted(lock):
        drawn = sorted(pairs.get(name, []), key=lambda pair: pair.id)
        random.Random(arguments.seed).shuffle(drawn)
        (arguments.out / "references").mkdir(parents=True, exist_ok=True)
        yield Repository(
            name, lock[name].revision, Path(lock[name].settings.source), tuple(drawn[: arguments.pairs]),
            arguments.out.resolve(), arguments.dataset.resolve(), arguments.workers, name in arguments.cgo,
        )  # fmt: skip


def result_row(
    pair: Pair, way: str, executions: Sequence[dict[str, Any]], plain: Sequence[Verdict]
) -> dict[str, Any]:
    kept = [{key: record[key] for key in KEPT if key in record} for record in executions]
    row = {"pair": pair.id, "repository": pair.repository, "test": pair.test_path, "way": way}
    return row | {"executions": kept, "plain": [verdict.as_row() for verdict in plain]}


def describe(row: dict[str, Any]) -> str:
    execution, plain = row["executions"][0], row["plain"]
    verdicts = ",".join(p["result"] + (" elsewhere" if p["elsewhere"] else "") for p in plain)
    ours = ",".join(f"{e['status']} {e['reason']}".strip() for e in row["executions"])
    text = f"{classify(row)}: {row['test']} {row['way']}: goutbench {ours}; go test {verdicts}"
    if coverage_differs(row):
        ours = f"{execution['covered']}/{execution['statements']}"
        text += f"; COVERAGE {ours} and {plain[0]['covered']}/{plain[0]['statements']}"
    return text


def table(arguments: argparse.Namespace) -> None:
    """The totals of each repository, then each difference with its evidence."""
    for kind in ("references", "mutilated"):
        rows: list[tuple[object, ...]] = []
        differences: list[dict[str, Any]] = []
        for path in sorted((arguments.out / kind).glob("*.jsonl")):
            results = read_rows(path)
            classes = Counter(classify(row).partition(":")[0] for row in results)
            covered = [coverage_differs(row) for row in results]
            measured = [differs for differs in covered if differs is not None]
            rows.append((
                path.stem.replace("__", "/"), len(results), *(classes[name] for name in CLASSES),
                f"{sum(measured)} of {len(measured)}",
            ))  # fmt: skip
            differences += [row for row in results if classify(row) != "equal" or coverage_differs(row)]
        head = [kind, "tests", *CLASSES, "coverage differs"]
        totals = ["total", *(sum(int(str(row[column])) for row in rows) for column in range(1, 6))]
        differing = [str(row[-1]).split(" of ") for row in rows]
        parts = [sum(int(pair[column]) for pair in differing) for column in (0, 1)]
        print_table(head, [*rows, (*totals, f"{parts[0]} of {parts[1]}")])
        print()
        for row in differences:
            print(f"- {row['repository']}: {describe(row)}")
            if arguments.full:
                print(f"    goutbench: {' '.join(row['executions'][-1]['evidence'].split())[:600]}")
                print(f"    go test: {' '.join(row['plain'][-1]['output'].split())[-600:]}")
        print()


CLASSES = ("equal", "equal when repeated", "flaky", "explained", "unexplained")


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def append(path: Path, row: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for action in (references, mutilated, table):
        command = commands.add_parser(action.__name__)
        command.set_defaults(action=action)
        command.add_argument("--out", type=Path, required=True)
        if action is table:
            command.add_argument("--full", action="store_true", help="with the output of both")
            continue
        command.add_argument("--dataset", type=Path, required=True)
        command.add_argument("--only", action="append", help="a repository's name; may be repeated")
        command.add_argument("--cgo", action="append", default=[], help="a repository to build with cgo")
        command.add_argument("--pairs", type=int, default=80, help="pairs per repository at most")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--workers", type=int, default=2)
        if action is mutilated:
            command.add_argument("--cases", type=int, default=40, help="cases per repository")
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
