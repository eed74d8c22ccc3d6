"""Prompts: what stands in them, that they are pure, and that their templates are never changed unseen."""

from dataclasses import dataclass

from goutbench.assemble.extract import extract
from goutbench.chunk import chunk_file, function_chunks
from goutbench.prompts.prompt import (
    FILE,
    FUNCTION,
    REPAIR,
    Example,
    Surroundings,
    build_prompt,
    completion_text,
    repair_text,
    template_hash,
)

CODE = b"""package calc

// Add adds.
func Add(a, b int) int { return a + b }

func Twice(a int) int { return Add(a, a) }
"""
TEST = 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) { _ = Add(1, 2) }\n'


@dataclass(frozen=True)
class Pair:
    id: str = "p1"
    repository: str = "org/repo"
    code_path: str = "calc/calc.go"
    package: str = "calc"


def test_templates_are_followed_by_versions_and_never_changed() -> None:
    """A changed text must get a new name: runs and adapters name the template that they were made with."""
    assert {name: template_hash(name)[:12] for name in (FUNCTION, FILE, REPAIR)} == {
        FUNCTION: "e16b032bb29b",
        FILE: "c2321eee2151",
        REPAIR: "4527b2354f5d",
    }


def test_a_function_prompt_names_its_function_and_shows_its_context() -> None:
    (_, twice) = function_chunks(CODE, pair_id="p1")
    made = build_prompt(Pair(), twice)
    assert made.focal == ("Twice",)
    (system, user) = made.messages
    assert (system[0], user[0]) == ("system", "user")
    assert "tests for `Twice` of calc/calc.go, package calc, in org/repo" in user[1]
    assert "return Add(a, a)" in user[1]
    assert "func Add(a, b int) int" in user[1]
    assert 50 < made.tokens < 400
    assert made == build_prompt(Pair(), twice)


def test_a_file_prompt_says_which_part_it_is() -> None:
    (whole,) = chunk_file(CODE, pair_id="p1")
    assert "part 1" not in build_prompt(Pair(), whole).messages[1][1]
    parts = chunk_file(CODE * 1, budget=20, pair_id="p1")
    assert len(parts) > 1
    assert f"part 2 of {len(parts)}" in build_prompt(Pair(), parts[1]).messages[1][1]
    assert build_prompt(Pair(), parts[1]).focal == ()


def test_examples_are_earlier_turns_of_the_same_conversation() -> None:
    add, twice = function_chunks(CODE, pair_id="p1")
    made = build_prompt(Pair(), twice, examples=[Example(Pair(), add, TEST)])
    assert [role for role, _ in made.messages] == ["system", "user", "assistant", "user"]
    assert made.messages[1] == build_prompt(Pair(), add).messages[1]
    assert made.messages[2][1] == completion_text(TEST)
    assert made.messages[3] == build_prompt(Pair(), twice).messages[1]


def test_the_surroundings_are_told() -> None:
    (_, twice) = function_chunks(CODE, pair_id="p1")
    around = Surroundings("example.test/calc", "1.26", "type Number int")
    said = build_prompt(Pair(), twice, around=around).messages[1][1]
    assert "The module is example.test/calc, Go 1.26." in said
    assert "type Number int" in said


def test_braces_in_code_are_code() -> None:
    (chunk,) = function_chunks(b'package p\n\nfunc F() string { return "{focal} {0} {" }\n', pair_id="p1")
    assert '"{focal} {0} {"' in build_prompt(Pair(), chunk).messages[1][1]


def test_a_completion_is_read_back_whole_even_with_fences_inside() -> None:
    for test in (TEST, TEST + "\n// ```go\n// not code\n// ```\n"):
        (unit,) = extract(completion_text(test)).units
        assert unit.file.source.decode().strip() == test.strip()


def test_repair_hands_errors_back() -> None:
    said = repair_text([f"calc_test.go:{line}:1: undefined: x" for line in range(30)])
    assert said.count("undefined: x") == 20
