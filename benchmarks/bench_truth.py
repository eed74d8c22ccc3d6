"""goutbench's verdicts, and its coverage, beside those of plain `go test`.

    bench_truth.py references --dataset DIR --out DIR [--only ORG/REPO] [--pairs 80] [--cgo ORG/REPO]
    bench_truth.py mutilated --dataset DIR --out DIR [--only ORG/REPO] [--cases 40]
    bench_truth.py table --out DIR [--full]

DIR of --dataset is the output of `goutbench curate repos.yaml`, whose repositories are local git directories.
`references` draws pairs of each repository with a seed, executes their reference tests with `goutbench
execute --reference` in one run, and runs the tests of each file, by name, with `go test -json` in a writable
clone, as an ordinary user if the benchmark runs as root. Both have the same Go, module cache, build cache,
CGO_ENABLED and time limit. Where the verdicts differ, both run again alone, and where that does not explain
it, `go test` with its temporary files in memory, where goutbench has them. `mutilated` damages reference
tests that pass in the ways of truth/ways.yaml, and gives each case to both as well. Results are in
OUT/references/ORG__REPO.jsonl and OUT/mutilated/ORG__REPO.jsonl: the same command continues an interrupted
run, and `table` shows totals and every difference.
"""

import argparse
import random
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from truth.compare import classify, coverage_differs
from truth.mutilate import mutilate, ways
from truth.plain import PlainTest, Verdict
from truth.repository import Repository, repositories
from truth.results import append_row, make_row, read_rows, show_results

from goutbench.records import Pair

FLAKY = "flaky"
"""The way whose tests fail half of the time."""


def references(repository: Repository, arguments: argparse.Namespace) -> None:
    target = repository.out / "references" / f"{repository.stem}.jsonl"
    finished = {row["pair"] for row in read_rows(target)}
    pairs = [pair for pair in repository.pairs if pair.id not in finished]
    if not pairs:
        return
    say(f"{repository.name}: {len(pairs)} pairs")
    run = target.with_suffix("")
    requested = [{"pair_id": pair.id, "model": "reference", "code": pair.test} for pair in pairs]
    flags = ("--reference", "--workers", str(repository.workers))
    records = {record["pair_id"]: record for record in repository.execute(requested, run, *flags).values()}
    for number, pair in enumerate(sorted(pairs, key=lambda pair: pair.test_path), 1):
        test = repository.plain(pair)
        executions, plain = [records[pair.id]], [test.run()]
        if is_different(make_row(pair, "", executions, plain)):
            again = [{"pair_id": pair.id, "model": "reference", "code": pair.test}]
            alone = run.with_name(f"{repository.stem}-alone") / pair.id
            executions += repository.execute(again, alone, "--reference", "--workers", "1").values()
            plain += repeated(test.run, 1 if plain[0].elsewhere else 2)
        line = append_row(target, explained_row(test, pair, "", executions, plain))
        say(f"{repository.name} {number}/{len(pairs)}: {line}")


def mutilated(repository: Repository, arguments: argparse.Namespace) -> None:
    target = repository.out / "mutilated" / f"{repository.stem}.jsonl"
    passing = {
        row["pair"]
        for row in read_rows(repository.out / "references" / f"{repository.stem}.jsonl")
        if row["plain"][0]["result"] == "pass" and not row["plain"][0]["elsewhere"]
    }
    finished = {(row["pair"], row["way"]) for row in read_rows(target)}
    bases = [pair for pair in repository.pairs if pair.id in passing]
    drawn = draw_cases(bases, f"{arguments.seed} {repository.name}", arguments.cases)
    cases = {f"{case[0].id}-{case[1]}": case for case in drawn if (case[0].id, case[1]) not in finished}
    if not cases:
        return
    say(f"{repository.name}: {len(cases)} damaged tests")
    requested = {
        key: {"id": key, "pair_id": pair.id, "model": way, "code": text}
        for key, (pair, way, text) in cases.items()
    }
    run = target.with_suffix("")
    records = repository.execute(list(requested.values()), run, "--workers", str(repository.workers))
    for key, (pair, way, text) in cases.items():
        test = repository.plain(pair)
        file = repository.checkout / pair.test_path
        try:
            file.write_text(text)
            executions, plain = [records[key]], [test.run()]
            if is_different(make_row(pair, way, executions, plain)):
                alone = run.with_name(f"{repository.stem}-alone") / key.replace("/", " ")
                executions += repository.execute([requested[key]], alone, "--workers", "1").values()
                plain += repeated(test.run, 8 if way == FLAKY else 2)
            row = explained_row(test, pair, way, executions, plain)
        finally:
            file.write_text(pair.test)
        say(f"{repository.name}: {append_row(target, row)}")


def explained_row(
    test: PlainTest, pair: Pair, way: str, executions: list[dict[str, Any]], plain: list[Verdict]
) -> dict[str, Any]:
    """The result, after two more runs of `go test` with temporary files in memory where it is unexplained."""
    row = make_row(pair, way, executions, plain)
    if classify(row) != "unexplained":
        return row
    return make_row(pair, way, executions, plain, repeated(test.in_memory().run, 2))


def is_different(row: dict[str, Any]) -> bool:
    return classify(row) != "equal" or coverage_differs(row) is True


def draw_cases(pairs: Sequence[Pair], seed: str, count: int) -> list[tuple[Pair, str, str]]:
    """Pairs with a way and the damaged test: all ways in turn, so that none is left out by chance."""
    drawn, names = sorted(pairs, key=lambda pair: pair.id), sorted(ways())
    random.Random(seed).shuffle(drawn)
    random.Random(seed).shuffle(names)
    cases = []
    for number in range(count if drawn else 0):
        pair, way = drawn[number % len(drawn)], names[number % len(names)]
        text = mutilate(pair.test, ways()[way])
        if text is not None:
            cases.append((pair, way, text))
    return cases


def repeated(run: Callable[[], Verdict], times: int) -> list[Verdict]:
    return [run() for _ in range(times)]


def table(arguments: argparse.Namespace) -> None:
    for kind in (references, mutilated):
        if any((arguments.out / kind.__name__).glob("*.jsonl")):
            show_results(arguments.out / kind.__name__, full=arguments.full)


def compare_each(arguments: argparse.Namespace) -> None:
    """One repository after the other; one that cannot be compared does not stop the others."""
    for repository in repositories(arguments):
        try:
            arguments.compare(repository, arguments)
        except (subprocess.CalledProcessError, OSError) as error:
            say(f"{repository.name}: {error}")


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    comparisons: tuple[tuple[Any, int], ...] = ((references, 120), (mutilated, 40))
    for compare, seconds in comparisons:
        command = commands.add_parser(compare.__name__)
        command.set_defaults(action=compare_each, compare=compare)
        command.add_argument("--out", type=Path, required=True)
        command.add_argument("--dataset", type=Path, required=True)
        command.add_argument("--only", action="append", help="a repository's name; may be repeated")
        command.add_argument("--cgo", action="append", default=[], help="a repository to build with cgo")
        command.add_argument("--pairs", type=int, default=80, help="pairs per repository at most")
        command.add_argument("--cases", type=int, default=40, help="damaged tests per repository")
        command.add_argument("--seconds", type=int, default=seconds, help="time limit of one run")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--workers", type=int, default=2)
    command = commands.add_parser("table")
    command.set_defaults(action=table)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--full", action="store_true", help="with the output of both")
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
