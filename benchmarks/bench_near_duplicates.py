"""Near-duplicates among all Go files of repositories and trees: time, memory, and datasketch beside.

    python benchmarks/bench_near_duplicates.py --mirror DIR --tree "$(go env GOROOT)/src"
    python -m pip install --target /tmp/datasketch --no-deps datasketch
    PYTHONPATH=/tmp/datasketch python benchmarks/bench_near_duplicates.py ... --against-datasketch 4000

CPU seconds count worker processes too. With `--against-datasketch N` the shingles of about N files are
signed, banded and compared by both libraries in this one process: as many slots, as many bands.
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
    """Every Go file, copies too."""
    found = [
        path.read_bytes() for tree in options.tree for path in sorted(tree.rglob("*.go")) if path.is_file()
    ]
    if options.mirror:
        for name, commit in COMMITS.items():
            git_dir = options.mirror / name.replace("/", "+") / "repo"
            found += [content for _, content in _files_of_commit(git_dir, commit, name)]
    return found


def measure(texts: list[str], workers: int) -> None:
    base = peak_mib(resource.RUSAGE_SELF)
    prints, signing = measured(lambda: fingerprint(texts, workers=workers))
    near, comparing = measured(lambda: neighbours(prints))
    groups, joining = measured(lambda: group_rows([(prints, near)]))
    sizes = Counter(Counter(groups).values())
    rows = [("fingerprints", signing), ("pairs", comparing), ("groups", joining)]
    rows.append(("all", signing + comparing + joining))
    print_table(("step", "CPU s", "wall s"), [(n, f"{s.cpu:.1f}", f"{s.wall:.1f}") for n, s in rows])
    peak = peak_mib(resource.RUSAGE_SELF)
    print(f"\nmemory: {base} MiB with the texts, {peak} MiB at most")
    print(f"a worker: {peak_mib(resource.RUSAGE_CHILDREN)} MiB")
    for each in near:
        print(
            f"{each.view}: {len(each.classes):,} distinct signatures, {len(each.alike):,} near pairs of them"
        )
    alone, largest = sizes.get(1, 0), max(sizes)
    print(
        f"{len(set(groups)):,} groups; {len(texts) - alone:,} files are not alone; the largest has {largest}"
    )


def compare(texts: list[str]) -> None:
    from datasketch import MinHash, MinHashLSH

    sets = [shingles(seen, TEXT) for seen in (views(text.encode()) for text in texts)]
    sets = [each for each in sets if len(each)]
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
        made = []
        for each in sets:
            made.append(MinHash(num_perm=SLOTS, hashfunc=lambda number: int(number) & 0xFFFFFFFF))
            made[-1].update_batch(each.tolist())
        return made

    def their_pairs() -> set[tuple[int, int]]:
        index = MinHashLSH(num_perm=SLOTS, params=(BANDS, BAND_SLOTS))
        for number, minhash in enumerate(theirs):
            index.insert(number, minhash)
        found = (
            (one, two) for one, minhash in enumerate(theirs) for two in index.query(minhash) if one < two
        )
        return {(one, two) for one, two in found if theirs[one].jaccard(theirs[two]) >= TEXT.threshold}

    theirs, their_signing = measured(their_signatures)
    their_found, their_comparing = measured(their_pairs)
    exact = {pair: jaccard(sets[pair[0]], sets[pair[1]]) for pair in pairs | their_found}
    print(f"{len(sets):,} files, {sum(map(len, sets)):,} distinct shingles")
    print(f"{len(pairs):,} and {len(their_found):,} pairs found\n")
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
    for name, found in (("rensa", pairs), ("datasketch", their_found)):
        true = {pair for pair, value in exact.items() if value >= TEXT.threshold}
        wrong = sum(exact[pair] < TEXT.threshold - 0.1 for pair in found)
        print(f"{name}: {len(true & found):,} of {len(true):,} pairs truly at {TEXT.threshold} or more")
        print(f"{name}: {wrong} that are more than 0.1 below")


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    both = len(np.intersect1d(one, two, assume_unique=True))
    return both / (len(one) + len(two) - both)


def peak_mib(who: int) -> int:
    return resource.getrusage(who).ru_maxrss // 1024


if __name__ == "__main__":
    main()
