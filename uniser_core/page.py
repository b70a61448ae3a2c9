"""Self-contained HTML pages: no external requests, light and dark, keyboard and phone width."""

from __future__ import annotations

import base64
import json
import math
import re
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

UInt8 = npt.NDArray[np.uint8]
PREVIEW_QUALITY = 88
PREVIEW_PX = 512
SHOWN_PARAMS = 190  # characters
# Cells of more characters may break into lines; all others keep to one.
WRAPPED, LONG = 28, ' class="long"'
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,–]*%?")


def page(title: str, body: str) -> str:
    """A whole page."""
    template, style, script = (page_part(name) for name in ("base.html", "base.css", "slider.js"))
    return Template(template).substitute(title=escape(title), body=body, style=style, script=script)


def page_part(name: str) -> str:
    """One of the files that pages are made of: the frame `base.html`, the style `base.css`, `slider.js`."""
    return files("uniser_core").joinpath("pages", name).read_text()


def write_page(path: Path, title: str, body: str) -> None:
    """Write a whole page. Raises InputError where the file cannot be written."""
    try:
        path.write_text(page(title, body))
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "choose another place") from None


def preview_jpeg(rgb8_HWC: UInt8, max_size_px: int = PREVIEW_PX) -> bytes:
    """A picture, uint8 (H, W, 3) sRGB, as a JPEG of at most `max_size_px` on its long side."""
    scale = max_size_px / max(rgb8_HWC.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb8_HWC.shape[1] * scale)), max(1, round(rgb8_HWC.shape[0] * scale)))
        rgb8_HWC = np.asarray(cv2.resize(rgb8_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", rgb8_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY])
    return data.tobytes()


def picture_uri(rgb8_HWC: UInt8, max_size_px: int = PREVIEW_PX) -> str:
    """A picture as a data: URI (JPEG preview, at most `max_size_px` on its long side)."""
    return "data:image/jpeg;base64," + base64.b64encode(preview_jpeg(rgb8_HWC, max_size_px)).decode()


def slider(
    left: UInt8, right: UInt8, left_label: str, right_label: str, name: str, max_size_px: int = PREVIEW_PX
) -> str:
    """A before/after slider over two pictures of one size; arrow keys move it."""
    label = escape(f"{name}: {left_label} against {right_label}", quote=True)
    return (
        f'<div class="ba"><img src="{picture_uri(left, max_size_px)}" alt="{escape(left_label)}">'
        f'<img src="{picture_uri(right, max_size_px)}" alt="{escape(right_label)}">'
        f'<span class="tag l">{escape(left_label)}</span><span class="tag r">{escape(right_label)}</span>'
        f'<input type="range" min="0" max="100" value="50" aria-label="{label}"></div>'
    )


def pair_figure(
    degraded: UInt8, clean: UInt8, row: Mapping[str, Any], max_size_px: int = PREVIEW_PX, note: str = ""
) -> str:
    """A pair under a slider, with what its row says: strength, parameters, credit. `note` follows the strength."""
    params = json.loads(row["params"]) if isinstance(row["params"], str) else row["params"]
    drawn = {k: v for k, v in params.items() if k not in ("camera", "depth") and not _nested(v)}
    text = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in drawn.items())
    text = text if len(text) <= SHOWN_PARAMS else text[:SHOWN_PARAMS].rsplit(",", 1)[0] + ", …"
    credit = f"{row['attribution']} ({row['license']})" if row["attribution"] else row["license"]
    said = f"{row['effect']}, {row['psnr_db']:.1f} dB" + (f", {note}" if note else "")
    return (
        f"<figure>{slider(degraded, clean, row['variant'], 'clean', row['pair_id'], max_size_px)}<figcaption>"
        f"{escape(said)}<span class='dim'>{escape(text)}</span><span class='dim'>{escape(credit)}</span>"
        "</figcaption></figure>"
    )


def _nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value))


