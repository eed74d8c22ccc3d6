import json
from pathlib import Path

import pytest
import toymodule

from goutbench.golang.toolchain.answers import HelperError
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, run_go
from goutbench.golang.toolchain.typecheck import TypecheckRequest, TypecheckResult, typecheck

KINDS = (
    "syntax", "not-unicode", "wrong-package", "missing-package", "internal-package", "import-cycle", "cgo",
    "bad-embed", "undefined", "unexported", "redeclared", "unused-import", "unused-variable", "unused-result",
    "mismatched-types", "bad-assignment", "wrong-arguments", "wrong-count", "missing-return", "bad-label",
    "bad-constant", "bad-instantiation", "bad-init", "bad-test-signature", "duplicate-key", "type-cycle",
    "initialization-cycle", "unsupported-feature", "other",
)  # fmt: skip
"""Every kind of error that the helper reports."""

GOOD = """package toy

import "testing"

func TestClamp(t *testing.T) {
	must(t, Clamp(1, 2, 3) == 2)
}
"""

# additions to GOOD, and the kind of the first error
BROKEN = {
    "func f() { x := 1 }": "unused-variable",
    "var _ = nothing": "undefined",
    'var _ = New("x").nothing': "undefined",
    "var _ string = 1": "mismatched-types",
    "var _ = Clamp(1)": "wrong-arguments",
    "func f(x int) int { if x > 0 { return 1 } }": "missing-return",
    "func must() {}": "redeclared",
    "func TestUse(t *testing.T) {}": "redeclared",
    "func TestOther(x int) {}": "bad-test-signature",
    "func TestOther() {}": "bad-test-signature",
    "type T int\n\nfunc TestOther(t *T) {}": "bad-test-signature",
    "func TestMain(t int) {}": "bad-test-signature",
    "func f() { break }": "bad-label",
    "var x = f()\n\nfunc f() int { return x }": "initialization-cycle",
    "type T struct{ t T }": "type-cycle",
    "var _ int8 = 300": "bad-constant",
    "func f(x int) { switch x { case 1: case 1: } }": "duplicate-key",
    "func f() { 1 + 1 }": "unused-result",
    "func f[T any]() {}\n\nfunc g() { f() }": "bad-instantiation",
    "func f() { if }": "syntax",
    "var _ = `\0`": "not-unicode",
    "func f()": "syntax",
    "//go:noinline\nvar x = 1": "syntax",
    "//go:embed x.txt\nvar x string": "bad-embed",
    "func init() int { return 1 }": "bad-init",
    "func (Toy) Name() int { return 1 }": "redeclared",
    "type string int": "mismatched-types",
    "func len(any) {}\n\nvar _ = 1 + len(1)": "wrong-count",
    "var x [1 << 60]byte": "other",
}


def ask(
    helper: GoHelper, toy: Path, source: str | bytes, name: str = "toy_test.go", **more: object
) -> TypecheckResult:
    raw = source if isinstance(source, bytes) else source.encode()
    return typecheck(helper, TypecheckRequest(toy / "toy", name, raw, **more))  # type: ignore[arg-type]


def kinds(result: TypecheckResult) -> list[str]:
    assert result.infra is None, result.infra
    assert all(error.kind in KINDS for error in result.errors)
    return [error.kind for error in result.errors]


def test_a_good_candidate_has_no_errors(helper: GoHelper, toy: Path) -> None:
    result = ask(helper, toy, GOOD)
    assert (result.ok, result.errors, result.infra) == (True, (), None)
    assert (result.tests, result.external, result.excluded) == (("TestClamp",), False, False)


@pytest.mark.parametrize("addition", BROKEN)
def test_an_error_has_its_kind(helper: GoHelper, toy: Path, addition: str) -> None:
    result = ask(helper, toy, GOOD + "\n" + addition + "\n")
    assert kinds(result)[0] == BROKEN[addition]
    assert not result.ok


