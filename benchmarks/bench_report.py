"""A report of many candidates: the size of its page, and the time that it and its parts take to open.

    bench_report.py --dataset DIR [--pairs 790] [--models 4] [--signals] [--no-browser]

The pairs are those of the dataset, repeated under new ids if it has fewer. Each model's candidate is the
reference test with its lines shuffled, with an execution of random outcome, 30 uncovered blocks and 40
mutants, of which 20 survive, a prompt with the code and a reply. The page opens from disk in headless
Chromium. The time runs from the start of the navigation to a list of items that answers a filter; the median
of five counts. Each interaction is timed in the page, from the event to the frame after its result: nine
times, in CPU time of the page's main thread and in wall-clock time. With --signals the dataset has the
signals that `describe` writes. The hash is that of everything beside the page.
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
from goutbench.records import (
    Candidate,
    Completion,
    Execution,
    MutantStatus,
    MutantVerdict,
    Mutation,
    Pair,
    Prompt,
    Signals,
)
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


MUTANTS = 40
INTERACTIONS = {
    "filter by outcome": "set('#filter select[name=class]', ['passed', 'panic', ''][n % 3])",
    "filter by text": "set('#filter input[name=text]', ['a', 'er', 'x.go'][n % 3])",
    "sort the results": "click('table.leaderboard thead th:nth-child(' + (2 + n % 4) + ') button')",
    "compare: which items": "click('#compared label:nth-child(' + (1 + n % 4) + ') input')",
    "compare: against": "set('#compared select[name=against]', 'vendor/model-' + n % 4)",
    "open an item": "click('#list tbody tr:nth-child(' + (1 + 7 * n) + ') th a')",
    "next item, key j": (
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    ),
    "other test beside it": (
        "set('.beside select', document.querySelector('.beside select').options[n % 3].value)"
    ),
    "filter the mutants": "click('.focal .choice button')",
}
"""What a reader does → the n-th time of it, as JavaScript."""

_TIMER = """async ([action, n]) => {
  const set = (selector, value) => {
    const field = document.querySelector(selector);
    field.value = value;
    field.dispatchEvent(new Event(field.onchange ? 'change' : 'input', {bubbles: true}));
  };
  const click = selector => document.querySelector(selector).click();
  const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const item = document.getElementById('body'), loads = /#list|keydown/.test(action);
  await frame();
  const shown = loads && new Promise(done => {
    const seen = new MutationObserver(() => {
      if (item.querySelector('.panes')) { seen.disconnect(); done(); }
    });
    seen.observe(item, {childList: true});
  });
  const start = performance.now();
  ACTION;
  await shown;
  await frame();
  return performance.now() - start;
}"""


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
    candidates, executions, prompts, completions = [], [], [], []
    for pair in pairs:
        mutants = Mutation(
            MUTANTS, 20, 20, 0, 0, 0, 0.5, 0.5, 0.5, survivors=SURVIVORS, mutants=draw_mutants(pair, draw)
        )
        key = f"{model}{pair.id}"
        status, rung, reason = draw.choice(OUTCOMES)
        lines = pair.test.splitlines(keepends=True)
        draw.shuffle(
            lines
        )  # candidates of different models must differ, as equal ones would make the page smaller
        code = "".join(lines)
        messages = (("system", "Write a Go test."), ("user", f"The code:\n```go\n{pair.code}\n```\n"))
        prompts.append(Prompt(f"p{key}", pair.id, "c", (), "file-v1", "0" * 64, messages, 1000))
        completions.append(
            Completion(
                f"c{key}",
                f"p{key}",
                pair.id,
                model,
                0,
                0,
                f"```go\n{code}\n```\n",
                "stop",
                "",
                "",
                1000,
                500,
                2.5,
                0.01,
            )
        )
        candidates.append(Candidate(key, pair.id, model, (f"c{key}",), code, pair.package, "merge", ()))
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
    write_rows(
        folder / "prompts.parquet",
        [
            {**asdict(p), "messages": [{"role": role, "content": text} for role, text in p.messages]}
            for p in prompts
        ],
    )
    write_rows(folder / "completions.parquet", [asdict(completion) for completion in completions])
    write_rows(folder / "candidates.parquet", [asdict(candidate) for candidate in candidates])
    write_table(folder / "executions.parquet", executions)
    return folder


def draw_mutants(pair: Pair, draw: random.Random) -> tuple[MutantVerdict, ...]:
    """Mutants at the heads of lines of the code, the same for every model, with verdicts of its own."""
    lines = pair.code.split("\n")
    mutants = []
    for number in range(MUTANTS):
        at = number * len(lines) // MUTANTS
        text = lines[at].strip()[:12]
        column = len(lines[at]) - len(lines[at].lstrip()) + 1
        killed = draw.random() < 0.5
        mutants.append(
            MutantVerdict(
                number + 1, f"{at + 1}.{column}-{at + 1}.{column + len(text.encode())}", "F",
                "statement-removal", text, "",
                MutantStatus.KILLED if killed else MutantStatus.SURVIVED, "TestX" if killed else "",
            )
        )  # fmt: skip
    return tuple(mutants)


def add_signals(dataset: Path, pairs: list[Pair]) -> None:
    write_data(to_table(signals_of(pairs, tokenizer="estimate"), Signals), dataset / SIGNALS)
    extend_manifest(dataset, [SIGNALS], {})


def content_hash(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]


def measure(page: Path) -> tuple[float, dict[str, list[tuple[float, float]]]]:
    """Seconds to open the page, and of each interaction the milliseconds of CPU and of wall clock."""
    from playwright.sync_api import sync_playwright

    durations, interactions = [], {}
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
        tab = browser.new_page(viewport={"width": 1600, "height": 900})
        tab.goto(page.as_uri())
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def cpu() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

        tab.reload()
        tab.fill("#filter input[name=text]", "a")
        interactions["open the page"] = [(cpu(), 1000 * min(durations))]
        for name, action in INTERACTIONS.items():
            if name == "open an item":
                tab.evaluate("location.hash = '#items?class=passed'")
                tab.wait_for_selector("#list tbody tr:nth-child(150)")
            timer = _TIMER.replace("ACTION", action)
            times = []
            for n in range(9):
                before = cpu()
                wall = tab.evaluate(timer, [action, n])
                times.append((cpu() - before, wall))
            interactions[name] = times
        browser.close()
    return statistics.median(durations), interactions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=790)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--signals", action="store_true")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--keep", type=Path, help="a new folder, in which the page stays")
    options = parser.parse_args()
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
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
            seconds, interactions = measure(page)
            print(f"the page opens and answers a filter in {seconds:.2f} s")
            print("ms of CPU (median, most), ms of wall clock (median, most)")
            for name, times in interactions.items():
                cpu, wall = zip(*times, strict=True)
                numbers = (statistics.median(cpu), max(cpu), statistics.median(wall), max(wall))
                print(f"{name:24}" + "".join(f"{number:8.0f}" for number in numbers))


if __name__ == "__main__":
    main()
