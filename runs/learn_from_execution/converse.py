"""Executes the replies of conversations in rounds, and writes the next prompts.

    python converse.py INBOX ASKS FACTS --dataset DATASET --items FILE --chains N [--workers N]

Executes every file of replies in the folder INBOX in the order of their names, until the file `end` exists
and all are done. Replies have the fields of `sample_and_train.py`. The first replies number 0 to N - 1 for an
item begin a chain each; further first replies are independent samples. After a file of round R of an arm,
ASKS/ARM.R+1.jsonl has the next prompts of its chains, made by the package's own code: feedback, merging and
the choice of what counts are those of `goutbench generate --rounds`. FACTS/results.jsonl has a row for each
reply: the result that counts after it. A run that is killed starts anew.
"""

import argparse
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect import Machine, read_rows

from goutbench.dataset.store import read_pairs
from goutbench.execute.evaluate import evaluate
from goutbench.execute.inputs import read_sources
from goutbench.execute.options import ExecuteOptions
from goutbench.generate.items import FirstAnswer, Item
from goutbench.generate.stage import Assembler
from goutbench.prompts.feedback.message import Feedback, feedback, feedback_prompt
from goutbench.records import Candidate, Completion, Execution, Prompt
from goutbench.rounds.course import Answered, Course, attempts
from goutbench.rounds.merging import Assemble, Executed

Row = dict[str, Any]
Key = tuple[str, str, int]  # arm, item, sample

OPTIONS = ExecuteOptions(siblings="needed", repeat=2, mutants=25, test_seconds=10.0, build_seconds=120.0)
_ASSERTION = re.compile(r"\bt\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(assert|require)\.\w+\(")


@dataclass(slots=True)
class Chain:
    """A conversation: its course, and the feedback that was given last."""

    course: Course
    said: Feedback | None = None


