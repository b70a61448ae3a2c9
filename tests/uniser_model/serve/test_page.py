"""The page in a real browser, wide and narrow, light and dark: by pointer, and by keyboard alone."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.browser import needs_chromium, opened
from tests.uniser_core.pictures import encode, photo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.uniser_model.serve.client import Client

pytestmark = needs_chromium
PHOTO = photo(300, 400)
WAIT_MS = 120_000
MASK_THERE = "document.getElementById('mask').width === 400"
SHOWN = "document.querySelector('#panel-synthesise .right').getAttribute('src')"


@pytest.fixture
def chosen(tmp_path: Path) -> str:
    (tmp_path / "my hill <b>.png").write_bytes(encode(PHOTO))
    return str(tmp_path / "my hill <b>.png")


@contextlib.contextmanager
def at_work(url: str, width: int, scheme: str = "light") -> Iterator[Any]:
    """The page once it knows its effects and listens."""
    with opened(url, width, scheme) as tab:
        until(tab, "document.body.getAttribute('aria-busy') === 'false'")
        yield tab


def idle(tab: Any) -> None:
    tab.wait_for_selector("#status", state="hidden", timeout=WAIT_MS)


def until(tab: Any, expression: str) -> None:
    """Wait until it is true; the page's own policy forbids the browser driver's waiting scripts."""
    for _ in range(WAIT_MS // 50):
        if tab.evaluate(expression):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def downloaded(tab: Any, link: Any) -> tuple[str, bytes]:
    with tab.expect_download() as waiting:
        link.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_upload_paint_restore_download(server: Client, chosen: str, width: int, scheme: str) -> None:
    with at_work(server.url, width, scheme) as tab:
        tab.click("#tab-restore")
        assert tab.is_disabled("#go")
        tab.set_input_files("#file", chosen)
        tab.wait_for_selector("#easel:not([hidden])", timeout=WAIT_MS)
        until(tab, MASK_THERE)
        assert "my hill <b>.png · 400 × 300" in tab.inner_text("#photo-name")
        tab.locator("#mask").scroll_into_view_if_needed()
        box = tab.locator("#mask").bounding_box()
        tab.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.3)
        tab.mouse.down()
        tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3, steps=5)
        tab.mouse.up()
        painted = "document.getElementById('mask').getContext('2d').getImageData(AT, 1, 1).data[3]"
        assert tab.evaluate(painted.replace("AT", "80, 90")) > 100
        assert tab.evaluate(painted.replace("AT", "300, 200")) == 0
        assert "% of the picture is painted" in tab.inner_text("#mask-said")
        tab.click("#go")
        tab.wait_for_selector("#restore-files a", timeout=WAIT_MS)
        name, data = downloaded(tab, tab.locator("#restore-files a"))
        assert name.endswith("-restored.png")
        changed = (pixels(data) != PHOTO).any(axis=2)
        assert changed[80:100, 60:100].any()
        assert not changed[:, 220:].any()
        assert tab.is_visible("#panel-restore figure .ba")
        slider = tab.locator("#panel-restore .ba input")
        slider.focus()
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate("document.querySelector('#panel-restore .ba').style.getPropertyValue('--pos')") == "51%"
        assert tab.is_hidden("#fault")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])
def test_synthesise_with_a_slider_changed(server: Client, chosen: str, width: int, scheme: str) -> None:
    with at_work(server.url, width, scheme) as tab:
        tab.select_option("#effect", "leak")
        tab.set_input_files("#file", chosen)
        tab.wait_for_selector("#params .field", timeout=WAIT_MS)
        idle(tab)
        first = tab.evaluate(SHOWN)
        tab.fill("#find", "light x")
        assert tab.locator("#params > .field:visible").count() == 1
        tab.locator("#params input[type=range]:visible").focus()
        for _ in range(3):
            tab.keyboard.press("PageUp")
        value = float(tab.input_value("#params input[type=number]:visible"))
        until(tab, f"{SHOWN} !== '{first}'")
        idle(tab)
        tab.click("#make-pair")
        tab.wait_for_selector("#pair-files a", timeout=WAIT_MS)
        files = dict(downloaded(tab, link) for link in tab.locator("#pair-files a").all())
        degraded, clean, told = files.values()
        assert [n.rpartition("leak-0")[2] for n in files] == [".png", "-clean.png", ".json"]
        assert np.array_equal(pixels(clean), PHOTO)
        assert pixels(degraded).shape == PHOTO.shape
        assert not np.array_equal(pixels(degraded), PHOTO)
        assert json.loads(told)["params"]["light_x"] == pytest.approx(value)
        seed = tab.input_value("#seed")
        tab.click("#draw")
        idle(tab)
        assert tab.input_value("#seed") != seed
        assert tab.locator(".field.changed").count() == 0


def test_by_keyboard_alone(server: Client, chosen: str) -> None:
    with at_work(server.url, 1000) as tab:
        focused = "document.activeElement.id"

        def tab_to(name: str) -> None:
            for _ in range(60):
                if tab.evaluate(focused) == name:
                    return
                tab.keyboard.press("Tab")
            raise AssertionError(f"no way to {name} by Tab")

        tab_to("tab-synthesise")
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(focused) == "tab-restore"
        assert tab.is_visible("#panel-restore")
        tab_to("file")
        assert tab.evaluate("getComputedStyle(document.querySelector('label.button')).outlineStyle") == "solid"
        with tab.expect_file_chooser() as waiting:
            tab.keyboard.press("Space")
        waiting.value.set_files(chosen)
        until(tab, MASK_THERE)
        tab_to("mask")
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        alpha = "document.getElementById('mask').getContext('2d').getImageData(AT, 150, 1, 1).data[3]"
        tab.keyboard.down(" ")
        for _ in range(6):
            tab.keyboard.press("Shift+ArrowRight")
        tab.keyboard.up(" ")
        assert tab.evaluate(alpha.replace("AT", "230")) > 100
        tab.keyboard.press("e")
        assert tab.get_attribute("#erase", "aria-pressed") == "true"
        tab.keyboard.press("Space")
        tab.keyboard.press("Control+z")
        tab.keyboard.press("Control+z")
        assert tab.evaluate(alpha.replace("AT", "230")) == 0
        assert "whole picture" in tab.inner_text("#mask-said")
        tab_to("strength")
        tab.keyboard.press("Home")
        assert tab.inner_text("#strength-value") == "0 %"
        tab_to("go")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#restore-files a", timeout=WAIT_MS)
        with tab.expect_download() as got:
            tab.evaluate("document.querySelector('#restore-files a').focus()")
            tab.keyboard.press("Enter")
        assert np.array_equal(pixels(Path(got.value.path()).read_bytes()), PHOTO)  # strength 0


def test_every_control_has_a_name(server: Client, chosen: str) -> None:
    nameless = """[...document.querySelectorAll('input, select, button, canvas, [role]')]
        .filter(e => e.checkVisibility() && !e.ariaLabel && !e.labels?.length && !e.textContent.trim())
        .map(e => e.outerHTML)"""
    with at_work(server.url, 1440) as tab:
        tab.select_option("#effect", "leak")
        tab.set_input_files("#file", chosen)
        tab.wait_for_selector("#params .field", timeout=WAIT_MS)
        idle(tab)
        assert tab.evaluate(nameless) == []
        tab.click("#tab-restore")
        assert tab.evaluate(nameless) == []


def test_what_goes_wrong_is_one_line_on_the_page(server: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "huge.png").write_bytes(bytes(2_100_000))
    with at_work(server.url, 360) as tab:
        for name, said in (("notes.txt", "not a picture"), ("huge.png", "at most 2 MB")):
            tab.set_input_files("#file", str(tmp_path / name))
            until(tab, f"document.getElementById('fault-text').textContent.includes('{said}')")
            tab.click("#fault-close")
            assert tab.is_hidden("#fault")
        tab.set_input_files("#file", {"name": "ok.png", "mimeType": "image/png", "buffer": encode(PHOTO)})
        tab.click("#tab-restore")
        tab.wait_for_selector("#easel:not([hidden])", timeout=WAIT_MS)
        tab.select_option("#restore-effect", "own words …")
        tab.click("#go")
        tab.wait_for_selector("#fault:not([hidden])")
        assert "Write what to do" in tab.inner_text("#fault-text")


def test_undo_invert_soften_erase(server: Client, chosen: str) -> None:
    share = "parseFloat(document.getElementById('mask-said').textContent) || 0"
    with at_work(server.url, 1000) as tab:
        tab.click("#tab-restore")
        tab.set_input_files("#file", chosen)
        until(tab, MASK_THERE)
        tab.click("#invert")
        assert tab.evaluate(share) == 100
        tab.click("#undo")
        assert tab.evaluate(share) == 0
        assert tab.is_disabled("#undo")
        tab.fill("#soft", "0")
        tab.locator("#mask").click(position={"x": 200, "y": 150})
        row = "document.getElementById('mask').getContext('2d').getImageData(0, 150, 400, 1).data"
        sharp = f"[...{row}].filter((v, i) => i % 4 == 3 && v > 5 && v < 130).length"
        before, edge = tab.evaluate(share), tab.evaluate(sharp)
        tab.click("#soften")
        assert tab.evaluate(sharp) > edge + 4
        assert tab.evaluate(share) == pytest.approx(before, abs=0.2)
        tab.click("#erase")
        tab.fill("#size", "40")
        tab.locator("#mask").click(position={"x": 200, "y": 150})
        assert "whole picture" in tab.inner_text("#mask-said")
        tab.click("#undo")
        assert tab.evaluate(share) == pytest.approx(before, abs=0.2)
