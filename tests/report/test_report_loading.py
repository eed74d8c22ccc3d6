"""A page whose items cannot be loaded says so, where they are opened and where they are printed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
ITEM = "0000000000000002"
FILE = f"report_files/items/{ITEM}.js"


@pytest.fixture
def sent(browser: "Browser", page: Path, tmp_path: Path) -> "Iterator[Page]":
    """The page where it was sent without the folder beside it. Errors in the console are expected."""
    shutil.copy(page, tmp_path / "report.html")
    tab = browser.new_page()
    tab.add_init_script("window.print = () => { document.title = 'printed'; }")
    tab.goto(
        (tmp_path / "report.html").as_uri() + f"#item?pair={ITEM}&model=org/tuned&focal=&sample=0&round=0"
    )
    yield tab
    tab.close()


def test_a_page_without_its_folder_says_so_and_prints_nothing(sent: "Page") -> None:
    from playwright.sync_api import expect

    missing = f"cannot load {FILE}: the folder report_files must be beside the page"
    expect(sent.locator("#where")).to_have_text(missing)
    sent.click("#print")
    expect(sent.locator("#print-problem")).to_have_text(f"Not printed: {missing}")
    sent.click("#back")
    sent.locator("#list input.print").nth(1).check()
    sent.click("#tray-print")
    expect(sent.locator("#tray-problem")).to_contain_text("Not printed: cannot load report_files/items/")
    assert sent.title() != "printed"
    sent.click("#tray-clear")
    assert sent.text_content("#tray-problem") == ""


def cut_off(content: str) -> str:
    return content[: len(content) // 2]


def of_other_bytes(content: str) -> str:
    return content.replace('("', '("AAAA')


def without_base64(content: str) -> str:
    return content.replace('("', '("?')


@pytest.mark.parametrize("damage", [cut_off, of_other_bytes, without_base64])
def test_a_damaged_item_says_so_and_is_shown_when_it_is_whole_again(
    sent: "Page", page: Path, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    from playwright.sync_api import expect

    shutil.copytree(page.with_name("report_files"), tmp_path / "report_files")
    file = tmp_path / FILE
    content = file.read_text("utf-8")
    file.write_text(damage(content), "utf-8")
    sent.reload()
    damaged = f"{FILE} is damaged: copy the folder report_files again"
    expect(sent.locator("#where")).to_have_text(damaged)
    sent.click("#print")
    expect(sent.locator("#print-problem")).to_have_text(f"Not printed: {damaged}")
    file.write_text(content, "utf-8")
    sent.click("#print")
    expect(sent).to_have_title("printed")
    assert sent.text_content("#print-problem") == ""


def test_a_browser_that_cannot_unpack_an_item_is_named_as_the_cause(
    sent: "Page", page: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    shutil.copytree(page.with_name("report_files"), tmp_path / "report_files")
    sent.add_init_script("delete window.DecompressionStream")
    sent.reload()
    expect(sent.locator("#where")).to_contain_text("this browser is too old to show an item")
