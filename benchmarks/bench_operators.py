"""Mutation operators: do their schemata compile, which find survivors, which mutants are equivalent?

    python benchmarks/bench_operators.py compiles MODULE ... --journal compiles.jsonl
    python benchmarks/bench_operators.py survivors MODULE FILE ... --journal survivors.jsonl
    python benchmarks/bench_operators.py proofs MODULE ... --journal proofs.jsonl
    python benchmarks/bench_operators.py refute FOLDER --journal survivors.jsonl
    python benchmarks/bench_operators.py labels FOLDER --labels benchmarks/equivalent_labels.tsv

`compiles` builds the schemata of focal files (X.go beside X_test.go) and lists those that Go refuses.
`survivors` runs all mutants of focal files, in a plain loop without a sandbox, asks for proofs that those
that survive are equivalent, and prints a table of operators. `proofs` runs none, and asks for proofs of all
mutants of the focal files of modules. `refute` asks for proofs of all mutants in a journal of `survivors`:
one that was killed has none. `labels` compares proofs with labels by hand. FOLDER holds the modules as
OWNER+NAME. Journals are resumed: what is in them is not run again. Modules' dependencies have to be in
--modcache (`go mod download`).
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_mutation import Bench, children_cpu, focal_files, schemata

from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.machine_code import prove_equivalent
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan, plan_mutation
from goutbench.statistics import wilson


class Journal:
    """A file of JSON lines; a later run finds what an earlier one wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def files(self) -> set[str]:
        return {row["file"] for row in self.rows}


# ── compiles ─────────────────────────────────────────────────────────────────────────────────────


def compiles(bench: Bench, modules: list[Path], sample: int, seed: int, journal: Journal) -> None:
    """Build the schemata of up to `sample` focal files of each module (0: all)."""
    for module, file, name, helper in files_to_do(bench, modules, sample, seed, journal):
        journal.add({"module": module.name, "file": name} | compile_one(bench, helper, file))
        print(journal.rows[-1]["file"], journal.rows[-1]["result"], flush=True)
    report_compiles(journal.rows)


def files_to_do(
    bench: Bench, modules: list[Path], sample: int, seed: int, journal: Journal
) -> Iterator[tuple[Path, Path, str, GoHelper]]:
    """The sampled focal files that the journal lacks: module, file, name in the journal, and the module's
    helper."""
    for module in modules:
        files = list(focal_files(module))
        if 0 < sample < len(files):
            files = sorted(random.Random(seed).sample(files, sample))
        with GoHelper(bench.toolchain, bench.env) as helper:
            for file in files:
                name = f"{module.name}/{file.relative_to(module)}"
                if name not in journal.files():
                    yield module, file, name, helper


def compile_one(bench: Bench, helper: GoHelper, file: Path) -> dict[str, Any]:
    plan = plan_mutation(helper, file.parent, file)
    if plan.reason or plan.infra:
        return {"result": "skipped", "why": str(plan.reason or plan.infra)[:200]}
    ok, output = bench.go(["build", "-o", os.devnull], file.parent, schemata(plan))
    return {
        "result": "compiles" if ok else "refused",
        "why": "" if ok else output[:600],
        "mutants": collections.Counter(mutant.operator for mutant in plan.mutants),
        "not_viable": collections.Counter(row.operator for row in plan.not_viable),
        "reasons": collections.Counter(f"{r.operator}: {r.reason[:60]}" for r in plan.not_viable),
        "equivalent": collections.Counter(mutant.proof for mutant in plan.equivalent),
        "seconds": plan.seconds,
    }


