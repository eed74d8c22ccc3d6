"""New declarations in a test file: what is there stays, names and imports are unified."""

from pathlib import Path

import pytest

from goutbench.assemble.extract import extract
from goutbench.assemble.package_context import package_context
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.mutate.source.packages import ListedPackage
from goutbench.write.files import Destination
from goutbench.write.merge.additions import new_tests, with_tests
from goutbench.write.merge.destination import destination, usual_clause

FOCAL = b"package p\n\nfunc Double(x int) int { return 2 * x }\n"
CONTEXT = package_context(FOCAL, (), "example.test/p")
NEW = """package p

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	require.True(t, strings.Contains("ab", "a"))
}
"""
BODY = "\n\nfunc TestOld(t *testing.T)   { Double(1) } // as it is\n"
TIDY = "\n\nfunc TestOld(t *testing.T) { Double(1) }\n"


def merged(existing: str, code: str = NEW) -> str:
    text = with_tests(existing.encode(), code, FOCAL)
    assert text is not None
    return text.decode()


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        (
            'import "testing"',
            'import (\n\t"strings"\n\t"testing"\n\n\t"github.com/stretchr/testify/require"\n)',
        ),
        (
            'import (\n\t"errors" // a comment\n\t"testing"\n)\n\nvar _ = errors.New',
            'import (\n\t"errors" // a comment\n\t"strings"\n\t"testing"\n\n'
            '\t"github.com/stretchr/testify/require"\n)\n\nvar _ = errors.New',
        ),
        (
            'import (\n\t"testing"\n\n\t"example.test/a"\n)\n\nvar _ = a.A',
            'import (\n\t"strings"\n\t"testing"\n\n\t"example.test/a"\n'
            '\t"github.com/stretchr/testify/require"\n)\n\nvar _ = a.A',
        ),
        (
            'import "testing"\nimport "os"\n\nvar _ = os.Args',
            'import "testing"\nimport "os"\n\nimport (\n\t"strings"\n\n'
            '\t"github.com/stretchr/testify/require"\n)\n\nvar _ = os.Args',
        ),
    ],
)
def test_imports_go_where_they_belong(imports: str, expected: str) -> None:
    text = merged(f"package p\n\n{imports}{TIDY}")
    assert text.startswith(f"package p\n\n{expected}{TIDY}\nfunc TestNew(")
    assert gofmt([text.encode()])[0].code == text.encode()


def test_a_file_that_gofmt_would_change_is_not_formatted() -> None:
    existing = f'package p\n\nimport "testing"{BODY}'
    text = merged(existing)
    assert BODY in text
    assert [test.name for test in parse(text.encode()).tests] == ["TestOld", "TestNew"]
    assert merged(existing.replace("\n", "\r\n")).count("\r\n") == merged(existing).count("\n")
    assert merged(existing.rstrip("\n")) == text, "the last line may lack its end"
    loose = merged(f'package p\n\n\n\nimport (\n  "testing"\n){TIDY}')
    assert loose.startswith("package p\n\n\n\nimport (")
    assert '\n  "testing"\n' in loose


def test_a_new_file_has_the_build_constraint_of_the_focal_file() -> None:
    focal = b"//go:build linux\n\n" + FOCAL
    assert with_tests(None, NEW, focal) == f"//go:build linux\n\n{NEW}".encode()


def test_what_the_file_has_is_not_added_again() -> None:
    existing = (
        'package p\n\nimport "testing"\n\nfunc double(t *testing.T) int {\n\treturn Double(1)\n}\n\n'
        "func TestOld(t *testing.T) { double(t) }\n"
    )
    reply = (
        "```go\npackage p\n\nimport \"testing\"\n\nfunc double(t *testing.T) int { return Double(1) }\n\n"
        "func TestOld(t *testing.T) { double(t) }\n\nfunc TestMore(t *testing.T) { double(t) }\n```"
    )  # fmt: skip
    new = new_tests(existing.encode(), extract(reply, 1).units, CONTEXT)
    assert [item.names for item in parse(new.code.encode()).declarations] == [("TestMore",)]
    assert {note.what for note in new.notes if note.kind == "folded"} == {"double", "TestOld"}
    other = reply.replace("return Double(1)", "return Double(2)")
    renamed = new_tests(existing.encode(), extract(other, 1).units, CONTEXT)
    names = [item.names[0] for item in parse(renamed.code.encode()).declarations]
    assert len(set(names)) == 3
    assert not {"double", "TestOld"} & set(names)
    text = merged(existing, renamed.code)
    assert text.startswith(existing.rstrip("\n"))


def test_new_tests_go_into_the_file_of_their_package(tmp_path: Path) -> None:
    for name in ("a.go", "b.go", "c.go", "c_test.go", "n_linux.go"):
        (tmp_path / name).write_text("package p\n")
    (tmp_path / "a_test.go").write_text("package p_test\n")
    (tmp_path / "b_test.go").symlink_to(tmp_path / "a_test.go")
    (tmp_path / "n_linux_test.go").write_text("package p_test\n")
    tests = ("a_test.go", "b_test.go", "n_linux_test.go")  # c_test.go is not in the build
    package = ListedPackage(
        "example.test/p", tmp_path, ("a.go", "b.go", "c.go"), tests, (), (), ("", ""), False, True, ""
    )
    assert destination(package, "a.go", "p_test").content == b"package p_test\n"
    assert destination(package, "a.go", "p") == Destination("a_internal_test.go", None)
    assert destination(package, "b.go", "p_test") == Destination("b_external_test.go", None), "a link"
    assert destination(package, "c.go", "p") == Destination("c_internal_test.go", None)
    assert destination(package, "n_linux.go", "p") == Destination("internal_n_linux_test.go", None)
    assert destination(package, "new.go", "p") == Destination("new_test.go", None)
    assert [usual_clause(package, name) for name in ("a.go", "c.go")] == ["p_test", "p_test"]
    (tmp_path / "main.go").write_text("package main\n")
    assert usual_clause(package, "main.go") == "main"
