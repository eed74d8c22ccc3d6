"""Cross-file context: a prompt shows what its chunk uses of other files, once, and within a token budget."""

from dataclasses import replace
from pathlib import Path

import pytest
from calc_package import FILES, calc_pair, package_files, write_calc

from goutbench.chunk import chunk_file, function_chunks, token_counter
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.prompt import CrossFileContext
from goutbench.records import Chunk

COUNTER = token_counter("estimate")
TWICE_NEEDS = """func check(n Number, most int) error

type Number struct {
	// fields elided
}

func (n Number) Add(m Number) Number"""


def chunks() -> list[Chunk]:
    return function_chunks(FILES["calc/calc.go"].encode(), counter=COUNTER, pair_id=calc_pair().id)


def context_of(chunk: Chunk, budget: int = 512) -> CrossFileContext:
    return PackageIndex(package_files()).context(calc_pair(), chunk, budget=budget, counter=COUNTER)


def test_the_context_of_a_function_shows_what_it_uses_of_other_files_and_nothing_else() -> None:
    twice, helper = chunks()
    assert context_of(twice) == CrossFileContext("example.test/calc", "1.26", TWICE_NEEDS)
    text = context_of(helper).declarations
    assert "var fallback = Number{}" in text
    assert "check" not in text
    assert "var limit" not in context_of(twice).declarations  # the function's own variable shadows it


def test_the_context_of_a_file_shows_what_any_of_its_declarations_uses() -> None:
    (chunk,) = chunk_file(FILES["calc/calc.go"].encode(), counter=COUNTER, pair_id="p")
    text = context_of(chunk).declarations
    for declaration in ("func check(n Number, most int) error", "type Number struct", "var fallback"):
        assert text.count(declaration) == 1
    assert "Never" not in text


@pytest.mark.parametrize("budget", [1, 12, 20, 30, 40, 60])
def test_the_context_stays_within_its_budget_and_prefers_what_is_used_first(budget: int) -> None:
    twice, _ = chunks()
    text = context_of(twice, budget).declarations
    assert sum(COUNTER.count([text])) <= budget
    assert context_of(twice, 0) == CrossFileContext()
    if budget == 20:
        assert text.startswith("type Number struct")  # the function uses it first


def test_a_struct_literal_without_field_names_makes_the_context_show_every_field() -> None:
    code = b'package calc\n\nfunc Make() Number { return Number{1, "x"} }\n'
    (chunk,) = function_chunks(code, counter=COUNTER)
    files = [
        replace(package_files()[2], path="calc/calc.go", outline=file_outline(parse(code))),
        *package_files(),
    ]
    files = [file for file in files if file.path != "calc/calc.go" or "Make" in file.outline]
    text = PackageIndex(files).context(calc_pair(), chunk, budget=512, counter=COUNTER).declarations
    assert "unseen string" in text


def test_generation_prompts_show_the_cross_file_context(tmp_path: Path) -> None:
    dataset = write_calc(tmp_path / "new")
    (item,) = read_items(dataset, GenerateOptions(unit="function"))
    text = item.prompts[0].messages[1][1]
    assert "The module is example.test/calc (Go 1.26).\n" in text
    assert f"Declarations from other files of the package:\n\n```go\n{TWICE_NEEDS}\n```\n" in text
    (bare,) = read_items(dataset, GenerateOptions(unit="function", cross_file_tokens=0))
    (old,) = read_items(write_calc(tmp_path / "old", packages=False), GenerateOptions(unit="function"))
    assert old.prompts == bare.prompts
    assert "module is" not in old.prompts[0].messages[1][1]
    assert item.prompts[0].id != old.prompts[0].id


def test_a_folder_without_stored_outlines_has_no_context() -> None:
    twice, _ = chunks()
    elsewhere = replace(calc_pair(), code_path="other/calc.go")
    packages = PackageIndex(package_files())
    assert packages.context(elsewhere, twice, budget=512, counter=COUNTER) == CrossFileContext()
    unlisted = replace(calc_pair(), code_path="calc/new.go")
    assert packages.context(unlisted, twice, budget=512, counter=COUNTER) == CrossFileContext()
