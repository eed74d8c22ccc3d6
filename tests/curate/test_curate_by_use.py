"""The rule by-use: what a test exercises, told from what it merely needs; same-named pairs stay."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from gitmaker import GitMaker

from goutbench.config import CurateConfig, load_lock
from goutbench.curate import SourceLocations, curate, verify
from goutbench.curate.pairing.by_use import MOST_SOURCES, THRESHOLD, rank_sources
from goutbench.curate.pairing.rules import RULES
from goutbench.curate.pairing.same_name import same_name
from goutbench.curate.pairing.scoring import is_support, name_relation, name_relations
from goutbench.dataset.store import from_table, read_pairs, read_rejections, to_table
from goutbench.golang.analysis.build_constraints import builds_on_linux
from goutbench.records import Pair

Make = Callable[..., GitMaker]

PARSE = """package p

type Parser struct{ text string }

func NewParser(text string) *Parser { return &Parser{text} }

func (p *Parser) Words() []string { return nil }

func ParseLine(line string) error { return nil }
"""
PRINT = """package p

func PrintAll(words []string) string { return "" }

func PrintOne(word string) string { return word }
"""
SETTINGS = """package p

type Settings struct{ Loud bool }

const Version = 1
"""
USES_PARSE = """package p

import "testing"

func TestParseLine(t *testing.T) {
	if ParseLine("a") != nil {
		t.Fatal()
	}
}

func TestParser_Words(t *testing.T) {
	if len(NewParser("a b").Words()) != 2 {
		t.Fatal()
	}
}
"""
EXTERNAL = """package p_test

import (
	"testing"

	"example.com/m/d/p"
)

func TestPrintAll(t *testing.T) {
	if p.PrintAll(nil) != "" || p.PrintOne("") != "" {
		t.Fatal()
	}
}

func TestPrintOne(t *testing.T) { p.PrintOne("x") }
"""
BOTH = """package p

import "testing"

func TestParseLine(t *testing.T) { _ = ParseLine("") }

func TestParserWords(t *testing.T) { NewParser("").Words() }

func TestPrintAll(t *testing.T) { PrintAll(nil) }

func TestPrintOne(t *testing.T) { PrintOne("") }
"""
OF_NOTHING = """package p

import (
	"strings"
	"testing"
)

func TestUpper(t *testing.T) {
	var words struct{ Words []string }
	if strings.ToUpper("a") != "A" || words.Words != nil {
		t.Fatal()
	}
}
"""
HELPERS = """package p

import "testing"

func parsed(t *testing.T, line string) { _ = ParseLine(line) }
"""
SOURCES = {"d/p/parse.go": PARSE, "d/p/print.go": PRINT, "d/p/settings.go": SETTINGS}


def sources_of(files: Mapping[str, str], test: str) -> list[str]:
    """The sources that a test is paired with, as a whole repository's rule says."""
    contents = {path.encode(): text.encode() for path, text in files.items()}
    rule = RULES["by-use"]
    needed = rule.reads(list(contents))
    pairing = rule.pair(list(contents), {path: contents[path] for path in needed})
    return [match.code.decode() for match in pairing.pairs if match.test.decode() == test]


def test_a_test_is_paired_with_the_source_that_it_calls_and_is_named_after() -> None:
    files = {**SOURCES, "d/p/everything_test.go": USES_PARSE}
    assert sources_of(files, "d/p/everything_test.go") == ["d/p/parse.go"]


@pytest.mark.parametrize(
    "name", ["parse_internal_test.go", "parse_linux_test.go", "parse_more_cases_test.go"]
)
def test_a_similar_file_name_and_one_call_are_enough_evidence(name: str) -> None:
    once = 'package p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) { _ = ParseLine("") }\n'
    assert sources_of({**SOURCES, f"d/p/{name}": once}, f"d/p/{name}") == ["d/p/parse.go"]
    assert sources_of({**SOURCES, "d/p/it_test.go": once}, "d/p/it_test.go") == []


