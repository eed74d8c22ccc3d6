"""What the pairing rule `by-use` adds to `same-name` on the seven repositories, and how often it is right.

    python benchmarks/bench_pairing.py rows --mirror DIR
    python benchmarks/bench_pairing.py sample --mirror DIR [--size 126]
    python benchmarks/bench_pairing.py precision --mirror DIR

rows: pairs by each rule, how many test files without a source of their name get one, and agreement: of the
tests that have such a source and get an answer from use alone (file names left out), the share whose
likeliest source it is. sample: draws added pairs by seed, from each repository by its share of them (at
least 9), as lines for `pairing_labels.tsv`, to be read and labelled by hand: 1 where the test exercises the
source as a thing under test, 0 where the source only helps (set-up, fixtures, test support), is not built
with the test, or is not what is tested. precision: of the added pairs that have a label, how many are
right. "tuning half" and "other half" are by a hash of the test's path: the threshold was set on the first.
That does not make the other one clean: the labels of lines 2 to 131 of the file were known when the weights
were changed. "labelled later" are the pairs of the lines below, which were labelled after that.
"""

import argparse
import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seven import Known, chosen, files_at, measured, opened, parser, print_table

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
    """A pair that only `by-use` finds."""

    repository: str
    test: str
    source: str
    confidence: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.repository, self.test, self.source

    @property
    def other_half(self) -> bool:
        """Which half the test is in: a coin that its path tosses."""
        return hashlib.sha256(self.test.encode()).digest()[0] % 2 == 1


def main() -> None:
    options = parser(__doc__)
    options.add_argument("question", choices=("rows", "sample", "precision"))
    options.add_argument("--size", type=int, default=126, help="pairs of the sample")
    given = options.parse_args()
    {"rows": rows, "sample": sample, "precision": precision}[given.question](given)


def contents(known: Known, mirror: Path) -> dict[bytes, bytes]:
    """The Go files of every folder that has a test."""
    repository = opened(known, mirror)
    files = {path: blob for path, blob in files_at(repository, known.commit).items() if path.endswith(b".go")}
    folders = {folder(path) for path in files if is_test(path)}
    wanted = [path for path in sorted(files) if folder(path) in folders]
    with ObjectReader(repository) as reader:
        found = reader.read([files[path] for path in wanted])
        return {path: answer.content or b"" for path, answer in zip(wanted, found, strict=True)}


def folder(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def added(known: Known, mirror: Path) -> list[Added]:
    files = contents(known, mirror)
    paired = {match.test for match in same_name(list(files))}
    return [
        Added(known.name, test.decode(), each.source.decode(), round(each.confidence, 3))
        for test, evidence in sorted(by_use.rank_by_folder(files).items())
        if test not in paired
        for each in by_use.select_sources(evidence)
    ]


def rows(given: argparse.Namespace) -> None:
    table = []
    for known in chosen(given):
        files = contents(known, given.mirror)
        same = {match.test: match.code for match in same_name(list(files))}
        found, spent = measured(lambda files=files: by_use.rank_by_folder(files))  # type: ignore[misc]
        selected = {test: by_use.select_sources(evidence) for test, evidence in found.items()}
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
        table.append((known.name, len(same), len(same) + extra, extra, unpaired, len(more), rate, spent))
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
    """A sample, from each repository by its share of the pairs."""
    groups: dict[str, list[Added]] = defaultdict(list)
    for each in pairs:
        groups[each.repository].append(each)
    total = sum(map(len, groups.values()))
    found: list[Added] = []
    for name, group in groups.items():
        count = min(len(group), max(LEAST, round(size * len(group) / total)))
        found += sorted(
            random.Random(f"{SEED} {name}").sample(group, count), key=lambda each: (each.test, each.source)
        )
    return found


def sample(given: argparse.Namespace) -> None:
    pairs = [each for known in chosen(given) for each in added(known, given.mirror)]
    for each in drawn(pairs, given.size):
        print(each.repository, each.test, each.source, f"{each.confidence:.3f}", "", sep="\t")


def labels() -> dict[tuple[str, str, str], bool]:
    with LABELS.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t")
        return {(row["repository"], row["test"], row["source"]): row["label"] == "1" for row in lines}


def precision(given: argparse.Namespace) -> None:
    known_labels = labels()
    later = set(list(known_labels)[FIRST_BATCH:])
    pairs = [each for known in chosen(given) for each in added(known, given.mirror)]
    labelled = [(each, known_labels.get(each.key)) for each in pairs]
    judged = [(each, label) for each, label in labelled if label is not None]
    groups = {
        "other half": [label for each, label in judged if each.other_half],
        "tuning half": [label for each, label in judged if not each.other_half],
        "both": [label for _, label in judged],
        "labelled later": [label for each, label in judged if each.key in later],
        **{
            f"both, {name}": [label for each, label in judged if each.repository == name]
            for name in dict.fromkeys(each.repository for each in pairs)
        },
        **{
            f"both, confidence {low} to {high}": [label for e, label in judged if low <= e.confidence <= high]
            for low, high in ((0.5, 0.599), (0.6, 0.699), (0.7, 0.799), (0.8, 0.899), (0.9, 1.0))
        },
    }
    print(f"{len(pairs)} added pairs, {len(judged)} of them labelled; {len(known_labels)} labels")
    table = []
    for name, values in groups.items():
        if values:
            interval = wilson(sum(values), len(values))
            rate = f"{sum(values) / len(values):.1%} ({interval.low:.1%} to {interval.high:.1%})"
            table.append((name, f"{sum(values)} of {len(values)}", rate))
    print_table(("pairs", "right", "precision, 95% interval"), table)


if __name__ == "__main__":
    main()
