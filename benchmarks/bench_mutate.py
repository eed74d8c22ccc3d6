"""`goutbench mutate` on real checkouts: the first verdict, the first run's CPU, and the CPU after an edit.

    python benchmarks/bench_mutate.py --checkouts FOLDER --work FOLDER
    python benchmarks/bench_mutate.py --checkouts FOLDER --work FOLDER --agreement

FOLDER has checkouts of spf13/cobra, google/go-cmp and uber-go/zap, as `cobra`, `go-cmp` and `zap`; they are
edited and restored. Before the first run, the dependencies are compiled by a run on other code of the
package. CPU time is that of all processes: of a cgroup where `cpuacct` is writable, else of those that were
waited for, which lacks the Go helper. `--agreement` compares the verdicts with those of all tests of the
package for every mutant, also those that no test reaches.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpu_group import group_of, run_counted, usage


@dataclass(frozen=True)
class Case:
    """Packages of a checkout, and the function in which a statement is added."""

    checkout: str
    pattern: str
    file: str
    function: str

    @property
    def name(self) -> str:
        """A regular expression of the function's name."""
        match = re.match(r"func (?:\([^)]*\) )?(\w+)", self.function)
        assert match is not None
        return match[1]


CASES = (
    Case("cobra", "./doc", "doc/util.go", "func hasSeeAlso(cmd *cobra.Command) bool {"),
    Case("go-cmp", "./cmp/internal/diff", "cmp/internal/diff/diff.go", "func (r Result) Similar() bool {"),
    Case("zap", "./buffer", "buffer/buffer.go", "func (b *Buffer) AppendByte(v byte) {"),
    Case("zap", "./zapcore", "zapcore/level.go", "func (l Level) CapitalString() string {"),
    Case("zap", "./internal/...", "internal/pool/pool.go", "func (p *Pool[T]) Get() T {"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkouts", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--agreement", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "PATTERN", "FUNCTIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_here(Path(options.one[0]), options.one[1], options.work, options.workers, options.one[2])
        return
    for case in CASES:
        if options.only in f"{case.checkout} {case.pattern}" and options.agreement:
            compare(case, options.checkouts, options.work, options.workers)
        elif options.only in f"{case.checkout} {case.pattern}":
            measure(case, options.checkouts, options.work, options.workers)


def run_here(folder: Path, pattern: str, work: Path, workers: int, functions: str) -> None:
    """One run in this process; prints when the first verdict came, by the clock of the machine."""
    from goutbench.mutate.options import MutateOptions
    from goutbench.mutate.progress import MutateProgress
    from goutbench.mutate.results import TestedMutant
    from goutbench.mutate.stage import mutate

    class Clock(MutateProgress):
        cpu: float | None = None

        def add(self, mutants: list[TestedMutant]) -> None:
            super().add(mutants)
            if self.cpu is None:
                self.cpu = usage(group_of(os.getppid()))

    progress = Clock()
    result = mutate(
        folder, [pattern], MutateOptions(functions), work=work, workers=workers, progress=progress
    )
    cached = sum(mutant.cached for mutant in result.mutants)
    row = {
        "first": progress.first_verdict,
        "first_cpu": progress.cpu,
        "mutants": len(result.mutants),
        "cached": cached,
    }
    print(json.dumps(row | {"score": result.score}))


def compare(case: Case, checkouts: Path, work: Path, workers: int) -> None:
    """Count the pairs of verdicts: of the tests that reach a mutant, and of all tests."""
    from goutbench.mutate.options import MutateOptions
    from goutbench.mutate.stage import mutate
    from goutbench.mutate.trial import profile

    def run() -> list[str]:
        options, folder = MutateOptions(cache=False), checkouts / case.checkout
        result = mutate(folder, [case.pattern], options, work=work, workers=workers)
        return [str(mutant.status) for mutant in result.mutants]

    selected, original = run(), profile.Reach.of
    profile.Reach.of = lambda self, line, column: self.tests  # type: ignore[method-assign]
    try:
        pairs = Counter(zip(selected, run(), strict=True))
    finally:
        profile.Reach.of = original  # type: ignore[method-assign]
    print(f"{case.checkout} {case.pattern}: {dict(pairs)}", flush=True)


def measure(case: Case, checkouts: Path, work: Path, workers: int) -> None:
    folder = checkouts / case.checkout

    def run(functions: str = "") -> dict[str, Any]:
        return run_apart(folder, case.pattern, work, workers, functions)

    subject = folder / case.file
    others = [path for path in subject.parent.glob("*.go") if not path.name.endswith("_test.go")]
    with contextlib.ExitStack() as stack:
        for path in others:
            stack.enter_context(changed(path, b"\nvar _ = 1\n"))
        run(case.name)  # compiles what the package imports
    shutil.rmtree(work / "mutants", ignore_errors=True)
    first, again = run(), run()
    statement = f"{case.function}\n\t_ = 1".encode()
    source = subject.read_bytes()
    assert source.count(case.function.encode()) == 1, case
    with changed(subject, source.replace(case.function.encode(), statement), whole=True):
        edited = run()
    print(f"{case.checkout} {case.pattern}: {first['mutants']} mutants, score {first['score']:.1%}")
    for name, row in (("first", first), ("nothing changed", again), ("one function edited", edited)):
        share = row["cpu"] / first["cpu"]
        verdict = f"first verdict {row['first']:.1f} s, " if row["first"] else ""
        verdict += f"after {row['first_cpu']:.2f} CPU s, " if row["first_cpu"] else ""
        print(
            f"  {name:20} {verdict}CPU {row['cpu']:.2f} s ({share:.0%}), {row['cached']} cached", flush=True
        )


@contextlib.contextmanager
def changed(path: Path, text: bytes, *, whole: bool = False) -> Iterator[None]:
    """The file with a text at its end, or with another text, during the block."""
    before = path.read_bytes()
    try:
        path.write_bytes(text if whole else before + text)
        yield
    finally:
        path.write_bytes(before)


def run_apart(folder: Path, pattern: str, work: Path, workers: int, functions: str) -> dict[str, Any]:
    """One run in a process of its own, with its CPU seconds."""
    arguments = ["--work", str(work), "--workers", str(workers), "--one", str(folder), pattern]
    arguments.append(functions)
    used, started = usage(group_of(os.getpid())), time.monotonic()
    done, cpu = run_counted([sys.executable, __file__, *arguments], stdout=subprocess.PIPE)
    row: dict[str, Any] = json.loads(done.stdout)
    row["cpu"] = cpu
    row["first"] = row["first"] and row["first"] - started
    row["first_cpu"] = row["first_cpu"] and row["first_cpu"] - (used or 0.0)
    return row


if __name__ == "__main__":
    main()