def test_a_similar_file_name_alone_is_not_evidence() -> None:
    files = {**SOURCES, "d/p/parse_internal_test.go": OF_NOTHING}
    assert sources_of(files, "d/p/parse_internal_test.go") == []


def test_an_external_test_uses_names_through_its_import() -> None:
    assert sources_of({**SOURCES, "d/p/x_test.go": EXTERNAL}, "d/p/x_test.go") == ["d/p/print.go"]
    renamed = EXTERNAL.replace('"example.com/m/d/p"', 'q "example.com/m/d/p"').replace("p.Print", "q.Print")
    assert sources_of({**SOURCES, "d/p/x_test.go": renamed}, "d/p/x_test.go") == ["d/p/print.go"]
    unrelated = EXTERNAL.replace('"example.com/m/d/p"', '"example.com/other/r"').replace("p.Print", "r.Print")
    assert sources_of({**SOURCES, "d/p/x_test.go": unrelated}, "d/p/x_test.go") == []


def test_a_test_is_paired_with_several_sources_but_not_with_one_it_only_mentions() -> None:
    both = BOTH + "\nvar loud = Settings{Loud: Version == 1}\n"
    sources = sources_of({**SOURCES, "d/p/all_test.go": both}, "d/p/all_test.go")
    assert sources == ["d/p/parse.go", "d/p/print.go"]


def test_a_test_is_paired_with_at_most_the_maximum_of_sources() -> None:
    sources = {f"s{i}.go": f"package p\n\nfunc Do{i}x() {{}}\n\nfunc Undo{i}x() {{}}\n" for i in range(6)}
    tests = "".join(f"\nfunc TestDo{i}x(t *testing.T) {{ Do{i}x(); Undo{i}x() }}\n" for i in range(6))
    files = {**sources, "all_test.go": f'package p\n\nimport "testing"\n{tests}'}
    assert len(sources_of(files, "all_test.go")) == MOST_SOURCES


def test_a_test_that_uses_nothing_of_its_package_is_not_paired() -> None:
    files = {**SOURCES, "d/p/upper_test.go": OF_NOTHING, "e/far_test.go": USES_PARSE}
    assert sources_of(files, "d/p/upper_test.go") == []
    assert sources_of(files, "e/far_test.go") == []  # another folder is another package


def test_a_file_of_helpers_without_tests_is_not_evidence() -> None:
    files = {**SOURCES, "d/p/helpers_test.go": HELPERS}
    assert sources_of(files, "d/p/helpers_test.go") == []
    calls = 'package p\n\nimport "testing"\n\nfunc TestThat(t *testing.T) { parsed(t, "a") }\n'
    assert sources_of({**files, "d/p/that_test.go": calls}, "d/p/that_test.go") == []


def test_names_that_every_test_of_a_folder_uses_weigh_little() -> None:
    def confidence(others: int) -> float:
        text = 'package p\n\nimport "testing"\n\nfunc TestThat(t *testing.T) { _ = ParseLine("") }\n'
        tests = {f"t{i}_test.go".encode(): text.encode() for i in range(others + 1)}
        return rank_sources({b"parse.go": PARSE.encode()}, tests)[b"t0_test.go"][0].confidence

    assert confidence(0) > confidence(3) > confidence(15)


def test_methods_that_a_mock_also_has_are_not_evidence() -> None:
    text = 'package p\n\nimport "testing"\n\nfunc TestWords(t *testing.T) { words().Words() }\n'
    mock = "\ntype fake struct{}\n\nfunc (fake) Words() []string { return nil }\n"
    mock += "\nfunc words() fake { return fake{} }\n"
    alone = rank_sources({b"parse.go": PARSE.encode()}, {b"x_test.go": text.encode()})
    mocked = rank_sources({b"parse.go": PARSE.encode()}, {b"x_test.go": (text + mock).encode()})
    assert len(alone[b"x_test.go"]) == 1
    assert mocked[b"x_test.go"] == []


