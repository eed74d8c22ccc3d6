"""Execution: cost against raw `go test`, results of reference tests, flaky and hostile tests, resuming.

    bench_execute.py pipeline --dataset DIR --repos CACHE [--pairs 30] [--cold 3]
    bench_execute.py references --dataset DIR --repos CACHE [--pairs 30] [--repeat 3] [--prepare]
    bench_execute.py verdicts --dataset DIR --repos CACHE [--pairs 8] [--repeat 5]
    bench_execute.py samples --dataset DIR --repos CACHE --work DIR [--only FOCAL] [--options=...]
    bench_execute.py siblings --dataset DIR --repos CACHE [--pairs 60]
    bench_execute.py flakes [--repeat 10]
    bench_execute.py hostile
    bench_execute.py resume --dataset DIR --repos CACHE [--pairs 12]

All CPU times are user plus system seconds of this process and of all its children (getrusage). `pipeline`
runs type check, build, sandboxed run and coverage of reference tests with two workers and warm caches. Each
candidate gets a unique comment, so that its package is really compiled; the raw `go test -cover` gets the
same file through an overlay, without vet. The cold runs copy the tree and start with an empty build cache.
`samples` runs the command itself with 1 and with 21 candidates of one pair, each its reference test with
another variable: the difference is what each costs, the rest what the start costs. Its CPU seconds are those
of a cgroup where there is one. Samples are seeded, and drawn from the pairs for Linux before anything runs.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpu_group import run_counted

from goutbench.dataset.store import DATA, LOCK, read_pairs, to_table, write_manifest, write_table
from goutbench.execute.evaluate import evaluate, prepare
from goutbench.execute.finder import PackageFinder
from goutbench.execute.inputs import (
    PairLocation,
    read_locations,
    read_settings,
    read_sources,
    reference_candidates,
)
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.installation import go_env
from goutbench.records import Candidate, Execution, Pair


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measured(action: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.monotonic(), cpu_seconds()
    result = action()
    return result, cpu_seconds() - cpu, time.monotonic() - wall


def sample(arguments: argparse.Namespace) -> tuple[dict[str, PairLocation], list[Candidate]]:
    pairs = read_locations(arguments.dataset)
    chosen = sorted(
        c.pair_id
        for c in reference_candidates(arguments.dataset)
        if for_linux(c, pairs[c.pair_id])
        and re.search(arguments.only, pairs[c.pair_id].code_path)
        and not (arguments.exclude and re.search(arguments.exclude, pairs[c.pair_id].code_path))
    )
    random.Random(arguments.seed).shuffle(chosen)
    return pairs, list(reference_candidates(arguments.dataset, set(chosen[: arguments.pairs])))


def for_linux(candidate: Candidate, pair: PairLocation) -> bool:
    """Whether neither the name nor a build constraint restricts the pair to another system."""
    others = (
        "windows|darwin|freebsd|netbsd|openbsd|plan9|solaris|js|wasm|arm64|s390x|ppc64x|ppc64|riscv64|ignore"
    )
    if re.search(rf"_({others})(_test)?\.go$", f"{pair.code_path}\n{pair.test_path}", re.MULTILINE):
        return False
    return not re.search(
        rf"^//go:build .*(?<!!)\b({others}|race|goexperiment)\b", candidate.code, re.MULTILINE
    )


def touched(candidates: list[Candidate], nonce: str) -> list[Candidate]:
    return [replace(c, id=f"{c.id}-{nonce}", code=f"{c.code}\n// {nonce}\n") for c in candidates]


def pipeline(arguments: argparse.Namespace) -> None:
    """Batches of goutbench and raw in turn; totals follow each batch, in case the run ends early."""
    pairs, candidates = sample(arguments)
    sources = read_sources(arguments.dataset)
    machine = open_machine(work=arguments.work)
    finder = PackageFinder(machine, arguments.repos, sources)
    targets = {c.pair_id: finder.package(pairs[c.pair_id]) for c in candidates}
    candidates.sort(key=lambda c: str(targets[c.pair_id].folder))

    def run_goutbench(batch: list[Candidate]) -> list[Execution]:
        return evaluate(
            touched(batch, str(time.time_ns())), pairs, repositories=arguments.repos,
            options=ExecuteOptions(repeat=1), workers=2, work=arguments.work, sources=sources,
        )  # fmt: skip

    if not arguments.warmed:
        run_goutbench(candidates)
    trees = set(machine.workspace.trees.iterdir())
    cold = Raw(machine, targets, {c.pair_id: ("Test.*",) for c in candidates})
    cold_costs = [cold.run_cold(c) for c in candidates[: arguments.cold]]
    print(f"fresh copy + cold cache, CPU s of {len(cold_costs)} pairs: {cold_costs}", flush=True)
    records: list[Execution] = []
    codes: list[int] = []
    ours_cpu = raw_cpu = 0.0
    ratios: list[float] = []
    for start in range(0, len(candidates), arguments.batch):
        batch = candidates[start : start + arguments.batch]
        done, cpu, _ = measured(lambda batch=batch: run_goutbench(batch))
        records += done
        ours_cpu, ours = ours_cpu + cpu, cpu
        raw = Raw(machine, targets, {record.pair_id: record.declared or ("Test.*",) for record in done})
        fresh = touched(batch, str(time.time_ns()))
        passed, cpu, _ = measured(
            lambda raw=raw, fresh=fresh: raw.run_all(fresh, machine.workspace.build_cache)
        )
        codes += passed
        raw_cpu += cpu
        ratios.append(ours / cpu)
        show_pipeline(records, codes, ours_cpu, raw_cpu, cold_costs)
        table([("goutbench / raw, median of the batches", f"{statistics.median(ratios):.2f}")])
    print(f"worktree copies: {len(set(machine.workspace.trees.iterdir()) - trees)}")


def show_pipeline(
    records: list[Execution], codes: list[int], ours_cpu: float, raw_cpu: float, cold: list[float]
) -> None:
    count = len(records)
    parts = [
        f"{statistics.mean(getattr(record, name) for record in records):.3f}"
        for name in ("gate_seconds", "build_seconds", "run_seconds")
    ]
    table(
        [
            ("pairs", f"{count}: {sum(r.status == 'PASSED' for r in records)} pass, raw {codes.count(0)}"),
            ("goutbench, CPU s per pair", f"{ours_cpu / count:.2f}"),
            ("type check (wall) / build / run of it", " / ".join(parts)),
            ("raw go test -cover, CPU s per pair", f"{raw_cpu / count:.2f}"),
            ("goutbench / raw", f"{ours_cpu / raw_cpu:.2f}"),
            (
                "cold / goutbench",
                f"{statistics.mean(cold) / (ours_cpu / count):.1f}" if cold else "not measured",
            ),
        ]
    )
    print(flush=True)


class Raw:
    """`go test -cover` as a user would call it, without a sandbox: for reference tests only."""

    def __init__(
        self, machine: Machine, targets: dict[str, PackageUnderTest], declared: dict[str, tuple[str, ...]]
    ) -> None:
        self.machine, self.targets, self.declared = machine, targets, declared

    def run_all(self, candidates: list[Candidate], cache: Path) -> list[int]:
        """Two at a time, as goutbench does."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda candidate: self.run(candidate, cache), candidates))

    def run(self, candidate: Candidate, cache: Path, package: Path | None = None) -> int:
        target = self.targets[candidate.pair_id]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "test.go").write_text(candidate.code)
            test = (package or target.folder) / target.test
            overlay = Path(folder) / "overlay.json"
            overlay.write_text(json.dumps({"Replace": {str(test): f"{folder}/test.go"}}))
            env = go_env(target.toolchain, cache=cache, modcache=self.machine.workspace.module_cache)
            env |= {"CGO_ENABLED": "0", "GOROOT": "", "PWD": str(package or target.folder)}
            names = "|".join(self.declared[candidate.pair_id])
            done = subprocess.run(
                [target.toolchain.go, "test", "-cover", "-count=1", "-timeout=60s",
                 f"-overlay={overlay}", f"-run=^({names})$", "."],
                cwd=package or target.folder, env=env, capture_output=True, check=False,
            )  # fmt: skip
        return done.returncode

    def run_cold(self, candidate: Candidate) -> float:
        """CPU seconds of one pair with a fresh copy of its tree and an empty cache."""
        target = self.targets[candidate.pair_id]
        source = target.tree.goroot or target.tree.root
        with tempfile.TemporaryDirectory() as folder:

            def cold() -> None:
                copy = Path(folder) / "copy"
                subprocess.run(["cp", "-R", str(source), str(copy)], check=True)
                package = copy / target.folder.relative_to(source.resolve())
                go = copy / "bin" / "go"
                toolchain = replace(target.toolchain, go=go, goroot=copy) if go.exists() else target.toolchain
                self.targets[candidate.pair_id] = replace(target, toolchain=toolchain)
                self.run(candidate, Path(folder) / "cache", package)
                self.targets[candidate.pair_id] = target

            return measured(cold)[1]


