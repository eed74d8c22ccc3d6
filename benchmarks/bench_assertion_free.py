"""How often `assertion_free` is right, on test files and test functions that were read and labelled by hand.

    python benchmarks/bench_assertion_free.py precision --mirror DIR [--siblings]
    python benchmarks/bench_assertion_free.py sample --mirror DIR

`--mirror` is a folder of git directories <organization>+<name>/repo with the commits of
`assertion_labels.tsv`. precision: precision and recall of the flags on the labelled files and functions, with
95% intervals, and of what was flagged before checks were followed through helpers. A hash of the path
assigns each file to the first half, on which the rules were written, or to the held-out half. `--siblings`
shows the detector the other test files of the folder, too.

sample: draws the same files again, by seed, as lines of the table without labels. The strata are found by
text alone, so that no detector decides what is labelled: "bare" files contain no word that hints at a check
("examples": but expected output), "silent" files no failure method of package testing; "quiet" files and
functions neither call one nor hand a testing variable to another function; the others use a library, or none.

Labels: `file_free` is 1 if the file has tests and a check can fail none of them; `function_free` is the same
for one function, "-" if it is no test that runs. docs/decisions/describe.md defines a check.
"""

import argparse
import csv
import hashlib
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.analysis.assertions import checks_of
from goutbench.golang.syntax.parser import parse
from goutbench.statistics import wilson

LABELS = Path(__file__).with_name("assertion_labels.tsv")


@dataclass(frozen=True, slots=True)
class Batch:
    """How many files are drawn: of each stratum and repository, of each library, of quiet ones."""

    seed: int
    sizes: dict[str, int]
    library: int
    quiet_files: int
    quiet_functions: int
    raw_strings: bool
    """Whether a function's text goes on after a line of a raw string that begins with a brace."""


BATCHES = {
    "1": Batch(20261127, {"bare": 4, "examples": 1, "silent": 3, "other": 1}, 3, 4, 2, raw_strings=False),
    "2": Batch(20261128, {"bare": 1, "silent": 1, "other": 1}, 1, 6, 1, raw_strings=True),
}
_FAILURE = re.compile(rb"\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b")
_HINTS = re.compile(
    rb"(?i)assert|require|expect|check|verify|must|should|\bSo\(|\bis\.|cmp|golden|snap|equal|ensure|want"
    rb"|match|compare|diff"
)
_LIBRARIES = (
    b"testify/assert", b"testify/require", b"testify/suite", b"onsi/gomega", b"onsi/ginkgo",
    b"goconvey/convey", b"matryer/is", b"frankban/quicktest", b"go-testdeep", b"go-snaps", b"gotest.tools",
    b"go-cmp/cmp", b"check.v1", b"httpexpect", b"go-sqlmock", b"gomock", b"goldie", b"autogold", b"approvals",
    b"pgregory.net/rapid", b"leanovate/gopter", b"goleak", b"leaktest", b"testscript", b"testing/quick",
    b"smarty/assertions", b"smartystreets/assertions", b"alecthomas/assert",
)  # fmt: skip
_FUNCTION = re.compile(rb"^func (?:\(\w* ?\*?\w+\) )?((?:Test|Fuzz|Example)(?![a-z])\w*)\(", re.MULTILINE)
_HANDED = re.compile(rb"[(,]\s*(?:t|tb|f|tt|st|c|s)\s*[,)](?! \{)|\{\s*\w*:?\s*t\s*[,}]|\bT:|\bt:")
_OUTPUT = re.compile(rb"(?i)//\s*(?:unordered )?output:")
_RAW = re.compile(rb"`[^`]*`")
_SPECS = re.compile(rb"^var _ = F?(?:Describe|Context)\w*\(", re.MULTILINE)

