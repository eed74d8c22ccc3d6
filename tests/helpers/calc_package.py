"""A dataset with one package of several files, for the tests of cross-file context."""

from dataclasses import replace
from pathlib import Path

from judging import make_pair

from goutbench.dataset.store import DATA, PACKAGES, to_table, write_manifest, write_table
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse
from goutbench.records import PackageFile, Pair

FILES = {
    "calc/calc.go": """package calc

// Twice doubles.
func Twice(n Number) (Number, error) {
	limit := 3
	if err := check(n, limit); err != nil {
		return Number{}, err
	}
	return n.Add(n), nil
}

func helper(n Number) Number { return fallback }
""",
    "calc/number.go": """package calc

type Number struct {
	value  int
	unseen string
}

func (n Number) Add(m Number) Number { return Number{value: n.value + m.value} }

func (n Number) Never() {}

var fallback = Number{value: 9}

var limit = 9
""",
    "calc/check.go": "package calc\n\nfunc check(n Number, most int) error { return nil }\n",
    "calc/check_linux.go": "//go:build linux\n\npackage calc\n\nfunc check(n int) error { return nil }\n",
    "calc/tool.go": "package main\n\nfunc check() {}\n\ntype Number int\n",
}
TEST = """package calc

import "testing"

func TestTwice(t *testing.T) {
	if got, _ := Twice(Number{}); got != (Number{}) {
		t.Fatal(got)
	}
}
"""


def calc_pair() -> Pair:
    return replace(
        make_pair(1), repository="o/calc", file_name="calc", code_path="calc/calc.go",
        code=FILES["calc/calc.go"], test_path="calc/calc_test.go", test=TEST, package="calc",
    )  # fmt: skip


def package_files() -> list[PackageFile]:
    return [
        PackageFile(
            "o/calc", path, "main" if path.endswith("tool.go") else "calc", "example.test/calc", "1.26",
            file_outline(parse(text.encode())),
        )
        for path, text in sorted(FILES.items())
    ]  # fmt: skip


def write_calc(folder: Path, *, packages: bool = True) -> Path:
    """A dataset of one pair, with the outlines of its package or, as older datasets, without."""
    (folder / DATA).mkdir(parents=True)
    files = [folder / DATA / "all.parquet"]
    write_table(to_table([calc_pair()], Pair), files[0])
    if packages:
        files.append(folder / PACKAGES)
        write_table(to_table(package_files(), PackageFile), files[1])
    write_manifest(folder, files, {"pairs": 1, "repositories": {}})
    return folder
