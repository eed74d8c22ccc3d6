"""The page in a real headless Chromium, opened from disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import needs_chromium, opened_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium


@pytest.fixture
def opened_with_samples(browser: "Browser", sampled_page: Path) -> "Iterator[Page]":
    """The page with five samples per item."""
    with opened_page(browser, sampled_page) as tab:
        yield tab


def expect_count(page: "Page", text: str) -> None:
    """Wait until the list is of so many candidates: a click changes the address, and then the list."""
    from playwright.sync_api import expect

    expect(page.locator("#count")).to_have_text(text)


def test_a_number_links_to_the_items_that_it_counts(opened: "Page") -> None:
    row = opened.locator("table.leaderboard tbody tr", has_text="org/tuned")
    link = row.locator("a", has_text="75.0%").last
    link.click()
    expect_count(opened, "9 of 36 candidates")
    outcomes = opened.locator("#list tbody tr td:nth-child(3)").all_inner_texts()
    assert outcomes == ["passed"] * 9


def test_every_linked_number_counts_its_items(opened: "Page") -> None:
    """A count in the failure table is the length of the list that it opens."""
    opened.click("#failures summary")
    links = opened.locator("table.failures tbody a")
    total = 0
    for at in range(links.count()):
        count = links.nth(at).inner_text()
        links.nth(at).click()
        expect_count(opened, f"{count} of 36 candidates")
        total += int(count)
    assert total == 24


def test_filters_narrow_the_list_and_clear(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/base")
    opened.select_option("#filter select[name=class]", "undefined")
    assert opened.inner_text("#count").startswith("3 of 36")
    opened.fill("#filter input[name=text]", "f4.go")
    assert opened.inner_text("#count").startswith("1 of 36")
    opened.click("#filter button")
    expect_count(opened, "36 of 36 candidates")


def test_the_page_fits_a_phone_and_follows_the_colours_of_the_system(browser: "Browser", page: Path) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    tab.goto(page.as_uri())
    wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.emulate_media(color_scheme="light")
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.close()
    assert wide <= 0
    assert dark != light


def test_the_results_fit_the_page_and_are_cards_on_a_phone(browser: "Browser", page: Path) -> None:
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.goto(page.as_uri())
    table, cells = tab.locator("#leaderboard .wide"), tab.locator("table.leaderboard tbody tr:first-child td")
    wide = "box => box.scrollWidth - box.clientWidth"
    lefts = "cells => cells.map(cell => cell.getBoundingClientRect().left)"
    assert table.evaluate(wide) <= 0
    assert len(set(cells.evaluate_all(lefts))) > 4
    tab.set_viewport_size({"width": 390, "height": 800})
    assert table.evaluate(wide) <= 0
    assert len(set(cells.evaluate_all(lefts))) == 1
    tab.close()


def test_the_results_sort_by_a_column_with_the_keyboard(opened: "Page") -> None:
    models = opened.locator("table.leaderboard tbody th a")
    header = opened.locator("table.leaderboard th", has_text="mutation, all")
    assert models.all_inner_texts() == ["org/tuned", "org/base", "reference"]
    header.locator("button").focus()
    opened.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert models.all_inner_texts() == ["reference", "org/tuned", "org/base"]
    opened.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert models.all_inner_texts() == ["org/base", "org/tuned", "reference"]
    opened.locator("table.leaderboard th button", has_text="model").click()
    assert header.get_attribute("aria-sort") is None
    assert models.all_inner_texts() == ["org/base", "org/tuned", "reference"]


def test_the_first_key_skips_to_the_results_and_charts_have_titles(opened: "Page") -> None:
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to the results"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "content"
    titles = opened.locator("figure h3").all_inner_texts()
    assert len(titles) == opened.locator("figure").count() > 2
    assert all(titles)


def test_what_few_readers_need_is_folded_until_a_link_or_the_printer_opens_it(opened: "Page") -> None:
    assert not opened.is_visible("table.mutation-scores")
    opened.click("nav a[href='#mutation-scores']")
    opened.wait_for_selector("table.mutation-scores", state="visible")
    assert not opened.is_visible("table.failures")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.is_visible("table.failures")


def test_the_samples_of_an_item_are_grouped_under_one_row(opened_with_samples: "Page") -> None:
    page = opened_with_samples
    page.select_option("#filter select[name=model]", "org/base")
    assert page.inner_text("#count") == "100 of 220 candidates, of 20 items"
    page.fill("#filter input[name=text]", "f8.go")
    assert page.locator("#list tbody tr:visible").count() == 1
    item = page.locator("#list tbody tr.item")
    assert "2 of 5 pass" in item.inner_text()
    item.locator("button").click()
    assert page.locator("#list tbody tr.sample:visible").count() == 5
    page.locator("#list tbody tr.sample a").nth(1).click()
    page.wait_for_selector("#body h3")
    menu = page.locator("#body select[name=candidate]")
    assert menu.evaluate("menu => menu.selectedOptions[0].text") == "org/base, sample 2"
    assert page.locator("#body h3", has_text="strict: org/tuned against org/base: win").count() == 1


def test_a_number_of_several_samples_links_to_its_candidates(opened_with_samples: "Page") -> None:
    row = opened_with_samples.locator("table.leaderboard tbody tr", has_text="org/base")
    row.locator("a", has_text="46.0%").last.click()
    expect_count(opened_with_samples, "46 of 220 candidates, of 16 items")
