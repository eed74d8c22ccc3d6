"""Near-duplicates among all Go files of repositories and trees: time, memory, comparison with datasketch.

    python benchmarks/bench_near_duplicates.py --mirror DIR --tree "$(go env GOROOT)/src"
    python -m pip install --target /tmp/datasketch --no-deps datasketch
    PYTHONPATH=/tmp/datasketch python benchmarks/bench_near_duplicates.py ... --against-datasketch 4000
    python benchmarks/bench_near_duplicates.py --synthetic 1000000 --out growth.jsonl [--runner ray:HOST:PORT]
    python benchmarks/bench_near_duplicates.py --out growth.jsonl --figure docs/figures/near-duplicates.svg

With --synthetic, documents are written as they are needed: short Go files, of which two of ten are copies of
earlier ones, with other names or with a changed line. CPU seconds include worker processes. With
`--against-datasketch N` both libraries sign, band and compare the shingles of about N files in this process,
with equal slots and bands.
"""

import argparse
import hashlib
import json
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gofiles import COMMITS, _files_of_commit
from seven import measured, print_table

from goutbench.dedup import fingerprint, group_rows, neighbours
from goutbench.dedup.near import BAND_SLOTS, BANDS, candidate_pairs, similarity
from goutbench.dedup.sketch import SLOTS, TEXT, shingles, sign
from goutbench.dedup.views import views
from goutbench.parallel import available_cpus


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", type=Path, help="a folder of git directories <organization>+<name>/repo")
    parser.add_argument("--tree", action="append", default=[], type=Path, help="a folder of Go files")
    parser.add_argument("--workers", type=int, default=available_cpus())
    parser.add_argument("--against-datasketch", type=int, default=0, metavar="N")
    parser.add_argument("--synthetic", type=int, default=0, metavar="N", help="a multiple of 10")
    parser.add_argument("--runner", help="where fingerprints are made, such as ray:HOST:PORT")
    parser.add_argument("--out", type=Path, help="JSON Lines, one line per synthetic size")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.figure:
        plot(options.out, options.figure)
        return
    if options.synthetic:
        measure_synthetic(options)
        return
    texts = [text.decode("utf-8", "replace") for text in all_files(options)]
    print(f"{len(texts):,} files, {sum(map(len, texts)) / 1e6:,.0f} MB, {options.workers} workers\n")
    if options.against_datasketch:
        compare(texts[:: max(len(texts) // options.against_datasketch, 1)])
    else:
        measure(texts, options.workers)


def all_files(options: argparse.Namespace) -> list[bytes]:
    """Every Go file, including copies."""
    contents = [
        path.read_bytes() for tree in options.tree for path in sorted(tree.rglob("*.go")) if path.is_file()
    ]
    if options.mirror:
        for name, commit in COMMITS.items():
            git_dir = options.mirror / name.replace("/", "+") / "repo"
            contents += [content for _, content in _files_of_commit(git_dir, commit, name)]
    return contents


def measure(texts: list[str], workers: int) -> None:
    base = peak_mib(resource.RUSAGE_SELF)
    prints, signing = measured(lambda: fingerprint(texts, workers=workers))
    near, comparing = measured(lambda: neighbours(prints))
    groups, joining = measured(lambda: group_rows([(prints, near)]))
    sizes = Counter(Counter(groups).values())
    rows = [("fingerprints", signing), ("pairs", comparing), ("groups", joining)]
    rows.append(("total", signing + comparing + joining))
    print_table(("step", "CPU s", "wall s"), [(n, f"{s.cpu:.1f}", f"{s.wall:.1f}") for n, s in rows])
    peak = peak_mib(resource.RUSAGE_SELF)
    print(f"\nmemory: {base} MiB with the texts, {peak} MiB at peak")
    print(f"per worker: {peak_mib(resource.RUSAGE_CHILDREN)} MiB")
    for near_view in near:
        print(
            f"{near_view.view}: {len(near_view.classes):,} distinct signatures, "
            f"{len(near_view.alike):,} near pairs of them"
        )
    alone, largest = sizes.get(1, 0), max(sizes)
    print(
        f"{len(set(groups)):,} groups; {len(texts) - alone:,} files share a group; the largest has {largest}"
    )


# ── a million synthetic documents ──────────────────────────────────────────────────────────────────────

_FIRST = "add get put try use val key row col buf"
_SECOND = "One Two All Any Raw Old New Top Sum Max Min Len Cap Pos End Out"
NAMES = [f"{first}{second}" for first in _FIRST.split() for second in _SECOND.split()]
LINES = 16
STATEMENTS = (
    "{0} := {1}({2}, {5})",
    "if {0} > {5} {{ return {1} }}",
    "for {0} := range {1} {{ {2} += {5} }}",
    "{0} = append({0}, {1}.{2}[{5}])",
    "defer func() {{ {0} -= {1} * {5} }}()",
    "switch {0} {{ case {5}: {1}++; default: {2}-- }}",
    'fmt.Println("{5}", {0}, {1} - {2})',
    "go {0}({1}, {2}, func(x int) int {{ return x ^ {5} }})",
    "{0}, {1} = {1} << {6}, {2} % {5}",
    "select {{ case {0} <- {5}: default: close({1}) }}",
)


def documents(count: int) -> Iterator[str]:
    """Of ten documents, one is the first with other names, and one the second with a changed line."""
    for start in range(0, count, 10):
        own = [statements(number) for number in range(start, start + 8)]
        edited = [*own[1][:5], statements(-start - 1)[0], *own[1][6:]]
        texts = [*map(text_of, own), text_of(own[0]).replace("One", "First"), text_of(edited)]
        assert texts[8] != texts[0]
        yield from texts


def statements(seed: int) -> list[str]:
    draw = random.Random(seed)
    lines = []
    for _ in range(LINES):
        names = [NAMES[int(draw.random() * len(NAMES))] for _ in range(5)]
        numbers = int(draw.random() * 1e6), int(draw.random() * 60)
        lines.append(STATEMENTS[int(draw.random() * len(STATEMENTS))].format(*names, *numbers))
    return lines


def text_of(lines: list[str]) -> str:
    return "package p\n\nfunc keyOne() {\n\t" + "\n\t".join(lines) + "\n}\n"


def measure_synthetic(options: argparse.Namespace) -> None:
    count, workers = options.synthetic, options.workers
    base = peak_mib(resource.RUSAGE_SELF)
    _, writing = measured(lambda: sum(map(len, documents(min(count, 20_000)))))
    prints, signing = measured(lambda: fingerprint(documents(count), workers=workers, runner=options.runner))
    near, comparing = measured(lambda: neighbours(prints))
    groups, joining = measured(lambda: group_rows([(prints, near)]))
    together = sum(groups[at] == at for at in range(count))
    copies = [at for at in range(count) if at % 10 >= 8]
    row = {
        "documents": count,
        "workers": workers,
        "runner": (options.runner or "processes").partition(":")[0],
        "writing_cpu_s": round(writing.cpu * count / min(count, 20_000), 1),
        "signing_cpu_s": round(signing.cpu, 1),
        "pairs_cpu_s": round(comparing.cpu, 1),
        "groups_cpu_s": round(joining.cpu, 1),
        "base_mib": base,
        "peak_mib": peak_mib(resource.RUSAGE_SELF),
        "worker_mib": peak_mib(resource.RUSAGE_CHILDREN),
        "groups": together,
        "copies_found": sum(groups[at] == at - 8 for at in copies),
        "copies": len(copies),
        "digest": hashlib.sha256(repr(groups).encode()).hexdigest()[:16],
    }
    print(json.dumps(row, indent=1))
    if options.out:
        with options.out.open("a") as out:
            out.write(json.dumps(row) + "\n")


def plot(results: Path, figure: Path) -> None:
    import altair as alt

    from goutbench.plotting import PALETTE, svg

    rows = [json.loads(line) for line in results.read_text().splitlines()]
    points = []
    for row in (row for row in rows if row["runner"] != "ray"):
        thousands = row["documents"] / 1000
        seconds = row["signing_cpu_s"] + row["pairs_cpu_s"] + row["groups_cpu_s"]
        points.append({"documents, thousands": thousands, "what": "CPU seconds", "value": seconds})
        points.append(
            {"documents, thousands": thousands, "what": "peak memory, MiB", "value": row["peak_mib"]}
        )
    chart = (
        alt.Chart(alt.Data(values=points), width=260, height=180)
        .mark_line(point=True, color=PALETTE[0])
        .encode(x=alt.X("documents, thousands:Q"), y=alt.Y("value:Q", title=None))
        .facet(column=alt.Column("what:N", title=None))
        .resolve_scale(y="independent")
    )
    figure.write_text(svg(chart) + "\n")


# ── against datasketch ──────────────────────────────────────────────────────────────────────────────────


def compare(texts: list[str]) -> None:
    from datasketch import MinHash, MinHashLSH

    sets = [shingles(seen, TEXT) for seen in (views(text.encode()) for text in texts)]
    sets = [shingle_set for shingle_set in sets if len(shingle_set)]
    signatures, signing = measured(lambda: sign(sets))
    candidates, banding = measured(lambda: candidate_pairs(signatures))
    pairs = {
        (int(one), int(two))
        for (one, two), alike in zip(
            candidates, similarity(signatures[candidates[:, 0]], signatures[candidates[:, 1]]), strict=True
        )
        if alike >= TEXT.threshold
    }

    def their_signatures() -> list[MinHash]:
        minhashes = []
        for shingle_set in sets:
            minhashes.append(MinHash(num_perm=SLOTS, hashfunc=lambda number: int(number) & 0xFFFFFFFF))
            minhashes[-1].update_batch(shingle_set.tolist())
        return minhashes

    def their_pairs() -> set[tuple[int, int]]:
        index = MinHashLSH(num_perm=SLOTS, params=(BANDS, BAND_SLOTS))
        for number, minhash in enumerate(theirs):
            index.insert(number, minhash)
        matches = (
            (one, two) for one, minhash in enumerate(theirs) for two in index.query(minhash) if one < two
        )
        return {(one, two) for one, two in matches if theirs[one].jaccard(theirs[two]) >= TEXT.threshold}

    theirs, their_signing = measured(their_signatures)
    their_matches, their_comparing = measured(their_pairs)
    exact = {pair: jaccard(sets[pair[0]], sets[pair[1]]) for pair in pairs | their_matches}
    print(f"{len(sets):,} files, {sum(map(len, sets)):,} distinct shingles")
    print(f"{len(pairs):,} and {len(their_matches):,} pairs found\n")
    rows = [
        ("sign", f"{signing.cpu:.2f}", f"{their_signing.cpu:.2f}", f"{their_signing.cpu / signing.cpu:.0f}×"),
        (
            "pairs",
            f"{banding.cpu:.2f}",
            f"{their_comparing.cpu:.2f}",
            f"{their_comparing.cpu / banding.cpu:.0f}×",
        ),
    ]
    print_table(("step, CPU s", "rensa and numpy", "datasketch", "ratio"), rows)
    for name, matches in (("rensa", pairs), ("datasketch", their_matches)):
        true = {pair for pair, value in exact.items() if value >= TEXT.threshold}
        wrong = sum(exact[pair] < TEXT.threshold - 0.1 for pair in matches)
        print(
            f"{name}: {len(true & matches):,} of {len(true):,} pairs of exact similarity ≥ {TEXT.threshold}"
        )
        print(f"{name}: {wrong} pairs more than 0.1 below the threshold")


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    both = len(np.intersect1d(one, two, assume_unique=True))
    return both / (len(one) + len(two) - both)


def peak_mib(who: int) -> int:
    return resource.getrusage(who).ru_maxrss // 1024


if __name__ == "__main__":
    main()
