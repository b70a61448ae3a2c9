"""Ghosts: what two reflections between the surfaces of a real lens throw on the sensor, as additive light.

After Hullin et al., "Physically-based real-time lens flare rendering" (2011): for each pair of surfaces a grid of rays
is traced through the lens, and the bent grid drawn with the light that its cells hold. Radiometry: a light of
irradiance E at the front, through a path of throughput eta that brings the pupil's area A_p to the area A_g, shows as
radiance E eta f^2 / A_g (f^2 / A_p = 4 N^2 / pi relates sensor irradiance and scene radiance), bundle by bundle; eta
counts against the straight path's transmission, which the picture's exposure has taken up already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

from halo_render.optics import survey as found_at
from halo_render.optics.coating import BAND_NM, RESPONSE_NM, camera_coating, check_coating, coating_table, response
from halo_render.optics.lens import Lens, first_order
from halo_render.optics.raster import SPLAT_BELOW_PX, TURN_SAMPLES, draw_sheet
from halo_render.optics.source import LightSource, Sensor
from halo_render.optics.trace import BANDS, STOP, Prism, prism, trace, trace_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.optics.aperture import Aperture
    from halo_render.optics.coating import CoatingTable

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Grid nodes across a ghost: one in so many pixels, within these bounds.
NODE_PX, FEWEST_NODES, MOST_NODES = 9.0, 17, 41
# Blur radii share a layer within this ratio of each other.
BLUR_STEP = 1.25
SHARP_BELOW_PX = 0.3
# Lights nearer than this are one to the lens, when there are many.
MANY_LIGHTS, MERGE_DEG = 12, 0.3
FIELD_STEPS = 7
FEWEST_ENERGY = 1e-12


@dataclass(frozen=True)
class Setup:
    """A lens at its scale and stop, laid out for one wavelength of each of the camera's bands."""

    lens: Lens
    prisms: tuple[Prism, ...]
    coating: CoatingTable
    bands: tuple[tuple[int, tuple[float, float, float]], ...]
    straight: tuple[float, ...]
    pairs: Ints
    crossings: npt.NDArray[np.int64]
    sheets: float


def ghost_pairs(lens: Lens) -> Ints:
    """All pairs (first mirror, second mirror) of refracting surfaces, (n, 2) int64, the second before the first."""
    mirrors = [i for i, s in enumerate(lens.surfaces) if not s.is_stop]
    return np.array([(i, j) for i in mirrors for j in mirrors if j < i], np.int64).reshape(-1, 2)


def stop_crossings(lens: Lens, pairs: Ints) -> Ints:
    """How often each ghost's path crosses the stop: 3 where the mirrors stand on both sides of it, else 1."""
    return np.asarray(np.where((pairs[:, 0] > lens.stop) & (pairs[:, 1] < lens.stop), 3, 1), np.int64)


def stop_radius_mm(lens: Lens, f_number: float) -> float:
    """Radius of the stop at that f-number, never wider than the lens is built. Raises InputError if not positive."""
    if not (math.isfinite(f_number) and f_number > 0):
        raise InputError(f"f_number={f_number}", "must be positive", f"{lens.name} opens to f/{lens.f_number:g}")
    order = first_order(lens)
    return order.focal_mm / (2 * max(f_number, lens.f_number)) * order.stop_scale


def focus_extension_mm(lens: Lens, focus_m: float) -> float:
    """How far the sensor stands behind infinity focus: f^2 / (d - f), the whole lens moved."""
    if math.isinf(focus_m):
        return 0.0
    focal = lens.focal_mm
    if not focus_m * 1000 > 2 * focal:
        raise InputError(f"focus_m={focus_m}", f"must exceed {2 * focal / 1000:g} m", "focus farther away")
    return focal**2 / (focus_m * 1000 - focal)


