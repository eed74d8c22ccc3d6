"""What `goutbench verify` reports for a dataset that was tampered with.

    python benchmarks/bench_verify.py --mirror DIR [--only gin-gonic/gin]

Each change is applied to a fresh copy of a dataset. If `verify` does not name the file (and the row, if rows
were changed), the line is marked MISSED and the exit status is 1.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from seven import AS_OF, mirror_parser, selected_repositories

from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate, verify
from goutbench.dataset.store import MANIFEST, read_table, write_table
from goutbench.errors import GoutbenchError

DATA = "data/gin-gonic__gin.parquet"
Tamper = Callable[[Path], list[str]]  # changes a dataset and returns what `verify` must name


def main() -> None:
    options = mirror_parser(__doc__).parse_args()
    options.only = ["gin-gonic/gin"]
    with tempfile.TemporaryDirectory() as folder:
        missed = check_all(options, Path(folder))
    print(f"\n{missed} missed")
    sys.exit(min(missed, 1))


def check_all(options: argparse.Namespace, folder: Path) -> int:
    entries = [
        {"name": pinned.name, "source": pinned.name, "as_of": AS_OF}
        for pinned in selected_repositories(options)
    ]
    locations = SourceLocations((), folder / "cache", options.mirror.resolve() if options.mirror else None)
    original = folder / "original"
    curate(CurateConfig.model_validate({"repositories": entries}), original, locations)
    assert verify(original, locations) == []
    changes: dict[str, Tamper] = {
        "a row is removed": removed_row,
        "a row is removed, the manifest corrected": corrected(removed_row),
        "a row is added twice, the manifest corrected": corrected(doubled_row),
        "two rows are swapped, the manifest corrected": corrected(swapped_rows),
        "one letter of a text, the manifest corrected": corrected(changed_text),
        "a pin is changed in the lock": changed_pin,
        "a pin is changed in lock and manifest": corrected(changed_pin_everywhere),
        "README.md is edited": edited("README.md"),
        "README.md is edited, the manifest corrected": corrected(edited("README.md")),
        "croissant.json is edited, the manifest corrected": corrected(edited("croissant.json")),
        "a rejection is removed, the manifest corrected": corrected(removed_rejection),
        "a file is missing": removed_file,
        "a data file is added": added_file,
    }
    for path in sorted(path for path in original.rglob("*") if path.is_file()):
        name = path.relative_to(original).as_posix()
        for seed in range(3):
            changes[f"a bit of a byte is flipped in {name} (seed {seed})"] = flipped(name, seed)
    missed = 0
    for what, tamper in changes.items():
        copy = folder / "copy"
        shutil.copytree(original, copy)
        named = tamper(copy)
        try:
            messages = [str(problem) for problem in verify(copy, locations)]
        except GoutbenchError as error:
            messages = [f"error: {error}"]
        hit = all(any(word in line for line in messages) for word in named) and bool(messages)
        missed += not hit
        print(f"{'named ' if hit else 'MISSED'} · {what}")
        for line in messages[:4]:
            print(f"           {line[:200]}")
        shutil.rmtree(copy)
    return missed


def flipped(name: str, seed: int) -> Tamper:
    def tamper(dataset: Path) -> list[str]:
        content = bytearray((dataset / name).read_bytes())
        rng = random.Random(seed)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (dataset / name).write_bytes(content)
        return [name]

    return tamper


def edited(name: str) -> Tamper:
    def tamper(dataset: Path) -> list[str]:
        path = dataset / name
        path.write_text(path.read_text().replace("gin-gonic", "gin-tonic", 1))
        return [name]

    return tamper


def corrected(tamper: Tamper) -> Tamper:
    """Tamper, then correct the manifest's hashes, so that only a rebuild can detect the change."""

    def both(dataset: Path) -> list[str]:
        named = tamper(dataset)
        manifest = json.loads((dataset / MANIFEST).read_text())
        for name, facts in manifest["files"].items():
            content = (dataset / name).read_bytes()
            facts.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        (dataset / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        return named

    return both


def rewritten(dataset: Path, name: str, rows: list[int]) -> pa.Table:
    table = read_table(dataset / name)
    write_table(table.take(rows), dataset / name)
    return table


def removed_row(dataset: Path) -> list[str]:
    count = pq.read_metadata(dataset / DATA).num_rows
    table = rewritten(dataset, DATA, [row for row in range(count) if row != 5])
    return [DATA, table["code_path"][5].as_py()]


def doubled_row(dataset: Path) -> list[str]:
    count = pq.read_metadata(dataset / DATA).num_rows
    table = rewritten(dataset, DATA, sorted([*range(count), 5]))
    return [DATA, table["code_path"][5].as_py()]


def swapped_rows(dataset: Path) -> list[str]:
    count = pq.read_metadata(dataset / DATA).num_rows
    rewritten(dataset, DATA, [1, 0, *range(2, count)])
    return [DATA, "order"]


def changed_text(dataset: Path) -> list[str]:
    table = read_table(dataset / DATA)
    texts = table["code"].to_pylist()
    texts[3] = texts[3].replace("func", "fund", 1)
    index = table.schema.get_field_index("code")
    column = pa.array(texts, type=table.schema.field("code").type)
    write_table(table.set_column(index, table.schema.field("code"), column), dataset / DATA)
    return [DATA, table["code_path"][3].as_py(), " code"]


def removed_rejection(dataset: Path) -> list[str]:
    count = pq.read_metadata(dataset / "rejections.parquet").num_rows
    table = rewritten(dataset, "rejections.parquet", list(range(1, count)))
    return ["rejections.parquet", table["path"][0].as_py()]


def changed_pin(dataset: Path) -> list[str]:
    path = dataset / "repos.lock.yaml"
    lock = yaml.safe_load(path.read_text())
    lock["repositories"][0]["revision"] = "0" * 40
    path.write_text(yaml.safe_dump(lock, sort_keys=False))
    return ["repos.lock.yaml", "0" * 40]


def changed_pin_everywhere(dataset: Path) -> list[str]:
    named = changed_pin(dataset)
    manifest = json.loads((dataset / MANIFEST).read_text())
    manifest["repositories"]["gin-gonic/gin"] = "0" * 40
    (dataset / MANIFEST).write_text(json.dumps(manifest))
    return named


def removed_file(dataset: Path) -> list[str]:
    (dataset / DATA).unlink()
    return [DATA, "missing"]


def added_file(dataset: Path) -> list[str]:
    shutil.copy(dataset / DATA, dataset / "data" / "other__one.parquet")
    return ["data/other__one.parquet"]


if __name__ == "__main__":
    main()
