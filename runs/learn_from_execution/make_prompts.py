"""Builds the prompts with the package's own code, so that they equal those of `generate` and `train`.

    python make_prompts.py DATASET TOKENIZER_JSON OUT [OTHERS]

Writes three files of JSON lines: `held-out.jsonl` (each prompt with one in-context example and without),
`pool.jsonl` (training functions to sample for) and `human.jsonl` (training rows of human tests). With OTHERS,
the dataset of other repositories, also `others.jsonl`: their functions, with examples from DATASET.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from goutbench.chunk.stage import function_chunks
from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.dataset.store import from_table, read_pairs
from goutbench.generate.items import Item, read_items
from goutbench.generate.options import GenerateOptions
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool
from goutbench.prompts.prompt import build_prompt
from goutbench.records import Pair
from goutbench.train.data.rows import make_rows
from goutbench.train.data.select import split_groups, split_table
from goutbench.train.recipe import DataChoice

SCHEME, BUDGET, SEED = "leakfree", 256, 1
HELD_OUT_SPLITS = "validation+test"
HELD_OUT, PER_HELD_OUT_FILE, PER_POOL_FILE = 360, 10, 16
# Packages whose test binaries build in a few seconds: none that `testing` imports.
PATHS = (
    r"^(archive|compress|container|encoding|hash|html|image|index|mime|text|regexp|path|debug|database|expvar|log"
    r"|go/(ast|build|constant|doc|format|printer|scanner|token|version)|math/(big|cmplx|rand)"
    r"|net/(mail|netip|textproto|url)|crypto)/"
)
SLOW_PATHS = r"^crypto/(tls|x509)/"

OTHERS, PER_OTHER_FILE = 180, 10

Row = dict[str, Any]


def main(dataset: Path, tokenizer: Path, out: Path, others: Path | None = None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shown = select_items(dataset, tokenizer, HELD_OUT_SPLITS, examples=1)
    without_example = {
        item_key(item): item for item in select_items(dataset, tokenizer, HELD_OUT_SPLITS, examples=0)
    }
    held_out = sample_items(limit_per_file(shown, PER_HELD_OUT_FILE), HELD_OUT)
    pool = limit_per_file(select_items(dataset, tokenizer, "train", examples=1), PER_POOL_FILE)
    human = list(human_rows(dataset, tokenizer))
    check_separation(
        dataset, held_out, [*(item.pair.id for item in pool), *(row["pair_id"] for row in human)]
    )
    write(out / "held-out.jsonl", (prompt_row(item, without_example[item_key(item)]) for item in held_out))
    write(out / "pool.jsonl", map(prompt_row, pool))
    write(out / "human.jsonl", human)
    if others:
        write(out / "others.jsonl", map(prompt_row, other_items(dataset, tokenizer, others)))
    files = len({item.pair.id for item in held_out})
    print(f"{len(held_out)} held-out functions of {files} files; pool {len(pool)}; {len(human)} human rows")


def select_items(dataset: Path, tokenizer: Path, split: str, *, examples: int) -> list[Item]:
    """The functions of a split, with their prompts."""
    options = GenerateOptions(
        unit="function",
        split=f"{SCHEME}:{split}",
        paths=PATHS,
        budget=BUDGET,
        cross_file_tokens=0,
        examples=examples,
        tokenizer=str(tokenizer),
    )
    return [item for item in read_items(dataset, options) if not re.search(SLOW_PATHS, item.pair.code_path)]


def other_items(dataset: Path, tokenizer: Path, others: Path) -> list[Item]:
    """Functions of other repositories; their in-context examples are from the training split of `dataset`."""
    counter = token_counter(str(tokenizer))
    pool = training_examples(dataset, counter)
    items = []
    for pair in read_pairs(others):
        code, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
        for chunk in function_chunks(code, tests=test, budget=BUDGET, counter=counter, pair_id=pair.id):
            if chunk.tests and not chunk.over_budget:
                prompt = build_prompt(pair, chunk, examples=pool.draw(pair, 1), counter=counter)
                items.append(Item(pair, chunk.focal, (prompt,)))
    return sample_items(limit_per_file(items, PER_OTHER_FILE), OTHERS)


def training_examples(dataset: Path, counter: TokenCounter) -> ExamplePool:
    table, groups = split_table(dataset, SCHEME, "train"), split_groups(dataset, SCHEME)
    return ExamplePool(from_table(table, Pair), groups, unit="function", budget=BUDGET, counter=counter)


def item_key(item: Item) -> tuple[str, tuple[str, ...]]:
    return item.pair.id, item.focal


def limit_per_file(items: list[Item], limit: int) -> list[Item]:
    """At most `limit` random functions of each file, in their order."""
    order = list(range(len(items)))
    random.Random(SEED).shuffle(order)
    counts: Counter[str] = Counter()
    selected = []
    for index in order:
        counts[items[index].pair.id] += 1
        if counts[items[index].pair.id] <= limit:
            selected.append(index)
    return [items[index] for index in sorted(selected)]


def sample_items(items: list[Item], count: int) -> list[Item]:
    """At most `count` random items, in their order."""
    selected = sorted(random.Random(SEED).sample(range(len(items)), min(count, len(items))))
    return [items[index] for index in selected]


def prompt_row(item: Item, without_example: Item | None = None) -> Row:
    (prompt,) = item.prompts
    return {
        "id": prompt.id,
        "pair_id": item.pair.id,
        "path": item.pair.code_path,
        "focal": list(item.focal),
        "tokens": prompt.tokens,
        "messages": prompt.messages,
        **({"bare": without_example.prompts[0].messages} if without_example else {}),
    }


def human_rows(dataset: Path, tokenizer: Path) -> Iterator[Row]:
    """Training rows of the repository's self-contained tests, one test per row."""
    choice = DataChoice(
        rows="function",
        evidence=("call", "table", "name"),
        max_functions=8,
        max_tests=3,
        one_test=True,
        self_contained=True,
        context_tokens=BUDGET,
        cross_file_tokens=0,
        examples=1,
    )
    table, counter = split_table(dataset, SCHEME, "train"), token_counter(str(tokenizer))
    paths = dict(zip(*(table[name].to_pylist() for name in ("id", "code_path")), strict=True))
    pool = training_examples(dataset, counter)
    for row in make_rows(table, choice, counter, PackageIndex.read(dataset), pool):
        yield {
            "id": row.id, "pair_id": row.pair_id, "path": paths[row.pair_id], "focal": row.functions,
            "messages": row.prompt, "completion": row.completion,
        }  # fmt: skip


def check_separation(dataset: Path, held_out: Iterable[Item], trained: Iterable[str]) -> None:
    """Exit if a leak group is both held out and trained on."""
    groups = split_groups(dataset, SCHEME)
    shared = {groups[item.pair.id] for item in held_out} & {groups[pair_id] for pair_id in trained}
    if shared:
        raise SystemExit(f"{len(shared)} leak groups are both held out and trained on")


def write(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
