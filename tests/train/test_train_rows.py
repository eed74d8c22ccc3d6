"""From pairs to rows: their content, truncation, refusals and selection."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from calc_package import write_calc
from judging import make_pair, write_dataset

from goutbench.chunk import function_chunks, token_counter
from goutbench.chunk.test_extraction import extract_tests
from goutbench.dataset.store import read_pairs, to_table, write_table
from goutbench.errors import ConfigError
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool
from goutbench.records import Pair, SplitAssignment
from goutbench.train.data.lengths import drop_long, refuse_empty, truncate
from goutbench.train.data.prepare import prepare
from goutbench.train.data.rows import balanced, make_rows
from goutbench.train.data.select import select_pairs, split_groups
from goutbench.train.data.tokens import EncodedRow, encode, stop_ids
from goutbench.train.recipe import DataChoice, load_recipe

COUNTER = token_counter("estimate")
CALC = """package calc

func Add(a, b int) int { return a + b }

func Twice(a int) int { return Add(a, a) }
"""
CALC_TEST = """package calc

import (
	"strings"
	"testing"
)

const two = 2

func check(t *testing.T, got, want int) {
	if got != want {
		t.Fatalf("%d, not %d", got, want)
	}
}

func TestAdd(t *testing.T) { check(t, Add(1, 1), two) }

