"""How often `assertion_free` is right, on test files and test functions that were read and labelled by hand.

    python benchmarks/bench_assertion_free.py sample --mirror DIR
    python benchmarks/bench_assertion_free.py precision --mirror DIR

`--mirror` is a folder of git directories <organization>+<name>/repo. sample: draws test files by seed from
the newest commit of every repository there, in strata, with one test function of each file, as lines for
`assertion_labels.tsv`. The strata are found by text alone, so that no detector decides what is labelled:
"bare" files contain no word that hints at a check ("examples": but expected output), "silent" files no
failure method of package testing, and
the others use an assertion library (drawn by library) or not. precision: precision and recall of the
labelled files and functions at their commits, with 95% intervals, for a first half and a held-out half.
"""

import argparse
import csv
import hashlib
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20261127
NAMES = {
    "grpc+grpc-go",
    "juju+errors",
    "kubernetes-sigs+kustomize",
    "alecthomas+chroma",
    "google+go-cmp",
    "etcd-io+etcd",
    "hexops+autogold",
    "Masterminds+semver",
    "go-ini+ini",
    "montanaflynn+stats",
    "charmbracelet+lipgloss",
    "fsnotify+fsnotify",
    "matryer+moq",
    "huandu+xstrings",
    "onsi+ginkgo",
    "leanovate+gopter",
    "DATA-DOG+go-sqlmock",
    "onsi+gomega",
    "spf13+cobra",
    "go-chi+chi",
    "gohugoio+hugo",
    "mattn+go-sqlite3",
    "moby+moby",
    "gotestyourself+gotestsum",
    "golang+tools",
    "rogpeppe+go-internal",
    "gavv+httpexpect",
    "prometheus+prometheus",
    "uber-go+zap",
    "golang+protobuf",
    "flyingmutant+rapid",
    "spf13+pflag",
    "google+gopacket",
    "spf13+afero",
    "caddyserver+caddy",
    "nats-io+nats.go",
    "dustin+go-humanize",
    "tidwall+gjson",
    "maxatome+go-testdeep",
    "smartystreets+goconvey",
    "gin-gonic+gin",
    "dgraph-io+badger",
    "uber-go+fx",
    "stretchr+testify",
    "gkampitakis+go-snaps",
    "gobuffalo+flect",
    "evanw+esbuild",
    "gorilla+mux",
    "spf13+viper",
    "sirupsen+logrus",
    "minio+minio",
}
SIZES = {"bare": 4, "examples": 1, "silent": 3, "other": 1}
"""Files of each stratum and repository."""
LIBRARY = 3
"""Files of each library."""
QUIET_FILES, QUIET_FUNCTIONS = 4, 2
"""Files of each repository all of whose tests, or some of whose tests, are quiet."""
_FAILURE = re.compile(rb"\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b")
_HINTS = re.compile(
    rb"(?i)assert|require|expect|check|verify|must|should|\bSo\(|\bis\.|cmp|golden|snap|equal|ensure|want|match|compare|diff"
)
_LIBRARIES = (
    b"testify/assert", b"testify/require", b"testify/suite", b"onsi/gomega", b"onsi/ginkgo", b"goconvey/convey",
    b"matryer/is", b"frankban/quicktest", b"go-testdeep", b"go-snaps", b"gotest.tools", b"go-cmp/cmp",
    b"check.v1", b"httpexpect", b"go-sqlmock", b"gomock", b"goldie", b"autogold", b"approvals", b"pgregory.net/rapid",
    b"leanovate/gopter", b"goleak", b"leaktest", b"testscript", b"testing/quick", b"smarty/assertions",
    b"smartystreets/assertions", b"alecthomas/assert",
)  # fmt: skip
_FUNCTION = re.compile(rb"^func (?:\(\w* ?\*?\w+\) )?((?:Test|Fuzz|Example)(?![a-z])\w*)\(", re.MULTILINE)
_HANDED = re.compile(rb"[(,]\s*(?:t|tb|f|tt|st|c|s)\s*[,)](?! \{)|\{\s*\w*:?\s*t\s*[,}]|\bT:|\bt:")
_OUTPUT = re.compile(rb"(?i)//\s*(?:unordered )?output:")
_SPECS = re.compile(rb"^var _ = F?(?:Describe|Context)\w*\(", re.MULTILINE)


def repositories(mirror: Path) -> list[Path]:
    return sorted(path for path in mirror.glob("*+*/repo") if path.is_dir() and path.parent.name in NAMES)


def git(directory: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", f"--git-dir={directory}", *arguments], check=True, capture_output=True
    ).stdout