def report_compiles(rows: list[dict[str, Any]]) -> None:
    print("module | focal files | skipped | compile")
    for module in sorted({row["module"] for row in rows}):
        results = collections.Counter(row["result"] for row in rows if row["module"] == module)
        tried = results["compiles"] + results["refused"]
        print(module, tried, results["skipped"], results["compiles"], sep=" | ")
    tried_rows = [row for row in rows if row["result"] != "skipped"]
    count = sum(row["result"] == "compiles" for row in tried_rows)
    low, high = wilson(count, max(1, len(tried_rows)))
    share = count / max(1, len(tried_rows))
    print(f"compile: {count} of {len(tried_rows)} = {share:.1%} (95%: {low:.1%} to {high:.1%})")
    for row in rows:
        if row["result"] != "compiles":
            print(f"  {row['result']} {row['file']}: {row['why'][:300]}")
    totals = {key: total(tried_rows, key) for key in ("mutants", "not_viable", "equivalent", "reasons")}
    print("operator | mutants | not viable")
    for operator, number in totals["mutants"].most_common():
        print(operator, number, totals["not_viable"][operator], sep=" | ")
    print("all", totals["mutants"].total(), totals["not_viable"].total(), sep=" | ")
    for text, number in [*totals["equivalent"].most_common(), *totals["reasons"].most_common(15)]:
        print(f"  {number:6} {text}")


def total(rows: list[dict[str, Any]], key: str) -> collections.Counter[str]:
    return sum((collections.Counter(row[key]) for row in rows), collections.Counter())


# ── survivors ────────────────────────────────────────────────────────────────────────────────────


def survivors(bench: Bench, module: Path, names: list[str], journal: Journal) -> None:
    """Run all mutants of the files of a module; the journal gets a row for each mutant."""
    for name in names:
        if f"{module.name}/{name}" not in journal.files():
            rows = list(run_file(bench, module, name))
            for row in rows:
                journal.add(row)
    report_survivors(journal.rows)


def run_file(bench: Bench, module: Path, name: str) -> Iterator[dict[str, Any]]:
    file = module / name
    with GoHelper(bench.toolchain, bench.env) as helper:
        plan = plan_mutation(helper, file.parent, file)
    binary, output = bench.test_binary(file.parent, schemata(plan), "schemata.test")
    if binary is None or bench.run(binary, file.parent, plan.environment(0)) != "survived":
        print(f"{name}: the unmutated program does not build or pass here: {plan.reason} {output[:300]}")
        return
    limit = bench.steps(binary, file.parent, plan)
    start, clock = children_cpu(), time.monotonic()
    statuses = {
        mutant.id: bench.run(binary, file.parent, plan.environment(mutant.id, limit=limit))
        for mutant in plan.mutants
    }
    ran, alive = children_cpu(), [m for m in plan.mutants if statuses[m.id] == "survived"]
    by_code = proofs_of(bench, file, plan, alive)
    print(
        f"{module.name}/{name}: {len(plan.mutants)} mutants in {ran - start:.1f} CPU s"
        f" ({time.monotonic() - clock:.0f} s), {len(alive)} survive;"
        f" machine code of these in {children_cpu() - ran:.1f} CPU s, the same of {len(by_code)}",
        flush=True,
    )
    for mutant in (*plan.mutants, *plan.equivalent):
        proof = mutant.proof or by_code.get(mutant.id, "")
        status = "equivalent" if proof else statuses[mutant.id]
        yield describe(f"{module.name}/{name}", mutant, status, proof)


def describe(file: str, mutant: Mutant, status: str, proof: str) -> dict[str, Any]:
    return {
        "file": file,
        "position": position(mutant),
        "operator": mutant.operator,
        "function": mutant.function,
        "original": mutant.original,
        "replacement": mutant.replacement,
        "status": status,
        "proof": proof,
    }


def position(mutant: Mutant) -> str:
    return f"{mutant.line}.{mutant.column}-{mutant.end_line}.{mutant.end_column}"


def proofs_of(bench: Bench, file: Path, plan: MutationPlan, mutants: list[Mutant]) -> dict[int, str]:
    """The mutants with the machine code of the original."""

    def list_code(source: bytes) -> Path | None:
        ok, listing = bench.go(["build", "-gcflags=-S", "-o", os.devnull], file.parent, {file: source})
        path = bench.scratch / "listing"
        path.write_text(listing)
        if not ok:
            print(f"{file}: the copies do not compile: {listing[:300]}")
        return path if ok else None

    return prove_equivalent(plan, file.read_bytes(), mutants, {}, list_code)