def test_a_test_is_paired_with_the_platform_variant_that_it_runs_with() -> None:
    body = "package p\n\nfunc Limit() int { return 1 }\n\nfunc Raise() {}\n"
    test = 'package p\n\nimport "testing"\n\nfunc TestLimit(t *testing.T) { Limit(); Raise() }\n'
    files = {"lim_unix.go": "//go:build !windows\n\n" + body, "lim_windows.go": body, "lim_darwin.go": body}
    assert sources_of({**files, "lim_test.go": test}, "lim_test.go") == ["lim_unix.go"]
    assert sources_of({**files, "lim_some_windows_test.go": test}, "lim_some_windows_test.go") != []


def test_a_source_that_supports_tests_is_not_paired() -> None:
    support = (
        'package p\n\nimport "testing"\n\nfunc Check(t *testing.T) {}\n\nfunc CheckAll(t *testing.T) {}\n'
    )
    test = 'package p\n\nimport "testing"\n\nfunc TestCheck(t *testing.T) { Check(t); CheckAll(t) }\n'
    assert sources_of({"checks.go": support, "x_test.go": test}, "x_test.go") == []
    assert is_support(b"a/block_test_util.go")
    assert not is_support(b"a/tester.go")


def test_testify_suites_and_ginkgo_specs_are_tests() -> None:
    suite = "package p\n\nfunc (s *Suite) TestParseLine() { _ = ParseLine(``) }\n"
    spec = 'package p\n\nvar _ = Describe("it", func() { It("does", func() { _ = ParseLine(``) }) })\n'
    for text in (suite, spec):
        assert [
            e.source
            for e in rank_sources({b"a.go": PARSE.encode()}, {b"x_test.go": text.encode()})[b"x_test.go"]
        ]


def test_file_names_of_tests_and_sources_are_related() -> None:
    assert name_relation(b"d/foo_internal_test.go", b"d/foo.go") == 1
    assert name_relation(b"foo_test.go", b"foo_linux.go") == 1
    assert name_relation(b"foo_test.go", b"bar.go") == 0
    assert name_relations(b"foo_bar_x_test.go", [b"foo.go", b"foo_bar.go", b"z.go"]) == {b"foo_bar.go": 1}


@pytest.mark.parametrize(
    ("name", "head", "built"),
    [
        ("a.go", "", True),
        ("a_windows.go", "", False),
        ("a_linux_amd64.go", "", True),
        ("a_linux_arm64_test.go", "", False),
        ("windows.go", "", True),
        ("a.go", "//go:build linux && !(arm64 || windows)", True),
        ("a.go", "//go:build darwin || freebsd", False),
        ("a.go", "//go:build go1.20 && !integration", True),
        ("a.go", "//go:build integration", False),
        ("a.go", "//go:build (", True),
    ],
)
def test_files_for_other_platforms_are_not_paired(name: str, head: str, built: bool) -> None:
    assert builds_on_linux(name, f"{head}\n\npackage p\n".encode()) is built


FILES = {
    **SOURCES,
    "d/p/print_test.go": EXTERNAL.replace("func TestPrintOne", "func TestOther"),
    "d/p/parse_internal_test.go": USES_PARSE,
    "d/p/all_test.go": BOTH,
    "d/p/upper_test.go": OF_NOTHING,
    "d/p/helpers_test.go": HELPERS,
    "LICENSE": "",
}


def places(tmp_path: Path) -> SourceLocations:
    return SourceLocations((tmp_path,), tmp_path / "cache")


def built(make_repo: Make, tmp_path: Path, pairing: str) -> Path:
    """A dataset of one repository by a rule."""
    source = tmp_path / "code"
    if not source.exists():
        maker = make_repo("code")
        maker.commit(FILES)
        maker.finish()
    entries = [{"name": "o/r", "source": str(source), "pairing": pairing}]
    out = tmp_path / pairing
    curate(CurateConfig.model_validate({"repositories": entries}), out, places(tmp_path))
    return out


