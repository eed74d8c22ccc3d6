"""The files beside the pairs: which are noted, in what words, with which module; and verify knows them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gitmaker import GitMaker

from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate, verify
from goutbench.dataset.store import PACKAGES, extend_manifest, read_packages, read_table, write_table
from goutbench.golang.syntax.modfile import Module, read_module
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse
from goutbench.records import PackageFile

Make = Callable[..., GitMaker]
TYPES = """//go:build linux

package calc

import "bytes"

// Number is long explained.
type Number struct {
	value int // the value
}

// Add adds.
func (n Number) Add(m Number) Number { return Number{n.value + m.value} }

var table = map[string]int{"one": 1, "two": 2}

func parse(text string) (Number, error) {
	return Number{len(bytes.TrimSpace([]byte(text)))}, nil
}
"""
FILES = {
    "go.mod": "module example.test/calc // the module\n\ngo 1.26.1\n",
    "calc/calc.go": "package calc\n\nfunc Twice(n Number) Number { return n.Add(n) }\n",
    "calc/calc_test.go": "package calc\n",
    "calc/types.go": TYPES,
    "calc/broken.go": "no Go at all\n",
    "calc/other_test.go": "package calc\n",
    "alone/alone.go": "package alone\n",
    "sub/go.mod": "module example.test/sub\n",
    "sub/deep/d.go": "package deep\n",
    "sub/deep/d_test.go": "package deep\n",
    "vendor/a/b/b.go": "package b\n",
    "vendor/a/b/b_test.go": "package b\n",
}


def curated(tmp_path: Path, source: Path, **settings: Any) -> Path:
    entry = {"name": "o/calc", "source": str(source), **settings}
    config = CurateConfig.model_validate({"repositories": [entry]})
    curate(config, tmp_path / "dataset", places(tmp_path))
    return tmp_path / "dataset"


def places(tmp_path: Path) -> SourceLocations:
    return SourceLocations((tmp_path,), tmp_path / "cache")


@pytest.fixture
def repository(make_repo: Make) -> Path:
    maker = make_repo("calc")
    maker.commit(FILES)
    maker.finish()
    return maker.path


def by_path(dataset: Path) -> dict[str, PackageFile]:
    return {file.path: file for file in read_packages(dataset)}


def test_source_files_in_the_folders_of_pairs_have_the_nearest_module(
    repository: Path, tmp_path: Path
) -> None:
    files = by_path(curated(tmp_path, repository))
    assert {path: (file.package, file.module, file.go_version) for path, file in files.items()} == {
        "calc/calc.go": ("calc", "example.test/calc", "1.26.1"),
        "calc/types.go": ("calc", "example.test/calc", "1.26.1"),
        "sub/deep/d.go": ("deep", "example.test/sub", ""),
        "vendor/a/b/b.go": ("b", "", ""),
    }
    assert list(files) == sorted(files)


def test_a_plain_tree_gives_the_same_packages_as_a_commit(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    dataset = curated(tmp_path, tmp_path / "tree", version="v1")
    assert by_path(dataset)["calc/types.go"].module == "example.test/calc"
    assert verify(dataset, places(tmp_path)) == []


def test_files_have_what_their_module_requires_and_verify_knows_older_datasets(
    make_repo: Make, tmp_path: Path
) -> None:
    maker = make_repo("calc")
    requires = "require (\n\ta.org/b v1.0.0\n\tc.org/d v1.0.0 // indirect\n)\n"
    maker.commit({**FILES, "go.mod": FILES["go.mod"] + requires})
    maker.finish()
    dataset = curated(tmp_path, maker.path)
    assert {path: file.requires for path, file in by_path(dataset).items()} == {
        "calc/calc.go": ("a.org/b",),
        "calc/types.go": ("a.org/b",),
        "sub/deep/d.go": (),
        "vendor/a/b/b.go": None,
    }
    assert verify(dataset, places(tmp_path)) == []
    write_table(read_table(dataset / PACKAGES).drop_columns(["requires"]), dataset / PACKAGES)
    extend_manifest(dataset, [PACKAGES], {})
    assert by_path(dataset)["calc/calc.go"].requires is None
    assert verify(dataset, places(tmp_path)) == []


def test_filters_apply_to_the_files_beside_a_pair(repository: Path, tmp_path: Path) -> None:
    dataset = curated(tmp_path, repository, filters={"exclude": ["*/types.go"]})
    assert "calc/types.go" not in by_path(dataset)


def test_the_licence_policy_applies_to_the_files_beside_a_pair(make_repo: Make, tmp_path: Path) -> None:
    tag = "// SPDX-License-Identifier: {}\n\n"
    files = {
        name: tag.format("AGPL-3.0-only" if name == "calc/types.go" else "MIT") + text
        for name, text in FILES.items()
        if name.startswith("calc/")
    }
    maker = make_repo("calc")
    maker.commit(files)
    maker.finish()
    dataset = curated(tmp_path, maker.path, licence="permissive")
    assert list(by_path(dataset)) == ["calc/calc.go"]


def test_an_outline_is_go_without_bodies_comments_and_elements() -> None:
    text = file_outline(parse(TYPES.encode()))
    file = parse(text.encode())
    assert file.errors == ()
    assert file.build_constraint == "linux"
    assert [declaration.names for declaration in file.declarations] == [
        ("Number",),
        ("Add",),
        ("table",),
        ("parse",),
    ]
    assert "func (n Number) Add(m Number) Number\n" in text
    for omitted in ("explained", "TrimSpace", '"one"', "import"):
        assert omitted not in text


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("", Module()),
        ("module std\n\ngo 1.27\n", Module("std", "1.27")),
        (
            "module m\nrequire a.org/b v1.2.3\nrequire (\n\tc.org/d v0.1.0 // (why)\n\t// e.org/f v1.0.0\n"
            '\te.org/g v1.0.0 // indirect\n\n\t"h.org/i" v1.0.0\n)\nreplace x.org/y => z.org/z v1.0.0\n',
            Module("m", "", ("a.org/b", "c.org/d", "h.org/i")),
        ),
        ('// x\nmodule "quoted.test/m"\r\ngo 1.21rc2\r\n', Module("quoted.test/m", "1.21rc2")),
        (
            "module m\nrequire golang.org/x/mod v0.1.0\ntoolchain go1.25.0\n",
            Module("m", "", ("golang.org/x/mod",)),
        ),
    ],
)
def test_go_mod_gives_module_and_version(text: str, module: Module) -> None:
    assert read_module(text) == module


def test_verify_reports_a_changed_outline(repository: Path, tmp_path: Path) -> None:
    dataset = curated(tmp_path, repository)
    assert verify(dataset, places(tmp_path)) == []
    table = read_table(dataset / PACKAGES)
    rows = table.to_pylist()
    rows[0]["outline"] += "\nfunc Planted()\n"
    write_table(type(table).from_pylist(rows, schema=table.schema), dataset / PACKAGES)
    extend_manifest(dataset, [PACKAGES], {})
    (difference,) = verify(dataset, places(tmp_path))
    assert (difference.file, difference.row, difference.column) == (
        PACKAGES,
        "o/calc calc/calc.go",
        "outline",
    )


def test_an_old_dataset_without_packages_is_valid(repository: Path, tmp_path: Path) -> None:
    dataset = curated(tmp_path, repository)
    (dataset / PACKAGES).unlink()
    extend_manifest(dataset, [], {}, removed=[PACKAGES])
    assert list(read_packages(dataset)) == []
    assert verify(dataset, places(tmp_path)) == []
