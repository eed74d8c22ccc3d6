"""Reasons: each is in one table with its meaning, and infrastructure errors begin with cause and hint."""

import ast
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import goutbench
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.faults import REASONS, cause_and_hint, environment_fault, explained
from goutbench.execute.ladder.record import empty_record
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.records import Execution, Status

SOURCES = Path(goutbench.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"
NO_REASON = {
    "build-cache", "cat-file", "ls-tree", "utf-8", "utf-8-sig", "go-work", "bubblewrap", "no-sandbox",
    "plain-without", "go", "keep-id", "no-new-privileges",
}  # fmt: skip
TEST = 'package m\n\nimport "testing"\n\nfunc TestOne(t *testing.T) { One() }\n'
GO_MOD = "module example.test/m\n\ngo 1.22\n"
NEEDS_DEP = f"{GO_MOD}\nrequire example.test/dep v1.0.0\n"
ONE = "package m\n\nfunc One() int { return 1 }\n"
USES_DEP = 'package m\n\nimport "example.test/dep"\n\nfunc One() int { return dep.One() }\n'
C_FILE = 'package m\n\n%s\nimport "C"\n\nfunc One() int { return int(C.one()) }\n'

BROKEN: dict[str, dict[str, str]] = {
    "missing-module": {
        "go.mod": NEEDS_DEP, "m.go": USES_DEP,
        "go.sum": "example.test/dep v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
        "example.test/dep v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    },
    "go-sum": {"go.mod": NEEDS_DEP, "m.go": USES_DEP},
    "vendor-differs": {"go.mod": NEEDS_DEP, "m.go": USES_DEP, "vendor/modules.txt": ""},
    "go-version": {"go.mod": "module example.test/m\n\ngo 1.99\n", "m.go": ONE},
    "embed-files": {
        "go.mod": GO_MOD,
        "m.go": 'package m\n\nimport _ "embed"\n\n//go:embed dist/*\nvar one string\n\n'
        "func One() string { return one }\n",
    },
    "not-generated": {
        "go.mod": GO_MOD,
        "m.go": "package m\n\n//go:generate stringer -type=Two\n\nfunc One() int { return generated }\n",
    },
    "package-broken": {"go.mod": GO_MOD, "m.go": "package m\n\nfunc One() int { return nowhere }\n"},
    "package-fails-vet": {
        "go.mod": GO_MOD,
        "m.go": 'package m\n\nimport "fmt"\n\nfunc One() { fmt.Printf("%d\\n", "one") }\n',
    },
    "cgo-off": {"go.mod": GO_MOD, "m.go": C_FILE % "// int one(void);"},
    "linker": {"go.mod": GO_MOD, "m.go": "package m\n\nfunc One() int\n", "stub.s": ""},
}  # fmt: skip
WITH_CGO = {
    "header": {"go.mod": GO_MOD, "m.go": C_FILE % "// #include <no_such_header.h>"},
    "library": {"go.mod": GO_MOD, "m.go": C_FILE % "// #cgo LDFLAGS: -lnosuchlibrary\n// int one(void);"},
    "reference": {"go.mod": GO_MOD, "m.go": C_FILE % "// int one(void);"},
    "pkg-config": {"go.mod": GO_MOD, "m.go": C_FILE % "// #cgo pkg-config: nosuchpackage\n// int one(void);"},
}


@pytest.fixture
def quick(machine: Machine) -> Iterator[Worker]:
    options = ExecuteOptions(repeat=1, build_seconds=600)
    with closing(Worker(machine.workspace, machine.sandbox, options, 0, b"salt")) as worker:
        yield worker


def executed(
    worker: Worker, machine: Machine, name: str, files: dict[str, str], test: str = TEST
) -> Execution:
    root = (machine.workspace.trees / f"reason-{name}").resolve()
    shutil.rmtree(root, ignore_errors=True)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    tree = Tree(f"example/{name}", "1", root)
    package = PackageUnderTest(tree, root, "m.go", "m_test.go", machine.toolchain)
    return climb(worker, package, text_candidate("p", "m", test))


@pytest.mark.parametrize("reason", BROKEN)
def test_an_infrastructure_error_begins_with_cause_and_hint(
    quick: Worker, machine: Machine, reason: str
) -> None:
    record = executed(quick, machine, reason, BROKEN[reason])
    assert (record.status, record.reason) == (Status.INFRA_FAILURE, reason), record.evidence
    cause, hint = cause_and_hint(record.evidence)
    assert cause.startswith(REASONS[reason].meaning)
    assert hint == REASONS[reason].hint


@pytest.mark.parametrize(
    "own", ["func none() int\n", "//go:linkname none example.test/m.absent\nfunc none() int\n"]
)
def test_a_candidate_cannot_blame_the_package_for_its_own_function_without_a_body(
    quick: Worker, machine: Machine, own: str
) -> None:
    test = TEST.replace('"testing"\n', '(\n\t"testing"\n\t_ "unsafe"\n)\n').replace("One()", "none()") + own
    files = {"go.mod": GO_MOD, "m.go": ONE, "stub.s": ""}
    record = executed(quick, machine, "own-linker", files, test)
    assert record.status is Status.BUILD_FAILED, record.evidence


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs a C compiler")
@pytest.mark.parametrize("name", WITH_CGO)
def test_what_c_code_lacks_is_named(quick: Worker, machine: Machine, name: str) -> None:
    worker = replace(quick, options=replace(quick.options, cgo=True))
    record = executed(worker, machine, name, WITH_CGO[name])
    assert (record.status, record.reason) == (Status.INFRA_FAILURE, "c-library"), record.evidence
    assert re.search("no_such_header|nosuchlibrary|one|nosuchpackage", record.evidence.splitlines()[0])


def test_a_build_without_time_is_not_called_broken(quick: Worker, machine: Machine) -> None:
    worker = replace(quick, options=replace(quick.options, build_seconds=0.001))
    record = executed(worker, machine, "slow", {"go.mod": GO_MOD, "m.go": ONE})
    assert (record.status, record.reason) == (Status.INFRA_FAILURE, "build-timed-out")
    assert "--build-seconds" in record.evidence.splitlines()[0]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ('cgo: C compiler "gcc" not found: exec: "gcc": executable file not found in $PATH', "c-compiler"),
        ('pkg-config: exec: "pkg-config": executable file not found in $PATH', "c-compiler"),
        ("package m: C source files not allowed when not using cgo or SWIG: sqlite3-binding.c", "cgo-off"),
        ("/usr/bin/ld: cannot find -lpcap: No such file or directory", "c-library"),
        ("x.go:3:1: pattern dist/*: no matching files found", "embed-files"),
        ("m_test.go:9:12: pattern dist/*: no matching files found", ""),
        ("m.go:5:2: missing go.sum entry for module providing package x (imported by m)", "go-sum"),
        ("go: inconsistent vendoring in /m:", "vendor-differs"),
        ("go: go.mod requires go >= 1.99 (running go 1.27.3; GOTOOLCHAIN=local)", "go-version"),
        ("m.o: in function `f':\nx.c:3: undefined reference to `sqrt'", "c-library"),
        ("compile: writing output: write $WORK/x: no space left on device", "disk-full"),
    ],
)  # fmt: skip
def test_the_go_commands_words_have_a_reason(output: str, reason: str) -> None:
    assert environment_fault(output, "m_test.go") == reason


