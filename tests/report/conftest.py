"""A report of two models and the reference tests, with a judge's word."""

from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import ASSERTION, EVIL, NO_CODE, PASSED, UNDEFINED, Outcome, write_judgement, write_run

from goutbench.report.stage import report


def _base(number: int) -> Outcome:
    return (UNDEFINED, ASSERTION, PASSED, NO_CODE)[number % 4]


def _tuned(number: int) -> Outcome:
    return PASSED if number % 4 else UNDEFINED


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page: 12 items, base passes 3 of them and tuned 9."""
    pairs = [make_pair(number) for number in range(12)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_run(tmp_path / "base", "org/base", pairs, _base, evil=EVIL),
        write_run(tmp_path / "tuned", "org/tuned", pairs, _tuned),
        write_run(tmp_path / "reference", "reference", pairs, lambda number: PASSED),
    ]
    judged = write_judgement(
        tmp_path / "judged", pairs, "org/base", "org/tuned", lambda n: ("win", "loss", "tie", "flip")[n % 4]
    )
    out = tmp_path / "report.html"
    report(runs, dataset, out, judgements=[judged], base="org/base")
    return out
