"""Prompts: what they contain, that they depend on their input alone, and that a template never changes."""

from dataclasses import dataclass

import pytest

from goutbench.assemble import combine
from goutbench.assemble.extract import extract
from goutbench.chunk import chunk_file, function_chunks
from goutbench.prompts.feedback.message import EXTEND, FIX, RESTATE
from goutbench.prompts.prompt import (
    CrossFileContext,
    Example,
    build_prompt,
    completion_text,
    template_hash,
)
from goutbench.write.asking.request import FIRST, MORE

CODE = b"""package calc

// Add adds.
func Add(a, b int) int { return a + b }

func Twice(a int) int { return Add(a, a) }
"""
TEST = 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) { _ = Add(1, 2) }\n'
HASHES = {
    "function-v1": "e16b032bb29b",
    "file-v1": "c2321eee2151",
    "repair-v1": "4527b2354f5d",
    "combine-v1": "b75ce02aacd1",
    "function-v2": "882f49c5bf22",
    "file-v2": "67f1ded1a5a1",
    "repair-v2": "48e94e43c8e9",
    "combine-v2": "eb8a26bac986",
    "fix-v1": "f2198a3e833d",
    "extend-v1": "7bc6b3c7ab95",
    "restate-v1": "d2800f59c957",
    "write-v1": "a535fcb25a27",
    "write-more-v1": "8366e9f5fa5e",
}


@dataclass(frozen=True)
class Pair:
    id: str = "p1"
    repository: str = "org/repo"
    code_path: str = "calc/calc.go"
    package: str = "calc"


def test_a_template_never_changes() -> None:
    """A changed text needs a new version: runs and adapters record the name and hash of their template."""
    assert {name: template_hash(name)[:12] for name in HASHES} == HASHES
    assert {FIX, RESTATE, EXTEND, FIRST, MORE, combine.TEMPLATE} <= HASHES.keys()


def test_a_function_prompt_names_its_function_and_shows_its_context() -> None:
    (_, twice) = function_chunks(CODE, pair_id="p1")
    prompt = build_prompt(Pair(), twice)
    assert prompt.focal == ("Twice",)
    (system, user) = prompt.messages
    assert (system[0], user[0]) == ("system", "user")
    assert "tests for `Twice` in calc/calc.go (package calc) in org/repo" in user[1]
    assert "return Add(a, a)" in user[1]
    assert "func Add(a, b int) int" in user[1]
    assert 50 < prompt.tokens < 400
    assert prompt == build_prompt(Pair(), twice)


def test_a_file_prompt_states_which_part_of_the_file_it_shows() -> None:
    (chunk,) = chunk_file(CODE, pair_id="p1")
    assert "part 1" not in build_prompt(Pair(), chunk).messages[1][1]
    parts = chunk_file(CODE * 1, budget=20, pair_id="p1")
    assert len(parts) > 1
    assert f"part 2 of {len(parts)}" in build_prompt(Pair(), parts[1]).messages[1][1]
    assert build_prompt(Pair(), parts[1]).focal == ()


def test_examples_are_earlier_turns_of_the_same_conversation() -> None:
    add, twice = function_chunks(CODE, pair_id="p1")
    prompt = build_prompt(Pair(), twice, examples=[Example(Pair(), add, TEST)])
    assert [role for role, _ in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[1] == build_prompt(Pair(), add).messages[1]
    assert prompt.messages[2][1] == completion_text(TEST)
    assert prompt.messages[3] == build_prompt(Pair(), twice).messages[1]


def test_a_prompt_shows_the_cross_file_context() -> None:
    (_, twice) = function_chunks(CODE, pair_id="p1")
    context = CrossFileContext("example.test/calc", "1.26", "type Number int")
    text = build_prompt(Pair(), twice, context=context).messages[1][1]
    assert "The module is example.test/calc (Go 1.26)." in text
    assert "type Number int" in text


def test_braces_in_code_are_not_template_fields() -> None:
    (chunk,) = function_chunks(b'package p\n\nfunc F() string { return "{focal} {0} {" }\n', pair_id="p1")
    assert '"{focal} {0} {"' in build_prompt(Pair(), chunk).messages[1][1]


def test_a_completion_is_extracted_in_full_even_with_fences_inside() -> None:
    for test in (TEST, TEST + "\n// ```go\n// not code\n// ```\n"):
        (unit,) = extract(completion_text(test)).units
        assert unit.file.source.decode().strip() == test.strip()


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (CrossFileContext(), ""),
        (CrossFileContext("m", ""), "The module is m.\n\n"),
        (CrossFileContext("m", "1.23.1"), "The module is m (Go 1.23.1).\n\n"),
        (
            CrossFileContext("m", "1.21"),
            "The module is m (Go 1.21, without range over integers, range over functions).\n\n",
        ),
        (
            CrossFileContext("m", "1.26", "", ()),
            "The module is m (Go 1.26). A test can import the standard library, this module and what the "
            "code imports, but no test library: go.mod requires none.\n\n",
        ),
        (
            CrossFileContext("m", "", "", ("a/b", "c")),
            "The module is m. A test can import the standard library, this module, what the code imports, "
            "and these test libraries: a/b, c.\n\n",
        ),
    ],
)
def test_a_prompt_says_what_go_mod_allows(context: CrossFileContext, expected: str) -> None:
    (_, twice) = function_chunks(CODE, pair_id="p1")
    text = build_prompt(Pair(), twice, context=context).messages[1][1]
    assert text.partition("test file.\n\n")[2].partition("Code under test")[0] == expected
