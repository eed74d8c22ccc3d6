"""Compares feedback rounds with independent samples at equal tokens: writes `rounds.md`.

    python compare_rounds.py gather FACTS... --inbox INBOX --items FILE --out RESULTS
    python compare_rounds.py [--out RESULTS]

`gather` turns the facts of `converse.py` into RESULTS/rounds.parquet, with a row for each reply: the result
that counts after it. The comparison needs that file alone. A chain is a first reply and up to three rounds of
feedback; it ends early where nothing remains to be said. At each number of rounds, as many independent
replies to the first prompt as fit into the tokens of the chain are drawn at random from nine, and the best
one counts, as in the chain: one that passes, then the one with the higher mutation score, then the one that
covers more. Tokens are those of prompts and replies, or of replies alone.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from compare import Values, header, line
from numpy.typing import NDArray

from goutbench.statistics import DIFFERENCES, cluster_bootstrap, holm, permutation_test

Row = dict[str, Any]
ARMS, CHAINS, ROUNDS, DRAWS, SEED = ("base-example", "harvest2"), 3, 3, 200, 1
COLUMNS = (
    "arm", "item", "sample", "round", "template", "path", "focal", "status", "rung", "reason", "asserts",
    "focal_statements", "focal_covered", "mutation", "prompt_tokens", "tokens", "ended", "executions",
)  # fmt: skip
BARRED = "not-in-build"  # another system's file: no test of it can run here
MEASURES = ("passes", "useful", "coverage", "mutation")
TOKENS = {"all tokens": ("prompt_tokens", "tokens"), "tokens of replies": ("tokens",)}


def outcome(row: Row) -> tuple[float, float, float, float]:
    """Passes, useful (kills a mutant), coverage of the function, mutation score: 0 for what does not pass."""
    if row["status"] != "PASSED":
        return 0.0, 0.0, 0.0, 0.0
    mutation = row["mutation"] or 0.0
    covered = row["focal_covered"] / row["focal_statements"] if row["focal_statements"] else 0.0
    return 1.0, float(mutation > 0), covered, mutation


def rank(row: Row) -> tuple[float, float, float]:
    passes, _, covered, mutation = outcome(row)
    return passes, mutation, covered


class Rounds:
    """The replies of one arm: chains of rounds, and first replies that are independent of each other."""

    def __init__(self, rows: Sequence[Row], arm: str) -> None:
        own = [row for row in rows if row["arm"] == arm]
        barred = {row["item"] for row in own if row["reason"] == BARRED}
        self.first: defaultdict[str, list[Row]] = defaultdict(list)
        chains: dict[tuple[str, int], list[Row]] = {}
        for row in sorted(own, key=lambda row: (row["item"], row["sample"], row["round"])):
            if row["item"] in barred:
                continue
            if row["round"] == 0:
                self.first[row["item"]].append(row)
            if row["sample"] < CHAINS:
                chains.setdefault((row["item"], row["sample"]), []).append(row)
        self.chains = chains
        self.items = sorted(self.first, key=lambda item: (self.first[item][0]["path"], item))
        self.files = [self.first[item][0]["path"] for item in self.items]

    def after(self, rounds: int) -> Values:
        """The mean outcomes of the chains of each function after so many rounds of feedback."""
        return self._of_functions(lambda chain: outcome(chain[: rounds + 1][-1]))

    def independent(self, rounds: int, counted: Sequence[str]) -> Values:
        """The mean outcomes of independent replies with the tokens of the chains of each function."""
        return self._of_functions(lambda chain: self._best(chain, rounds, counted))

    def tokens(self, rounds: int, counted: Sequence[str]) -> float:
        """The mean number of tokens of a chain."""
        spent = [spent_tokens(chain[: rounds + 1], counted) for chain in self.chains.values()]
        return float(np.mean(spent))

    def _of_functions(self, measure: Any) -> Values:
        groups: defaultdict[str, list[Any]] = defaultdict(list)
        for (item, _), chain in self.chains.items():
            groups[item].append(measure(chain))
        return np.array([np.mean(groups[item], axis=0) for item in self.items])

    def _best(self, chain: Sequence[Row], rounds: int, counted: Sequence[str]) -> NDArray[np.float64]:
        """The mean over random orders of the replies of the function."""
        budget = spent_tokens(chain[: rounds + 1], counted)
        first = self.first[chain[0]["item"]]
        generator = random.Random(f"{SEED} {chain[0]['item']} {chain[0]['sample']} {rounds}")
        total = np.zeros(len(MEASURES))
        for _ in range(DRAWS):
            order = generator.sample(first, len(first))
            spent, best = 0.0, order[0]
            for number, row in enumerate(order):
                spent += spent_tokens([row], counted)
                if number and spent > budget:
                    break
                best = max(best, row, key=rank)
            total += outcome(best)
        return total / DRAWS


def spent_tokens(rows: Sequence[Row], counted: Sequence[str]) -> int:
    return sum(row[name] for row in rows for name in counted)


def rates_table(arms: dict[str, Rounds]) -> Iterator[str]:
    yield from header("arm", "rounds", "tokens of a chain", *MEASURES)
    for (name, arm), rounds in product(arms.items(), range(ROUNDS + 1)):
        values = arm.after(rounds)
        cells = [estimate(values[:, column], arm.files) for column in range(len(MEASURES))]
        yield line(name, rounds, f"{arm.tokens(rounds, TOKENS['all tokens']):,.0f}", *cells)


def estimate(values: Values, files: Sequence[str]) -> str:
    mean, low, high = (100 * value for value in cluster_bootstrap(values, files))
    return f"{mean:.1f} ({low:.1f}–{high:.1f})"


def comparisons(arms: dict[str, Rounds]) -> Iterator[Row]:
    """Rounds against independent replies, and against the first reply alone."""
    for (name, arm), rounds in product(arms.items(), range(1, ROUNDS + 1)):
        values = arm.after(rounds)
        others = {"the first reply": arm.after(0)}
        others |= {
            f"independent, equal {tokens}": arm.independent(rounds, counted)
            for tokens, counted in TOKENS.items()
        }
        for (against, other), (column, measure) in product(others.items(), enumerate(MEASURES)):
            differences = values[:, column] - other[:, column]
            mean, low, high = (
                100 * value for value in cluster_bootstrap(differences, arm.files, bounds=DIFFERENCES)
            )
            rate = 100 * float(other[:, column].mean())
            cells = [
                name,
                rounds,
                against,
                measure,
                f"{rate:.1f}",
                f"{mean:+.1f}",
                f"{low:+.1f} to {high:+.1f}",
            ]
            yield {"cells": cells, "p": permutation_test(differences)}


def comparisons_table(arms: dict[str, Rounds]) -> Iterator[str]:
    rows = list(comparisons(arms))
    adjusted = iter(holm([row["p"] for row in rows]))
    yield from header(
        "arm", "rounds", "against", "measure", "of the other", "difference", "95% by file", "p", "Holm"
    )
    for row in rows:
        yield line(*row["cells"], f"{row['p']:.2g}", f"{next(adjusted):.2g}")


def moves_table(arms: dict[str, Rounds]) -> Iterator[str]:
    """What a round does to a chain that got feedback: from one status to the next."""
    yield from header(
        "arm", "round", "asked", "asked to correct", "of these then pass", "asked for more", "of these better"
    )
    for (name, arm), number in product(arms.items(), range(1, ROUNDS + 1)):
        steps = [(chain[number - 1], chain[number]) for chain in arm.chains.values() if len(chain) > number]
        fix = [(before, after) for before, after in steps if after["template"].startswith("fix")]
        more = [(before, after) for before, after in steps if not after["template"].startswith("fix")]
        passed = sum(after["status"] == "PASSED" for _, after in fix)
        better = sum(rank(after) > rank(before) for before, after in more)
        yield line(name, number, len(steps), len(fix), passed, len(more), better)


def gather(options: argparse.Namespace) -> None:
    items = {row["id"]: row for row in map(json.loads, options.items.read_text().splitlines())}
    rows = [json.loads(text) for path in options.facts for text in path.read_text().splitlines()]
    for row in rows:
        item = items[row["item"]]
        row |= {"path": item["path"], "focal": ", ".join(item["focal"])}
    distinct = {(row["arm"], row["item"], row["sample"], row["round"]): row for row in rows}
    table = [{name: distinct[key][name] for name in COLUMNS} for key in sorted(distinct)]
    pq.write_table(pa.Table.from_pylist(table), options.out / "rounds.parquet", compression="zstd")
    replies = [
        json.loads(text)
        for path in sorted(options.inbox.glob("*.jsonl"))
        for text in path.read_text().splitlines()
    ]
    columns = ("arm", "item", "sample", "round", "text")
    texts = sorted(
        ({name: row[name] for name in columns} for row in replies),
        key=lambda row: [row["item"], row["arm"], row["sample"], row["round"]],
    )
    pq.write_table(
        pa.Table.from_pylist(texts),
        options.out / "rounds-replies.parquet",
        compression="zstd",
        compression_level=22,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    commands = parser.add_subparsers()
    command = commands.add_parser("gather")
    command.add_argument("facts", type=Path, nargs="+")
    command.add_argument("--inbox", type=Path, required=True)
    command.add_argument("--items", type=Path, required=True)
    command.set_defaults(gather=True)
    options = parser.parse_args()
    if "gather" in options:
        gather(options)
    rows = pq.read_table(options.out / "rounds.parquet").to_pylist()
    arms = {name: Rounds(rows, name) for name in ARMS}
    sections = {
        "Chains after each number of rounds, per cent": rates_table(arms),
        "What the rounds do": moves_table(arms),
        "Differences": comparisons_table(arms),
    }
    notes = [
        f"{name}: {len(arm.items)} functions, {len(arm.chains)} chains, "
        f"{sum(map(len, arm.first.values()))} first replies"
        for name, arm in arms.items()
    ]
    texts = ["\n".join(notes), *(f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items())]
    (options.out / "rounds.md").write_text("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
