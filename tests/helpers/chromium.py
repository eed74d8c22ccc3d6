"""A real headless Chromium for pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

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


def assert_readable_charts(browser: "Browser", page: Path, scheme: Literal["light", "dark"]) -> None:
    """The charts of a page have no background of their own, and their text a contrast of 4.5:1 at least."""
    tab = browser.new_page(color_scheme=scheme)
    tab.goto(page.as_uri())
    opaque, texts, lowest = tab.evaluate(_CONTRASTS)
    tab.close()
    assert opaque == []
    assert texts > 20
    assert lowest >= 4.5