def test_the_evidence_of_a_wrong_test_stays_what_the_compiler_says() -> None:
    blank = empty_record(text_candidate("p", "m", TEST), "key", ExecuteOptions())
    record = replace(
        blank, status=Status.BUILD_FAILED, reason="undefined", evidence="m_test.go:1:1: undefined: x"
    )
    assert explained(record) == record
    once = explained(replace(blank, reason="sandbox", evidence="it broke"))
    assert explained(once) == once


def test_every_reason_of_the_code_is_in_the_table_and_the_other_way_round() -> None:
    literals: set[str] = set()
    for path in (SOURCES / "execute").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literals.add(node.value)
    go = "\n".join(
        path.read_text("utf-8")
        for folder in ("packages", "typecheck")
        for path in (SOURCES / "golang" / "toolchain" / "gohelper" / folder).glob("*.go")
        if not path.name.endswith("_test.go")
    )
    kinds = set(re.findall(r'(?:\badd\([^"\n]*|\n\t\treturn |Kind: |kind :?= )"([a-z]+(?:-[a-z]+)*)"', go))
    compound = {text for text in literals if re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", text)}
    assert (compound | kinds) - NO_REASON - REASONS.keys() == set()
    assert REASONS.keys() - literals - kinds == set()


def test_the_reference_lists_all_reasons() -> None:
    rows = [f"| `{name}` | {reason.meaning} | {reason.hint} |" for name, reason in REASONS.items()]
    page = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert page == rows, "copy the rows of this test into docs/reference/reasons.md"
