"""The page in a real headless Chromium, opened from disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium: install the package 'chromium'"
)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: "Browser", page: Path) -> "Iterator[Page]":
    """The page; a console error, a page error or a request that leaves the disk fails the test."""
    trouble: list[str] = []
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("request", lambda asked: None if asked.url.startswith("file:") else trouble.append(asked.url))
    tab.goto(page.as_uri())
    yield tab
    tab.close()
    assert trouble == []


def test_a_number_leads_to_the_items_that_it_counts(opened: "Page") -> None:
    row = opened.locator("table.leaderboard tbody tr", has_text="org/tuned")
    link = row.locator("a", has_text="75.0%").last
    link.click()
    assert opened.inner_text("#count").startswith("9 of 36")
    outcomes = opened.locator("#list tbody tr td:nth-child(3)").all_inner_texts()
    assert outcomes == ["passed"] * 9


def test_every_linked_number_counts_its_items(opened: "Page") -> None:
    """A count in the failure table is the length of the list that it opens."""
    links = opened.locator("table.failures tbody a")
    seen = 0
    for at in range(links.count()):
        count = links.nth(at).inner_text()
        links.nth(at).click()
        assert opened.inner_text("#count").split(" of ")[0] == count
        seen += int(count)
    assert seen == 24


def test_filters_narrow_the_list_and_clear(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/base")
    opened.select_option("#filter select[name=class]", "undefined")
    assert opened.inner_text("#count").startswith("3 of 36")
    opened.fill("#filter input[name=text]", "f4.go")
    assert opened.inner_text("#count").startswith("1 of 36")
    opened.click("#filter button")
    assert opened.inner_text("#count").startswith("36 of 36")


def test_an_item_shows_everything_that_is_known_of_it(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/tuned")
    opened.fill("#filter input[name=text]", "f1.go")
    opened.click("#list tbody th a")
    opened.wait_for_selector("#body h3")
    text = opened.inner_text("#body")
    for words in (
        "by org/tuned", "Reference test · f1_test.go", "1 of 2 statements covered", "3 killed, 1 lived",
        "4.40 arithmetic: * → /",
        "strict on org/base against org/tuned: loss", "The second checks the result.",
    ):  # fmt: skip
        assert words in text
    missed = opened.locator("#body pre div.miss").all_inner_texts()
    assert len(missed) == 1
    assert "func Double1" in missed[0]
    opened.click("#body details summary")
    assert "Write tests." in opened.inner_text("#body")
    opened.click("#back")
    assert not opened.is_visible("#item")


def test_what_a_candidate_writes_stays_text(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/base")
    opened.fill("#filter input[name=text]", "f2.go")
    opened.click("#list tbody th a")
    opened.wait_for_selector("#body h3")
    assert "</script><script>document.title='broken'" in opened.inner_text("#body")
    opened.click("#body details summary")
    assert opened.title() != "broken"
    assert opened.locator("#body img").count() == 0


def test_it_fits_a_phone_and_follows_the_colours_of_the_system(browser: "Browser", page: Path) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    tab.goto(page.as_uri())
    wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.emulate_media(color_scheme="light")
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.close()
    assert wide <= 0
    assert dark != light
