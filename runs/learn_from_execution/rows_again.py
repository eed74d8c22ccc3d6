"""Writes recorded training rows with today's prompts.

    python rows_again.py RESULTS PROMPTS NAME OUT --dataset DATASET

RESULTS has the recorded replies and facts, PROMPTS the files of `make_prompts.py`, NAME is a name of rows in
`harvested.parquet`. Items are found by path and function: templates change, and with them the ids of items.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collect import Collector, Machine, key_of, read_items, read_rows
from sample_and_train import training_row, write_lines

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    options = parser.parse_args()
    rows = list(rows_again(options))
    write_lines(options.out, rows)
    print(f"{len(rows)} rows of {len({row['item'] for row in rows})} functions")


def rows_again(options: argparse.Namespace) -> Iterator[Row]:
    """The rows in the order of `harvested.parquet`; one whose function has no prompt today is left out."""
    pool = options.prompts / "pool.jsonl"
    items = {(row["path"], ", ".join(row["focal"])): row for row in read_rows(pool)}
    facts = {key_of(row): row for row in read_rows(options.results / "facts.parquet")}
    texts = {key_of(row): row["text"] for row in read_rows(options.results / "replies.parquet")}
    collector = Collector(options.dataset, read_items([pool]), options.out.parent, Machine())
    for row in read_rows(options.results / "harvested.parquet"):
        if row["rows"] != options.name:
            continue
        fact = facts[key_of(row)]
        item = items.get((fact["path"], fact["focal"]))
        if item is None:
            print(f"no prompt for {fact['path']} {fact['focal']}")
            continue
        reply = {"item": item["id"], "arm": row["arm"], "sample": row["sample"], "text": texts[key_of(row)]}
        yield training_row(item, {**row, "code": collector.candidate(reply).code})


if __name__ == "__main__":
    main()