def facts(values: Mapping[str, str]) -> str:
    """Headline figures: name under value."""
    cells = "".join(f"<div><b>{escape(v)}</b><span>{escape(k)}</span></div>" for k, v in values.items())
    return f'<div class="facts">{cells}</div>'


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table; numbers are right-aligned. Values that are already markup come as `Markup`."""
    if not rows:
        return "<p class='dim'>none</p>"
    numeric = {k for k, v in rows[0].items() if isinstance(v, int | float) or _NUMBER.fullmatch(str(v))}
    kind = {k: ' class="num"' if k in numeric else "" for k in rows[0]}
    head = "".join(f"<th{kind[k]}>{escape(k)}</th>" for k in rows[0])
    body = "".join("<tr>" + "".join(_cell(v, kind[k]) for k, v in r.items()) + "</tr>" for r in rows)
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(value: Any, kind: str) -> str:
    if isinstance(value, Markup):
        return f"<td{kind}>{value}</td>"
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return f"<td{kind or LONG if len(text) > WRAPPED else kind}>{escape(text)}</td>"


def line_chart(points: Sequence[tuple[float, float]], x_label: str, y_label: str) -> str:
    """A line chart as SVG, logarithmic in y where all values are positive."""
    clean = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if len(clean) < 2:
        return "<p class='dim'>not enough points for a curve</p>"
    logarithmic = all(y > 0 for _, y in clean)
    xs, ys = [x for x, _ in clean], [math.log10(y) if logarithmic else y for _, y in clean]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    width, height, left, bottom, right = 900, 260, 64, 34, 26
    sx = (width - left - right) / ((x1 - x0) or 1)
    sy = (height - bottom - 12) / ((y1 - y0) or 1)
    places = [(left + (x - x0) * sx, height - bottom - (y - y0) * sy) for x, y in zip(xs, ys, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = ""
    for step in range(5):
        level = y0 + (y1 - y0) * step / 4
        y = height - bottom - (level - y0) * sy
        shown = 10**level if logarithmic else level
        marks += f'<line x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        marks += f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{shown:.3g}</text>'
        x = x0 + (x1 - x0) * step / 4
        marks += f'<text x="{left + (x - x0) * sx:.1f}" y="{height - 16}" text-anchor="middle">{x:.4g}</text>'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(y_label)} over {escape(x_label)}">{marks}'
        f'<polyline points="{path}" fill="none" stroke="var(--accent)" stroke-width="2"/>'
        f'<text x="{width / 2}" y="{height - 2}" text-anchor="middle">{escape(x_label)}</text></svg>'
        f'<p class="dim">{escape(y_label)}{" (logarithmic)" if logarithmic else ""}</p>'
    )


def histogram(values: npt.NDArray[Any], x_label: str, limits: tuple[float, float] | None = None, bins: int = 24) -> str:
    """Counts of values (N,) as SVG bars, `bins` of equal width over `limits` (default: from least to greatest).

    What lies beyond the limits is counted in the outermost bars; values that are not finite are left out.
    """
    clean = np.asarray(values, np.float64)
    clean = clean[np.isfinite(clean)]
    if not len(clean):
        return "<p class='dim'>no values</p>"
    low, high = limits or (float(clean.min()), float(clean.max()))
    high = high if high > low else low + 1
    counts, edges = np.histogram(np.clip(clean, low, high), bins=bins, range=(low, high))
    width, height, left, bottom, top = 460, 170, 46, 36, 8
    step, most = (width - left - 12) / bins, int(counts.max())
    bars = ""
    for number, count in enumerate(counts.tolist()):
        tall = (height - bottom - top) * count / most
        said = f"{edges[number]:.4g} to {edges[number + 1]:.4g}: {count:,}"
        bars += (
            f'<rect x="{left + number * step + 0.5:.1f}" y="{height - bottom - tall:.1f}" width="{step - 1:.1f}" '
            f'height="{tall:.1f}" fill="var(--accent)"><title>{said}</title></rect>'
        )
    base = height - bottom
    marks = f'<line x1="{left}" x2="{width - 12}" y1="{base}" y2="{base}" stroke="var(--line)"/>'
    marks += f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{most:,}</text>'
    marks += f'<text x="{left - 6}" y="{base}" text-anchor="end">0</text>'
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = left + part * (width - left - 12)
        marks += f'<text x="{x:.1f}" y="{base + 15}" text-anchor="{anchor}">{low + part * (high - low):.4g}</text>'
    label = escape(f"{len(clean):,} values of {x_label}, median {np.median(clean):.4g}", quote=True)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{marks}{bars}'
        f'<text x="{(left + width) / 2:.0f}" y="{height - 4}" text-anchor="middle">{escape(x_label)}</text></svg>'
    )