def test_an_error_has_its_file_line_and_column(helper: GoHelper, toy: Path) -> None:
    (error,) = ask(helper, toy, GOOD + "\nvar _ = /* é */ nothing\n").errors
    assert (error.file, error.line, error.column) == ("toy_test.go", 9, 18)
    assert (error.rung, error.message) == ("types", "undefined: nothing")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("no/such/package", "missing-package"),
        ("example.com/none/such", "missing-package"),
        ("-toolexec=x", "missing-package"),
        ("all", "missing-package"),
        ("./x", "missing-package"),
        ("C", "cgo"),
        ("example.com/toy/shop", "import-cycle"),
        ("example.com/toy/tool", "missing-package"),
        ("example.com/toy/other/internal/deep", "internal-package"),
        ("internal/abi", "internal-package"),
        ("bufio", "unused-import"),
    ],
)
def test_an_import_that_the_go_command_refuses_has_its_kind(
    helper: GoHelper, toy: Path, path: str, kind: str
) -> None:
    source = GOOD.replace('import "testing"', f'import "testing"\nimport x "{path}"')
    assert kinds(ask(helper, toy, source))[0] == kind


def test_an_external_test_imports_the_package_with_its_internal_test_files(
    helper: GoHelper, toy: Path
) -> None:
    # shop was compiled against the package without tests: its toy.Toy must be the one that Secret takes
    source = """package toy_test

import (
	"testing"

	"example.com/toy/shop"
	"example.com/toy/toy"
)

func TestSecret(t *testing.T) {
	if toy.Secret(shop.Sell()) != "car" {
		t.Fatal()
	}
}
"""
    result = ask(helper, toy, source)
    assert (kinds(result), result.external) == ([], True)
    assert kinds(ask(helper, toy, source, removed=("export_test.go",))) == ["undefined"]
    assert kinds(ask(helper, toy, source.replace("package toy_test", "package toy"))) == ["import-cycle"] * 2
    assert kinds(ask(helper, toy, source.replace("Secret(", "New("))) != []
    assert kinds(ask(helper, toy, source.replace("package toy_test", "package toys_test"))) == [
        "wrong-package"
    ]


def test_removed_test_files_do_not_declare_their_helpers(helper: GoHelper, toy: Path) -> None:
    result = ask(helper, toy, GOOD, removed=("helper_test.go",))
    assert kinds(result) == ["undefined", "undefined"]
    assert {error.file for error in result.errors} == {"toy_test.go", "use_test.go"}
    own = GOOD + "\nfunc must(t *testing.T, ok bool) {}\n"
    assert ask(helper, toy, own, removed=("helper_test.go",)).ok
    assert ask(helper, toy, own, name="helper_test.go").ok


def test_build_constraints_exclude_a_candidate(helper: GoHelper, toy: Path) -> None:
    for name, source in (("toy_plan9_test.go", "nonsense"), ("toy_test.go", "//go:build plan9\n\n" + GOOD)):
        result = ask(helper, toy, source, name=name)
        assert (result.ok, result.excluded, result.tests) == (True, True, ())
    tagged = "//go:build special\n\n" + GOOD
    assert ask(helper, toy, tagged).excluded
    assert not ask(helper, toy, tagged, flags=("-tags=special",)).excluded


def test_the_language_version_is_that_of_go_mod(helper: GoHelper, tmp_path: Path) -> None:
    old = {**toymodule.FILES, "go.mod": "module example.com/toy\n\ngo 1.17\n"}
    root = toymodule.write(tmp_path, old)
    generic = GOOD + "\nfunc f[T any](x T) {}\n"
    assert "unsupported-feature" in kinds(ask(helper, root, generic))


def test_invalid_requests_have_a_reason(helper: GoHelper, toy: Path) -> None:
    assert "not the name" in str(ask(helper, toy, GOOD, name="toy.go").infra)
    assert "bytes" in str(ask(helper, toy, b"x" * (9 << 20)).infra)
    assert "go.mod" in str(typecheck(helper, TypecheckRequest(Path("/"), "x_test.go", b"")).infra)


def test_a_package_that_does_not_build_is_no_error_of_the_candidate(helper: GoHelper, tmp_path: Path) -> None:
    files = {**toymodule.FILES, "toy/bad.go": "package toy\n\nvar _ = nothing\n"}
    result = ask(helper, toymodule.write(tmp_path, files), GOOD)
    assert "without the candidate" in str(result.infra)


