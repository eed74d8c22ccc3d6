"""Models side by side, the theme, and what a screen reader gets, in a real headless Chromium."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import Scheme, needs_chromium, opened_page, serious_violations
from judging import make_pair, write_dataset
from reporting import INFRA, PASSED, Outcome, write_run

from goutbench.report.stage import report
from goutbench.report.tables.compare import differences

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium


def expect_items(tab: "Page", text: str) -> None:
    from playwright.sync_api import expect

    expect(tab.locator("#compared-count")).to_have_text(text)


def test_the_matrix_is_filtered_by_what_differs_from_a_chosen_model(opened: "Page") -> None:
    """base passes items 2, 6 and 10, and tuned all but 0, 4 and 8, which both fail to build."""
    shown = opened.locator("#compared .choice label")
    assert shown.all_inner_texts() == ["all 12", "different 6", "regressions 0", "wins 6"]
    heads = opened.locator("#matrix thead th").all_inner_texts()
    assert heads == ["item", "org/base", "org/tuned", "reference"]
    shown.nth(3).click()
    expect_items(opened, "6 items of 12")
    assert opened.locator("#matrix tbody td:nth-child(3) .change-mark").all_inner_texts() == ["▲ better"] * 6
    opened.select_option("#compared select[name=against]", "reference")
    assert shown.all_inner_texts() == ["all 12", "different 9", "regressions 9", "wins 0"]
    opened.select_option("#compared select[name=by]", "mutation")
    opened.fill("#compared input[name=text]", "f1")
    assert shown.all_inner_texts() == ["all 3", "different 2", "regressions 2", "wins 0"]
    opened.reload()
    assert shown.all_inner_texts() == ["all 3", "different 2", "regressions 2", "wins 0"]


def test_keys_step_through_the_items_of_the_matrix(browser: "Browser", page: Path) -> None:
    from playwright.sync_api import expect

    with opened_page(browser, page, address="#compare?show=wins") as tab:
        tab.locator("#matrix tbody tr").nth(0).locator("td:nth-child(3) a").click()
        tab.wait_for_selector("#body .summary")
        assert tab.inner_text("#position") == "1 of 6"
        first = tab.inner_text("#where")
        tab.keyboard.press("j")
        expect(tab.locator("#position")).to_have_text("2 of 6")
        assert tab.inner_text("#where") != first
        assert tab.inner_text("#body h3 >> nth=0") == "Candidate · org/tuned"
        tab.go_back()
        tab.go_back()
        tab.wait_for_selector("#item", state="hidden")
        expect_items(tab, "6 items of 12")


def test_a_number_of_the_comparison_leads_to_its_items(opened: "Page") -> None:
    links = opened.locator("table.comparison tbody a")
    numbers = links.all_inner_texts()
    assert len(numbers) == 4
    for at, number in enumerate(numbers):
        links.nth(at).click()
        expect_items(opened, f"{number} item{'' if number == '1' else 's'} of 12")


def errors_at(*numbers: int) -> Callable[[int], Outcome]:
    """Outcomes of pairs: infrastructure errors at these numbers, else a pass."""
    return lambda number: INFRA if number in numbers else PASSED


def test_an_infrastructure_error_is_a_failure_unless_a_model_has_nothing_else(
    browser: "Browser", tmp_path: Path
) -> None:
    """As in the table: c, which was not measured, is neither better nor worse than a."""
    pairs = [make_pair(number) for number in range(3)]
    runs = [
        write_run(tmp_path / "a", "a", pairs, errors_at(0)),
        write_run(tmp_path / "b", "b", pairs, errors_at(1)),
        write_run(tmp_path / "c", "c", pairs, errors_at(0, 1, 2)),
    ]
    out = tmp_path / "report.html"
    results = report(runs, write_dataset(tmp_path / "dataset", pairs), out)
    passes = [row for row in differences(results, "a") if row.measure == "passes"]
    assert [(row.model, row.items, row.base_better, row.model_better) for row in passes] == [("b", 3, 1, 1)]
    with opened_page(browser, out) as tab:
        counts = tab.locator("#compared .choice label").all_inner_texts()
        assert counts == ["all 3", "different 2", "regressions 1", "wins 1"]
        marks = [
            row.locator(".change-mark").all_inner_texts() for row in tab.locator("#matrix tbody tr").all()
        ]
        assert marks == [["▲ better"], ["▼ worse"], []]
        assert tab.locator("#matrix td:last-child .change-mark").count() == 0
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        methods = tab.inner_text("#methods")
        assert "with 0, and so does one with an infrastructure error; a model with nothing else" in methods
        assert "In rates and comparisons it counts as 0, as a failure does" in methods


def test_a_loss_in_the_funnel_leads_to_its_candidates(opened: "Page") -> None:
    from playwright.sync_api import expect

    links = opened.locator("table.ladder small a")
    losses = links.all_inner_texts()
    assert len(losses) == 4
    for at, text in enumerate(losses):
        links.nth(at).click()
        expect(opened.locator("#count")).to_have_text(f"{text.split()[1][:-1]} of 36 candidates")


def test_several_samples_are_compared_by_their_mean(browser: "Browser", sampled_page: Path) -> None:
    with opened_page(browser, sampled_page, address="#compare?by=passes") as tab:
        counts = tab.locator("#compared .choice label").all_inner_texts()
        assert counts == ["all 20", "different 17", "regressions 0", "wins 17"]
        assert tab.inner_text("#matrix tbody tr:has-text('f8.go') td:nth-child(2) a") == "2 of 5 pass"


def test_the_theme_is_chosen_and_remembered(opened: "Page") -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = opened.evaluate(paper)
    opened.click("#theme")
    assert opened.evaluate(paper) == light
    opened.click("#theme")
    assert opened.inner_text("#theme") == "Theme: dark"
    dark = opened.evaluate(paper)
    assert dark != light
    opened.reload()
    assert opened.evaluate(paper) == dark
    opened.click("#theme")
    assert (opened.inner_text("#theme"), opened.evaluate(paper)) == ("Theme: system", light)


def test_lists_are_cards_on_a_phone(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page, width=390) as tab:
        assert (
            tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        )
        for table in ("#list", "#matrix"):
            cells = tab.locator(f"{table} tbody tr:first-child td")
            lefts = cells.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().left)")
            names = cells.evaluate_all(
                "cells => cells.map(cell => getComputedStyle(cell, '::before').content)"
            )
            assert len(lefts) > 2
            assert len(set(lefts)) == 1
            assert "none" not in names
        tab.locator("#matrix tbody a").first.click()
        tab.wait_for_selector("#body .summary")
        assert tab.evaluate("document.getElementById('body').scrollWidth <= innerWidth")


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None and not os.environ.get("CI"),
    reason="needs axe-playwright-python, which the extra 'dev' installs",
)
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_serious_complaint(browser: "Browser", page: Path, width: int, scheme: Scheme) -> None:
    from playwright.sync_api import expect

    with opened_page(browser, page, width=width, scheme=scheme) as tab:
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        tab.locator("#list input.print").first.check()
        assert serious_violations(tab) == []
        for name in ("f2.go", "f4.go"):
            tab.locator(f"#matrix tbody tr:has-text('{name}') td:nth-child(2) a").click()
            expect(tab.locator("#where")).to_contain_text(name)
            tab.wait_for_selector("#body .summary")
            if name == "f2.go":
                tab.click("#body .choice button >> text=Show changes")
            assert serious_violations(tab) == []
            tab.click("#back")
