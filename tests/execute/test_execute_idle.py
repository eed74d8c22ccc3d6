"""Test files that have no effect on a candidate's tests are left out of its build, and only these."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.entry.idle import idle_siblings, is_idle
from goutbench.execute.ladder.faults import PACKAGE_FAULT
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.parser import parse

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
CANDIDATE = 'package calc\n\nimport "testing"\n\nfunc TestX(t *testing.T) {\n%s\n}\n'
VETTED = 'func vetted(t *testing.T) { t.Logf("%d", "text") }'
"""The type check accepts it, the vet of the build does not."""


def file_of(text: str, *imports: str) -> str:
    return "package calc\n\n" + "".join(f"import {spec}\n" for spec in imports) + f"\n{text}\n"


@pytest.mark.parametrize(
    "text",
    [
        "func TestY(t *testing.T) { Add(1, 2) }",
        "type pair struct{ a, b int }\n\nfunc (p *pair) sum() int { return Add(p.a, p.b) }",
        'var table = []struct{ in, out string }{{`a`, "b"}, {in: "c"}}',
        "var zero = &pair{}\n\ntype pair struct{ run func() }",
        'var _ error = (*fault)(nil)\n\ntype fault struct{}\n\nfunc (*fault) Error() string { return "" }',
        'var err = errors.New("x")',
        "var count int",
        "const limit = 1 << 4",
        "var later = func() int { return Add(1, 2) }",
    ],
)
def test_a_file_that_only_declares_is_idle(text: str) -> None:
    assert is_idle(parse(file_of(text).encode()))


@pytest.mark.parametrize(
    "text",
    [
        "func init() { Add(1, 2) }",
        "func TestMain(m *testing.M) { m.Run() }",
        "var three = Add(1, 2)",
        "var pair = [2]int{Add(1, 2), 3}",
        'var update = flag.Bool("update", false, "")',
        "var got = <-results",
        "var second = table[1]",
        'func (Number) String() string { return "" }',
        'type same = Number\n\nfunc (same) String() string { return "" }',
        "//go:linkname now time.now\nfunc now() int64",
        "func broken( {",
    ],
)
def test_a_file_that_may_do_something_is_not_idle(text: str) -> None:
    assert not is_idle(parse(file_of(text).encode()))


@pytest.fixture
def copied(package: PackageUnderTest, tmp_path: Path) -> PackageUnderTest:
    """The package with its own folder, and without test files."""
    shutil.copytree(CALC, tmp_path / "calc")
    for path in (tmp_path / "calc").glob("*_test.go"):
        path.unlink()
    root = (tmp_path / "calc").resolve()
    return replace(package, tree=replace(package.tree, root=root), folder=root)


def left_out(package: PackageUnderTest, code: str, **files: str) -> set[str]:
    for name, text in files.items():
        (package.folder / f"{name}_test.go").write_text(text)
    return {name.removesuffix("_test.go") for name in idle_siblings(package, code.encode())}


def test_what_the_candidate_or_a_file_that_stays_mentions_is_not_left_out(copied: PackageUnderTest) -> None:
    files = {
        "helper": file_of("func helper() int { return deeper() }"),
        "deeper": file_of("func deeper() int { return 1 }"),
        "named": file_of("func TestProcess(t *testing.T) {}", '"testing"'),
        "other": file_of("func TestOther(t *testing.T) {}", '"testing"'),
        "starts": file_of("func init() { started() }"),
        "started": file_of("func started() {}"),
    }
    assert left_out(copied, CANDIDATE % "", **files) == {"helper", "deeper", "named", "other"}
    assert left_out(copied, CANDIDATE % "helper()") == {"named", "other"}
    assert left_out(copied, CANDIDATE % 't.Log("TestProcess$")') == {"helper", "deeper", "other"}
    again = 'exec.Command(os.Args[0], "-test.run=Test").Run()'
    assert left_out(copied, CANDIDATE % again) == set()


def test_an_import_that_may_have_an_effect_is_not_left_out_unless_others_have_it(
    copied: PackageUnderTest,
) -> None:
    files = {
        "image": file_of("func TestImage(t *testing.T) {}", '"testing"', '_ "image/png"'),
        "module": file_of("func TestModule(t *testing.T) {}", '"testing"', '"example.test/registers"'),
        "plain": file_of("func TestPlain(t *testing.T) {}", '"testing"', '"strings"'),
    }
    assert left_out(copied, CANDIDATE % "", **files) == {"plain"}
    with_import = (CANDIDATE % "").replace(
        'import "testing"', 'import (\n"testing"\n"example.test/registers"\n)'
    )
    assert left_out(copied, with_import) == {"plain", "module"}
    (copied.folder / "draw.go").write_text(file_of("func draw() {}", '_ "image/png"'))
    assert left_out(copied, CANDIDATE % "") == {"plain", "image"}


def test_nothing_is_left_out_of_a_package_that_embeds_files(copied: PackageUnderTest) -> None:
    embed = '"embed"\n\n//go:embed *_test.go\nvar files embed.FS\n'
    assert left_out(copied, CANDIDATE % "", other=file_of("func other() {}")) == {"other"}
    assert (
        left_out(copied, (CANDIDATE % "").replace('import "testing"', f'import "testing"\nimport {embed}'))
        == set()
    )
    (copied.folder / "files.go").write_text(file_of("", embed))
    assert left_out(copied, CANDIDATE % "") == set()


def test_the_build_lacks_idle_files_and_the_type_check_does_not(
    worker: Worker, package: PackageUnderTest
) -> None:
    root = worker.workspace.trees / "idle"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(CALC, root)
    (root / "vetted_test.go").write_text(file_of(VETTED, '"testing"'))
    (root / "state_test.go").write_text(file_of("var state int\n\nfunc init() { state = Add(1, 1) }"))
    there = replace(package, tree=replace(package.tree, root=root.resolve()), folder=root.resolve())

    def run(code: str) -> tuple[str, str]:
        record = climb(worker, there, text_candidate("pair", "model", code))
        return record.status, record.reason

    passing = CANDIDATE % "if state != 2 || Sum(3) != 6 { t.Fatal(state) }"
    assert run(passing) == ("PASSED", "")
    assert run(passing + "\nfunc vetted() {}\n") == ("BUILD_FAILED", "redeclared")
    assert run(CANDIDATE % "vetted(t)") == ("INFRA_FAILURE", PACKAGE_FAULT)
