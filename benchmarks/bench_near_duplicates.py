"""Near-duplicates among all Go files of repositories and trees: time, memory, comparison with datasketch.

    python benchmarks/bench_near_duplicates.py --mirror DIR --tree "$(go env GOROOT)/src"
    python -m pip install --target /tmp/datasketch --no-deps datasketch
    PYTHONPATH=/tmp/datasketch python benchmarks/bench_near_duplicates.py ... --against-datasketch 4000

CPU seconds include worker processes. With `--against-datasketch N` both libraries sign, band and compare the
shingles of about N files in this process, with equal slots and bands.
"""

import argparse
import resource
from collections import Counter
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
    options = parser.parse_args()
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
