"""Does the score mean anything? Whether tests with a higher mutation score catch a real bug more often.

    bench_bug_fixes.py measure --repositories DIR --out DIR [--only ORG/REPO] [--bugs 4] [--tries 14]
    bench_bug_fixes.py facts --out DIR
    bench_bug_fixes.py report

DIR of --repositories has git directories as ORG+NAME/repo. `measure` finds commits that fix a bug, verifies
them by running their tests with and without the fix, and measures what each test of the package covers and
kills of the focal file (`goutbench mutate`'s parts, in the sandbox). OUT/bugs.jsonl gets a line for each
commit that was tried: the same command continues an interrupted run. `facts` writes the committed facts
beside this file, from which alone `report` computes all numbers and the figure of
docs/benchmarks/bug-fixes.md.
"""

import argparse
import collections
import json
import time
from pathlib import Path
from typing import Any

from bug_fixes.checkout import Unusable, open_checkout
from bug_fixes.facts import read_facts, write_facts
from bug_fixes.figure import draw
from bug_fixes.find import find
from bug_fixes.measure import measure_bug
from bug_fixes.report import figure_rows
from bug_fixes.report import report as lines_of_report

from goutbench.errors import GoutbenchError
from goutbench.execute.machine import Machine, open_machine
from goutbench.tasks.kinds.bug_fixes import BugFix

FIGURE = Path(__file__).parents[1] / "docs/figures/bug-fixes.svg"


def measure(arguments: argparse.Namespace) -> None:
    journal = arguments.out / "bugs.jsonl"
    arguments.out.mkdir(parents=True, exist_ok=True)
    machine = open_machine(work=arguments.work)
    for folder in sorted(arguments.repositories.glob("*+*/repo")):
        repository = folder.parent.name.replace("+", "/")
        if not arguments.only or repository in arguments.only:
            try:
                measure_repository(machine, folder, repository, journal, arguments)
            except GoutbenchError as error:
                say(f"{repository}: {error}")


def measure_repository(
    machine: Machine, git_dir: Path, repository: str, journal: Path, arguments: argparse.Namespace
) -> None:
    """Try the bug fixes of a repository until `--bugs` are measured, at most `--tries`."""
    rows = {row["commit"]: row for row in read_rows(journal)}
    done = 0
    for fix in list(find(git_dir, repository))[: arguments.tries]:
        if done == arguments.bugs:
            break
        row = rows.get(fix.commit)
        if row is None:
            row = try_fix(machine, git_dir, fix)
            with journal.open("a") as file:
                file.write(json.dumps(row) + "\n")
        done += "problem" not in row


def try_fix(machine: Machine, git_dir: Path, fix: BugFix) -> dict[str, Any]:
    facts = {name: getattr(fix, name) for name in ("repository", "commit", "parent", "path")}
    try:
        with open_checkout(machine, git_dir, fix) as checkout:
            row = measure_bug(machine, checkout)
    except (Unusable, GoutbenchError) as error:
        say(f"{fix.name} {fix.path}: {str(error)[:200]}")
        return facts | {"problem": str(error)[:300]}
    say(f"{fix.name} {fix.path}: {row['catching']}, {row['agreement']}, {row['cpu_seconds']} CPU s")
    return row


def facts(arguments: argparse.Namespace) -> None:
    rows = read_rows(arguments.out / "bugs.jsonl")
    write_facts([row for row in rows if "problem" not in row])
    for reason, count in collections.Counter(row.get("problem", "measured") for row in rows).most_common():
        say(f"{count} {reason[:100]}")


def report(arguments: argparse.Namespace) -> None:
    rows = read_facts()
    for line in lines_of_report(rows):
        print(line)
    FIGURE.write_text(draw(*figure_rows(rows)))


def read_rows(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["measure", "facts", "report"])
    parser.add_argument("--repositories", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/bug-fixes"))
    parser.add_argument("--work", type=Path, help="workspace of executions, as of `goutbench execute`")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--bugs", type=int, default=4)
    parser.add_argument("--tries", type=int, default=14)
    arguments = parser.parse_args()
    {"measure": measure, "facts": facts, "report": report}[arguments.what](arguments)


if __name__ == "__main__":
    main()