Row = tuple[str, str, str, bytes]
"""Repository, commit, path and text of a test file."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("question", choices=("precision", "sample"))
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--siblings", action="store_true")
    options = parser.parse_args()
    with LABELS.open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file, delimiter="\t"))
    if options.question == "sample":
        sample(options.mirror, labels)
    else:
        precision(options.mirror, labels, with_siblings=options.siblings)


def git(mirror: Path, repository: str, *arguments: str, stdin: bytes = b"") -> bytes:
    directory = mirror / repository.replace("/", "+") / "repo"
    command = ["git", f"--git-dir={directory}", *arguments]
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout


# ── precision ─────────────────────────────────────────────────────────────────────────────────────


def precision(mirror: Path, labels: list[dict[str, str]], *, with_siblings: bool) -> None:
    counts: dict[tuple[str, str], Counter[tuple[bool, bool]]] = defaultdict(Counter)
    for row in labels:
        halves = ("held-out half" if is_held_out(row) else "first half", "all")
        file = parse(git(mirror, row["repository"], "show", f"{row['commit']}:{row['path']}"))
        others = [parse(text) for text in siblings(mirror, row)] if with_siblings else []
        found = checks_of(file, siblings=others)
        functions = [test for test in found.tests if test.name == row["function"]]
        function_free = bool(functions) and not any(test.checked for test in functions)
        for half in halves:
            truth = row["file_free"] == "1"
            counts["files, before", half][truth, row["flagged_before"] == "1"] += 1
            counts["files", half][truth, found.assertion_free] += 1
            if row["function_free"] != "-":
                counts["functions", half][row["function_free"] == "1", function_free] += 1
        if (row["file_free"] == "1") != found.assertion_free:
            print(f"file {row['repository']} {row['path']}: labelled {row['file_free']} ({row['reason']})")
        if row["function_free"] not in ("-", str(int(function_free))):
            print(f"function {row['function']} of {row['repository']} {row['path']}: {row['function_free']}")
    for (unit, half), count in sorted(counts.items()):
        right = count[True, True]
        flagged, free = right + count[False, True], right + count[True, False]
        rates = (f"{name} {rate(right, n)}" for name, n in (("precision", flagged), ("recall", free)))
        print(f"{unit}, {half}: n {count.total()}, {', '.join(rates)}")


def rate(count: int, n: int) -> str:
    if not n:
        return "none"
    low, high = wilson(count, n)
    return f"{count}/{n} = {count / n:.1%} [{low:.1%}, {high:.1%}]"


def is_held_out(row: dict[str, str]) -> bool:
    """Whether a file is in the held-out half, by a hash of its repository and path."""
    return hashlib.sha256(f"{row['repository']} {row['path']}".encode()).digest()[0] % 2 == 1


def siblings(mirror: Path, row: dict[str, str]) -> Iterator[bytes]:
    """The other test files of the row's folder."""
    folder = row["path"].rpartition("/")[0]
    where = [f"{folder}/"] if folder else []
    names = git(mirror, row["repository"], "ls-tree", "--name-only", "-z", row["commit"], *where)
    for path in names.decode().split("\0"):
        if path.endswith("_test.go") and path != row["path"]:
            yield git(mirror, row["repository"], "show", f"{row['commit']}:{path}")


# ── sample ────────────────────────────────────────────────────────────────────────────────────────


def sample(mirror: Path, labels: list[dict[str, str]]) -> None:
    """Print the rows of every batch, drawn from the repositories and commits of the table."""
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    writer.writerow(("repository", "commit", "path", "function", "batch", "stratum"))
    for number, batch in BATCHES.items():
        commits = {row["repository"]: row["commit"] for row in labels if row["batch"] == number}
        drawn = draw_batch(mirror, batch, commits)
        for row, function, stratum in sorted(drawn, key=lambda entry: entry[0][:3]):
            writer.writerow((*row[:3], function, number, stratum))