def test_files(directory: Path, commit: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of the test files of a commit, without vendored ones and test data."""
    listing = git(directory, "ls-tree", "-rz", commit).split(b"\0")
    entries = [line.split(b"\t", 1) for line in listing if line.endswith(b"_test.go")]
    blobs = [(head.split()[2], path.decode()) for head, path in entries if head.split()[1] == b"blob"]
    blobs = [(blob, path) for blob, path in blobs if not re.search(r"(^|/)(vendor|testdata)/", path)]
    batch = subprocess.run(
        ["git", f"--git-dir={directory}", "cat-file", "--batch"],
        input=b"".join(blob + b"\n" for blob, _ in blobs),
        check=True,
        capture_output=True,
    ).stdout
    start = 0
    for _, path in blobs:
        end = batch.index(b"\n", start)
        head = batch[start:end].split()
        if head[-1] == b"missing":
            start = end + 1
            continue
        size = int(head[2])
        yield path, batch[end + 1 : end + 1 + size]
        start = end + 2 + size


def functions(text: bytes) -> dict[str, bytes]:
    """The test functions of a file, with their texts to the next line that begins with a brace."""
    found = {}
    for match in _FUNCTION.finditer(text):
        end = text.find(b"\n}", match.start())
        found[match[1].decode()] = text[match.start() : end if end > 0 else len(text)]
    return found


def quiet_functions(text: bytes) -> list[str]:
    """Tests and fuzz targets that neither call a failure method nor hand a `t` to another function."""
    return sorted(
        name
        for name, body in functions(text).items()
        if not name.startswith("Example") and name != "TestMain" and body.count(b"\n") > 0
        if not _FAILURE.search(body) and not _HANDED.search(body)
    )


def all_quiet(text: bytes) -> bool:
    return len(quiet_functions(text)) == len(functions(text)) and not _SPECS.search(text)


def pick(text: bytes, draw: random.Random, stratum: str) -> str:
    """One function of a file, half the time one without a failure method; "_" for specs and `TestMain`."""
    found = functions(text)
    if stratum.startswith("quiet"):
        return draw.choice(quiet_functions(text))
    silent = sorted(name for name, body in found.items() if not _FAILURE.search(body))
    if silent and draw.random() < 0.5:
        name = draw.choice(silent)
    else:
        name = draw.choice(sorted(found)) if found else "_"
    return "_" if name == "TestMain" else name


def sample(mirror: Path) -> None:
    draw = random.Random(SEED)
    by_library: dict[str, list[tuple[str, str, str, bytes]]] = defaultdict(list)
    quiet: dict[str, list[tuple[str, str, str, bytes]]] = defaultdict(list)
    drawn: dict[tuple[str, str], tuple[str, ...]] = {}

    def take(stratum: str, rows: list[tuple[str, str, str, bytes]], count: int) -> None:
        rows = [row for row in rows if (row[0], row[2]) not in drawn]
        for name, commit, path, text in draw.sample(rows, min(count, len(rows))):
            drawn[name, path] = (name, commit, path, pick(text, draw, stratum), stratum)

    for directory in repositories(mirror):
        name = directory.parent.name.replace("+", "/")
        commit = git(directory, "rev-parse", "HEAD").decode().strip()
        strata: dict[str, list[tuple[str, str, str, bytes]]] = defaultdict(list)
        for path, text in test_files(directory, commit):
            if not functions(text) and not _SPECS.search(text):
                continue
            row = (name, commit, path, text)
            libraries = [library.decode() for library in _LIBRARIES if library in text]
            silent = not _FAILURE.search(text)
            code = re.sub(rb"//[^\n]*", b"", text)
            bare = silent and not _HINTS.search(code)
            kind = "silent" if silent and not libraries else "other"
            kind = ("examples" if _OUTPUT.search(text) else "bare") if bare else kind
            strata[kind].append(row)
            if quiet_functions(text):
                quiet[name].append(row)
            for library in libraries:
                by_library[library].append(row)
        for kind, count in SIZES.items():
            take(kind, strata[kind], count)
    for library, rows in sorted(by_library.items()):
        take(library, rows, LIBRARY)
    for name, rows in sorted(quiet.items()):
        take("quiet", [row for row in rows if all_quiet(row[3])], QUIET_FILES)
        take("quiet function", rows, QUIET_FUNCTIONS)
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    writer.writerow(("repository", "commit", "path", "function", "stratum"))
    writer.writerows(drawn[key] for key in sorted(drawn))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=("sample", "precision"))
    parser.add_argument("--mirror", type=Path, required=True)
    options = parser.parse_args()
    sample(options.mirror)