def test_by_use_adds_rows_to_those_of_same_name(make_repo: Make, tmp_path: Path) -> None:
    same = list(read_pairs(built(make_repo, tmp_path, "same-name")))
    more = list(read_pairs(built(make_repo, tmp_path, "by-use")))
    assert [(p.code_path, p.test_path) for p in same] == [("d/p/print.go", "d/p/print_test.go")]
    assert [(p.code_path, p.test_path, p.pairing_rule) for p in more] == [
        ("d/p/parse.go", "d/p/all_test.go", "by-use"),
        ("d/p/parse.go", "d/p/parse_internal_test.go", "by-use"),
        ("d/p/print.go", "d/p/all_test.go", "by-use"),
        ("d/p/print.go", "d/p/print_test.go", "same-name"),
    ]
    assert same[0] == more[3]
    assert same[0].pairing_confidence == 1.0
    assert all(THRESHOLD <= p.pairing_confidence <= 1.0 for p in more)
    assert len({p.id for p in more}) == len(more)


def test_each_unpaired_file_is_rejected_with_the_reason(make_repo: Make, tmp_path: Path) -> None:
    rejections = {r.path: (r.rule, r.reason) for r in read_rejections(built(make_repo, tmp_path, "by-use"))}
    assert rejections["d/p/helpers_test.go"][1].endswith("it has no test of its folder's package")
    assert rejections["d/p/upper_test.go"][1].endswith("under 0.5")
    assert rejections["d/p/settings.go"] == ("no_test", "no test file by the rule by-use")
    plain = {r.path: (r.rule, r.reason) for r in read_rejections(built(make_repo, tmp_path, "same-name"))}
    assert plain["d/p/upper_test.go"] == ("no_source", "no source file by the rule same-name")
    assert plain["d/p/parse.go"] == ("no_test", "no test file by the rule same-name")


def test_verify_rebuilds_with_the_same_pairing_rule(make_repo: Make, tmp_path: Path) -> None:
    out = built(make_repo, tmp_path, "by-use")
    assert load_lock(out / "repos.lock.yaml").repositories[0].settings.pairing == "by-use"
    assert verify(out, places(tmp_path)) == []


def test_a_dataset_without_the_confidence_column_has_confidence_one(make_repo: Make, tmp_path: Path) -> None:
    pairs = list(read_pairs(built(make_repo, tmp_path, "same-name")))
    table = to_table([replace(pairs[0], pairing_confidence=0.5)], Pair).drop_columns(["pairing_confidence"])
    assert list(from_table(table, Pair)) == pairs


def test_filters_apply_to_every_row(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo("code")
    maker.commit({**FILES, "d/p/print.go": PRINT.replace("package p", "package p // \0")})
    maker.finish()
    out = built(make_repo, tmp_path, "by-use")
    rows = [(p.code_path, p.test_path) for p in read_pairs(out)]
    assert rows == [("d/p/parse.go", "d/p/all_test.go"), ("d/p/parse.go", "d/p/parse_internal_test.go")]
    rejections = {r.path: r.rule for r in read_rejections(out)}
    assert (rejections["d/p/print.go"], rejections["d/p/print_test.go"]) == ("binary", "partner_rejected")


def test_a_licence_bars_a_row_but_not_a_file_that_another_row_has(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo("code")
    barred = "// SPDX-License-Identifier: GPL-3.0-only\n"
    files = {path: text for path, text in FILES.items() if path != "LICENSE"}  # an empty one says nothing
    maker.commit({**files, "d/p/all_test.go": barred + BOTH})
    maker.finish()
    entry = {"name": "o/r", "source": str(tmp_path / "code"), "pairing": "by-use"}
    entry |= {"licence": "permissive", "declared_licence": "MIT"}
    out = tmp_path / "out"
    curate(CurateConfig.model_validate({"repositories": [entry]}), out, places(tmp_path))
    assert {p.test_path for p in read_pairs(out)} == {"d/p/parse_internal_test.go", "d/p/print_test.go"}
    rejections = {r.path: r.rule for r in read_rejections(out)}
    assert rejections["d/p/all_test.go"] == "licence"


def test_the_rule_same_name_reads_no_contents() -> None:
    paths = [path.encode() for path in FILES if path.endswith(".go")]
    assert RULES["same-name"].reads(paths) == set()
    assert RULES["same-name"].pair(paths, {}).pairs == same_name(paths)
