"""How many reference tests survive being taken apart and assembled again.

    python benchmarks/bench_assemble.py                                     # the standard library
    python benchmarks/bench_assemble.py --source DIR --packages ./...       # a module on disk
    python benchmarks/bench_assemble.py --git-dir DIR --revision COMMIT --packages ./...

Modules that are not vendored are downloaded through the module proxy, with the settings of the environment.

Every reference test (X_test.go beside X.go) is split into its test functions. Each becomes a separate reply:
package clause, all imports of the file, the helpers that the function needs, and the function, fenced, with
prose around it. The replies are assembled by `merge` and by `append`, the result replaces the reference test,
and go/types checks the package. Pairs whose unchanged package does not type-check are skipped and counted.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext, Piece, Unit, pieces_of
from goutbench.assemble.stage import assemble
from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.records import Assembly

HERE = Path(__file__).resolve().parent
FIELDS = "ImportPath,Dir,Name,ForTest,Export,GoFiles,CgoFiles,CompiledGoFiles,ImportMap"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference test: its package in the listing, its path, its focal file, the folder's other files."""

    package: str
    variant: str
    test: Path
    focal: Path
    others: tuple[Path, ...]


@dataclass(slots=True)
class AssemblyCounts:
    pairs: int = 0
    tests: int = 0
    replies: int = 0
    skipped: int = 0
    good: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


# ── packages ──────────────────────────────────────────────────────────────────────────────────────


def list_packages(folder: Path, patterns: list[str], out: Path) -> None:
    """`go list` with export data of every dependency and test variant; compiles what is not cached."""
    go = find_toolchain().go
    command = [go, "list", "-e", "-deps", "-test", "-export", "-compiled", f"-json={FIELDS}", *patterns]
    with out.open("wb") as file:
        subprocess.run(command, cwd=folder, stdout=file, stderr=subprocess.DEVNULL, check=False)


def export(git_dir: Path, revision: str, folder: Path) -> Path:
    """Write the tree of a commit to a folder, without its test data."""
    folder.mkdir()
    # test data is not needed for types, and often the largest part
    command = ["git", f"--git-dir={git_dir}", "archive", revision, "--", ".", ":(exclude,glob)**/testdata/**"]
    archive = subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    if not (folder / "go.mod").exists() and (folder / "vendor.mod").exists():  # moby's name for it
        (folder / "vendor.mod").rename(folder / "go.mod")
    return folder


def read_listing(listing: Path) -> dict[str, dict[str, Any]]:
    text, decoder, at = listing.read_text(), json.JSONDecoder(), 0
    packages = {}
    while at < len(text.rstrip()):
        package, at = decoder.raw_decode(text, at)
        packages[package["ImportPath"]] = package
        at += 1  # the line break between two objects
    return packages


def references(packages: dict[str, dict[str, Any]], roots: set[str]) -> Iterator[Reference]:
    """The pairs of a listing, in order. A listing has no files that are built on another system only."""
    for path, package in packages.items():
        if " " in path or path.endswith(".test") or path not in roots:
            continue
        folder = Path(package["Dir"])
        own = set(package.get("GoFiles") or ()) | set(package.get("CgoFiles") or ())
        variants = {f"{path} [{path}.test]", f"{path}_test [{path}.test]"} & packages.keys()
        tests = {name: variant for variant in sorted(variants) for name in _test_files(packages[variant])}
        everything = sorted(own | tests.keys())
        for name, variant in sorted(tests.items()):
            focal = name.removesuffix("_test.go") + ".go"
            if focal in own:
                others = tuple(folder / sibling for sibling in everything if sibling not in (name, focal))
                yield Reference(path, variant, folder / name, folder / focal, others)


def _test_files(package: dict[str, Any]) -> list[str]:
    names = [*(package.get("GoFiles") or ()), *(package.get("CgoFiles") or ())]
    return [name for name in names if name.endswith("_test.go")]


# ── taking apart ──────────────────────────────────────────────────────────────────────────────────


def split_replies(file: GoFile) -> list[str]:
    """One reply for each test function, and one for everything that no test needs."""
    pieces = pieces_of(Unit(0, 0, file))
    tests = {test.name for test in file.tests}
    groups = [
        _closure(pieces, {at})
        for at, piece in enumerate(pieces)
        if piece.names[0] in tests and piece.kind == "func"
    ]
    rest = set(range(len(pieces))) - set().union(*groups)
    if rest:
        groups.append(_closure(pieces, rest))
    return [_reply(file, [pieces[at] for at in sorted(chosen)]) for chosen in groups]


def _closure(pieces: list[Piece], start: set[int]) -> set[int]:
    owners = {name: at for at, piece in enumerate(pieces) for name in piece.declares}
    chosen: set[int] = set()
    queue = list(start)
    while queue:
        at = queue.pop()
        if at in chosen:
            continue
        chosen.add(at)
        piece = pieces[at]
        queue += [owners[name] for name in piece.free if name in owners]
        queue += [
            i
            for i, method in enumerate(pieces)
            if method.kind == "method" and method.receiver in piece.declares
        ]
    return chosen


def _reply(file: GoFile, chosen: list[Piece]) -> str:
    constraint = f"//go:build {file.build_constraint}\n\n" if file.build_constraint else ""
    imports = b"\n".join(file.source[start:end] for start, end in file.import_spans).decode()
    body = "\n\n".join(file.source[piece.start : piece.end].decode().strip("\n") for piece in chosen)
    code = f"{constraint}package {file.package}\n\n{imports}\n\n{body}\n"
    return f"Here is a test for the function you gave me:\n\n```go\n{code}```\n\nIt covers the main paths.\n"


# ── assembling and checking ───────────────────────────────────────────────────────────────────────


