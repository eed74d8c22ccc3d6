"""A small dataset, candidates and judges, for the tests of `judge` and its neighbours."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from goutbench.dataset.store import DATA, to_table, write_manifest, write_table
from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge, load_judge
from goutbench.records import Pair

MakeRun = Callable[..., Path]
_load_judge = cache(load_judge)
REPOSITORIES = ("o/one", "o/two", "o/three")
GOOD = """package p

import "testing"

func TestDouble{n}(t *testing.T) {{
	if got := Double{n}(2); got != 4 {{
		t.Errorf("got %d", got)
	}}
	if Double{n}(0) != 0 {{
		t.Error("zero")
	}}
}}
"""
IDLE = 'package p\n\nimport "testing"\n\nfunc TestDouble{n}(t *testing.T) {{\n\tDouble{n}(2)\n}}\n'


def make_pair(number: int) -> Pair:
    code = f"package p\n\n// Double{number} doubles.\nfunc Double{number}(x int) int {{ return 2 * x }}\n"
    return Pair(
        sha256=f"{number:064x}", repository=REPOSITORIES[number % 3], file_name=f"f{number}",
        code_path=f"f{number}.go", code=code, code_commit=None, test_path=f"f{number}_test.go",
        test=GOOD.format(n=number), test_commit=None, id=f"{number + 1:016x}", revision="1", domain="d",
        licence="MIT", licence_file=None, package="p", code_lines=4, test_lines=12, generated=False,
        vendored=False, code_first_date=None, code_last_date=None, test_first_date=None,
        test_last_date=None, pairing_rule="same-name",
    )  # fmt: skip


def write_dataset(folder: Path, pairs: Sequence[Pair]) -> Path:
    (folder / DATA).mkdir(parents=True)
    path = folder / DATA / "all.parquet"
    write_table(to_table(pairs, Pair), path)
    write_manifest(folder, [path], {"pairs": len(pairs), "repositories": {}})
    return folder


def make_comparison(
    text_a: str, text_b: str, code: str = "package p", reference: str = "package p"
) -> Comparison:
    return Comparison(
        id="00000000000000aa", pair_id="p", repository="o/r", path="f.go", package="p", focal=(), sample=0,
        code=code, reference=reference, model_a="made/a", model_b="made/b", candidate_a="ca",
        candidate_b="cb", text_a=text_a, text_b=text_b,
    )  # fmt: skip


def make_judge(name: str = "default", model: str = "scripted_judge/asserting") -> Judge:
    return Judge(_load_judge(name), model)


MARKS_OF_INSPECT = [
    pytest.mark.usefixtures("inspect_tidied"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "ignore:The 'initial' parameter:DeprecationWarning",  # Inspect's own
    ),
]
"""The marks of a module whose tests run Inspect with servers."""


def with_inspect(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that runs Inspect: its unclosed streams and its use of tenacity give warnings."""
    for mark in (
        pytest.mark.filterwarnings("ignore:.*use 'multiplier' instead:DeprecationWarning"),
        pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
        pytest.mark.usefixtures("inspect_tidied"),
    ):
        test = mark(test)
    return test
