"""Real tests that lose their assertions: the reward never rises, and no real test is taken for a forger.

    bench_forging.py run --dataset DIR --out DIR [--pairs 40] [--steps 4] [--mutants 20]
    bench_forging.py table --out DIR

DIR of --dataset is the output of `goutbench curate`, whose repositories are local git directories. `run`
draws reference tests of each repository with a seed, and executes each as a candidate of a model: as it is,
and with its assertions removed one after the other, in at most --steps steps. A removed assertion becomes
`_ = []any{arguments}`, so that everything is still used. The same command continues an interrupted run.

`table` says how many tests were voided as forged, and compares all pairs of steps of a test: one that kills
more mutants must not get less reward.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from tree_sitter import Node

from goutbench.config import load_lock
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import LOCK, read_pairs
from goutbench.execute.reward import reward_of
from goutbench.golang.syntax.parser import parse
from goutbench.locations import EXECUTIONS
from goutbench.records import Execution, Pair

_FAILURE = re.compile(
    rb"^(?:\w{1,4}\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)|(?:require|assert|is|qt|td)\.\w+"
    rb"|(?:check|assert|require|verify|must|expect)\w*)$"
)
_TESTIFY = re.compile(rb'^\s*"github.com/stretchr/testify/(require|assert)"', re.MULTILINE)


def assertions(text: str) -> list[tuple[int, int, bytes]]:
    """Start, end and replacement of each statement that calls an assertion, in the file's order."""
    source = text.encode()
    return [
        (node.start_byte, node.end_byte, b"_ = []any{" + arguments + b"}" if arguments else b"_ = 0")
        for node, arguments in _calls(parse(source).tree.root_node, source)
    ]


def _calls(node: Node, source: bytes) -> Iterator[tuple[Node, bytes]]:
    if node.type == "expression_statement" and (call := node.named_child(0)) is not None:
        function = call.child_by_field_name("function")
        arguments = call.child_by_field_name("arguments")
        if call.type == "call_expression" and function is not None and arguments is not None:
            name = source[function.start_byte : function.end_byte]
            if _FAILURE.match(name):
                yield node, source[arguments.start_byte + 1 : arguments.end_byte - 1].strip().rstrip(b",.")
                return
    for child in node.named_children:
        yield from _calls(child, source)


def without(text: str, removed: list[tuple[int, int, bytes]]) -> str:
    """The text without these assertions; imports of testify stay in use."""
    source = text.encode()
    for start, end, replacement in sorted(removed, reverse=True):
        source = source[:start] + replacement + source[end:]
    used = b"".join(b"\nvar _ = " + name + b".Equal\n" for name in _TESTIFY.findall(source))
    return (source + used).decode()


def variants(pair: Pair, steps: int) -> dict[int, str]:
    """The test by the number of assertions that were removed: none, and up to all of them."""
    removable = assertions(pair.test)
    counts = {round(len(removable) * step / steps) for step in range(1, steps + 1)}
    return {0: pair.test} | {count: without(pair.test, removable[:count]) for count in sorted(counts)}


def run(arguments: argparse.Namespace) -> None:
    names = [entry.settings.name for entry in load_lock(arguments.dataset / LOCK).repositories]
    pairs: dict[str, list[Pair]] = {name: [] for name in names}
    for pair in read_pairs(arguments.dataset):
        pairs[pair.repository].append(pair)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in arguments.only or names:
        drawn = sorted(pairs[name], key=lambda pair: pair.id)
        random.Random(arguments.seed).shuffle(drawn)
        for pair in [pair for pair in drawn if assertions(pair.test)][: arguments.pairs]:
            rows += [
                {"id": f"{pair.id}-{count}", "pair_id": pair.id, "model": f"without-{count}", "code": text}
                for count, text in variants(pair, arguments.steps).items()
            ]
    table = arguments.out / "requested.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        sys.executable,
        "-m",
        "goutbench",
        "execute",
        "--prepare",
        str(table),
        "--dataset",
        str(arguments.dataset),
    ]
    command += ["--out", str(arguments.out / "run"), "--mutants", str(arguments.mutants), "--repeat", "1"]
    command += ["--work", str(arguments.work)] if arguments.work else []
    subprocess.run(command, check=True)


def table(arguments: argparse.Namespace) -> None:
    tests: dict[str, dict[int, Execution]] = {}
    for record in read_records(arguments.out / "run" / EXECUTIONS, Execution):
        pair, _, count = record.candidate_id.rpartition("-")
        tests.setdefault(pair, {})[int(count)] = record
    scored = {pair: steps for pair, steps in tests.items() if is_scored(steps.get(0))}
    voided = [pair for pair, steps in scored.items() if steps[0].mutation and steps[0].mutation.reason]
    compared, inverted, all_removed = 0, [], []
    for pair, steps in scored.items():
        measured = {count: record for count, record in steps.items() if is_scored(record)}
        for (one, first), (other, second) in combinations(sorted(measured.items()), 2):
            compared += 1
            kills = first.mutation.killed - second.mutation.killed  # type: ignore[union-attr]
            gain = (reward_of(first) or 0.0) - (reward_of(second) or 0.0)
            if kills * gain < 0:
                inverted.append((pair, one, other))
        last = max(steps)
        if last and last in measured:
            all_removed.append((reward_of(steps[0]) or 0.0, reward_of(measured[last]) or 0.0))
    print(f"tests that pass and have a mutation score: {len(scored)} of {len(tests)}")
    print(f"voided as forged: {len(voided)} {voided}")
    print(f"pairs of steps: {compared}; more kills and less reward: {len(inverted)} {inverted}")
    below = sum(bare < complete for complete, bare in all_removed)
    print(f"without any assertion: {len(all_removed)}; less reward than the complete test: {below}, ", end="")
    print(f"more: {sum(bare > complete for complete, bare in all_removed)}")
    print(f"mean reward: {_mean([c for c, _ in all_removed]):.3f}, ", end="")
    print(f"without any assertion {_mean([bare for _, bare in all_removed]):.3f}")


def is_scored(record: Execution | None) -> bool:
    return record is not None and record.mutation is not None and record.mutation.tested > 0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("run")
    command.set_defaults(action=run)
    command.add_argument("--dataset", type=Path, required=True)
    command.add_argument("--only", action="append", help="a repository's name; may be repeated")
    command.add_argument("--pairs", type=int, default=40, help="tests per repository at most")
    command.add_argument("--steps", type=int, default=4)
    command.add_argument("--mutants", type=int, default=20)
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--work", type=Path)
    command.add_argument("--out", type=Path, required=True)
    command = commands.add_parser("table")
    command.set_defaults(action=table)
    command.add_argument("--out", type=Path, required=True)
    arguments: Any = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
