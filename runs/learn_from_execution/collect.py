"""Executes replies: assembles each one, runs it in the sandbox, and writes what happened.

    python collect.py run REPLIES FACTS --dataset DATASET --items FILE... [--workers N]
    python collect.py watch INBOX FACTS --dataset DATASET --items FILE... [--workers N]
    python collect.py gather INBOX FACTS... --items FILE... --rows OUT --out RESULTS [--earlier RESULTS]

`run` executes one file of replies, `watch` every file of a folder in the order of their names (greedy replies
that wait: all at once), until the file `end` exists. Both append one JSON line for each reply to the folder
FACTS, and resume when they are repeated. Replies for other items are skipped.
`gather` turns their folders into the three Parquet files that `compare.py` and this script read, and adds the
rows of earlier ones.

Replies have the fields `arm`, `item`, `sample` and `text`. Items are the files of `make_prompts.py`, or
`results/facts.parquet`.
"""

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext
from goutbench.assemble.stage import assemble, candidate_of
from goutbench.dataset.store import read_pairs
from goutbench.execute.evaluate import evaluate
from goutbench.execute.inputs import read_sources
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.records import Candidate, Execution, Pair

# The repository's own tests of the held-out functions, and rows for training: their texts are in the dataset.
REFERENCE, HUMAN = "human-slice", "human-row"
COLUMNS = (
    "arm", "item", "sample", "path", "focal", "status", "rung", "reason", "asserts", "tests", "coverage",
    "mutation", "tokens", "ended", "cpu",
)  # fmt: skip
_ASSERTION = re.compile(r"\bt\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(assert|require)\.\w+\(")

Row = dict[str, Any]
Key = tuple[str, str, int]  # arm, item, sample


class Machine(NamedTuple):
    """Where and how to execute."""

    workers: int = 2
    work: Path | None = None
    unsafe: bool = False


class Writer(Progress):
    """Writes each record at once; it shows nothing."""

    def __init__(self, write: Callable[[Execution], None]) -> None:
        super().__init__()
        self._write = write

    def add(self, record: Execution, *, executed: bool = True, replaces: Execution | None = None) -> None:
        super().add(record, executed=executed, replaces=replaces)
        self._write(record)


class Collector:
    """Executes files of replies for the items of a dataset."""

    def __init__(self, dataset: Path, items: Iterable[Row], facts: Path, machine: Machine) -> None:
        self.items = {item["id"]: item for item in items}
        self.pairs = {pair.id: pair for pair in read_pairs(dataset)}
        self.sources, self.facts, self.machine = read_sources(dataset), facts, machine
        self.by_path = {pair.code_path: pair for pair in self.pairs.values()}
        self.contexts: dict[str, PackageContext] = {}
        facts.mkdir(parents=True, exist_ok=True)

    def watch(self, inbox: Path) -> None:
        """Execute the files of a folder until the file `end` exists."""
        finished: set[Path] = set()
        while True:
            ended = (inbox / "end").exists()
            pending = sorted(set(inbox.glob("*.jsonl")) - finished)
            if pending:
                greedy = [path for path in pending if ".greedy" in path.name]
                batch = greedy if pending[0] in greedy else pending[:1]
                self.run(batch)
                finished.update(batch)
            elif ended:
                return
            else:
                time.sleep(1)

    def run(self, paths: Sequence[Path]) -> None:
        """Execute the replies of these files that have no result yet."""
        done = {key_of(row) for row in read_folder(self.facts)}
        groups: defaultdict[ExecuteOptions, list[Row]] = defaultdict(list)
        for reply in (reply for path in paths for reply in read_rows(path)):
            if reply["item"] in self.items and key_of(reply) not in done:
                groups[options_of(reply["arm"])].append(reply)
        for options, replies in groups.items():
            self._execute(replies, options, self.facts / f"{paths[0].stem}.jsonl")

    def _execute(self, replies: Iterable[Row], options: ExecuteOptions, target: Path) -> None:
        """Execute equal tests of one function once, and append the facts of every reply."""
        candidates: dict[tuple[str, ...], Candidate] = {}
        equal: defaultdict[str, list[tuple[Row, Candidate]]] = defaultdict(list)
        for reply in replies:
            candidate = self.candidate(reply)
            key = (candidate.pair_id, *candidate.focal, candidate.code)
            equal[candidates.setdefault(key, candidate).id].append((reply, candidate))
        with target.open("a") as file:

            def write(record: Execution) -> None:
                for reply, candidate in equal[record.candidate_id]:
                    file.write(json.dumps(facts_of(reply, candidate, record)) + "\n")
                file.flush()

            evaluate(
                candidates.values(), self.pairs, repositories=Path("repositories"), sources=self.sources,
                options=options, workers=self.machine.workers, work=self.machine.work,
                unsafe=self.machine.unsafe, progress=Writer(write),
            )  # fmt: skip

    def candidate(self, reply: Row) -> Candidate:
        """The test file that `generate` assembles from a reply."""
        item = self.items[reply["item"]]
        pair = self.by_path[item["path"]]
        assembly = assemble([reply["text"]], context=self._context(pair))
        candidate = candidate_of(assembly, pair.id, reply["arm"], (f"{reply['item']}-{reply['sample']}",))
        return replace(candidate, focal=tuple(item["focal"]), sample=reply["sample"])

    def _context(self, pair: Pair) -> PackageContext:
        """The declarations of the paired files of the pair's package, as in `generate`."""
        if pair.id not in self.contexts:
            folder = PurePosixPath(pair.code_path).parent
            siblings = [
                (PurePosixPath(path).name, text.encode("utf-8", "surrogateescape"))
                for sibling in self.pairs.values()
                if PurePosixPath(sibling.code_path).parent == folder
                for path, text in ((sibling.code_path, sibling.code), (sibling.test_path, sibling.test))
                if path not in (pair.code_path, pair.test_path)
            ]
            self.contexts[pair.id] = package_context(pair.code.encode("utf-8", "surrogateescape"), siblings)
        return self.contexts[pair.id]


