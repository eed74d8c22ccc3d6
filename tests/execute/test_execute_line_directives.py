"""Line directives: coverage of a focal file is that of `go test -coverprofile`, mapped to the file."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.golang.toolchain.installation import Toolchain, installed_toolchains
from goutbench.records import Status

FUNCTION = "func %s(a int) int {\n\tif a > 1 {\n\t\ta++\n\t\treturn 2\n\t}\n\treturn 3\n}\n"
HEAD = "package p\n\n"
ONE_LINE = "func Two(a int) int { if a > 1 { return 2 }; return 3 }\n"
FOCAL = {
    "a grammar": HEAD + FUNCTION % "Before" + "\n//line grammar.y:10\n" + FUNCTION % "Two",
    "a template with columns": HEAD + "//line ../views/page.templ:30:5\n" + FUNCTION % "Two",
    "inside a function": HEAD + FUNCTION.replace("\tif", "//line expr.y:40\n\tif") % "Two",
    "and back": HEAD + FUNCTION.replace("\treturn 3", "//line y:4\n\ta--\n//line x.go:9\n\treturn 3") % "Two",
    "its own name": HEAD + "//line x.go:100\n" + FUNCTION % "Two",
    "an absolute name": HEAD + "/*line /build/gen/x.proto:3:7*/ " + ONE_LINE,
    "one line": HEAD + "//line y:3\n" + ONE_LINE,
    "all of it": "//line gen.tmpl:1\n" + HEAD + FUNCTION % "Two",
    "in a variable": HEAD + "//line v.y:5:1\n" + FUNCTION.replace("func %s", "var %s = func") % "Two",
    "text that only looks like one": HEAD + "const s = `\n//line other.y:10\n`\n\n" + FUNCTION % "Two",
}  # fmt: skip
ASSERTION = "if Two(2) != 2 {\n\t\tt.Fatal()\n\t}"
TEST = f'package p\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) {{\n\t{ASSERTION}\n}}\n'


@pytest.mark.parametrize("toolchain", installed_toolchains(), ids=lambda toolchain: toolchain.version)
def test_coverage_is_that_of_go_test(machine: Machine, worker: Worker, toolchain: Toolchain) -> None:
    root = machine.workspace.trees / f"line-directives-{toolchain.version}"
    shutil.rmtree(root, ignore_errors=True)
    packages = {}
    for number, (kind, text) in enumerate(FOCAL.items()):
        folder = root / f"p{number}"
        folder.mkdir(parents=True)
        (folder / "x.go").write_text(text)
        (folder / "other.go").write_text(HEAD + FUNCTION % "Other")
        packages[kind] = folder
    (root / "go.mod").write_text("module example.test/l\n\ngo 1.22\n")
    options = replace(worker.options, mutants=0, build_seconds=600)
    expected = counts(toolchain, root, packages)
    with closing(replace(worker, options=options, helpers={}, results={})) as worker:
        for kind, folder in packages.items():
            tree = Tree("example/l", "1", root)
            package = PackageUnderTest(tree, folder, "x.go", "x_test.go", toolchain)
            record = climb(worker, package, text_candidate("l", "m", TEST))
            assert record.status is Status.PASSED, (kind, record.evidence)
            assert (record.statements, record.covered) == expected[kind], kind
            lines = [int(span.split(".")[0]) for span in record.uncovered]
            assert all(line <= FOCAL[kind].count("\n") for line in lines), (kind, record.uncovered)
            assert record.mutation is not None
            # a mutant is reached where the run was: only what Two(2) does not reach has no coverage
            assert record.mutation.killed, (kind, record.mutation)


def counts(toolchain: Toolchain, root: Path, packages: dict[str, Path]) -> dict[str, tuple[int, int]]:
    """Statements and covered statements in the profile of `go test`, without those of the other files."""
    for folder in packages.values():
        (folder / "x_test.go").write_text(TEST)
    done = plain_go(toolchain, ["test", "-coverprofile=c.out", "./..."], root)
    assert done.returncode == 0, done.stdout
    lines = (root / "c.out").read_text().splitlines()[1:]
    for folder in packages.values():
        (folder / "x_test.go").unlink()
    result = {}
    for kind, folder in packages.items():
        own = [line.split()[1:] for line in lines if f"/{folder.name}/" in line and "/other.go:" not in line]
        result[kind] = sum(int(n) for n, _ in own), sum(int(n) for n, hit in own if hit != "0")
    return result
