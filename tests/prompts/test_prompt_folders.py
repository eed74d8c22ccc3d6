"""Prompts as data: what is built in never changes; a user's folder works, or an error says why not."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset

from goutbench.chunk import chunk_file, function_chunks
from goutbench.chunk.tokens import token_counter
from goutbench.dataset.store import read_pairs, to_table
from goutbench.errors import ConfigError
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.tuned import differs_from_training
from goutbench.prompts.library import load_prompt
from goutbench.prompts.prompt import CrossFileContext, build_prompt
from goutbench.records import Pair
from goutbench.train.data.rows import make_rows
from goutbench.train.recipe import DataChoice

BUILT_IN = {"default-3": "6db3496fc503", "paper-1": "18c47fc7f610", "concurrency-1": "ec75b3c3aa04"}
CODE = b"""package calc

// Add adds.
func Add(a, b int) int { return a + b }

func Twice(a int) int { return Add(a, a) }
"""
CONTEXT = CrossFileContext("example.test/calc", "1.21", "type Number int", ("a/b",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default prompt."""
    return Path(shutil.copytree(load_prompt("default").path, tmp_path / "mine"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(4)])


def test_a_version_of_a_built_in_prompt_never_changes() -> None:
    """A changed file needs a new version: runs and adapters record name, version and hash."""
    prompts = [load_prompt(name) for name in ("default", "paper", "concurrency")]
    hashes = {f"{prompt.config.name}-{prompt.config.version}": prompt.hash[:12] for prompt in prompts}
    assert hashes == BUILT_IN


def test_the_default_prompt_has_the_bytes_of_the_templates_that_it_replaced() -> None:
    """The hashes are those of the messages that `function-v3.md` and `file-v3.md` gave."""
    _, twice = function_chunks(CODE, pair_id="p1")
    part = chunk_file(CODE, budget=20, pair_id="p1")[1]
    pair = replace(make_pair(1), id="p1", repository="org/repo", code_path="calc/calc.go", package="calc")
    prompts = [build_prompt(pair, chunk, context=CONTEXT) for chunk in (twice, part)]
    digests = [hashlib.sha256(repr(prompt.messages).encode()).hexdigest()[:16] for prompt in prompts]
    assert digests == ["0f6cfe2e4df61aee", "8164d4dda0dd383c"]
    assert [prompt.template for prompt in prompts] == ["function-v3", "file-v3"]


@pytest.mark.parametrize(
    ("version", "bubble"), [("1.24.3", False), ("1.25", True), ("1.26.1", True), ("", False)]
)
def test_the_concurrency_prompt_asks_for_synctest_where_go_has_it(version: str, bubble: bool) -> None:
    _, twice = function_chunks(CODE, pair_id="p1")
    context = CONTEXT._replace(go_version=version)
    text = build_prompt(make_pair(1), twice, prompt=load_prompt("concurrency"), context=context).messages[1][
        1
    ]
    assert ("Use testing/synctest" in text) is bubble
    assert ("do not import testing/synctest" in text) is not bubble
    assert "never call time.Sleep" in text.replace("Never", "never")


def test_a_folder_is_hashed_with_all_its_files(folder: Path) -> None:
    first = load_prompt(str(folder)).hash
    assert first == load_prompt("default").hash
    (folder / "notes.txt").write_text("why")
    second = load_prompt(str(folder)).hash
    (folder / "notes.txt").rename(folder / "reasons.txt")
    assert len({first, second, load_prompt(str(folder)).hash}) == 3
    _, twice = function_chunks(CODE, pair_id="p1")
    own = build_prompt(make_pair(1), twice, prompt=load_prompt(str(folder)))
    builtin = build_prompt(make_pair(1), twice)
    assert own.messages == builtin.messages
    assert own.id != builtin.id


def write(name: str, text: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (write("function.md.j2", "{{ code }} {{ colour }}"), "function.md.j2: unknown name 'colour'"),
        (write("context.md.j2", "{{ lipsum() }}"), "context.md.j2: unknown name 'lipsum'"),
        (write("function.md.j2", "a\n{% if code %}"), "function.md.j2:2: Unexpected end of template"),
        (write("function.md.j2", '{% include "../x" %}'), "function.md.j2: no template '../x'"),
        (write("function.md.j2", b"\xff"), "function.md.j2: not UTF-8 at byte 0"),
        (write("prompt.yaml", "name: x\nversion: 1\ncolour: red\n"), "prompt.yaml:3: "),
        (write("prompt.yaml", "name: x\nversion: 1\nsettings: {budget: 0}\n"), "prompt.yaml:3: "),
        (write("prompt.yaml", "name: x\nversion: 1\nsettings:\n  window: 9\n"), "prompt.yaml:4: "),
        (lambda folder: (folder / "system.md.j2").unlink(), "a prompt needs system.md.j2, and "),
        (lambda folder: (folder / "prompt.yaml").unlink(), "prompt.yaml: No such file"),
        (lambda folder: (folder / "link").symlink_to("/nowhere"), "link: a link, which is not followed"),
        (write("function.md.j2", "{{ path.__class__.__mro__ }}"), "function.md.j2: access to attribute"),
        (write("function.md.j2", "{{ path.colour }}"), "function.md.j2: 'str object' has no attribute"),
        (write("function.md.j2", "{{ part + path }}"), "function.md.j2: unsupported operand"),
        (lambda folder: (folder / "function.md.j2").unlink(), "no template for the unit 'function'"),
    ],
)
def test_a_folder_that_cannot_be_used_is_an_error_with_its_place(
    folder: Path, dataset: Path, change: Callable[[Path], object], message: str
) -> None:
    change(folder)
    with pytest.raises(ConfigError) as caught:
        read_items(dataset, GenerateOptions.for_prompt(str(folder), unit="function"))
    assert message in str(caught.value)
    assert "hint: " in str(caught.value)


def test_an_unknown_prompt_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"there is no prompt 'defualt'\n.*concurrency, default, extend, paper, "
    ):
        load_prompt("defualt")


def test_training_uses_the_same_prompt_and_generate_warns_about_another(
    folder: Path, dataset: Path, tmp_path: Path
) -> None:
    (folder / "system.md.j2").write_text("Test well.")
    pairs = to_table(list(read_pairs(dataset)), Pair)
    choice = DataChoice(prompt=str(folder))
    trained = {row.pair_id: row.prompt for row in make_rows(pairs, choice, token_counter())}
    options = GenerateOptions(unit="function", prompt=str(folder))
    assert trained == {item.pair.id: item.prompts[0].messages for item in read_items(dataset, options)}
    assert trained[make_pair(1).id][0] == ("system", "Test well.")
    model = tmp_path / "model"
    model.mkdir()
    settings = {"unit": "function", "prompt": str(folder), "prompt_hash": load_prompt(str(folder)).hash}
    (model / "goutbench.json").write_text(json.dumps(settings))
    assert differs_from_training(options, f"hf/{model}") == ""
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert differs_from_training(replace(options, prompt=str(copied)), f"hf/{model}") == ""
    other = differs_from_training(replace(options, prompt="default"), f"hf/{model}")
    assert f"--unit function --prompt {folder}" in other
    (folder / "system.md.j2").write_text("Test better.")
    assert "the files of this prompt have changed" in differs_from_training(options, f"hf/{model}")


def test_a_link_in_a_folder_shows_no_file_of_the_users(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a key")
    (folder / "secret.md.j2").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match="a link, which is not followed"):
        load_prompt(str(folder))
    (folder / "secret.md.j2").unlink()
    (folder / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ConfigError, match="a link, which is not followed"):
        load_prompt(str(folder))
