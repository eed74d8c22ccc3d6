"""Splits of real pairs: the paper's sizes, exact count of leaks, planted copies, labels by hand.

    python benchmarks/bench_split.py sizes
    python benchmarks/bench_split.py leaks DATASET
    python benchmarks/bench_split.py planted DATASET [--sample 200]
    python benchmarks/bench_split.py labels DATASET

`leaks` splits a copy of the dataset, makes the proof again from the files, and counts what MinHash missed by
the exact Jaccard similarities of all pairs of rows. `planted` disguises copies of real files. `labels` reads
near_duplicates.tsv: pairs of paths of the seven repositories, each labelled by hand.
"""

import argparse
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from seven import measured, print_table

from goutbench.dataset.store import read_pairs
from goutbench.dedup import fingerprint, group_rows, neighbours
from goutbench.dedup.sketch import STRUCTURE, TEXT, View, shingles
from goutbench.dedup.views import _PREDECLARED, views
from goutbench.golang.syntax.parser import parse
from goutbench.records import Pair
from goutbench.split import SCHEMES, Balance, SplitOptions, broken_promises, check, split
from goutbench.split.quotas import SPLITS
from goutbench.split.schemes import SplitRow

PAPER = {
    "kubernetes/kubernetes": 1935,
    "pingcap/tidb": 878,
    "golang/go": 761,
    "hashicorp/terraform": 482,
    "moby/moby": 412,
    "ethereum/go-ethereum": 285,
    "gohugoio/hugo": 226,
    "prometheus/prometheus": 185,
    "kserve/kserve": 73,
    "gin-gonic/gin": 27,
}
LABELS = Path(__file__).parent / "near_duplicates.tsv"


def sizes(options: argparse.Namespace) -> None:
    names = [name for name, count in PAPER.items() for _ in range(count)]
    rows = [
        SplitRow(f"{name}:{i}", name, "", f"{i}.go", f"{i}_test.go", None, i) for i, name in enumerate(names)
    ]
    splits = SCHEMES["paper"].assign(rows, SplitOptions(seed=42))
    totals, cells = Counter(splits), Counter(zip(names, splits, strict=True))
    table = [(name, count, *(cells[name, part] for part in SPLITS)) for name, count in PAPER.items()]
    print_table(
        ("repository", "rows", *SPLITS), [*table, ("all", len(rows), *(totals[part] for part in SPLITS))]
    )
    off = max(abs(cells[n, s] - PAPER[n] * totals[s] / len(rows)) for n in PAPER for s in SPLITS)
    print(f"\nlargest distance from a quota: {off:.2f} rows")


