"""A report of many candidates: the size of its page, and the time that it takes to open.

    bench_report.py --dataset DIR [--pairs 790] [--models 4] [--signals] [--no-browser]

The pairs are those of the dataset, repeated under new ids if it has fewer. Each model's candidate is the
reference test with its lines shuffled, with an execution of random outcome, 30 uncovered blocks and 20
surviving mutants. The page opens from disk in headless Chromium. The time runs from the start of the
navigation to a list of items that answers a filter; the median of five counts. With --signals the dataset
has the signals that `describe` writes. The hash is that of everything beside the page.
"""

import argparse
import hashlib
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path

from goutbench.dataset.store import DATA, extend_manifest, read_pairs, to_table, write_manifest, write_rows
from goutbench.dataset.store import write_table as write_data
from goutbench.describe.signals import signals_of
from goutbench.execute.journal import write_table
from goutbench.locations import SIGNALS
from goutbench.records import Candidate, Execution, Mutation, Pair, Signals
from goutbench.report.stage import report

OUTCOMES = (
    ("PASSED", "mutation", ""),
    ("BUILD_FAILED", "syntax", "undefined"),
    ("BUILD_FAILED", "syntax", "unused-import"),
    ("TESTS_FAILED", "runs", "assertion"),
    ("TESTS_FAILED", "runs", "panic"),
)
UNCOVERED = tuple(f"{line}.2-{line + 3}.10" for line in range(10, 310, 10))
SURVIVORS = tuple(f"{line}.7 conditional-boundary: a < b → a <= b" for line in range(10, 210, 10))


def write_dataset(source: Path, folder: Path, count: int) -> list[Pair]:
    pairs = [
        replace(pair, id=f"{number:016x}")
        for number, pair in enumerate(islice(cycle(read_pairs(source)), count))
    ]
    (folder / DATA).mkdir(parents=True)
    write_data(to_table(pairs, Pair), folder / DATA / "all.parquet")
    write_manifest(folder, [folder / DATA / "all.parquet"], {"pairs": len(pairs), "repositories": {}})
    return pairs


def write_run(folder: Path, model: str, pairs: list[Pair], draw: random.Random) -> Path:
    candidates, executions = [], []
    mutants = Mutation(40, 20, 20, 0, 0, 0, 0.5, 0.5, 0.5, survivors=SURVIVORS)
    for pair in pairs:
        key = f"{model}{pair.id}"
        status, rung, reason = draw.choice(OUTCOMES)
        lines = pair.test.splitlines(keepends=True)
        draw.shuffle(
            lines
        )  # candidates of different models must differ, as equal ones would make the page smaller
        code = "".join(lines)
        candidates.append(Candidate(key, pair.id, model, (), code, pair.package, "merge", ()))
        executions.append(
            Execution(
                id=f"e{key}", candidate_id=key, pair_id=pair.id, model=model, status=status, rung=rung,
                reason=reason, evidence=f"x_test.go:1: {reason}" if reason else "", declared=("TestX",),
                passed=("TestX",) if not reason else (), failed=(), skipped=(), flaky=(), statements=100,
                covered=draw.randrange(100) if rung in ("runs", "mutation") else 0,
                mutation=mutants if not reason else None,
                repeats=1, gate_seconds=0.1, build_seconds=1.0, run_seconds=0.1, siblings="all",
                toolchain="go", sandbox="bubblewrap", uncovered=UNCOVERED,
            )
        )  # fmt: skip
    write_rows(folder / "candidates.parquet", [asdict(candidate) for candidate in candidates])
    write_table(folder / "executions.parquet", executions)
    return folder


def add_signals(dataset: Path, pairs: list[Pair]) -> None:
    write_data(to_table(signals_of(pairs, tokenizer="estimate"), Signals), dataset / SIGNALS)
    extend_manifest(dataset, [SIGNALS], {})


def content_hash(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]


def open_seconds(page: Path) -> float:
    from playwright.sync_api import sync_playwright

    durations = []
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(5):
            tab = browser.new_page()
            start = time.monotonic()
            tab.goto(page.as_uri())
            tab.fill("#filter input[name=text]", "a")
            tab.wait_for_selector("#list tbody tr")
            durations.append(time.monotonic() - start)
            tab.close()
        browser.close()
    return statistics.median(durations)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=790)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--signals", action="store_true")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = write_dataset(options.dataset, folder / "dataset", options.pairs)
        names = [f"vendor/model-{number}" for number in range(options.models)]
        runs = [write_run(folder / str(at), model, pairs, draw) for at, model in enumerate(names)]
        if options.signals:
            add_signals(folder / "dataset", pairs)
        page = folder / "report.html"
        start, begin = time.process_time(), time.monotonic()
        report(runs, folder / "dataset", page)
        report_cpu, wall = time.process_time() - start, time.monotonic() - begin
        print(f"hash {content_hash(page.with_name('report_files'))}")
        items = sum(path.stat().st_size for path in page.with_name("report_files").rglob("*.js"))
        print(
            f"{options.pairs} pairs, {options.models} models: {report_cpu:.1f} s CPU, {wall:.1f} s to write"
        )
        print(f"the page {page.stat().st_size / 1e6:.1f} MB, items beside it {items / 1e6:.1f} MB")
        if not options.no_browser:
            print(f"the page opens and answers a filter in {open_seconds(page):.2f} s")


if __name__ == "__main__":
    main()