func TestTwice(t *testing.T) {
	if strings.Repeat("x", Twice(1)) != "xx" {
		t.Fatal()
	}
}
"""


def calc() -> Pair:
    return replace(make_pair(1), code=CALC, test=CALC_TEST, package="calc")


@pytest.fixture
def grouped(tmp_path: Path) -> Path:
    """18 pairs of three repositories, three for test; each has a near-duplicate in its repository."""
    pairs = [make_pair(number) for number in range(18)]
    folder = write_dataset(tmp_path / "grouped", pairs)
    parts = {"train": pairs[:15], "validation": [], "test": pairs[15:]}
    group = {pair.id: pairs[at % 9].id for at, pair in enumerate(pairs)}
    rows = [
        SplitAssignment(pair.id, "leakfree", name, group[pair.id], 2, 1.0)
        for name, part in parts.items()
        for pair in part
    ]
    write_table(to_table(rows, SplitAssignment), folder / "splits" / "leakfree.parquet")
    for name, part in parts.items():
        write_table(to_table(part, Pair), folder / "splits" / f"leakfree.{name}.parquet")
    return folder


def encoded(
    recipe: Path, tiny_model: Path, dataset: Path, **choice: object
) -> tuple[list[EncodedRow], frozenset[int]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    table = to_table(list(read_pairs(dataset)), Pair)
    rows = list(make_rows(table, DataChoice.model_validate(choice), COUNTER))
    return encode(rows, tokenizer), stop_ids(tokenizer)


def test_training_and_generation_use_the_same_prompts(dataset: Path) -> None:
    pairs = to_table(list(read_pairs(dataset)), Pair)
    trained = {row.pair_id: row.prompt for row in make_rows(pairs, DataChoice(context_tokens=512), COUNTER)}
    items = read_items(dataset, GenerateOptions(unit="function", budget=512))
    asked = {item.pair.id: item.prompts[0].messages for item in items}
    assert len(asked) == 60
    assert asked == trained


@pytest.mark.parametrize("unit", ["function", "file"])
@pytest.mark.parametrize("cross_file_tokens", [0, 30, 512])
def test_training_and_generation_show_the_same_cross_file_context(
    unit: str, cross_file_tokens: int, tmp_path: Path
) -> None:
    dataset = write_calc(tmp_path / "dataset")
    pairs = to_table(list(read_pairs(dataset)), Pair)
    choice = DataChoice.model_validate({"rows": unit, "cross_file_tokens": cross_file_tokens})
    (row,) = make_rows(pairs, choice, COUNTER, PackageIndex.read(dataset))
    (item,) = read_items(dataset, GenerateOptions(unit=unit, cross_file_tokens=cross_file_tokens))
    assert row.prompt == item.prompts[0].messages
    assert ("example.test/calc" in row.prompt[1][1]) == bool(cross_file_tokens)


@pytest.mark.parametrize("unit", ["function", "file"])
def test_training_and_generation_show_the_same_examples_and_none_of_the_same_group(
    unit: str, grouped: Path, recipe: Path, tiny_model: Path
) -> None:
    from transformers import AutoTokenizer

    settings = {"data.rows": unit, "data.examples": 2, "data.cross_file_tokens": 0, "sft.max_length": 4096}
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    data = prepare(grouped, "leakfree", load_recipe(recipe, settings), tokenizer, stop_ids(tokenizer))
    trained = {row.pair_id: row.prompt for row in data.rows}
    asked = {}
    for split in ("train", "test"):
        options = GenerateOptions(
            unit=unit, budget=512, cross_file_tokens=0, examples=2, split=f"leakfree:{split}", seed=7,
            tokenizer=str(tiny_model / "tokenizer.json"),
        )  # fmt: skip
        asked |= {item.pair.id: item.prompts[0].messages for item in read_items(grouped, options)}
    assert len(trained) == 15
    assert len(asked) == 18
    assert {key: asked[key] for key in trained} == trained
    pairs, groups = {pair.id: pair for pair in read_pairs(grouped)}, split_groups(grouped, "leakfree")
    for key, messages in asked.items():
        assert [role for role, _ in messages] == ["system", *["user", "assistant"] * 2, "user"]
        alike = [pair for pair in pairs.values() if groups[pair.id] == groups[key]]
        assert {pair.repository for pair in alike} == {pairs[key].repository}
        shown = "".join(content for _, content in messages[:-1])
        assert not any(pair.code.split("func ")[1] in shown for pair in alike)


def test_examples_come_from_other_repositories_if_necessary_and_without_secrets() -> None:
    token = "AKIA" + "Q3EGRIXJ7SWZ5TNB"
    secret = replace(calc(), test=CALC_TEST.replace('"xx"', f'"xx" && "{token}" != ""'))
    (example,) = ExamplePool([secret], {}, unit="function", budget=512, counter=COUNTER).draw(make_pair(2), 3)
    assert example.pair.repository != make_pair(2).repository
    assert "REDACTED" in example.test
    assert token not in example.test


def test_an_example_shows_one_function_and_a_self_contained_test(grouped: Path) -> None:
    needy = replace(calc(), id="a" * 16, test=CALC_TEST.replace("const two = 2", ""))
    broad = replace(calc(), id="b" * 16, test=CALC_TEST.replace("1), two)", f"1), two{'+0' * 99})"))
    examples = ExamplePool([needy, broad], {}, unit="function", budget=512, counter=COUNTER)
    first, second = examples.draw(make_pair(2), 2)
    assert {first.pair.id, second.pair.id} == {needy.id, broad.id}
    assert all(example.chunk.focal == ("Twice",) for example in (first, second))
    assert all("TestAdd" not in example.test and "TestTwice" in example.test for example in (first, second))
    only = replace(needy, test=needy.test[: needy.test.index("func TestTwice")])
    assert ExamplePool([only], {}, unit="function", budget=512, counter=COUNTER).draw(broad, 1) == []


def test_a_function_row_has_the_tests_that_exercise_it_and_what_they_use() -> None:
    rows = list(make_rows(to_table([calc()], Pair), DataChoice(), COUNTER))
    assert [(row.functions, row.tests) for row in rows] == [
        (("Add",), ("TestAdd",)),
        (("Twice",), ("TestTwice",)),
    ]
    add, twice = (row.completion for row in rows)
    assert "func check(" in add
    assert "const two = 2" in add
    assert "strings" not in add
    assert '"strings"' in twice
    assert "check(" not in twice
    for text in (add, twice):
        assert parse(text.removeprefix("```go\n").removesuffix("```\n").encode()).errors == ()


def functions_of(pair: Pair, **choice: object) -> list[tuple[str, ...]]:
    rows = make_rows(to_table([pair], Pair), DataChoice.model_validate(choice), COUNTER)
    return [row.functions for row in rows]


def test_self_contained_selects_tests_that_use_only_what_the_prompt_shows() -> None:
    pair = replace(calc(), test=CALC_TEST.replace("const two = 2\n", ""))
    assert functions_of(pair) == [("Add",), ("Twice",)]
    assert functions_of(pair, self_contained=True) == [("Twice",)]
    assert functions_of(calc(), self_contained=True) == [("Add",), ("Twice",)]


def test_pure_selects_functions_that_only_compute() -> None:
    pair = replace(calc(), code=CALC.replace("return a + b", "println(a)\n\treturn a + b"))
    assert functions_of(pair, pure=True) == []
    pair = replace(calc(), code=CALC.replace("return Add(a, a)", "println(a)\n\treturn a + a"))
    assert functions_of(pair, pure=True) == [("Add",)]


def test_fallback_makes_a_file_row_of_a_pair_without_a_function_row() -> None:
    unseen = replace(calc(), test=CALC_TEST.partition("func TestAdd")[0] + "func TestX(t *testing.T) {}\n")
    assert functions_of(unseen, fallback="file") == [("Add", "Twice")]
    assert functions_of(calc(), fallback="file") == [("Add",), ("Twice",)]
    assert functions_of(unseen) == []


@pytest.mark.parametrize("rows", ["file", "function"])
def test_secrets_are_redacted_if_the_recipe_requests_it(rows: str) -> None:
    token = "AKIA" + "Q3EGRIXJ7SWZ5TNB"
    pair = replace(
        calc(),
        code=CALC.replace("return a + b", f'return a + b + len("{token}")'),
        test=CALC_TEST.replace("check(t, Add(1, 1), two)", f'check(t, Add(1, len("{token}")), two)'),
    )
    for choice, there in (("keep", True), ("redact", False)):
        chosen = DataChoice.model_validate({"rows": rows, "secrets": choice})
        row = next(make_rows(to_table([pair], Pair), chosen, COUNTER))
        for text in (row.prompt[-1][1], row.completion):
            assert (token in text) is there
            assert ("REDACTED" in text) is not there


def test_extracted_tests_include_the_methods_of_their_suite() -> None:
    suite = b"type suite struct{}\n\nfunc (suite) TestA() {}\n\n"
    tests = parse(b"package p\n\n" + suite + b"func TestSuite(t *testing.T) { run(suite{}) }\n")
    assert "TestA" in extract_tests(tests, ["TestSuite"])


def test_rows_that_end_inside_their_prompt_are_counted_and_refused(
    recipe: Path, tiny_model: Path, dataset: Path
) -> None:
    rows, stops = encoded(recipe, tiny_model, dataset)
    shortest = min(row.prompt for row in rows)
    settings = {"data.too_long": "truncate", "sft.max_length": shortest}
    cut = load_recipe(recipe, settings)
    ready, lengths = truncate(rows, cut, stops, loss="completion")
    assert ready == []  # nothing to learn from, and nothing that a step is counted for
    assert len(truncate(rows, cut, stops, loss="all")[0]) == len(rows)
    assert lengths.cut_in_prompt == len(rows)
    assert lengths.completion_tokens == 0
    with pytest.raises(ConfigError, match="no completion token"):
        refuse_empty(lengths, cut, {})
    allowing = load_recipe(recipe, settings | {"data.max_empty_share": 1.0})
    with pytest.raises(ConfigError, match="nothing to train on"):
        refuse_empty(lengths, allowing, {})
    refuse_empty(truncate(rows, cut, stops, loss="all")[1], allowing, {})
    dropping = load_recipe(recipe, {"sft.max_length": shortest})
    assert drop_long(rows, dropping) == ([], len(rows))


def test_every_complete_row_ends_with_a_stop_token(recipe: Path, tiny_model: Path, dataset: Path) -> None:
    rows, stops = encoded(recipe, tiny_model, dataset)
    ready, lengths = truncate(rows, load_recipe(recipe), stops, loss="completion")
    assert lengths.without_stop == 0
    for row, sample in zip(rows, ready, strict=True):
        assert set(sample["labels"][: row.prompt]) == {-100}
        assert stops & set(sample["labels"][row.prompt :])
    with pytest.raises(ConfigError, match="no stop token"):
        truncate(rows, load_recipe(recipe), frozenset({-1}), loss="completion")


def test_detached_completion_tokens_are_counted_if_packing_splits_rows(
    recipe: Path, tiny_model: Path, dataset: Path
) -> None:
    rows, stops = encoded(recipe, tiny_model, dataset)
    limit = max(len(row.ids) for row in rows) - 10
    settings = {"sft.max_length": limit, "sft.packing": True, "data.too_long": "truncate"}
    counted = {}
    for strategy in ("bfd", "bfd_split", "wrapped"):
        packing = load_recipe(recipe, settings | {"sft.packing_strategy": strategy})
        counted[strategy] = truncate(rows, packing, stops, loss="all")[1]
    assert counted["bfd"].detached_tokens == 0
    assert counted["bfd"].cut_tokens > 0
    assert counted["bfd_split"].detached_tokens == sum(
        max(len(row.ids) - max(limit, row.prompt), 0) for row in rows
    )
    start, expected = 0, 0
    for row in rows:  # token by token: the sequence of "wrapped" that has it
        positions = range(start, start + len(row.ids))
        expected += sum(at // limit > start // limit for at in positions[row.prompt :])
        start += len(row.ids)
    assert counted["wrapped"].detached_tokens == expected > 0
    assert counted["wrapped"].cut_tokens == 0
    assert (
        truncate(rows, packing, stops, loss="completion", packs=False)[1].detached_tokens == 0
    )  # held-out rows are not packed


def test_excluded_functions_and_pairs_are_counted_by_reason() -> None:
    pair = replace(calc(), code=CALC.replace("return a + b", "return a + b" + " + 0" * 400))
    choice, excluded = DataChoice(context_tokens=100), Counter[str]()
    rows = list(make_rows(to_table([pair], Pair), choice, COUNTER, excluded=excluded))
    chunks = function_chunks(pair.code.encode(), tests=pair.test.encode(), budget=100, counter=COUNTER)
    assert excluded["functions over 100 tokens"] == 1
    assert excluded["functions no test clearly targets"] == len(chunks) - len(rows) - 1
    excluded.clear()
    untested = replace(calc(), test="package p\n")
    assert not list(make_rows(to_table([untested], Pair), DataChoice(), COUNTER, excluded=excluded))
    assert excluded["pairs without a function row"] == 1


def test_an_expression_selects_pairs() -> None:
    table = pa.table({"id": ["a", "b", "c"], "verified": [True, False, None], "coverage": [0.9, 0.9, 0.9]})
    assert select_pairs(table, "verified and coverage > 0.5").column("id").to_pylist() == ["a"]
    for bad in (
        "coverage >",
        "nothing = 1",
        "1); DROP TABLE pairs; --",
        "(SELECT 1 FROM read_csv('/etc/passwd'))",
    ):
        with pytest.raises(ConfigError, match="--where"):
            select_pairs(table, bad)
    with pytest.raises(ConfigError, match="no pair of the dataset satisfies"):
        select_pairs(table, "coverage > 1")
    assert select_pairs(table, "coverage > 1", may_be_empty=True).num_rows == 0


def test_balancing_draws_small_repositories_more_often() -> None:
    names = ["large"] * 90 + ["small"] * 10
    choice = DataChoice(balance="repository", balance_power=0.5)
    drawn = balanced(names, names, choice, seed=1)
    assert 90 <= len(drawn) <= 110
    assert 20 <= drawn.count("small") <= 30  # 10 of 100, by the square root: 25
    assert balanced(names, names, DataChoice(), seed=1) == names


def test_a_chunk_over_its_budget_makes_no_row() -> None:
    pair = replace(calc(), code=CALC.replace("return a + b", "return a + b" + " + 0" * 400))
    assert any(
        chunk.over_budget for chunk in function_chunks(pair.code.encode(), budget=100, counter=COUNTER)
    )
    rows = make_rows(to_table([pair], Pair), DataChoice(context_tokens=100), COUNTER)
    assert [row.functions for row in rows] == [("Twice",)]
