"""Pairs that the rule `by-use` adds to `same-name` on the seven repositories, and how many are right.

    python benchmarks/bench_pairing.py rows --mirror DIR
    python benchmarks/bench_pairing.py sample --mirror DIR [--size 126]
    python benchmarks/bench_pairing.py precision --mirror DIR

rows: pairs by each rule, how many test files without a source of their name get one, and agreement: of the
tests that have such a source and get an answer from usage alone (file names hidden), the share for which it
is the likeliest source. sample: draws added pairs by seed, from each repository by its share of them (at
least 9), as lines for `pairing_labels.tsv`, to be read and labelled by hand: 1 if the source is under test,
0 if it only helps (set-up, fixtures, test support), is not built with the test, or is not what is tested.
precision: how many of the labelled added pairs are right. A hash of the test's path assigns "tuning half"
and "second half"; the threshold was chosen on the first. The second half is not independent of tuning, as
the labels of lines 2 to 131 of the file were known when the weights were changed. "labelled later" are the
pairs of the lines after those.
"""

import argparse
import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seven import (
    PinnedRepository,
    files_at,
    measured,
    mirror_parser,
    open_pinned,
    print_table,
    selected_repositories,
)

from goutbench.curate.git.objects import ObjectReader
from goutbench.curate.pairing import by_use
from goutbench.curate.pairing.rule import is_test
from goutbench.curate.pairing.same_name import same_name
from goutbench.statistics import wilson

LABELS = Path(__file__).with_name("pairing_labels.tsv")
SEED = 20241125
LEAST = 9
FIRST_BATCH = 130


@dataclass(frozen=True, slots=True)
class Added:
    """A pair that only `by-use` adds."""

    repository: str
    test: str
    source: str
    confidence: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.repository, self.test, self.source

    @property
    def is_second_half(self) -> bool:
        """Whether the test is in the second half, by a hash of its path."""
        return hashlib.sha256(self.test.encode()).digest()[0] % 2 == 1


def main() -> None:
    parser = mirror_parser(__doc__)
    parser.add_argument("question", choices=("rows", "sample", "precision"))
    parser.add_argument("--size", type=int, default=126, help="number of pairs in the sample")
    options = parser.parse_args()
    {"rows": rows, "sample": sample, "precision": precision}[options.question](options)


def contents(pinned: PinnedRepository, mirror: Path) -> dict[bytes, bytes]:
    """The Go files of every folder that has a test."""
    repository = open_pinned(pinned, mirror)
    files = {
        path: blob for path, blob in files_at(repository, pinned.commit).items() if path.endswith(b".go")
    }
    folders = {folder(path) for path in files if is_test(path)}
    paths = [path for path in sorted(files) if folder(path) in folders]
    with ObjectReader(repository) as reader:
        answers = reader.read([files[path] for path in paths])
        return {path: answer.content or b"" for path, answer in zip(paths, answers, strict=True)}


def folder(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def added(pinned: PinnedRepository, mirror: Path) -> list[Added]:
    files = contents(pinned, mirror)
    paired = {match.test for match in same_name(list(files))}
    return [
        Added(pinned.name, test.decode(), source.source.decode(), round(source.confidence, 3))
        for test, evidence in sorted(by_use.rank_by_folder(files).items())
        if test not in paired
        for source in by_use.select_sources(evidence)
    ]


def rows(options: argparse.Namespace) -> None:
    table = []
    for pinned in selected_repositories(options):
        files = contents(pinned, options.mirror)
        same = {match.test: match.code for match in same_name(list(files))}
        ranking, spent = measured(lambda files=files: by_use.rank_by_folder(files))  # type: ignore[misc]
        selected = {test: by_use.select_sources(evidence) for test, evidence in ranking.items()}
        more = {test: sources for test, sources in selected.items() if sources and test not in same}
        bare = {
            test: e
            for test, e in by_use.rank_by_folder(files, file_names=False).items()
            if by_use.select_sources(e)
        }
        both = [test for test in bare if test in same]
        agree = sum(bare[test][0].source == same[test] for test in both)
        unpaired = sum(is_test(path) and path not in same for path in files)
        extra = sum(map(len, more.values()))
        rate = f"{agree} of {len(both)} = {agree / len(both):.1%}" if both else "–"
        table.append((pinned.name, len(same), len(same) + extra, extra, unpaired, len(more), rate, spent))
    columns = list(zip(*table, strict=True))
    table.append(("total", *map(sum, columns[1:6]), "", ""))
    head = (
        "repository",
        "same-name",
        "by-use",
        "added rows",
        "unpaired tests",
        "now paired",
        "agreement",
        "time",
    )
    print_table(head, table)


def drawn(pairs: Iterable[Added], size: int) -> list[Added]:
    """A seeded sample of pairs, from each repository by its share."""
    groups: dict[str, list[Added]] = defaultdict(list)
    for pair in pairs:
        groups[pair.repository].append(pair)
    total = sum(map(len, groups.values()))
    selected: list[Added] = []
    for name, group in groups.items():
        count = min(len(group), max(LEAST, round(size * len(group) / total)))
        selected += sorted(
            random.Random(f"{SEED} {name}").sample(group, count), key=lambda pair: (pair.test, pair.source)
        )
    return selected


def sample(options: argparse.Namespace) -> None:
    pairs = [pair for pinned in selected_repositories(options) for pair in added(pinned, options.mirror)]
    for pair in drawn(pairs, options.size):
        print(pair.repository, pair.test, pair.source, f"{pair.confidence:.3f}", "", sep="\t")


def labels() -> dict[tuple[str, str, str], bool]:
    with LABELS.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t")
        return {(row["repository"], row["test"], row["source"]): row["label"] == "1" for row in lines}


def precision(options: argparse.Namespace) -> None:
    all_labels = labels()
    later = set(list(all_labels)[FIRST_BATCH:])
    pairs = [pair for pinned in selected_repositories(options) for pair in added(pinned, options.mirror)]
    labelled = [(pair, all_labels.get(pair.key)) for pair in pairs]
    judged = [(pair, label) for pair, label in labelled if label is not None]
    groups = {
        "second half": [label for pair, label in judged if pair.is_second_half],
        "tuning half": [label for pair, label in judged if not pair.is_second_half],
        "both": [label for _, label in judged],
        "labelled later": [label for pair, label in judged if pair.key in later],
        **{
            f"both, {name}": [label for pair, label in judged if pair.repository == name]
            for name in dict.fromkeys(pair.repository for pair in pairs)
        },
        **{
            f"both, confidence {low} to {high}": [label for e, label in judged if low <= e.confidence <= high]
            for low, high in ((0.5, 0.599), (0.6, 0.699), (0.7, 0.799), (0.8, 0.899), (0.9, 1.0))
        },
    }
    print(f"{len(pairs)} added pairs, {len(judged)} of them labelled; {len(all_labels)} labels")
    table = []
    for name, values in groups.items():
        if values:
            interval = wilson(sum(values), len(values))
            rate = f"{sum(values) / len(values):.1%} ({interval.low:.1%} to {interval.high:.1%})"
            table.append((name, f"{sum(values)} of {len(values)}", rate))
    print_table(("pairs", "right", "precision, 95% interval"), table)


if __name__ == "__main__":
    main()