def test_a_module_that_is_not_available_is_an_infrastructure_error(helper: GoHelper, tmp_path: Path) -> None:
    files = {**toymodule.FILES, "go.mod": toymodule.FILES["go.mod"] + "\nrequire example.com/absent v1.0.0\n"}
    files["go.sum"] = "example.com/absent v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    source = GOOD.replace('import "testing"', 'import "testing"\nimport _ "example.com/absent"')
    result = ask(helper, toymodule.write(tmp_path, files), source)
    assert "not available" in str(result.infra)


HOSTILE = {
    "doubling types": "type T0 [2]int\n"
    + "\n".join(f"type T{i} struct{{ a, b T{i - 1} }}" for i in range(1, 80)),
    "doubling strings": 'const s0 = "0123456789abcdef"\n'
    + "\n".join(f"const s{i} = s{i - 1} + s{i - 1}" for i in range(1, 64))
    + "\nvar x = map[string]int{s62: 1, s63: 2}",
    "deep parentheses": "var x = " + "(" * 200_000 + "1" + ")" * 200_000,
    "deep operators": "var x = 1" + "+1" * 300_000,
    "a huge shift": "var x = 1 << 1000000000",
    "a huge float": "const x = 1e1000000000 * 1e1000000000",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_candidates_do_not_break_later_checks(
    toolchain: Toolchain, go_environment: dict[str, str], toy: Path, name: str
) -> None:
    with GoHelper(toolchain, go_environment, timeout=3, memory=1 << 30) as helper:
        result = ask(helper, toy, GOOD + "\n" + HOSTILE[name] + "\n")
        assert not result.ok
        assert result.errors or result.infra
        assert ask(helper, toy, GOOD).ok


def test_the_helper_restarts_after_its_time_limit(helper: GoHelper, toy: Path) -> None:
    body = {"dir": str((toy / "toy").resolve()), "dirs": [str((toy / "toy").resolve())], "flags": []}
    with pytest.raises(HelperError, match="no answer within"):
        helper.ask("warm", body, timeout=1e-3)  # runs `go list`, which takes a hundred times as long
    assert ask(helper, toy, GOOD).ok


def test_redeclaring_a_predeclared_name_causes_errors_in_other_files(
    helper: GoHelper, tmp_path: Path
) -> None:
    files = {**toymodule.FILES, "toy/more.go": "package toy\n\nfunc size(s string) int { return len(s) }\n"}
    result = ask(helper, toymodule.write(tmp_path, files), GOOD + "\nfunc len(x bool) bool { return x }\n")
    assert {error.file for error in result.errors} == {"more.go"}


def test_the_type_check_agrees_with_the_compiler(
    helper: GoHelper, toolchain: Toolchain, go_environment: dict[str, str], toy: Path, tmp_path: Path
) -> None:
    """Candidates for rules that go/types does not check; benchmarks/bench_typecheck.py compares hundreds."""
    tail = [
        "func TestOther(x int) {}",
        "//go:linkname f runtime.f\nfunc f()",
        "//go:noinline\nvar x = 1",
        "func Testimony(x int) {}",
        "//line other.go:7\nvar _ = 1",
        "func f() { for i := range 3 { _ = i } }",
    ]
    for addition in tail:
        source = GOOD + "\n" + addition + "\n"
        (tmp_path / "candidate.go").write_text(source)
        replace = {str(toy / "toy" / "toy_test.go"): str(tmp_path / "candidate.go")}
        (tmp_path / "overlay.json").write_text(json.dumps({"Replace": replace}))
        command = [
            "test",
            "-c",
            "-vet=off",
            "-ldflags=-s -w",
            f"-overlay={tmp_path}/overlay.json",
            "-o",
            str(tmp_path / "x.test"),
            ".",
        ]
        done = run_go(toolchain, command, cwd=toy / "toy", env=go_environment)
        assert ask(helper, toy, source).ok == (done.returncode == 0), (addition, done.stderr)


def test_answers_do_not_depend_on_the_order_of_requests(helper: GoHelper, toy: Path) -> None:
    sources = [
        GOOD,
        GOOD + "var _ = nothing\n",
        GOOD.replace("package toy", "package toy_test"),
        "package toy\n",
    ]
    first = [ask(helper, toy, source).errors for source in sources]
    again = [ask(helper, toy, source).errors for source in reversed(sources)]
    assert first == again[::-1]