def references(arguments: argparse.Namespace) -> None:
    pairs, candidates = sample(arguments)
    sources = read_sources(arguments.dataset)
    if arguments.prepare:
        locations = [pairs[c.pair_id] for c in candidates]
        for done in prepare(locations, repositories=arguments.repos, work=arguments.work, sources=sources):
            print(f"{done.result}: {done.problem}")
    records, cpu, wall = measured(
        lambda: evaluate(
            candidates, pairs, repositories=arguments.repos, options=ExecuteOptions(repeat=arguments.repeat),
            workers=2, work=arguments.work, sources=sources,
        )
    )  # fmt: skip
    counts = Counter(record.status for record in records)
    table(
        [
            ("references", str(len(records))),
            *((status, str(count)) for status, count in counts.most_common()),
            ("cover their focal file", str(sum(record.covered > 0 for record in records))),
            ("CPU s, wall s", f"{cpu:.1f}, {wall:.1f}"),
        ]
    )
    for record in records:
        if record.status != "PASSED":
            evidence = " ".join(record.evidence.split())[:300]
            name = pairs[record.pair_id].test_path
            print(f"- {name}: {record.status} {record.reason} {record.flaky} {evidence}")


def verdicts(arguments: argparse.Namespace) -> None:
    """Whether every mutant has the same result with one worker and with two, in each of several repeats."""
    pairs, candidates = sample(arguments)
    sources = read_sources(arguments.dataset)
    seen: dict[str, set[tuple[str, ...]]] = {}
    total: Counter[str] = Counter()
    seconds = 0.0
    for number in range(arguments.repeat):
        for workers in (1, 2):
            records = evaluate(
                touched(candidates, f"{number} {workers}"), pairs, repositories=arguments.repos,
                options=ExecuteOptions(repeat=1, mutants=arguments.mutants), workers=workers,
                work=arguments.work, sources=sources,
            )  # fmt: skip
            for record in records:
                if record.mutation is not None:
                    seen.setdefault(record.pair_id, set()).add(record.mutation.results)
                    total.update(line.split()[1] for line in record.mutation.results)
                    seconds += record.mutation.seconds
    run = total["killed"] + total["survived"] + total["timed_out"]
    table(
        [
            ("pairs with mutants, runs per pair", f"{len(seen)}, {2 * arguments.repeat}"),
            ("results", ", ".join(f"{name} {count}" for name, count in total.most_common())),
            ("CPU s of the mutants, each run", f"{seconds / (2 * arguments.repeat):.1f}"),
            ("mutants run per CPU second", f"{run / seconds:.0f}" if seconds else "-"),
            (
                "pairs with the same results in all runs",
                f"{sum(len(results) == 1 for results in seen.values())}",
            ),
        ]
    )
    for pair, results in seen.items():
        for line in sorted(set().union(*map(set, results)) - set.intersection(*map(set, results))):
            print(f"- {pairs[pair].code_path}: {line}")


