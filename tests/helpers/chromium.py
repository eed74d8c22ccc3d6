"""A real headless Chromium for pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

Scheme = Literal["light", "dark"]
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium: install the package 'chromium'"
)


@contextmanager
def launched() -> "Iterator[Browser]":
    """A browser, which is closed at the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened_page(
    browser: "Browser", page: Path, *, address: str = "", width: int = 1200, scheme: Scheme = "light"
) -> "Iterator[Page]":
    """A page on which a console error, a page error or a request that leaves the disk fails the test."""
    errors: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda sent: None if sent.url.startswith("file:") else errors.append(sent.url))
    tab.goto(page.as_uri() + address)
    yield tab
    tab.close()
    assert errors == []


def serious_violations(tab: "Page") -> list[str]:
    """What axe-core finds in the page as it is shown, serious or critical: rule and first element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


_CONTRASTS = """() => {
  const channel = c => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
  const luminance = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(channel);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const paper = getComputedStyle(document.body).backgroundColor;
  const opaque = [...document.querySelectorAll('svg > rect, svg path.background')]
    .map(e => getComputedStyle(e))
    .filter(style => style.fill !== 'none' && style.fillOpacity !== '0').map(style => style.fill);
  const texts = [...document.querySelectorAll('svg text')].map(e => getComputedStyle(e).fill);
  return [opaque, texts.length, Math.min(...texts.map(fill => contrast(luminance(fill), luminance(paper))))];
}"""


def assert_readable_charts(browser: "Browser", page: Path, scheme: Scheme) -> None:
    """The charts of a page have no background of their own, and their text a contrast of 4.5:1 at least."""
    tab = browser.new_page(color_scheme=scheme)
    tab.goto(page.as_uri())
    opaque, texts, lowest = tab.evaluate(_CONTRASTS)
    tab.close()
    assert opaque == []
    assert texts > 20
    assert lowest >= 4.5