def measure(refs: list[Reference], listing: Path, checker: Path, work: Path, tally: AssemblyCounts) -> None:
    jobs: list[dict[str, Any]] = []
    assembled: dict[str, tuple[Reference, bool]] = {}
    broken_originals = _failing(
        checker, listing, [_job(f"{at} unchanged", ref, None, "") for at, ref in enumerate(refs)]
    )
    for at, ref in enumerate(refs):
        original = parse(ref.test.read_bytes())
        if f"{at} unchanged" in broken_originals:
            tally.skipped += 1
            tally.failures.append(f"skipped: {ref.test}: {broken_originals[f'{at} unchanged'][0]}")
            continue
        if not original.tests:
            continue
        replies = split_replies(original)
        context = _context(ref)
        tally.pairs += 1
        tally.tests += len(original.tests)
        tally.replies += len(replies)
        for mode in ("merge", "append"):
            before = _cpu()
            assembly = assemble(replies, mode=mode, context=context)
            tally.seconds[mode] += _cpu() - before
            path = work / f"{at}_{mode}_test.go"
            path.write_text(assembly.code)
            complete = {t.name for t in original.tests} <= {
                t.name for t in parse(assembly.code.encode()).tests
            }
            name = f"{at} {mode}"
            assembled[name] = (ref, complete)
            jobs.append(_job(name, ref, path, _variant(ref, original, assembly)))
    failing = _failing(checker, listing, jobs)
    for name, (ref, complete) in assembled.items():
        mode = name.split()[1]
        tally.good[f"{mode} type-checks"] += name not in failing
        tally.good[f"{mode} complete"] += complete
        tally.good[mode] += complete and name not in failing
        if mode == "merge" and not (complete and name not in failing):
            tally.failures.append(
                f"{ref.test} [{name}]: {'; '.join(failing.get(name, ['a test is missing'])[:3])}"
            )


def _context(ref: Reference) -> PackageContext:
    siblings = [(path.name, path.read_bytes()) for path in ref.others]
    return package_context(ref.focal.read_bytes(), siblings, ref.package)


def _variant(ref: Reference, original: GoFile, assembly: Assembly) -> str:
    """The package of the new file: empty if it is the original's, otherwise the one that its clause names."""
    if assembly.package in (None, original.package):
        return ""
    outside = assembly.package is not None and assembly.package.endswith("_test")
    return f"{ref.package}_test [{ref.package}.test]" if outside else f"{ref.package} [{ref.package}.test]"


def _job(name: str, ref: Reference, path: Path | None, moved: str) -> dict[str, Any]:
    if path is None:
        return {"id": name, "package": ref.variant}
    if moved:
        return {"id": name, "package": moved, "add": [str(path)]}
    return {"id": name, "package": ref.variant, "replace": {str(ref.test): str(path)}}


def _failing(checker: Path, listing: Path, jobs: list[dict[str, Any]]) -> dict[str, list[str]]:
    lines = "".join(json.dumps(job) + "\n" for job in sorted(jobs, key=lambda job: str(job["package"])))
    done = subprocess.run([checker, listing], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["id"]: answer["errors"] for answer in answers if answer["errors"]}


def _cpu() -> float:
    own, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def build_checker(work: Path) -> Path:
    program = work / "typecheck"
    subprocess.run([find_toolchain().go, "build", "-o", program, "."], cwd=HERE / "typecheck", check=True)
    return program


def print_table(name: str, tally: AssemblyCounts) -> None:
    print(f"\n{name}: {tally.pairs} reference tests, {tally.tests} test functions, {tally.replies} replies")
    print(f"skipped because their unchanged package does not type-check: {tally.skipped}")
    print(f"{'mode':8} {'type-checks':>14} {'all tests':>14} {'both':>14} {'CPU s':>8}")
    for mode in ("merge", "append"):
        shown = [tally.good[f"{mode} type-checks"], tally.good[f"{mode} complete"], tally.good[mode]]
        cells = [f"{count} {count / max(1, tally.pairs):.1%}" for count in shown]
        print(f"{mode:8} " + " ".join(f"{cell:>14}" for cell in cells) + f" {tally.seconds[mode]:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, help="a module's folder; by default GOROOT/src")
    parser.add_argument("--git-dir", type=Path, help="a git directory that contains the module")
    parser.add_argument("--revision", default="HEAD", help="the commit in that git directory")
    parser.add_argument("--packages", default="std", help="the go list pattern in the module, by default std")
    parser.add_argument("--limit", type=int, default=0, help="maximum number of pairs, evenly spread")
    parser.add_argument("--only", default="", help="only tests whose path contains this text")
    parser.add_argument(
        "--listing", type=Path, help="a file for the output of go list, which is used if it exists"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the assembled files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.keep or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        folder = options.source or find_toolchain().goroot / "src"
        if options.git_dir:
            folder = export(options.git_dir, options.revision, Path(scratch, options.git_dir.parent.name))
        listing = options.listing or work / "list.json"
        if not listing.exists() or not listing.stat().st_size:
            list_packages(folder, options.packages.split(), listing)
        packages = read_listing(listing)
        roots = {path for path, package in packages.items() if Path(package["Dir"]).is_relative_to(folder)}
        refs = [ref for ref in references(packages, roots) if options.only in str(ref.test)]
        if options.limit and len(refs) > options.limit:
            refs = refs[:: -(-len(refs) // options.limit)]
        tally = AssemblyCounts()
        measure(refs, listing, build_checker(work), work, tally)
        print_table(f"{folder.name} ({options.packages})", tally)
        for failure in tally.failures:
            print(f"  {failure}", file=sys.stderr)


if __name__ == "__main__":
    main()