def samples(arguments: argparse.Namespace) -> None:
    """The CPU seconds of a start, and of each further candidate of one focal file, with a warm workspace."""
    pairs = read_locations(arguments.dataset)
    pair = next(p.id for p in pairs.values() if re.search(arguments.only, p.code_path))
    reference = next(iter(reference_candidates(arguments.dataset, {pair})))
    single, all_of_them = [], []
    for number in range(-1, arguments.repeat):  # the first one warms
        one, cpu_of_one = run_samples(arguments, reference, 1)
        many, cpu_of_many = run_samples(arguments, reference, 1 + arguments.samples)
        if number >= 0:
            single.append(cpu_of_one)
            all_of_them.append(cpu_of_many)
    each = (statistics.median(all_of_them) - statistics.median(single)) / arguments.samples
    table(
        [
            ("focal file, results", f"{pairs[pair].code_path}, {dict(Counter(one + many))}"),
            ("CPU s with one candidate", " ".join(f"{cpu:.2f}" for cpu in sorted(single))),
            ("CPU s of each further one", f"{each:.2f}"),
            ("CPU s of the start", f"{statistics.median(single) - each:.2f}"),
        ]
    )


def run_samples(arguments: argparse.Namespace, reference: Candidate, count: int) -> tuple[list[str], float]:
    """Statuses and CPU seconds of `goutbench execute` with new candidates that do what the reference does."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        file = Path(folder) / "candidates.jsonl"
        texts = [
            c.code for number in range(count) for c in touched([reference], f"{time.time_ns()} {number}")
        ]
        rows = [{"pair_id": reference.pair_id, "model": "samples", "code": text} for text in texts]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [sys.executable, "-m", "goutbench", "execute", str(file), "--out", f"{folder}/run"]
        command += ["--dataset", str(arguments.dataset), "--repos", str(arguments.repos), "--workers", "1"]
        command += ["--work", str(arguments.work)] if arguments.work else []
        environment = {**os.environ}
        if arguments.source:
            environment["PYTHONPATH"] = str(arguments.source.resolve())
        command += arguments.options.split()
        _, cpu = run_counted(command, capture_output=True, env=environment)
        records = [json.loads(line) for line in read_lines(Path(folder) / "run" / "executions.jsonl")]
    return [record["status"] for record in records], cpu


def siblings(arguments: argparse.Namespace) -> None:
    """The results of reference tests with every sibling test file (`all`), and with those that they need
    (`needed`). The caches must be warm."""
    pairs, tests = sample(arguments)
    candidates = [replace(candidate, mode="append") for candidate in tests]
    options = ExecuteOptions(repeat=arguments.repeat, mutants=arguments.mutants)
    records: dict[str, list[Execution]] = {}
    seconds = {}
    for mode in ("all", "needed"):
        records[mode], seconds[mode], _ = measured(
            lambda mode=mode: evaluate(
                touched(candidates, str(time.time_ns())), pairs, repositories=arguments.repos,
                options=replace(options, siblings=mode), work=arguments.work,
                sources=read_sources(arguments.dataset), settings=read_settings(arguments.dataset),
            )
        )  # fmt: skip
        print(f"{mode}: {seconds[mode]:.1f} CPU s, {Counter(r.status for r in records[mode])}", flush=True)
    differing = [
        (before, after)
        for before, after in zip(records["all"], records["needed"], strict=True)
        if outcome(before) != outcome(after)
    ]
    for before, after in differing:
        print(f"- {pairs[after.pair_id].test_path}: {outcome(before)}, needed {outcome(after)}")
    rows = [("references, that differ", f"{len(candidates)}, {len(differing)}")]
    table([*rows, ("CPU of needed / all", f"{seconds['needed'] / seconds['all']:.2f}")])


def outcome(record: Execution) -> tuple[Any, ...]:
    """What a result says about a candidate, but for times and texts."""
    mutants = record.mutation.results if record.mutation else ()
    return (
        record.status,
        record.reason,
        record.passed,
        record.failed,
        record.covered,
        record.statements,
        mutants,
    )


def hostile(arguments: argparse.Namespace) -> None:
    tests = Path(__file__).parents[1] / "tests" / "execute"
    suites = [str(tests / f"test_execute_hostile{part}.py") for part in ("", "_repositories")]
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", *suites], check=False)
    raise SystemExit(done.returncode)


def resume(arguments: argparse.Namespace) -> None:
    """Kill a run with SIGKILL in the middle, resume it, and compare it with an undisturbed run."""
    _, candidates = sample(arguments)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "dataset"
        (small / "data").mkdir(parents=True)
        write_small(arguments.dataset, small, {c.pair_id for c in candidates})
        runs = {name: Path(folder) / name for name in ("killed", "undisturbed")}
        command = [sys.executable, "-m", "goutbench", "execute", "--reference", "--repeat", "1"]
        command += ["--workers", "2", "--dataset", str(small), "--repos", str(arguments.repos.resolve())]
        command += ["--work", str(arguments.work)] if arguments.work else []
        victim = subprocess.Popen([*command, "--out", str(runs["killed"])], stderr=subprocess.DEVNULL)
        journal = runs["killed"] / "executions.jsonl"
        while victim.poll() is None and lines(journal) < len(candidates) // 2:
            time.sleep(0.02)
        victim.kill()
        victim.wait()
        first = {json.loads(line)["id"]: line for line in read_lines(journal)}
        again = {}
        for name in ("killed", "undisturbed"):
            subprocess.run([*command, "--out", str(runs[name])], check=True, capture_output=True)
            again[name] = [json.loads(line) for line in read_lines(runs[name] / "executions.jsonl")]
        identifiers = Counter(record["id"] for record in again["killed"])
        unchanged = sum(
            json.dumps(record, separators=(",", ":")) == first.get(record["id"]) for record in again["killed"]
        )
        stable = [
            sorted(
                json.dumps({k: v for k, v in record.items() if not k.endswith("_seconds")}) for record in rows
            )
            for rows in again.values()
        ]
        table(
            [
                ("finished before kill -9", str(len(first))),
                ("unchanged byte for byte after resuming", str(unchanged)),
                ("run twice", str(sum(count > 1 for count in identifiers.values()))),
                ("records at the end", f"{len(identifiers)} of {len(candidates)}"),
                ("identical to an undisturbed run (except seconds)", str(stable[0] == stable[1])),
            ]
        )


def write_small(dataset: Path, target: Path, chosen: set[str]) -> None:
    pairs = [pair for pair in read_pairs(dataset) if pair.id in chosen]
    write_table(to_table(pairs, Pair), target / DATA / "pairs.parquet")
    shutil.copy(dataset / LOCK, target)
    facts = {"pairs": len(pairs), "repositories": {}}
    write_manifest(target, [target / DATA / "pairs.parquet"], facts)


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def lines(path: Path) -> int:
    return len(read_lines(path))


def flakes(arguments: argparse.Namespace) -> None:
    """Ten planted flaky tests of ten kinds, each as a candidate for the small test module."""
    root = Path(__file__).parents[1] / "tests" / "data" / "execute"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        shutil.copytree(root / "calc", Path(folder) / "example" / "calc")
        Path(folder).chmod(0o755)
        pairs = {"calc": PairLocation("calc", "example/calc", "1", "calc.go", "calc_test.go")}
        planted = [
            Candidate(path.stem, "calc", "flake", (), path.read_text(), "calc", "append", ())
            for path in sorted((root / "flakes").glob("*.go.txt"))
        ]
        records = evaluate(
            planted,
            pairs,
            repositories=Path(folder),
            options=ExecuteOptions(repeat=arguments.repeat),
            work=arguments.work,
        )
    table(
        [
            (record.candidate_id, f"{record.status} {record.reason} {' '.join(record.flaky)}")
            for record in records
        ]
        + [("flagged as flaky", f"{sum(record.status == 'FLAKY' for record in records)} of {len(records)}")]
    )


def table(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for action in (pipeline, references, verdicts, samples, siblings, resume, flakes, hostile):
        command = commands.add_parser(action.__name__)
        command.set_defaults(action=action)
        command.add_argument("--work", type=Path)
        if action in (pipeline, references, verdicts, samples, siblings, resume):
            command.add_argument("--dataset", type=Path, required=True)
            command.add_argument("--repos", type=Path, required=True)
            command.add_argument("--pairs", type=int, default=12 if action is resume else 30)
            command.add_argument("--seed", type=int, default=1)
            command.add_argument("--exclude", help="regular expression over paths of focal files")
            command.add_argument("--only", default="", help="regular expression over paths of focal files")
        if action is pipeline:
            command.add_argument("--cold", type=int, default=3)
            command.add_argument("--batch", type=int, default=10)
            command.add_argument(
                "--warmed", action="store_true", help="the caches are warm from an earlier run"
            )
        if action in (references, verdicts, samples, siblings, flakes):
            default = {references: 3, verdicts: 5, samples: 3, siblings: 1, flakes: 10}[action]
            command.add_argument("--repeat", type=int, default=default)
        if action is verdicts:
            command.add_argument("--mutants", type=int, default=60, help="mutants per file; 0: all")
        if action is siblings:
            command.add_argument("--mutants", type=int, help="mutants per file; 0: all")
        if action is samples:
            command.add_argument("--samples", type=int, default=20)
            command.add_argument("--options", default="", help="options for `goutbench execute`")
            command.add_argument("--source", type=Path, help="the `src` folder of another version to measure")
        if action is references:
            command.add_argument("--prepare", action="store_true")
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
