"""Pages in a real browser."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@contextlib.contextmanager
def opened(path: Path, width: int, scheme: str = "light") -> Iterator[Any]:
    """A tab with the page open; at the end it must have thrown nothing and asked for nothing from outside.

    Whatever it shows must fit the width, and every picture must be one.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        asked: list[str] = []
        errors: list[str] = []
        tab.on("request", lambda r: asked.append(r.url))
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.goto(path.as_uri())
        assert tab.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        yield tab
        assert not errors
        assert all(u.startswith(("file:", "data:")) for u in asked)
        browser.close()


def move_slider(tab: Any, key: str, times: int) -> int:
    """Move the first slider of the page by keyboard; returns where it stands, per cent, as the page shows it."""
    slider = tab.locator(".ba input").first
    slider.focus()
    for _ in range(times):
        tab.keyboard.press(key)
    shown = tab.evaluate("document.querySelector('.ba').style.getPropertyValue('--pos')")
    assert shown == f"{slider.input_value()}%"
    return int(slider.input_value())
