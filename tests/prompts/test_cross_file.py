"""What a prompt tells of the code around a chunk: what the chunk uses, once, and within a budget."""

from dataclasses import replace
from pathlib import Path

import pytest
from neighbours import FILES, calc_pair, package_files, write_calc

from goutbench.chunk import chunk_file, function_chunks, token_counter
from goutbench.generate.items import read_items
from goutbench.generate.options import Options
from goutbench.prompts.cross_file import Packages, file_outline
from goutbench.prompts.prompt import Surroundings
from goutbench.records import Chunk

COUNTER = token_counter("estimate")
TWICE_NEEDS = """func check(n Number, most int) error

type Number struct {
	// fields elided
}

func (n Number) Add(m Number) Number"""


def chunks() -> list[Chunk]:
    return function_chunks(FILES["calc/calc.go"].encode(), counter=COUNTER, pair_id=calc_pair().id)


def around(chunk: Chunk, budget: int = 512) -> Surroundings:
    return Packages(package_files()).around(calc_pair(), chunk, budget=budget, counter=COUNTER)


def test_a_chunk_is_shown_what_it_uses_of_other_files_and_nothing_else() -> None:
    twice, helper = chunks()
    assert around(twice) == Surroundings("example.test/calc", "1.26", TWICE_NEEDS)
    said = around(helper).neighbours
    assert "var fallback = Number{}" in said
    assert "check" not in said
    assert "var limit" not in around(twice).neighbours  # its own variable is meant


def test_a_file_is_shown_what_all_of_it_uses() -> None:
    (whole,) = chunk_file(FILES["calc/calc.go"].encode(), counter=COUNTER, pair_id="p")
    said = around(whole).neighbours
    for text in ("func check(n Number, most int) error", "type Number struct", "var fallback"):
        assert said.count(text) == 1
    assert "Never" not in said


@pytest.mark.parametrize("budget", [1, 12, 20, 30, 40, 60])
def test_neighbours_stay_within_their_budget_the_first_needed_first(budget: int) -> None:
    twice, _ = chunks()
    said = around(twice, budget).neighbours
    assert sum(COUNTER.count([said])) <= budget
    assert around(twice, 0) == Surroundings()
    if budget == 20:
        assert said.startswith("type Number struct")  # stands first in the function


def test_what_the_chunk_writes_by_position_is_shown_with_all_its_fields() -> None:
    code = b'package calc\n\nfunc Make() Number { return Number{1, "x"} }\n'
    (made,) = function_chunks(code, counter=COUNTER)
    files = [replace(package_files()[2], path="calc/calc.go", outline=file_outline(code)), *package_files()]
    files = [each for each in files if each.path != "calc/calc.go" or "Make" in each.outline]
    said = Packages(files).around(calc_pair(), made, budget=512, counter=COUNTER).neighbours
    assert "unseen string" in said


def test_the_prompt_of_generation_tells_of_the_surroundings(tmp_path: Path) -> None:
    dataset = write_calc(tmp_path / "new")
    (item,) = read_items(dataset, Options(unit="function"))
    said = item.prompts[0].messages[1][1]
    assert "The module is example.test/calc, Go 1.26.\n" in said
    assert f"Declared elsewhere in the package:\n\n```go\n{TWICE_NEEDS}\n```\n" in said
    (bare,) = read_items(dataset, Options(unit="function", around=0))
    (old,) = read_items(write_calc(tmp_path / "old", packages=False), Options(unit="function"))
    assert old.prompts == bare.prompts
    assert "module is" not in old.prompts[0].messages[1][1]
    assert item.prompts[0].id != old.prompts[0].id


def test_a_folder_that_nothing_is_known_of_has_no_surroundings() -> None:
    twice, _ = chunks()
    elsewhere = replace(calc_pair(), code_path="other/calc.go")
    packages = Packages(package_files())
    assert packages.around(elsewhere, twice, budget=512, counter=COUNTER) == Surroundings()
    unlisted = replace(calc_pair(), code_path="calc/new.go")
    assert packages.around(unlisted, twice, budget=512, counter=COUNTER) == Surroundings()