def report_survivors(rows: list[dict[str, Any]]) -> None:
    files = sorted({row["file"] for row in rows})
    print("file | mutants | killed | survived | timed out | equivalent by types | by machine code")
    for file in files:
        print(file, *counts(row for row in rows if row["file"] == file), sep=" | ")
    print("operator | mutants | killed | survived | timed out | equivalent by types | by code | files")
    names = collections.Counter(row["operator"] for row in rows)
    for operator, _ in names.most_common():
        mine = [row for row in rows if row["operator"] == operator]
        places = len({row["file"] for row in mine if row["status"] == "survived"})
        print(operator, *counts(iter(mine)), places, sep=" | ")
    print("all", *counts(iter(rows)), len(files), sep=" | ")
    for proof, number in collections.Counter(row["proof"] for row in rows if row["proof"]).most_common():
        print(f"  {number:5} {proof}")


def counts(rows: Iterator[dict[str, Any]]) -> list[int]:
    mine = list(rows)
    statuses = collections.Counter(row["status"] for row in mine)
    by_code = sum("machine code" in row["proof"] for row in mine)
    named = [statuses[name] for name in ("killed", "survived", "timed out")]
    return [len(mine), *named, statuses["equivalent"] - by_code, by_code]


# ── proofs ───────────────────────────────────────────────────────────────────────────────────────


def proofs(bench: Bench, modules: list[Path], sample: int, seed: int, journal: Journal) -> None:
    """Ask for proofs of all mutants, of up to `sample` focal files of each module (0: all)."""
    for _, file, name, helper in files_to_do(bench, modules, sample, seed, journal):
        plan, start = plan_mutation(helper, file.parent, file), children_cpu()
        by_code = proofs_of(bench, file, plan, list(plan.mutants))
        seconds = children_cpu() - start
        journal.add({"file": name, "mutants": len(plan.mutants), "seconds": seconds, "proof": ""})
        for mutant in (*plan.mutants, *plan.equivalent):
            if proof := mutant.proof or by_code.get(mutant.id, ""):
                journal.add(describe(name, mutant, "equivalent", proof))
    asked = [row for row in journal.rows if "mutants" in row]
    mutants, seconds = sum(row["mutants"] for row in asked), sum(row["seconds"] for row in asked)
    print(f"{mutants} mutants of {len(asked)} files, machine code in {seconds:.0f} CPU s")
    for proof, number in collections.Counter(row["proof"] for row in journal.rows if row["proof"]).items():
        print(f"  {number:5} {proof}")


def refute(bench: Bench, folder: Path, journal: Journal) -> None:
    """Ask for proofs of all mutants that ran, and list those that are proved and were killed."""
    proved = wrong = 0
    for name in sorted(journal.files()):
        focal = folder / name
        ran = {(r["position"], r["operator"], r["replacement"]): r for r in journal.rows if r["file"] == name}
        with GoHelper(bench.toolchain, bench.env) as helper:
            plan = plan_mutation(helper, focal.parent, focal)
        by_code = proofs_of(bench, focal, plan, list(plan.mutants))
        for mutant in (*plan.mutants, *plan.equivalent):
            row = ran.get((position(mutant), mutant.operator, mutant.replacement))
            if row is not None and (proof := mutant.proof or by_code.get(mutant.id)):
                proved += 1
                if row["status"] in ("killed", "timed out"):
                    wrong += 1
                    print(
                        f"  {row['status']}: {name} {position(mutant)} {mutant.operator}: {proof}", flush=True
                    )
    print(f"{len(journal.rows)} mutants, {proved} proved, of which {wrong} were killed or timed out")


# ── labels ───────────────────────────────────────────────────────────────────────────────────────