def options_of(arm: str) -> ExecuteOptions:
    """Few mutants rank the pool's passing tests; the held-out tests get more."""
    pool = arm.startswith("pool")
    return ExecuteOptions(
        siblings="needed",
        repeat=2 if pool else 3,
        mutants=10 if pool else 25,
        test_seconds=10.0,
        build_seconds=120.0,
    )


def facts_of(reply: Row, candidate: Candidate, record: Execution) -> Row:
    """The result of a reply, with the code that training teaches if it passes."""
    return {
        "arm": reply["arm"], "item": reply["item"], "sample": reply["sample"],
        "status": record.status, "rung": record.rung, "reason": record.reason,
        "evidence": record.evidence[:300],
        "focal_statements": record.focal_statements, "focal_covered": record.focal_covered,
        "mutation": record.mutation.score if record.mutation else None, "tests": len(record.declared),
        "cpu": round(record.gate_seconds + record.build_seconds + record.run_seconds, 2),
        "asserts": bool(_ASSERTION.search(candidate.code)), "code": candidate.code,
    }  # fmt: skip


def gather(
    inbox: Path, facts: Sequence[Path], items: list[Row], rows: Path, out: Path, earlier: Path | None = None
) -> None:
    """Write facts, replies and training rows as Parquet, in the items' order, after the earlier ones."""
    known, texts, taught = (
        read_rows(earlier / f"{name}.parquet") if earlier else []
        for name in ("facts", "replies", "harvested")
    )
    order = {item["id"]: number for number, item in enumerate(items)}
    replies = {key_of(row): row for row in (*texts, *read_folder(inbox))}
    results = merge_facts(facts)
    keys = sorted(results, key=lambda key: (key[0], order[key[1]], key[2]))
    out.mkdir(parents=True, exist_ok=True)
    table = known + [facts_row(results[key], items[order[key[1]]], replies.get(key, {})) for key in keys]
    pq.write_table(
        pa.Table.from_pylist(table), out / "facts.parquet", compression="zstd", compression_level=19
    )
    write_replies(replies, out / "replies.parquet")
    columns = ("item", "arm", "sample", "mutation")
    names = {row["rows"] for row in taught} | {"notes"}
    taught += [
        {"rows": path.stem, **{column: row[column] for column in columns}}
        for path in sorted(rows.glob("*.jsonl"))
        if path.stem not in names
        for row in read_rows(path)
    ]
    pq.write_table(pa.Table.from_pylist(taught), out / "harvested.parquet", compression="zstd")
    if len(facts) > 1:
        print(agreement(facts))