class Conversations:
    """The chains of all arms."""

    def __init__(self, options: argparse.Namespace) -> None:
        pairs = {pair.id: pair for pair in read_pairs(options.dataset)}
        self.pairs, self.sources = pairs, read_sources(options.dataset)
        self.items = {row["id"]: make_item(row, pairs) for row in read_rows(options.items)}
        self.machine = Machine(options.workers, options.work)
        self.asks, self.facts, self.chain_count = options.asks, options.facts, options.chains
        self.assembler = Assembler(pairs.values(), "model", "merge")
        self.chains: dict[Key, Chain] = {}

    def watch(self, inbox: Path) -> None:
        finished: set[Path] = set()
        while True:
            ended = (inbox / "end").exists()
            pending = sorted(set(inbox.glob("*.jsonl")) - finished)
            if pending:
                self.run(read_rows(pending[0]))
                finished.add(pending[0])
            elif ended:
                return
            else:
                time.sleep(0.5)

    def run(self, replies: Sequence[Row]) -> None:
        """Execute one file of replies, all of one arm and round."""
        if not replies:
            return
        started, number = time.monotonic(), replies[0].get("round", 0)
        results = self._first(replies) if number == 0 else self._next(replies)
        with (self.facts / "results.jsonl").open("a") as file:
            for reply, (current, tried) in zip(replies, results, strict=True):
                file.write(json.dumps(result_row(reply, current, tried)) + "\n")
        asked = self._ask(replies, number + 1)
        seconds = time.monotonic() - started
        print(
            f"{replies[0]['arm']} round {number}: {len(replies)} replies, {seconds:.0f} s, {asked} asks",
            flush=True,
        )

    def _first(self, replies: Sequence[Row]) -> list[tuple[Executed, int]]:
        drafts = []
        for reply in replies:
            item = self.items[reply["item"]]
            candidate = self.assembler.candidate(item, [reply["text"]], ("-",), "merge", reply["sample"])
            drafts.append(FirstAnswer(item, candidate))
        candidates = [draft.candidate for draft in drafts]
        executed = list(map(Executed, candidates, self.execute(candidates)))
        for reply, draft, result in zip(replies, drafts, executed, strict=True):
            if reply["sample"] < self.chain_count:
                self.chains[key_of(reply)] = Chain(Course(draft, result))
        return [(result, 1) for result in executed]

    def _next(self, replies: Sequence[Row]) -> list[tuple[Executed, int]]:
        """For each reply the file it makes, what of it passes, and what passes of the file before it."""
        chains = [self.chains[key_of(reply)] for reply in replies]
        answered = []
        for chain, reply in zip(chains, replies, strict=True):
            assert chain.said is not None
            answered.append(Answered(chain.course, chain.said.template, completion_of(reply)))
        tried = attempts(answered, self.assemble, self.execute)
        for chain, executed in zip(chains, tried, strict=True):
            chain.course.take(executed)
            chain.course.reason = ""  # here a round without improvement does not end a chain
        return [(chain.course.current, len(executed)) for chain, executed in zip(chains, tried, strict=True)]

    def _ask(self, replies: Sequence[Row], number: int) -> int:
        """Write the next prompts of the chains of these replies; the file is there even without prompts."""
        rows = []
        for reply in replies:
            chain = self.chains.get(key_of(reply))
            if chain is None:
                continue
            course = chain.course
            chain.said = feedback(course.first.item.pair, *course.current)
            if chain.said is not None:
                first = course.first.item.prompts[0]
                prompt = feedback_prompt(first, course.current.candidate, chain.said)
                rows.append(
                    {"id": reply["item"], "sample": reply["sample"], "template": chain.said.template,
                     "messages": prompt.messages}
                )  # fmt: skip
        if any(key_of(reply) in self.chains for reply in replies):
            draft = self.asks / f"{replies[0]['arm']}.{number}.draft"
            draft.write_text("".join(json.dumps(row) + "\n" for row in rows))
            draft.replace(draft.with_suffix(".jsonl"))
        return len(rows)

    def assemble(self, course: Course) -> Assemble:
        item, sample = course.first.item, course.first.candidate.sample
        return lambda texts, ids: self.assembler.candidate(item, texts, ids, "merge", sample)

    def execute(self, candidates: Sequence[Candidate]) -> list[Execution]:
        """The record of each candidate; equal files of one function are executed once."""
        distinct: dict[tuple[str, ...], Candidate] = {}
        for candidate in candidates:
            distinct.setdefault((candidate.pair_id, *candidate.focal, candidate.code), candidate)
        records = evaluate(
            distinct.values(), self.pairs, repositories=Path("repositories"), sources=self.sources,
            options=OPTIONS, workers=self.machine.workers, work=self.machine.work, retry_alone=False,
        ) if distinct else []  # fmt: skip
        by_key: dict[tuple[str, ...], Execution] = dict(zip(distinct, records, strict=True))
        return [by_key[candidate.pair_id, *candidate.focal, candidate.code] for candidate in candidates]


def make_item(row: Row, pairs: dict[str, Any]) -> Item:
    messages = tuple((role, text) for role, text in row["messages"])
    prompt = Prompt(row["id"], row["pair_id"], "", tuple(row["focal"]), "", "", messages, row["tokens"])
    return Item(pairs[row["pair_id"]], tuple(row["focal"]), (prompt,))


def completion_of(reply: Row) -> Completion:
    return Completion(
        id="-", prompt_id="", pair_id="", model="model", sample=reply["sample"], round=reply["round"],
        text=reply["text"], stop="", error="", detail="", input_tokens=0, output_tokens=reply["tokens"],
        seconds=0.0, cost=None,
    )  # fmt: skip


def result_row(reply: Row, current: Executed, tried: int) -> Row:
    """The facts of what counts after a reply: of the reply itself, or of the candidate before it."""
    record = current.execution
    mutation = record.mutation
    return {
        **{name: reply[name] for name in ("arm", "item", "sample", "tokens", "ended", "prompt_tokens")},
        "round": reply.get("round", 0), "template": reply.get("template", ""),
        "status": record.status, "rung": record.rung, "reason": record.reason,
        "focal_statements": record.focal_statements, "focal_covered": record.focal_covered,
        "mutation": mutation.score if mutation else None, "killed": mutation.killed if mutation else None,
        "asserts": bool(_ASSERTION.search(current.candidate.code)), "executions": tried,
        "code": current.candidate.code,
    }  # fmt: skip


def key_of(row: Row) -> Key:
    return row["arm"], row["item"], row["sample"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("inbox", "asks", "facts"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--chains", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    for folder in (options.inbox, options.asks, options.facts):
        folder.mkdir(parents=True, exist_ok=True)
    Conversations(options).watch(options.inbox)


if __name__ == "__main__":
    main()