def draw_batch(mirror: Path, batch: Batch, commits: dict[str, str]) -> list[tuple[Row, str, str]]:
    draw = random.Random(batch.seed)
    by_library: dict[str, list[Row]] = defaultdict(list)
    quiet: dict[str, list[Row]] = defaultdict(list)
    drawn: dict[tuple[str, str], tuple[Row, str, str]] = {}

    def take(stratum: str, rows: list[Row], count: int) -> None:
        left = [row for row in rows if (row[0], row[2]) not in drawn]
        for row in draw.sample(left, min(count, len(left))):
            drawn[row[0], row[2]] = (row, pick(row[3], draw, stratum, batch), stratum)

    for repository, commit in sorted(commits.items(), key=lambda entry: entry[0].replace("/", "+")):
        strata: dict[str, list[Row]] = defaultdict(list)
        for path, text in test_files(mirror, repository, commit):
            if not functions_in(text, batch) and not _SPECS.search(text):
                continue
            row = (repository, commit, path, text)
            libraries = [library.decode() for library in _LIBRARIES if library in text]
            strata[stratum_of(text, libraries)].append(row)
            if quiet_functions(text, batch):
                quiet[repository].append(row)
            for library in libraries:
                by_library[library].append(row)
        for stratum, count in batch.sizes.items():
            take(stratum, strata[stratum], count)
    for library, rows in sorted(by_library.items()):
        take(library, rows, batch.library)
    for _, rows in sorted(quiet.items()):
        take("quiet", [row for row in rows if is_quiet(row[3], batch)], batch.quiet_files)
        take("quiet function", rows, batch.quiet_functions)
    return list(drawn.values())


def stratum_of(text: bytes, libraries: list[str]) -> str:
    silent = not _FAILURE.search(text)
    if silent and not _HINTS.search(re.sub(rb"//[^\n]*", b"", text)):
        return "examples" if _OUTPUT.search(text) else "bare"
    return "silent" if silent and not libraries else "other"


def test_files(mirror: Path, repository: str, commit: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of the test files of a commit, without vendored ones and test data."""
    listing = git(mirror, repository, "ls-tree", "-rz", commit).split(b"\0")
    entries = [line.split(b"\t", 1) for line in listing if line.endswith(b"_test.go")]
    blobs = [(head.split()[2], path.decode()) for head, path in entries if head.split()[1] == b"blob"]
    blobs = [(blob, path) for blob, path in blobs if not re.search(r"(^|/)(vendor|testdata)/", path)]
    names = b"".join(blob + b"\n" for blob, _ in blobs)
    contents = git(mirror, repository, "cat-file", "--batch", stdin=names)
    start = 0
    for _, path in blobs:
        end = contents.index(b"\n", start)
        head = contents[start:end].split()
        if head[-1] == b"missing":
            start = end + 1
            continue
        size = int(head[2])
        yield path, contents[end + 1 : end + 1 + size]
        start = end + 2 + size


def functions_in(text: bytes, batch: Batch) -> dict[str, bytes]:
    """The test functions of a file, with their texts to the next line that begins with a brace."""
    found = {}
    for match in _FUNCTION.finditer(text):
        rest = text[match.start() :]
        if batch.raw_strings:
            rest = _RAW.sub(lambda raw: raw[0].replace(b"\n}", b"\n "), rest)
        end = rest.find(b"\n}")
        if batch.raw_strings or end > 0:
            found[match[1].decode()] = text[match.start() : match.start() + end]
        else:
            found[match[1].decode()] = text[match.start() :]
    return found


def quiet_functions(text: bytes, batch: Batch) -> list[str]:
    """Tests and fuzz targets that neither call a failure method nor hand a `t` to another function."""
    return sorted(
        name
        for name, body in functions_in(text, batch).items()
        if not name.startswith("Example") and name != "TestMain" and body.count(b"\n") > 0
        if not _FAILURE.search(body) and not _HANDED.search(body)
    )


def is_quiet(text: bytes, batch: Batch) -> bool:
    return len(quiet_functions(text, batch)) == len(functions_in(text, batch)) and not _SPECS.search(text)


def pick(text: bytes, draw: random.Random, stratum: str, batch: Batch) -> str:
    """One function of a file, half the time one without a failure method; "_" for specs and `TestMain`."""
    if stratum.startswith("quiet"):
        return draw.choice(quiet_functions(text, batch))
    found = functions_in(text, batch)
    silent = sorted(name for name, body in found.items() if not _FAILURE.search(body))
    if silent and draw.random() < 0.5:
        name = draw.choice(silent)
    else:
        name = draw.choice(sorted(found)) if found else "_"
    return "_" if name == "TestMain" else name


if __name__ == "__main__":
    main()
