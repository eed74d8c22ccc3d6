"""`goutbench write` on packages, with a scripted model: what stays, and whether that is right.

    bench_write.py CLONE ./PATTERN --replies DIR [--functions REGEX] [--work DIR] [--workers N]

CLONE is a clean git work tree, which is copied. DIR has a Go test file for each function that the model
answers about, `NAME.go` for a function or `Type.Method.go` for a method; other prompts get an empty test.
The command runs with one round and `--apply`. Then, without its parts: plain `go test` runs three times, and
each new test once alone; `git diff` shows that nothing of the existing test files has changed but their
imports; and `mutate` counts the mutants that no test notices, before and after, which must differ by what the
new tests say that they add. CPU seconds are those of `goutbench write` alone.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from cpu_group import run_counted

from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.results import MutateResult
from goutbench.mutate.stage import mutate
from goutbench.records import MutantStatus

_UNNOTICED = (MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE)
_RUNS = 3
_IMPORT = re.compile(r'-(import )?\s*(\w+ )?"[^"]+".*')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("pattern")
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--functions", default="")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-write-", dir="/var/tmp") as folder:
        tree = Path(folder, options.clone.resolve().name)
        shutil.copytree(options.clone, tree, symlinks=True)
        report(options, tree, Path(folder))


def report(options: argparse.Namespace, tree: Path, folder: Path) -> None:
    before = unnoticed(options, tree)
    result, seconds = run_write(options, tree, folder)
    accepted = [test for test in result["tests"] if not test["reason"]]
    reasons = Counter(test["reason"] for test in result["tests"] if test["reason"])
    plain_go_test(tree, options.pattern, [test["name"] for test in accepted])
    check_untouched(tree, result["patch"])
    after = unnoticed(options, tree)
    mutants = sum(len(test["adds"]["mutants"]) for test in accepted)
    branches = sum(len(test["adds"]["branches"]) for test in accepted)
    useless = [test["name"] for test in accepted if not any(test["adds"].values())]
    rows = {
        "package": f"{tree.name} {options.pattern}",
        "commit": git(tree, "rev-parse", "--short=8", "HEAD").strip(),
        "functions": len(result["targets"]),
        "tests written": len(result["tests"]),
        "tests kept": len(accepted),
        "dropped": ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "none",
        "branches added": branches,
        "mutants added": mutants,
        "mutants unnoticed": f"{before} -> {after}",
        "kept tests that add nothing": len(useless),
        "CPU seconds": round(seconds, 1),
    }
    for name, value in rows.items():
        print(f"{name}: {value}")
    if before - after != mutants:
        sys.exit(f"mutate finds {before - after} more mutants noticed, the new tests say {mutants}")


def run_write(options: argparse.Namespace, tree: Path, folder: Path) -> tuple[dict[str, Any], float]:
    """The JSON of the command, whose model has read the replies, and its CPU seconds."""
    lines = [
        {"contains": f"tests for `{path.stem}`", "reply": f"```go\n{path.read_text()}\n```"}
        for path in sorted(options.replies.glob("*.go"))
    ]
    script = folder / "model.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-m", "goutbench", "write", options.pattern, "--model", f"scripted/{script}"]
    command += ["--rounds", "1", "--limit", "0", "--apply", "--json", "--out", str(folder / "out")]
    command += ["--functions", options.functions, "--workers", str(options.workers)]
    command += ["--work", str(options.work)] if options.work else []
    done, seconds = run_counted(command, cwd=tree, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    for test in result["tests"]:
        adds = {name: len(items) for name, items in test["adds"].items()}
        print(f"  {test['name']}: {test['reason'] or adds}", file=sys.stderr)
    return result, seconds


def unnoticed(options: argparse.Namespace, tree: Path) -> int:
    """The number of mutants that survive or are not reached."""
    measured = MutateOptions(functions=options.functions)
    result: MutateResult = mutate(
        tree, [options.pattern], measured, workers=options.workers, work=options.work
    )
    return sum(mutant.status in _UNNOTICED for mutant in result.mutants)


def plain_go_test(tree: Path, pattern: str, names: list[str]) -> None:
    """Run plain `go test` on the package, and on each new test alone. Exits where it fails."""
    command = [str(find_toolchain().go), "test", "-count=1", pattern]
    environment = os.environ | {"GOFLAGS": "-mod=mod"}
    alone = [[*command, "-v", f"-run=^{re.escape(name)}$"] for name in names]
    for arguments in [*[command] * _RUNS, *alone]:
        done = subprocess.run(arguments, cwd=tree, env=environment, capture_output=True, text=True)
        if done.returncode or (arguments in alone and "--- PASS: " not in done.stdout):
            sys.exit(f"{' '.join(arguments)} fails:\n{done.stdout}{done.stderr}")
    print(f"plain go test: {_RUNS} runs and {len(alone)} tests alone pass")


def check_untouched(tree: Path, patch: str) -> None:
    """Exits where a line but an import was removed, or where the patch is not what is there."""
    diff = git(tree, "diff", "--no-color")
    removed = [line for line in diff.splitlines() if re.match(r"-(?!--)", line)]
    if odd := [line for line in removed if not _IMPORT.fullmatch(line)]:
        sys.exit(f"existing lines have changed: {odd}")
    subprocess.run(["git", "apply", "-R", "--check"], cwd=tree, input=patch, text=True, check=True)
    print(f"existing test files: {len(removed)} lines removed, all of them imports")


def git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
