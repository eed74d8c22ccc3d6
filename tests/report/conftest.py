"""Reports of two models and the reference tests, with a judge: one sample per item, and five."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import launched, opened_page
from judging import make_pair, write_dataset
from reporting import (
    ASSERTION,
    EVIL,
    NO_CODE,
    PASSED,
    UNDEFINED,
    Outcome,
    write_judgement,
    write_run,
    write_samples,
)

from goutbench.report.stage import report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser for a module: an open one has an event loop, which tests of other folders may not meet."""
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser: "Browser", page: Path) -> "Iterator[Page]":
    """The page with one sample per item, in a tab."""
    with opened_page(browser, page) as tab:
        yield tab


def _base(number: int) -> Outcome:
    return (UNDEFINED, ASSERTION, PASSED, NO_CODE)[number % 4]


def _tuned(number: int) -> Outcome:
    return PASSED if number % 4 else UNDEFINED


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page: 12 items with one sample each, base passes 3 of them and tuned 9."""
    folder = tmp_path_factory.mktemp("page")
    pairs = [make_pair(number) for number in range(12)]
    dataset = write_dataset(folder / "dataset", pairs)
    runs = [
        write_run(folder / "base", "org/base", pairs, _base, evil=EVIL),
        write_run(folder / "tuned", "org/tuned", pairs, _tuned),
        write_run(folder / "reference", "reference", pairs, lambda number: PASSED),
    ]
    judged = write_judgement(
        folder / "judged", pairs, "org/base", "org/tuned", lambda n: ("win", "loss", "tie", "flip")[n % 4]
    )
    out = folder / "report.html"
    report(runs, dataset, out, judgements=[judged], base="org/base")
    return out


@pytest.fixture(scope="session")
def sampled_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page: 20 items of five repositories with five samples each.

    Of item n, n % 6 samples of org/base pass and n % 6 + 1 (five at most) of org/tuned; the others do not
    build. The judge prefers org/tuned on the even items, and else sees a tie.
    """
    folder = tmp_path_factory.mktemp("sampled")
    pairs = [replace(make_pair(number), repository=f"o/r{number % 5}") for number in range(20)]
    dataset = write_dataset(folder / "dataset", pairs)
    runs = [
        write_samples(
            folder / name, f"org/{name}", pairs,
            lambda number, sample, more=more: PASSED if sample < number % 6 + more else UNDEFINED,
            samples=5,
        )
        for name, more in (("base", 0), ("tuned", 1))
    ]  # fmt: skip
    runs.append(write_run(folder / "reference", "reference", pairs, lambda number: PASSED))
    judged = write_judgement(
        folder / "judged", pairs, "org/base", "org/tuned", lambda n: "tie" if n % 2 else "win", samples=5
    )
    out = folder / "report.html"
    report(runs, dataset, out, judgements=[judged], base="org/base")
    return out