def leaks(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "dataset"
        shutil.copytree(options.dataset, copy)
        result, spent = measured(
            lambda: split(copy, "leakfree", SplitOptions(), Balance(), workers=options.workers)
        )
        checked = check(copy, "leakfree", workers=options.workers)
    print(f"{result.sizes()}, groups by size {result.group_sizes()}; {spent}")
    print(f"proof from the files alone is the same: {checked.proof == result.proof}")
    print(f"overlaps where the scheme promises none: {len(broken_promises(checked.proof))}")
    pairs = list(read_pairs(options.dataset))
    splits = [row.split for row in result.assignments]
    rows = []
    for side in ("code", "test"):
        texts = [getattr(pair, side) for pair in pairs]
        seen = [views(text.encode()) for text in texts]
        near = {
            near_view.view: near_view for near_view in neighbours(fingerprint(texts, workers=options.workers))
        }
        for view in (TEXT, STRUCTURE):
            sets = [shingles(text, view) if len(text.text) >= view.fewest else None for text in seen]
            exact = exact_pairs(sets, view)
            classes = near[view.name].classes
            detected = {tuple(sorted((classes[a][0], classes[b][0]))) for a, b, _ in near[view.name].alike}
            detected |= {(one, two) for members in classes for one in members for two in members if one < two}
            cross = sum(splits[one] != splits[two] for one, two in exact)
            rows.append(
                (
                    side,
                    view.name,
                    view.threshold,
                    len(exact),
                    len(detected & exact),
                    len(detected - exact),
                    cross,
                )
            )
    head = (
        "side",
        "view",
        "threshold",
        "exact pairs",
        "found",
        "found below threshold",
        "pairs that cross splits",
    )
    print_table(head, rows)


def exact_pairs(sets: "Sequence[np.ndarray | None]", view: View) -> set[tuple[int, int]]:
    """All pairs whose Jaccard similarity reaches the view's threshold, by counting common shingles."""
    from scipy.sparse import csr_array

    filled = [
        shingle_set if shingle_set is not None else np.zeros(0, dtype=np.uint64) for shingle_set in sets
    ]
    _, columns = np.unique(np.concatenate(filled), return_inverse=True)
    ends = np.cumsum([0, *map(len, filled)])
    matrix = csr_array((np.ones(len(columns), dtype=np.int32), columns, ends))
    common = (matrix @ matrix.T).tocoo()
    ones, twos = common.coords
    counts = np.diff(ends)
    alike = common.data / (counts[ones] + counts[twos] - common.data)
    keep = (ones < twos) & (alike >= view.threshold)
    return set(zip(ones[keep].tolist(), twos[keep].tolist(), strict=True))


def planted(options: argparse.Namespace) -> None:
    pairs = list(read_pairs(options.dataset))
    chosen = random.Random(1).sample(pairs, min(options.sample, len(pairs)))
    rows = []
    for side in ("code", "test"):
        originals = [getattr(pair, side) for pair in chosen]
        for name, disguise in DISGUISES.items():
            copies = [disguise(text, random.Random(number)) for number, text in enumerate(originals)]
            prints = fingerprint([*originals, *copies], workers=options.workers)
            groups = group_rows([(prints, neighbours(prints))])
            detected = sum(groups[i] == groups[len(originals) + i] for i in range(len(originals)))
            rows.append((side, name, len(originals), detected, f"{detected / len(originals):.1%}"))
    print_table(("side", "disguise", "planted", "found", "share"), rows)
    total, detected = sum(row[2] for row in rows), sum(row[3] for row in rows)
    print(f"\nall: {detected:,} of {total:,}, {detected / total:.1%}")


def commented(text: str, rng: random.Random) -> str:
    """Other comments, a licence header, spaces for tabs, and blank lines."""
    text = re.sub(r"(?m)^(\s*)// .*$", lambda m: f"{m[1]}// rewritten {rng.random()}", text)
    return "// Copyright of somebody else.\n\n" + text.replace("\n\t", "\n\n    ")


def vendored(text: str, rng: random.Random) -> str:
    """Another package name, imports below another path, and a header that mentions the copy."""
    text = re.sub(r"(?m)^package \w+", "package vendored", text, count=1)
    text = re.sub(r'(?m)^(\s+(?:\w+ )?)"([\w.-]+\.\w+/)', r'\1"example.org/internal/third_party/\2', text)
    return f"// Code copied from elsewhere, {rng.random()}.\n{text}"


def renamed(text: str, rng: random.Random) -> str:
    """New names for all that the file declares: functions, types, fields, parameters, variables."""
    source = text.encode()
    names = {f"{name}": f"{name[0]}{rng.randrange(10**6)}{name[1:]}" for name in declared(source)}
    if not names:
        return text
    alternatives = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(
        r"(\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`|//[^\n]*)|(?<![\w.])("
        + alternatives
        + r")\b|(?<=\.)("
        + alternatives
        + r")\b"
    )
    return pattern.sub(lambda m: m[1] or names[m[2] or m[3]], text)


def declared(source: bytes) -> set[str]:
    """Names that a Go file declares, by its syntax tree, without those that Go or the test runner defines."""
    names: set[bytes] = set()
    stack = [parse(source).tree.root_node]
    while stack:
        node = stack.pop()
        stack += node.children
        if node.type in ("short_var_declaration", "range_clause"):
            targets = node.child_by_field_name("left")
            names |= {
                target.text for target in (targets.children if targets else ()) if target.type == "identifier"
            }
        elif node.type in _DECLARING:
            names |= {target.text for target in node.children_by_field_name("name") if target.is_named}
    runner = re.compile(r"(Test|Benchmark|Fuzz|Example)\w*|TestMain")
    return {name.decode() for name in names - _PREDECLARED if not runner.fullmatch(name.decode())}


_DECLARING = {
    "function_declaration",
    "method_declaration",
    "type_spec",
    "const_spec",
    "var_spec",
    "parameter_declaration",
    "field_declaration",
}


def edited(text: str, rng: random.Random) -> str:
    """Another literal or name in one statement of twenty, and an added function."""
    lines = text.split("\n")
    body = [number for number, line in enumerate(lines) if line.startswith("\t") and "//" not in line]
    for number in rng.sample(body, len(body) // 20):
        lines[number] = re.sub(r"\b([a-z]\w+)\b(?=[,)\]]|$)", r"\1Other", lines[number])
    return "\n".join(lines) + "\nfunc added(x int) int {\n\treturn x + 41\n}\n"


Disguise = Callable[[str, random.Random], str]


def _all(*steps: Disguise) -> Disguise:
    def apply(text: str, rng: random.Random) -> str:
        for step in steps:
            text = step(text, rng)
        return text

    return apply


DISGUISES: dict[str, Disguise] = {
    "changed comments and layout": commented,
    "vendored": vendored,
    "renamed identifiers": renamed,
    "renamed, vendored, comments": _all(renamed, vendored, commented),
    "edited (1 line in 20, one more function)": edited,
    "renamed, vendored, comments, edited": _all(edited, renamed, vendored, commented),
}


def labels(options: argparse.Namespace) -> None:
    pairs = list(read_pairs(options.dataset))
    lines = [
        line.split("\t") for line in LABELS.read_text().splitlines() if line and not line.startswith("#")
    ]
    tally: Counter[tuple[str, bool]] = Counter()
    for side in ("code", "test"):
        prints = fingerprint([getattr(pair, side) for pair in pairs], workers=options.workers)
        groups = group_rows([(prints, neighbours(prints))])
        where = {
            f"{pair.repository}/{path_of(pair, side)}": group
            for pair, group in zip(pairs, groups, strict=True)
        }
        for label, one, two in lines:
            if one in where and two in where:
                merged = where[one] == where[two]
                tally[label, merged] += 1
                if merged != (label == "same"):
                    print(f"{'merged' if merged else 'missed'}: {one} {two}")
    for label in ("same", "different"):
        merged, count = tally[label, True], tally[label, True] + tally[label, False]
        print(f"{label}: {merged} of {count} merged, {merged / max(count, 1):.1%}")


def path_of(pair: Pair, side: str) -> str:
    return pair.code_path if side == "code" else pair.test_path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("sizes", "leaks", "planted", "labels"))
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    {"sizes": sizes, "leaks": leaks, "planted": planted, "labels": labels}[options.what](options)


if __name__ == "__main__":
    main()
