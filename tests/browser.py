"""A page as a reader has it: headless Chromium, with what it asked for and what went wrong."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@contextmanager
def opened(place: Path | str, width: int, scheme: str = "light") -> Iterator[Any]:
    """The page of a file or URL, so wide.

    Leaving it asserts no script error, no broken picture, no overflow, and no request to anywhere else.
    """
    url = place if isinstance(place, str) else place.as_uri()
    own = (url, "data:", "blob:") if isinstance(place, str) else ("file:", "data:")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        asked: list[str] = []
        errors: list[str] = []
        tab.on("request", lambda r: asked.append(r.url))
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.goto(url)
        yield tab
        shown = "[...document.images].filter(i => i.hasAttribute('src'))"
        assert tab.evaluate(f"{shown}.filter(i => !i.complete || i.naturalWidth === 0).length") == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        assert not errors
        assert all(u.startswith(own) for u in asked)
        browser.close()