@lru_cache(maxsize=32)
def _setup(lens: Lens, f_number: float, coating: str, focus_m: float, wavelengths: int, loss: float) -> Setup:
    radius, extension = stop_radius_mm(lens, f_number), focus_extension_mm(lens, focus_m)
    if wavelengths == len(RESPONSE_NM):
        lines = np.array([centre for centre, _ in RESPONSE_NM])
        table = camera_coating(lens, coating)
        weights = np.eye(3)
    else:
        # Equal slices of the visible, each seen by all three bands.
        lines = BAND_NM[0] + (np.arange(wavelengths) + 0.5) * (BAND_NM[-1] - BAND_NM[0]) / wavelengths
        table = coating_table(lens, coating, lines)
        weights = response(lines)
    prisms = tuple(prism(lens, float(line), radius, extension) for line in lines)
    bands = tuple((b, (float(w[0]), float(w[1]), float(w[2]))) for b, w in enumerate(weights.T))
    axial, _ = trace(prisms[0], table, (-1, -1), np.zeros(1), np.zeros(1), (0.0, 0.0, -1.0))
    straight = tuple(float(t) for t in axial[0, 0, BANDS:])
    pairs = _worthwhile(lens, prisms[len(prisms) // 2], table, loss)
    return Setup(lens, prisms, table, bands, straight, pairs, stop_crossings(lens, pairs), float(f_number))


def _worthwhile(lens: Lens, p: Prism, table: CoatingTable, loss: float) -> Ints:
    """The pairs that carry any light worth tracing at some angle of the design's field: a tenth of `loss` is left."""
    pairs = ghost_pairs(lens)
    keep = np.zeros(len(pairs), bool)
    everywhere = np.array([-np.inf, np.inf, -np.inf, np.inf])
    axes = ((1.0, 0.0), (0.0, 1.0), (0.7, 0.7)) if lens.squeeze != 1 else ((0.0, 1.0),)
    for angle in np.radians(np.linspace(0, 1.3 * lens.half_field_deg, FIELD_STEPS)):
        for ax, ay in axes:
            k = np.array([-ax * math.sin(angle), -ay * math.sin(angle), math.cos(angle)])
            energy = _survey(lens, p, table, pairs, k / np.linalg.norm(k), everywhere)[:, found_at.TOTAL]
            keep |= _largest(energy, loss / 10)
    return pairs[keep]


def _largest(energy: Float64, loss: float) -> npt.NDArray[np.bool_]:
    """The fewest entries that hold all but `loss` of the sum."""
    order = np.argsort(energy)[::-1]
    total = energy.sum()
    if total <= FEWEST_ENERGY:
        return np.zeros(len(energy), bool)
    before = np.concatenate([[0.0], np.cumsum(energy[order])[:-1]])
    keep = np.zeros(len(energy), bool)
    keep[order] = (before < total * (1 - loss)) & (energy[order] > 0)
    return keep


def _front(lens: Lens, k: Float64) -> Float64:
    """Bounds (u0, u1, v0, v1) in mm, on the first vertex's plane, of the light that can meet the front surface."""
    s = lens.surfaces[1] if lens.surfaces[0].is_stop else lens.surfaces[0]
    r = s.semi_aperture
    sag = s.curvature * r * r / (1 + math.sqrt(max(0.0, 1 - (s.curvature * r) ** 2)))
    shift = np.array([k[0], k[1]]) / k[2] * -sag
    low, high = np.minimum(shift, 0) - r, np.maximum(shift, 0) + r
    return np.array([low[0], high[0], low[1], high[1]])


def _survey(lens: Lens, p: Prism, table: CoatingTable, pairs: Ints, k: Float64, frame: Float64) -> Float64:
    found = np.zeros((len(pairs), found_at.FOUND))
    found_at.survey(
        p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, table.reflectance, pairs, _front(lens, k),
        k[0], k[1], k[2], frame, found,
    )  # fmt: skip
    return found


@dataclass(frozen=True)
class View:
    """How sensor millimetres become pixels: origin and signed pixels a mm (the image is upside down, y points down)."""

    origin: tuple[float, float]
    scale: tuple[float, float]

    @classmethod
    def of(cls, lens: Lens, sensor: Sensor) -> View:
        """The picture's, an anamorphic squeeze undone."""
        return cls(sensor.axis_px, (-sensor.px_per_mm * lens.squeeze, sensor.px_per_mm))

    def frame_mm(self, sensor: Sensor, margin_px: float = 0.0) -> Float64:
        """The picture's bounds on the sensor (x0, x1, y0, y1) in mm."""
        x = sorted(((e - self.origin[0]) / self.scale[0]) for e in (-margin_px, sensor.width + margin_px))
        y = sorted(((e - self.origin[1]) / self.scale[1]) for e in (-margin_px, sensor.height + margin_px))
        return np.array([*x, *y])


def ghost_layer(
    lens: Lens,
    sources: Sequence[LightSource],
    sensor: Sensor,
    *,
    f_number: float,
    aperture: Aperture,
    coating: str,
    loss: float = 0.02,
    focus_m: float = math.inf,
    wavelengths: int = 3,
) -> Float32:
    """The ghosts of all lights: (H, W, 3) float32 additive radiance, in the units of the lights' irradiance per sr.

    The lens is scaled to `sensor.focal_mm`; `f_number` is held at its widest. Ghosts are ranked by the energy that
    they bring into the picture and cut where the rest holds at most `loss` of it. `coating`: uncoated, single (MgF2),
    multi (three layers) or perfect (which leaves no ghost). Lights behind the camera give none; those out of frame do.
    `wavelengths` is 3 (one a camera band, reflectance averaged over it) or more. Raises InputError for lights that are
    not finite, an unknown coating, a loss outside [0, 1).
    """
    check_coating(coating)
    if not 0 <= loss < 1:
        raise InputError(f"loss={loss}", "must be in [0, 1)", "0.02 leaves out 2% of the ghosts' energy")
    if wavelengths < len(RESPONSE_NM):
        raise InputError(f"wavelengths={wavelengths}", "must be at least 3", "3 is fast, 7 and more show finer colour")
    layer = np.zeros((sensor.height, sensor.width, 3), np.float32)
    lights = merged(sources)
    if coating == "perfect" or not lights:
        return layer
    setup = _setup(lens.scaled(sensor.focal_mm), f_number, coating, focus_m, wavelengths, loss)
    turn = np.linspace(-math.pi, math.pi, TURN_SAMPLES)
    edge = aperture.radius(turn)
    pending: dict[tuple[int, int], Float32] = {}
    for light in lights:
        _draw_light(setup, light, sensor, edge, loss, f_number, layer, pending)
    for (bx, by), picture in pending.items():
        layer += _soften(picture, BLUR_STEP**bx, BLUR_STEP**by)
    return layer


def merged(sources: Sequence[LightSource]) -> list[LightSource]:
    """The lights in front with any power, the strongest first; when many, those close together as one.

    Raises InputError for irradiances or directions that are not finite, or negative irradiance.
    """
    lights = []
    for s in sources:
        values = np.array([*s.irradiance_rgb, *s.direction, s.size_deg], np.float64)
        if not np.isfinite(values).all() or min(s.irradiance_rgb) < 0:
            raise InputError(
                f"light {s.index}: irradiance {s.irradiance_rgb}, direction {s.direction}, size {s.size_deg}",
                "must be finite, and irradiance not negative",
                "mend the frame's table of lights",
            )
        if s.is_in_front and max(s.irradiance_rgb) > 0:
            lights.append(s)
    lights.sort(key=lambda s: -sum(s.irradiance_rgb))
    if len(lights) <= MANY_LIGHTS:
        return lights
    kept: list[LightSource] = []
    for s in lights:
        near = next((n for n, k in enumerate(kept) if np.dot(k.direction, s.direction) > _NEAR), None)
        if near is None:
            kept.append(s)
        else:
            k = kept[near]
            r, g, b = (k.irradiance_rgb[c] + s.irradiance_rgb[c] for c in range(3))
            kept[near] = LightSource(k.index, k.direction, max(k.size_deg, s.size_deg), (r, g, b))
    return kept


_NEAR = math.cos(math.radians(MERGE_DEG))


def kept_ghosts(setup: Setup, light: LightSource, sensor: Sensor, loss: float) -> tuple[Float64, Ints]:
    """Survey rows of the ghosts that one light needs, and their pairs: all but `loss` of the energy in the picture."""
    k = -np.asarray(light.direction) / np.linalg.norm(light.direction)
    view = View.of(setup.lens, sensor)
    middle = setup.prisms[len(setup.prisms) // 2]
    frame = view.frame_mm(sensor, 0.02 * max(sensor.width, sensor.height))
    found = _survey(setup.lens, middle, setup.coating, setup.pairs, k, frame)
    # A tenth of the loss is spent already on pairs that never count.
    keep = np.flatnonzero(_largest(found[:, found_at.ENERGY], loss * 0.9))
    return found[keep], keep


def _draw_light(
    setup: Setup,
    light: LightSource,
    sensor: Sensor,
    edge: Float64,
    loss: float,
    f_number: float,
    layer: Float32,
    pending: dict[tuple[int, int], Float32],
) -> None:
    k = -np.asarray(light.direction) / np.linalg.norm(light.direction)
    view = View.of(setup.lens, sensor)
    rows, keep = kept_ghosts(setup, light, sensor, loss)
    n = max(f_number, setup.lens.f_number)
    per_area = 4 * n**2 / math.pi * abs(view.scale[0] * view.scale[1]) * k[2]
    for row, which in zip(rows, keep, strict=True):
        pair = setup.pairs[which]
        crossings = int(setup.crossings[which])
        size = _size_px(row, view)
        blur = _blur_px(setup, pair, row, k, light.size_deg, view)
        nodes = int(np.clip(size / NODE_PX, FEWEST_NODES, MOST_NODES))
        margin = 1 / found_at.NODES
        du, dv = row[found_at.U1] - row[found_at.U0], row[found_at.V1] - row[found_at.V0]
        u = np.linspace(row[found_at.U0] - margin * du, row[found_at.U1] + margin * du, nodes)
        v = np.linspace(row[found_at.V0] - margin * dv, row[found_at.V1] + margin * dv, nodes)
        tile, left, top, bins = _tile(setup, row, view, size, blur, sensor, layer, pending)
        if tile is None:
            continue
        gain = per_area * (u[1] - u[0]) * (v[1] - v[0])
        out = np.zeros((nodes, nodes, BANDS + setup.coating.reflectance.shape[1]))
        valid = np.zeros((nodes, nodes), np.bool_)
        for (band, rgb), p in zip(setup.bands, setup.prisms, strict=True):
            trace_grid(
                p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, setup.coating.reflectance,
                pair[0], pair[1], u, v, k[0], k[1], k[2], out, valid,
            )  # fmt: skip
            weight = np.array(rgb) * light.irradiance_rgb / setup.straight[band]
            draw_sheet(
                tile, left, top, weight, out, valid, band, gain, *view.origin, *view.scale, crossings, edge,
                size < SPLAT_BELOW_PX,
            )  # fmt: skip
        if bins is None and tile is not layer:
            _place(layer, _disc_blur(tile, *blur), left, top)


def _size_px(row: Float64, view: View) -> float:
    width = (row[found_at.X1] - row[found_at.X0]) * abs(view.scale[0])
    height = (row[found_at.Y1] - row[found_at.Y0]) * abs(view.scale[1])
    return float(max(width, height))


def _tile(
    setup: Setup,
    row: Float64,
    view: View,
    size: float,
    blur: tuple[float, float],
    sensor: Sensor,
    layer: Float32,
    pending: dict[tuple[int, int], Float32],
) -> tuple[Float32 | None, int, int, tuple[int, int] | None]:
    """Where a ghost is drawn: straight into the layer, into the layer of its blur, or on a tile of its own."""
    if max(blur) < SHARP_BELOW_PX:
        return layer, 0, 0, None
    if size > 8 * max(blur):
        bx, by = (round(math.log(max(b, SHARP_BELOW_PX)) / math.log(BLUR_STEP)) for b in blur)
        return pending.setdefault((bx, by), np.zeros_like(layer)), 0, 0, (bx, by)
    # Small against its blur: its own tile and a true disc, for it will look like one.
    reach = math.ceil(max(blur)) + 3 + size * 0.1
    x = sorted(view.origin[0] + view.scale[0] * row[e] for e in (found_at.X0, found_at.X1))
    y = sorted(view.origin[1] + view.scale[1] * row[e] for e in (found_at.Y0, found_at.Y1))
    left, right = math.floor(x[0] - reach), math.ceil(x[1] + reach)
    top, bottom = math.floor(y[0] - reach), math.ceil(y[1] + reach)
    pad = math.ceil(max(blur)) + 1
    left, top = max(left, -pad), max(top, -pad)
    right, bottom = min(right, sensor.width + pad), min(bottom, sensor.height + pad)
    if right <= left or bottom <= top:
        return None, 0, 0, None
    return np.zeros((bottom - top, right - left, 3), np.float32), left, top, None


def _place(layer: Float32, tile: Float32, left: int, top: int) -> None:
    height, width = layer.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + tile.shape[1]), min(height, top + tile.shape[0])
    if x1 > x0 and y1 > y0:
        layer[y0:y1, x0:x1] += tile[y0 - top : y1 - top, x0 - left : x1 - left]


def _blur_px(setup: Setup, pair: Ints, row: Float64, k: Float64, size_deg: float, view: View) -> tuple[float, float]:
    """Radii in pixels of the ellipse that a light of that size makes of each point of a ghost.

    How a point of the stop moves on the sensor as the light moves: the ghost's own angular magnification.
    """
    p = setup.prisms[len(setup.prisms) // 2]
    u, v = 0.5 * (row[found_at.U0] + row[found_at.U1]), 0.5 * (row[found_at.V0] + row[found_at.V1])
    step = max(1e-4 * p.table[0, 2], 0.02 * (row[found_at.U1] - row[found_at.U0]))
    turn = 1e-3

    def at(us: Float64, vs: Float64, toward: Float64) -> Float64:
        toward = toward / np.linalg.norm(toward)
        out, _ = trace(p, setup.coating, (int(pair[0]), int(pair[1])), us, vs, tuple(-toward))
        return np.asarray(out[..., : STOP + 2])

    base = at(np.array([u, u + step]), np.array([v, v + step]), k)
    by_u, by_v = (base[0, 1] - base[0, 0]) / step, (base[1, 0] - base[0, 0]) / step
    one = np.array([u]), np.array([v])
    by_x = (at(*one, k + np.array([turn, 0, 0]))[0, 0] - base[0, 0]) / turn
    by_y = (at(*one, k + np.array([0, turn, 0]))[0, 0] - base[0, 0]) / turn
    place = np.stack([by_u[:2], by_v[:2]], axis=1)
    stop = np.stack([by_u[STOP:], by_v[STOP:]], axis=1)
    place_k, stop_k = np.stack([by_x[:2], by_y[:2]], axis=1), np.stack([by_x[STOP:], by_y[STOP:]], axis=1)
    moved = place_k
    if np.isfinite(stop).all() and abs(np.linalg.det(stop)) > 1e-9:
        moved = place_k - place @ np.linalg.solve(stop, stop_k)
    half = math.radians(size_deg) / 2
    rx = half * float(np.hypot(*moved[0])) * abs(view.scale[0])
    ry = half * float(np.hypot(*moved[1])) * abs(view.scale[1])
    limit = 2.0 * max(abs(view.scale[0] * p.sensor_mm), 1.0)
    return (min(rx, limit), min(ry, limit)) if math.isfinite(rx + ry) else (0.0, 0.0)


def _disc_blur(tile: Float32, rx: float, ry: float) -> Float32:
    """Convolution with an antialiased ellipse of these radii (px); light that leaves the tile is lost."""
    shrink = max(1, int(max(rx, ry) / 12))
    if shrink > 1:
        h, w = tile.shape[:2]
        small = cv2.resize(tile, (max(1, w // shrink), max(1, h // shrink)), interpolation=cv2.INTER_AREA)
        blurred = _disc_blur(small, rx * small.shape[1] / w, ry * small.shape[0] / h)
        return np.asarray(cv2.resize(blurred, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    rx, ry = max(rx, 0.5), max(ry, 0.5)
    x = np.arange(-math.ceil(rx) - 1, math.ceil(rx) + 2)
    y = np.arange(-math.ceil(ry) - 1, math.ceil(ry) + 2)
    far = np.hypot(x[None, :] / rx, y[:, None] / ry)
    kernel = np.clip(0.5 + (1 - far) * min(rx, ry), 0, 1)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(tile, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def _soften(picture: Float32, rx: float, ry: float) -> Float32:
    """Gaussian blur of a disc's variance (radius / 2): beside a ghost's size the two cannot be told apart."""
    if max(rx, ry) < SHARP_BELOW_PX:
        return picture
    shrink = int(max(rx, ry) / 10)
    h, w = picture.shape[:2]
    if shrink > 1:
        small = cv2.resize(picture, (max(1, w // shrink), max(1, h // shrink)), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), max(rx / 2 / shrink, 0.05), sigmaY=max(ry / 2 / shrink, 0.05))
        return np.asarray(cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(rx / 2, 0.05), sigmaY=max(ry / 2, 0.05)), np.float32)
