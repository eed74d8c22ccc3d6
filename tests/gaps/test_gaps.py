"""Where tests are missing or weak, of a real repository whose reference tests were executed."""

import csv
import html
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from gitmaker import GitMaker
from typer.testing import CliRunner
from workfolder import shared_work

from goutbench.cli import app
from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate
from goutbench.errors import ConfigError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.gaps.links import SourceLinks

SIGN = """package calc

// Sign tells the sign.
func Sign(x int) string {
	if x < 0 {
		return "<b>-</b>"
	}
	return "+"
}

type Box struct{ n int }

func (b *Box) Never() int {
	// not called by any test
	if b.n > 1 {
		return 1
	}
	return 2
}
"""
SIGN_TEST = """package calc

import "testing"

func TestSign(t *testing.T) {
	if Sign(-3) == "" || Sign(3) != "+" {
		t.Error("sign")
	}
}
"""
FILES = {
    "go.mod": "module example.test/calc\n\ngo 1.22\n",
    "LICENSE": "MIT License",
    "calc/sign.go": SIGN,
    "calc/sign_test.go": SIGN_TEST,
    "calc/half.go": "package calc\n\nfunc Half(x int) int { return x / 2 }\n",
    "calc/half_test.go": 'package calc\n\nimport "testing"\n\nfunc TestHalf(t *testing.T) { Half(4) }\n',
    "calc/wrong.go": "package calc\n\nfunc Wrong() int { return 1 }\n",
    "calc/wrong_test.go": 'package calc\n\nimport "testing"\n\n'
    "func TestWrong(t *testing.T) {\n\tif Wrong() != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
    "odd/<i>odd.go": "package odd\n\nfunc Odd() {}\n",
    "calc/new.go": "package calc\n\nfunc Fresh() {}\n\nfunc Older() { Half(1); Sign(1) }\n",
    "calc/doc.go": "// Package calc calculates.\npackage calc\n",
    "calc/testdata/x.go": "package x\n\nfunc X() {}\n",
    "alone/alone.go": "package alone\n\nfunc Alone() {}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gaps")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Path:
    maker = GitMaker.create(folder / "o__calc.git")
    maker.commit(FILES)
    maker.finish()
    entry = {"name": "o/calc", "source": "https://github.com/o/calc.git", "declared_licence": "MIT"}
    config = CurateConfig.model_validate({"repositories": [entry]})
    curate(config, folder / "dataset", SourceLocations((), folder / "cache", folder))
    return folder / "dataset"


@pytest.fixture(scope="module")
def reference(dataset: Path, folder: Path) -> Path:
    """The run folder of the reference tests, with all mutants."""
    work = shared_work("gaps")
    options = ExecuteOptions(repeat=1, mutants=0, build_seconds=600.0)
    run_stage(None, dataset, folder, folder / "reference", options=options, reference=True, work=work)
    return folder / "reference"


def rows(page: Path, name: str = "gaps") -> list[dict[str, str]]:
    path = page.with_name(f"{page.stem}_files") / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of_kind(page: Path, kind: str) -> list[dict[str, str]]:
    return [row for row in rows(page) if row["kind"] == kind]


def test_the_page_tells_where_tests_are_missing_or_weak(dataset: Path, reference: Path, folder: Path) -> None:
    out = folder / "gaps.html"
    done = CliRunner().invoke(app, ["gaps", str(dataset), "--reference", str(reference), "-o", str(out)])
    assert done.exit_code == 0, done.output

    untested = {row["path"]: row for row in of_kind(out, "no-test")}
    assert set(untested) == {"calc/new.go", "alone/alone.go", "odd/<i>odd.go"}, (
        "not doc.go, and nothing in testdata"
    )
    assert untested["calc/new.go"]["detail"] == "2 functions, 0 named in tests of other files"

    (never,) = of_kind(out, "uncovered-function")
    assert (never["path"], never["function"], never["line"], never["end_line"]) == (
        "calc/sign.go", "Box.Never", "13", "19",
    )  # fmt: skip
    assert never["link"].startswith("https://github.com/o/calc/blob/")
    assert never["link"].endswith("/calc/sign.go#L13")

    survivors = of_kind(out, "surviving-mutant")
    assert "- \tif x < 0 {\n+ \tif x <= 0 {" in {row["diff"].removeprefix("'") for row in survivors}
    assert not any("Never" in row["function"] for row in survivors), "nothing of code that was not covered"
    assert {row["path"] for row in of_kind(out, "assertion-free")} == {"calc/half_test.go"}
    (wrong,) = of_kind(out, "failing-test")
    assert wrong["path"] == "calc/wrong_test.go"
    assert wrong["detail"] == "tests failed, assertion: TestWrong"

    calc, alone, odd = rows(out, "packages")
    assert (calc["package"], alone["package"], odd["findings"]) == ("calc", "alone", "1")
    assert int(calc["findings"]) == len(rows(out)) - 2
    assert float(calc["coverage"]) == pytest.approx((3 + 1 + 1) / (6 + 1 + 1))
    assert (alone["coverage"], alone["mutation_score"]) == ("", ""), "not measured is no number"
    assert f"{calc['findings']:>7}  o/calc calc: " in done.stdout
    assert pq.read_table(folder / "gaps_files" / "gaps.parquet").num_rows == len(rows(out))

    page = out.read_text()
    assert "of its mutants survive" in page
    assert "<i>odd" not in page
    assert "&lt;i&gt;odd.go" in page
    assert "%3Ci%3Eodd.go" in page
    assert "return &#34;&lt;b&gt;-&lt;/b&gt;&#34;" in page
    assert "not measured" not in html.unescape(done.stderr)


def test_without_executions_the_page_has_what_curate_knows_and_says_what_is_missing(
    dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "gaps.html"
    done = CliRunner().invoke(app, ["gaps", str(dataset), "-o", str(out), "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["counts"]["files without tests"] == 3
    assert content["counts"]["uncovered functions"] is None
    assert all(package["coverage"] is None for package in content["packages"])
    (notice,) = content["notices"]
    assert f"goutbench execute --reference --dataset {dataset} --mutants 50 --out reference" in notice
    assert all(package["uncovered functions"] is None for package in content["packages"])
    assert "were not measured" in out.read_text()
    assert "<dt>surviving mutants</dt><dd>–" in out.read_text()


def test_a_folder_without_executed_reference_tests_is_an_error(dataset: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["gaps", str(dataset), "--reference", str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "no executed reference test" in str(done.exception)


def test_the_template_of_a_link_is_checked(dataset: Path) -> None:
    links = SourceLinks(dataset, "https://git.example.org/{repository}/{path}?at={revision}#{line}")
    assert links.link("o/calc", "a b/<x>.go", 7).startswith(
        "https://git.example.org/o/calc/a%20b/%3Cx%3E.go?at="
    )
    assert links.link("o/unknown", "a.go") == ""
    for template in ("javascript:alert({line})", "https://x/{file}", "https://x/{}", "https://x/{path", "/x"):
        with pytest.raises(ConfigError, match="--link"):
            SourceLinks(dataset, template)
