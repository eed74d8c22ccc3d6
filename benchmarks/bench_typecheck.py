"""The type check against the compiler: agreement and cost.

    python benchmarks/bench_typecheck.py --module "$(go env GOROOT)/src" [--module DIR] [--cases 240]

The cases are reference tests of each module's packages, unchanged or with one error or one harmless oddity.
The helper and `go test -c -vet=off -overlay` check each of them. CPU time is that of child processes
(getrusage): the helper with its `go list`, and the go commands. A build of every package that is not measured
fills the build cache for the compiler; the helper starts without loaded packages.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench_mutation import children_cpu, focal_files

from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain, go_env, run_go
from goutbench.golang.toolchain.typecheck import TypecheckRequest, TypecheckResult, typecheck

Change = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Case:
    change: str
    request: TypecheckRequest


def after_imports(*lines: str) -> Change:
    """Declarations at the end of the file."""
    return lambda source: source + "\n" + "\n".join(lines) + "\n"


def clause_of(source: str) -> re.Match[str]:
    match = re.search(r"^package \w+", source, re.MULTILINE)
    assert match
    return match


def with_import(path: str, *lines: str) -> Change:
    """An import declaration after the package clause, and declarations at the end."""

    def change(source: str) -> str:
        at = clause_of(source).end()
        return source[:at] + f"; import {path}" + source[at:] + "\n" + "\n".join(lines) + "\n"

    return change


def replaced(pattern: str, to: str) -> Change:
    return lambda source: re.sub(pattern, to, source, count=1, flags=re.MULTILINE)


CHANGES: dict[str, Change] = {
    "as it is": lambda source: source,
    "unused import": with_import('goutbenchUnused "bufio"'),
    "import of the same twice": with_import('("go/ast"; "go/ast")', "var _ ast.Node"),
    "a package outside the closure": with_import('goutbenchAst "go/ast"', "var _ goutbenchAst.Node"),
    "a package that does not exist": with_import('_ "no/such/package"'),
    "a module that is not required": with_import('_ "example.com/none/such"'),
    "an internal package": with_import('_ "cmd/internal/objabi"'),
    "a program": with_import('_ "cmd/gofmt"'),
    "cgo": with_import('"C"'),
    "a relative import": with_import('_ "./x"'),
    "an empty import path": with_import('_ ""'),
    "a heavy import": with_import('_ "net/http"'),
    "the testing package again": with_import('goutbenchTesting "testing"', "var _ goutbenchTesting.TB"),
    "unused variable": after_imports("func goutbenchA() { x := 1 }"),
    "unused variable in a closure": after_imports("var _ = func() { x := 1; x = 2 }"),
    "undefined name": after_imports("var _ = goutbenchNothing"),
    "undefined method": after_imports("type goutbenchT struct{}", "var _ = goutbenchT{}.Nothing"),
    "mismatched types": after_imports('var _ int = "a"'),
    "mismatched operands": after_imports('var _ = 1 + "a"'),
    "wrong number of arguments": after_imports("func goutbenchF(int) {}", "func init() { goutbenchF() }"),
    "wrong number of results": after_imports("func goutbenchF() int { return 1, 2 }"),
    "missing return": after_imports("func goutbenchF(x int) int { if x > 0 { return 1 } }"),
    "wrong package": replaced(r"^package \w+", "package goutbenchother"),
    "the other test package": replaced(r"^package (\w+?)(_test)?$", r"package \1_test"),
    "a test declared twice": after_imports("func TestGoutbench(t *int) {}", "func TestGoutbench(t *int) {}"),
    "wrong test signature": after_imports("func TestGoutbench(x int) {}"),
    "test without parameter": after_imports("func TestGoutbench() {}"),
    "test with a result": with_import('gt "testing"', "func TestGoutbench(t *gt.T) int { return 1 }"),
    "generic test": with_import('gt "testing"', "func TestGoutbench[X any](t *gt.T) {}"),
    "test of another T": after_imports("type T struct{}", "func TestGoutbench(t *T) {}"),
    "benchmark with T": with_import('gt "testing"', "func BenchmarkGoutbench(b *gt.T) {}"),
    "TestMain of the wrong kind": after_imports("func TestMain(x int) {}"),
    "a name that is no test": after_imports("func Testimony(x int) {}"),
    "last brace missing": lambda source: source.rstrip().removesuffix("}"),
    "a stray brace": after_imports("}"),
    "cut in the middle": lambda source: source[: len(source) // 2],
    "prose": lambda source: "Here is the test:\n" + source,
    "empty": lambda source: "",
    "only a clause": lambda source: clause_of(source)[0] + "\n",
    "a NUL byte": after_imports("var _ = `\0`"),
    "CRLF": lambda source: source.replace("\n", "\r\n"),
    "a byte order mark": lambda source: "\ufeff" + source,
    "a second byte order mark": after_imports("var _ = `\ufeff`"),
    "not for this system": lambda source: "//go:build plan9\n\n" + source,
    "for this system": lambda source: "//go:build !plan9\n\n" + source,
    "unused label": after_imports("func goutbenchF() { L: for {} }"),
    "goto over a variable": after_imports("func goutbenchF() { goto L; x := 1; _ = x; L: }"),
    "break outside a loop": after_imports("func goutbenchF() { break }"),
    "duplicate case": after_imports("func goutbenchF(x int) { switch x { case 1: case 1: } }"),
    "duplicate key": after_imports("var _ = map[int]int{1: 1, 1: 2}"),
    "constant overflow": after_imports("var _ int8 = 300"),
    "division by zero": after_imports("func goutbenchF(x int) int { return x / 0 }"),
    "a huge shift": after_imports("var _ = 1 << 1000000000"),
    "a long constant": after_imports("const _ = " + "9" * 20000),
    "initialization cycle": after_imports(
        "var goutbenchX = goutbenchF()", "func goutbenchF() int { return goutbenchX }"
    ),
    "type cycle": after_imports("type goutbenchT struct { x goutbenchT }"),
    "function compared": after_imports("func goutbenchF() bool { return goutbenchF == goutbenchF }"),
    "untyped nil": after_imports("func goutbenchF() { x := nil; _ = x }"),
    "unused result": after_imports("func goutbenchF() { 1 + 1 }"),
    "declaration without var": after_imports("x := 1"),
    "interface not implemented": after_imports("type goutbenchI interface{ M() }", "var _ goutbenchI = 1"),
    "duplicate method": after_imports(
        "type goutbenchT int", "func (goutbenchT) M() {}", "func (goutbenchT) M() {}"
    ),
    "field and method": after_imports("type goutbenchT struct{ M int }", "func (goutbenchT) M() {}"),
    "method on a foreign type": after_imports("func (int) M() {}"),
    "inference fails": after_imports("func goutbenchF[T any]() {}", "func init() { goutbenchF() }"),
    "constraint not met": after_imports(
        "func goutbenchF[T interface{ M() }](T) {}", "func init() { goutbenchF(1) }"
    ),
    "good generics": after_imports(
        "func goutbenchF[T ~int | ~string](x T) T { return x + x }", "var _ = goutbenchF(1)"
    ),
    "a universe name taken": after_imports("type string int"),
    "a builtin taken": after_imports("func len(x any) bool { return true }"),
    "missing body": after_imports("func goutbenchF() int"),
    "linkname without unsafe": after_imports("//go:linkname goutbenchF runtime.x", "func goutbenchF()"),
    "misplaced pragma": after_imports("//go:noinline", "var goutbenchV int"),
    "placed pragma": after_imports("//go:noinline", "func goutbenchF() {}"),
    "embed without import": after_imports("//go:embed x.txt", "var goutbenchE string"),
    "embed of nothing": with_import('_ "embed"', "//go:embed no-such-file.txt", "var goutbenchE string"),
    "line directive": after_imports("//line other.go:7", "var _ = 1"),
    "broken line directive": after_imports("//line other.go:0", "var _ = 1"),
    "a type too large": after_imports("var goutbenchV [1 << 60]byte"),
    "deep parentheses": after_imports("var _ = " + "(" * 2000 + "1" + ")" * 2000),
    "a loop over an int": after_imports("func goutbenchF() { for i := range 3 { _ = i } }"),
    "octal": after_imports("var _ = 08"),
    "a bad rune": after_imports("var _ = 'ab'"),
    "import after a declaration": after_imports('import "os"'),
    "main in a test": after_imports("func main() {}"),
    "init with a result": after_imports("func init() int { return 1 }"),
    "a private name of another package": with_import('goutbenchOs "os"', "var _ = goutbenchOs.private"),
}


def cases(modules: list[Path], number: int, seed: int) -> list[Case]:
    """All changes, spread evenly over several packages of each module."""
    chosen = []
    random_ = random.Random(seed)
    for module in modules:
        tests = [path.with_name(path.stem + "_test.go") for path in focal_files(module)]
        tests = [path for path in tests if "cmd" not in path.relative_to(module).parts and usable(path)]
        chosen.append(random_.sample(tests, min(9, len(tests))))
    selected = []
    names = list(CHANGES)
    for i in range(number):
        files = chosen[i % len(chosen)]
        path = files[(i // len(chosen)) % len(files)]
        name = names[i % len(names)]
        source = CHANGES[name](path.read_text())
        selected.append(Case(name, TypecheckRequest(path.parent, path.name, source.encode())))
    return selected


def usable(path: Path) -> bool:
    return b"//go:build" not in path.read_bytes() and path.stat().st_size < 40_000


def compiled(
    folder: Path, toolchain: Toolchain, env: dict[str, str], request: TypecheckRequest
) -> tuple[bool, str]:
    scratch = Path(tempfile.mkdtemp(dir=folder))
    candidate = scratch / "candidate.go"
    candidate.write_bytes(request.source)
    overlay = scratch / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(request.package_dir / request.name): str(candidate)}}))
    command = [
        "test",
        "-c",
        "-vet=off",
        f"-overlay={overlay}",
        "-ldflags=-s -w",
        "-o",
        str(scratch / "x.test"),
        ".",
    ]
    done = run_go(toolchain, command, cwd=request.package_dir, env=env)
    shutil.rmtree(scratch)
    return done.returncode == 0, done.stderr


def first_line(output: str) -> int:
    match = re.search(r"(?:_test|candidate)\.go:(\d+)", output)
    return int(match[1]) if match else 0


def report(items: list[Case], checked: list[TypecheckResult], compiler: list[tuple[bool, str]]) -> None:
    agree = lines = failing = 0
    kinds: collections.Counter[str] = collections.Counter()
    for case, result, (built, output) in zip(items, checked, compiler, strict=True):
        if result.ok == built and result.infra is None:
            agree += 1
        else:
            where = f"{case.request.package_dir.name}/{case.request.name}"
            print(f"  DIFFERS {case.change} in {where}: {built}, helper {result.ok} {result.infra or ''}")
            print(f"    {output[:400]!r}\n    {[error.message for error in result.errors[:3]]}")
        if not built and result.errors:
            failing += 1
            lines += any(error.line == first_line(output) for error in result.errors)
            kinds[result.errors[0].kind] += 1
    good = sum(built for built, _ in compiler)
    print(f"cases: {len(items)} ({len({case.change for case in items})} changes); {good} compile")
    print(f"agreement: {agree} of {len(items)} = {agree / len(items):.1%}")
    print(f"first error line of the compiler is among those of the type check: {lines} of {failing}")
    print("kinds of first errors:", ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", type=Path, action="append", required=True)
    parser.add_argument(
        "--cache", type=Path, help="GOCACHE (default: goutbench-bench in the temporary folder)"
    )
    parser.add_argument("--cases", type=int, default=240)
    parser.add_argument("--jobs", type=int, default=2, help="go commands at a time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    toolchain = find_toolchain()
    env = go_env(toolchain, cache=options.cache or Path(tempfile.gettempdir(), "goutbench-bench"))
    items = cases([module.resolve() for module in options.module], options.cases, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        packages = {case.request.package_dir: case.request for case in items}
        plain = [
            TypecheckRequest(
                request.package_dir, request.name, (request.package_dir / request.name).read_bytes()
            )
            for request in packages.values()
        ]

        def build(request: TypecheckRequest) -> tuple[bool, str]:
            return compiled(scratch, toolchain, env, request)

        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(build, plain))
            before = children_cpu()
            with GoHelper(toolchain, env) as helper:
                checked = [typecheck(helper, case.request) for case in items]
            middle = children_cpu()
            compiler = list(pool.map(build, [case.request for case in items]))
            after = children_cpu()
    report(items, checked, compiler)
    walls = sorted(result.seconds for result in checked)
    cost, compiler_cost = (middle - before) / len(items), (after - middle) / len(items)
    print(f"packages: {len(packages)}")
    median = 1000 * walls[len(walls) // 2]
    print(f"type check: {1000 * cost:.0f} ms CPU per case, with its go list; {median:.0f} ms wall (median)")
    print(f"go test -c: {1000 * compiler_cost:.0f} ms CPU per case: {compiler_cost / cost:.1f} times as much")


if __name__ == "__main__":
    main()
