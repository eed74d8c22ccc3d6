"""Chooses training rows without execution, as many and as long as the harvested ones.

    python controls.py RESULTS PROMPTS OUT --dataset DATASET --tokenizer DIR

RESULTS has the recorded replies and facts, PROMPTS the files of `make_prompts.py`. Writes to OUT the
harvested rows, and for each rule and seed one file of as many other rows. The rules:

- `random`: the reply ends before the limit, and a Go file with a test can be assembled from it.
- `static`: also, the test asserts, calls the function, and imports only the standard library.
- `failing`: also, the test asserts, compiles and fails. It needs execution: it shows what compiling is worth.

Each row replaces a harvested one: a random reply whose test has about the same number of tokens, at most two
(of 546 rows: three) for a function, without near-duplicates. Also writes `human-row.jsonl`: the human rows as
replies, to execute them.
"""

import argparse
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from collect import HUMAN, Collector, Machine, key_of, read_items, read_rows
from sample_and_train import is_near_duplicate, training_row, write_lines
from transformers import AutoTokenizer

from goutbench.golang.syntax.parser import parse

Row = dict[str, Any]
SEEDS = (1, 2, 3)
ROWS = {"": ("harvested", 2), "-many": ("harvested-twice", 3)}  # suffix: rows to replace, rows of a function
BUILT = ("build", "runs", "pass", "stable", "covers", "mutation")
SLOW_PATHS = re.compile(
    r"^(cmd|net/http|net/[a-z_]+\.go|runtime|syscall|simd|crypto/(x509|tls|internal|fips140|boring)|testing|os"
    r"|internal/(trace|nettest|synctest|coverage)|go/(internal|build))(/|$)"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("results", "prompts", "out"):
        parser.add_argument(name, type=Path)
    for name in ("dataset", "tokenizer"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    replies = [*read_replies(options.results, options)]
    by_key = {key_of(reply): reply for reply in replies}
    harvested = read_rows(options.results / "harvested.parquet")
    candidates = [reply for reply in replies if reply["arm"] == "pool" and reply["ended"] and reply["tests"]]
    for suffix, (name, per_function) in ROWS.items():
        rows = [by_key[key_of(row)] for row in harvested if row["rows"] == name]
        write_rows(options.out / f"{name}.jsonl", rows, tokenizer)
        for rule, applies in RULES.items():
            usable = [reply for reply in candidates if applies(reply)]
            for seed in SEEDS:
                control = replace_rows(rows, usable, per_function, seed)
                write_rows(options.out / f"{rule}{suffix}-{seed}.jsonl", control, tokenizer)
    write_lines(options.out / "human-row.jsonl", human_replies(options.prompts))


def read_replies(results: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The replies for the pool, each with its facts, its item and the test file assembled from it."""
    rows, pool = read_rows(results / "facts.parquet"), options.prompts / "pool.jsonl"
    facts = {key_of(row): row for row in rows if row["arm"].startswith("pool")}
    items = {row["id"]: row for row in read_rows(pool)}
    collector = Collector(options.dataset, read_items([pool]), options.out, Machine())
    wanted = {key_of(row) for row in read_rows(results / "harvested.parquet")}
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    for reply in read_rows(results / "replies.parquet"):
        key = key_of(reply)
        if key not in facts or not (key in wanted or (reply["arm"] == "pool" and facts[key]["ended"])):
            continue
        code = collector.candidate(reply).code
        length = len(tokenizer(code)["input_ids"])
        tests = len(parse(code.encode()).tests)
        yield {**facts[key], "code": code, "length": length, "tests": tests, "task": items[reply["item"]]}


def is_static(reply: Row) -> bool:
    """Whether the test asserts, calls the function, and imports only packages of the standard library."""
    names = [key.rpartition(".")[2] for key in reply["task"]["focal"]]
    folder = str(PurePosixPath(reply["path"]).parent)
    imports = {spec.path for spec in parse(reply["code"].encode()).imports}
    return (
        reply["asserts"]
        and any(re.search(rf"\b{re.escape(name)}\(", reply["code"]) for name in names)
        and folder not in imports
        and all(path in standard_library() for path in imports)
    )


@cache
def standard_library() -> frozenset[str]:
    listed = subprocess.run(["go", "list", "std"], capture_output=True, text=True, check=True).stdout.split()
    return frozenset(path for path in listed if "internal/" not in path and not path.startswith("vendor/"))


def fails(reply: Row) -> bool:
    return reply["asserts"] and reply["rung"] in BUILT and reply["status"] == "TESTS_FAILED"


RULES: dict[str, Callable[[Row], bool]] = {"random": lambda _: True, "static": is_static, "failing": fails}


def replace_rows(rows: Sequence[Row], usable: Iterable[Row], per_function: int, seed: int) -> list[Row]:
    """A random reply of about the same length for each row, the longest rows first."""
    generator = random.Random(seed)
    remaining = sorted(usable, key=lambda reply: (reply["item"], reply["sample"]))
    generator.shuffle(remaining)
    of_function: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: -row["length"]):
        near = sorted(remaining, key=lambda reply: max(0, abs(reply["length"] - row["length"]) - 4))
        for reply in near:
            others = of_function[reply["item"]]
            if len(others) < per_function and not any(
                is_near_duplicate(reply["code"], other["code"]) for other in others
            ):
                others.append(reply)
                remaining.remove(reply)
                break
    return [reply for replies in of_function.values() for reply in replies]


def write_rows(path: Path, replies: Sequence[Row], tokenizer: Any) -> None:
    write_lines(path, (training_row(reply["task"], reply) for reply in replies))
    lengths = sorted(reply["length"] for reply in replies)
    passing = sum(reply["status"] == "PASSED" for reply in replies)
    built = sum(reply["rung"] in BUILT for reply in replies)
    functions = len({reply["item"] for reply in replies})
    print(
        f"{path.stem}: {len(replies)} rows of {functions} functions, {sum(lengths):,} tokens, "
        f"median {lengths[len(lengths) // 2]}; {built} compile, {passing} pass",
        flush=True,
    )


def human_replies(prompts: Path) -> Iterator[Row]:
    """The human rows of packages whose tests build and run in a few seconds, as replies."""
    for row in read_rows(prompts / "human.jsonl"):
        if not SLOW_PATHS.match(row["path"]):
            yield {"arm": HUMAN, "item": row["id"], "sample": 0, "text": row["completion"]}


if __name__ == "__main__":
    main()