def merge_facts(folders: Iterable[Path]) -> dict[Key, Row]:
    """The first result of each reply that is not an infrastructure error, else the first."""
    results: dict[Key, Row] = {}
    for folder in folders:
        for row in read_folder(folder):
            if results.get(key_of(row), row)["status"] == "INFRA_FAILURE" or key_of(row) not in results:
                results[key_of(row)] = row
    return results


def facts_row(row: Row, item: Row, reply: Row) -> Row:
    covered = row["focal_covered"] / row["focal_statements"] if row.get("focal_statements") else None
    columns = {
        **row, "path": item["path"], "focal": ", ".join(item["focal"]), "coverage": covered,
        "tokens": reply.get("tokens"), "ended": reply.get("ended"),
    }  # fmt: skip
    return {name: columns.get(name) for name in COLUMNS}


def write_replies(replies: dict[Key, Row], target: Path) -> None:
    keys = sorted(
        (key for key in replies if key[0] not in (REFERENCE, HUMAN)), key=lambda key: (key[1], key[0], key[2])
    )
    columns = ("arm", "item", "sample", "text")
    table = pa.Table.from_pylist([{column: replies[key][column] for column in columns} for key in keys])
    pq.write_table(
        table, target, compression="zstd", compression_level=22, row_group_size=1 << 20,
        data_page_size=1 << 24, use_dictionary=["arm", "item"],
    )  # fmt: skip


def agreement(folders: Sequence[Path]) -> str:
    """How often two machines report the same status and mutation score of a reply."""
    first, second = ({key_of(row): row for row in read_folder(folder)} for folder in folders[:2])
    both = [(first[key], second[key]) for key in first.keys() & second.keys()]
    passing = [pair for pair in both if {row["status"] for row in pair} == {"PASSED"}]
    statuses = sum(one["status"] == two["status"] for one, two in both)
    scores = sum(one["mutation"] == two["mutation"] for one, two in passing)
    return (
        f"equal status: {statuses} of {len(both)}; equal mutation score: {scores} of {len(passing)} that pass"
    )


def key_of(row: Row) -> Key:
    return row["arm"], row["item"], row["sample"]


def read_folder(folder: Path) -> Iterator[Row]:
    for path in sorted(folder.glob("*.jsonl")):
        yield from read_rows(path)


def read_rows(path: Path) -> list[Row]:
    """The rows of a Parquet file or of JSON lines; none if the file does not exist."""
    if path.suffix == ".parquet":
        rows: list[Row] = pq.read_table(path).to_pylist()
        return rows
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read_items(paths: Iterable[Path]) -> list[Row]:
    """Id, path and focal functions of the items; a table of facts has them, too."""
    items: dict[str, Row] = {}
    for row in (row for path in paths for row in read_rows(path)):
        is_fact = "item" in row
        focal = row["focal"].split(", ") if is_fact else row["focal"]
        id = row["item"] if is_fact else row["id"]
        items.setdefault(id, {"id": id, "path": row["path"], "focal": focal})
    return list(items.values())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "watch"):
        command = commands.add_parser(name)
        command.add_argument("replies", type=Path)
        command.add_argument("facts", type=Path)
        command.add_argument("--dataset", type=Path, required=True)
        command.add_argument("--workers", type=int, default=2)
        command.add_argument("--work", type=Path)
        command.add_argument("--unsafe-no-sandbox", action="store_true")
    command = commands.add_parser("gather")
    command.add_argument("replies", type=Path)
    command.add_argument("facts", type=Path, nargs="+")
    command.add_argument("--rows", type=Path, required=True, help="the folder with the harvested rows")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--earlier", type=Path, help="a folder of results to add to")
    for command in commands.choices.values():
        command.add_argument("--items", type=Path, nargs="+", required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    items = read_items(arguments.items)
    if arguments.command == "gather":
        gather(arguments.replies, arguments.facts, items, arguments.rows, arguments.out, arguments.earlier)
        return
    machine = Machine(arguments.workers, arguments.work, arguments.unsafe_no_sandbox)
    collector = Collector(arguments.dataset, items, arguments.facts, machine)
    if arguments.command == "watch":
        collector.watch(arguments.replies)
    else:
        collector.run([arguments.replies])


if __name__ == "__main__":
    main()