_EQUIVALENT = ("survivor", "equivalent")


def labels(bench: Bench, folder: Path, path: Path) -> None:
    """Precision and recall of the proofs against labels: "equivalent", "killable" or "unclear".

    Recall is over the survivors that were chosen without a look at proofs.
    """
    with path.open(newline="") as file:
        rows = [
            row | {"file": f"{row['repository'].replace('/', '+')}/{row['path']}"}
            for row in csv.DictReader(file, delimiter="\t")
        ]
    found: dict[tuple[str, str, str], str] = {}
    for name in sorted({row["file"] for row in rows}):
        focal = folder / name
        with GoHelper(bench.toolchain, bench.env) as helper:
            plan = plan_mutation(helper, focal.parent, focal)
        keys = {(row["position"], row["operator"]) for row in rows if row["file"] == name}
        asked = [mutant for mutant in plan.mutants if (position(mutant), mutant.operator) in keys]
        by_code = proofs_of(bench, focal, plan, asked)
        for mutant in (*asked, *plan.equivalent):
            found[name, position(mutant), mutant.operator] = mutant.proof or by_code.get(mutant.id, "")
    missing = [row for row in rows if (row["file"], row["position"], row["operator"]) not in found]
    print(f"labels: {len(rows)}, without a mutant now: {len(missing)}")
    table: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for row in rows:
        proof = found.get((row["file"], row["position"], row["operator"]), "")
        table[row["chosen"], row["label"], proof] += 1
        if proof and row["label"] != "equivalent":
            print(f"  wrong: {row['file']} {row['position']} {row['operator']}: {proof}")
    for (chosen, label, proof), number in sorted(table.items()):
        print(chosen, label, proof or "no proof", number, sep=" | ")
    proved = sum(number for (_, _, proof), number in table.items() if proof)
    right = sum(number for (_, label, proof), number in table.items() if proof and label == "equivalent")
    kinds = [(proof, number) for (how, label, proof), number in table.items() if (how, label) == _EQUIVALENT]
    hits, equivalent = sum(number for proof, number in kinds if proof), sum(number for _, number in kinds)
    for name, count, of in (("precision", right, proved), ("recall", hits, equivalent)):
        low, high = wilson(count, max(1, of))
        print(f"{name}: {count} of {of} = {count / max(1, of):.1%} (95%: {low:.1%} to {high:.1%})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["compiles", "survivors", "proofs", "refute", "labels"])
    parser.add_argument("paths", nargs="+", type=Path, help="modules; or a module, and focal files in it")
    parser.add_argument("--journal", type=Path, default=Path("benchmarks/out/operators.jsonl"))
    parser.add_argument("--labels", type=Path, default=Path("benchmarks/equivalent_labels.tsv"))
    parser.add_argument(
        "--cache", type=Path, help="GOCACHE (default: goutbench-bench in the temporary folder)"
    )
    parser.add_argument("--modcache", type=Path, help="GOMODCACHE, with the modules' dependencies")
    parser.add_argument("--sample", type=int, default=0, help="focal files of a module; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cache = options.cache or Path(tempfile.gettempdir(), "goutbench-bench")
    options.journal.parent.mkdir(parents=True, exist_ok=True)
    first, *others = options.paths
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(cache, Path(scratch), options.modcache)
        if options.what == "compiles":
            modules = [path.resolve() for path in options.paths]
            compiles(bench, modules, options.sample, options.seed, Journal(options.journal))
        elif options.what == "proofs":
            modules = [path.resolve() for path in options.paths]
            proofs(bench, modules, options.sample, options.seed, Journal(options.journal))
        elif options.what == "survivors":
            survivors(bench, first.resolve(), [str(path) for path in others], Journal(options.journal))
        elif options.what == "refute":
            refute(bench, first.resolve(), Journal(options.journal))
        else:
            labels(bench, first.resolve(), options.labels)


if __name__ == "__main__":
    main()
