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
from halo_render.optics.trace import BANDS, RIM, STOP, Prism, magnification, prism, trace, trace_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.optics.aperture import Aperture
    from halo_render.optics.coating import CoatingTable

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Grid nodes across a ghost: one in so many pixels, within these bounds.
NODE_PX, FEWEST_NODES, FEWER_NODES, MOST_NODES = 16.0, 9, 17, 25
# A ghost below these shares of the ghosts' mean light is drawn 2, 3, 4 times coarser; the dimmest with few nodes.
DIM_LEVELS, DIM_STEPS = (0.08, 0.03, 0.012), 2
# A sheet folded over itself shows its cells as beads along the caustic unless they are small.
FOLDED_TIMES = 7
# Grid of the colours beside the middle one; they share its sheet if they fall nearer than this.
COLOUR_NODES, SHARED_PX = 9, 0.35
# Blur radii share a canvas within this ratio of each other; its pixels are this much finer than the blur.
BLUR_STEP, COARSE_PX = 1.35, 1.6
SHARP_BELOW_PX = 0.3
# Lights nearer than this are one to the lens, when there are many.
MANY_LIGHTS, MERGE_DEG = 12, 0.3
FIELD_STEPS = 9
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
    crossings: Ints
    # Energy of each pair over the field: (angles, pairs), angles in radians.
    field: Float64
    angles: Float64
    # One band each of the coating's table, laid out for the tracer.
    reflectance: tuple[Float64, ...]


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
    split = tuple(np.ascontiguousarray(table.reflectance[:, b : b + 1]) for b in range(table.reflectance.shape[1]))
    pairs, angles, field = _worthwhile(lens, prisms[len(prisms) // 2], table, loss)
    return Setup(lens, prisms, table, bands, straight, pairs, stop_crossings(lens, pairs), field, angles, split)


def _worthwhile(lens: Lens, p: Prism, table: CoatingTable, loss: float) -> tuple[Ints, Float64, Float64]:
    """The pairs that carry any light worth tracing somewhere in the field, and their energies over it.

    A tenth of `loss` is left out; angles reach a third beyond the design's field.
    """
    pairs = ghost_pairs(lens)
    everywhere = np.array([-np.inf, np.inf, -np.inf, np.inf])
    axes = ((1.0, 0.0), (0.0, 1.0), (0.7, 0.7)) if lens.squeeze != 1 else ((0.0, 1.0),)
    angles = np.radians(np.linspace(0, min(1.35 * lens.half_field_deg, 80), FIELD_STEPS))
    field = np.zeros((len(angles), len(pairs)))
    for n, angle in enumerate(angles):
        for ax, ay in axes:
            k = np.array([-ax * math.sin(angle), -ay * math.sin(angle), math.cos(angle)])
            energy = _survey(lens, p, table, pairs, k / np.linalg.norm(k), everywhere)[:, found_at.TOTAL]
            field[n] = np.maximum(field[n], energy)
    keep = np.any([_largest(energy, loss / 10) for energy in field], axis=0)
    return np.asarray(pairs[keep], np.int64), angles, field[:, keep]


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
    mean = table.reflectance.mean(axis=1, keepdims=True)

    def search(of: Ints, start: Float64) -> Float64:
        found = np.zeros((len(of), found_at.FOUND))
        found_at.survey(
            p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, mean, of, start, k[0], k[1], k[2],
            frame, found,
        )  # fmt: skip
        return found

    front = np.tile(_front(lens, k), (len(pairs), 1))
    # Where the first mirror stands behind the stop, the light has come through it as on the straight path, which
    # vignetting by rims behind the stop can only narrow: search there.
    pupil = search(np.array([[-1, -1]], np.int64), front[:1])[0]
    if pupil[found_at.TOTAL] > 0:
        centre = 0.5 * (pupil[[found_at.U0, found_at.V0]] + pupil[[found_at.U1, found_at.V1]])
        half = 0.5 * (pupil[[found_at.U1, found_at.V1]] - pupil[[found_at.U0, found_at.V0]])
        # The straight path's own rims may hide some of the pupil that a ghost uses: twice as wide is enough.
        start = np.array(
            [centre[0] - 2 * half[0], centre[0] + 2 * half[0], centre[1] - 2 * half[1], centre[1] + 2 * half[1]]
        )
        behind = pairs[:, 0] > lens.stop
        front[behind] = np.stack([np.maximum(front[0], start), np.minimum(front[0], start)])[[0, 1, 0, 1], [0, 1, 2, 3]]
    return search(pairs, front)


@dataclass(frozen=True)
class View:
    """How sensor millimetres become pixels: origin and signed pixels a mm (the image is upside down, y points down)."""

    origin: tuple[float, float]
    scale: tuple[float, float]

    @classmethod
    def of(cls, lens: Lens, sensor: Sensor) -> View:
        """The picture's, an anamorphic squeeze undone."""
        return cls(sensor.axis_px, (-sensor.px_per_mm * lens.squeeze, sensor.px_per_mm))

    def shrunk(self, times: int) -> View:
        """The same view in pixels that many times coarser."""
        return View((self.origin[0] / times, self.origin[1] / times), (self.scale[0] / times, self.scale[1] / times))

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
    pending: dict[tuple[int, int], Canvas] = {}
    for light in lights:
        _draw_light(setup, light, sensor, edge, loss, f_number, layer, pending)
    for (bx, by), canvas in pending.items():
        layer += _soften(canvas, BLUR_STEP**bx, BLUR_STEP**by, (sensor.height, sensor.width))
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
    # What is far too weak at the angles on both sides need not be searched for; past the table all may count.
    angle = math.acos(min(1.0, float(k[2])))
    at = int(np.searchsorted(setup.angles, angle))
    candidates = np.arange(len(setup.pairs))
    if 0 < at < len(setup.angles):
        candidates = np.flatnonzero(_largest(setup.field[at - 1 : at + 1].max(axis=0), loss * 0.1))
    found = _survey(setup.lens, middle, setup.coating, setup.pairs[candidates], k, frame)
    # A fifth of the loss is spent already on pairs that do not count.
    keep = np.flatnonzero(_largest(found[:, found_at.ENERGY], loss * 0.8))
    return found[keep], candidates[keep]


@dataclass(frozen=True)
class Canvas:
    """Where a ghost is drawn: pixels `shrink` times coarser than the picture's, starting at (left, top) of them.

    A ghost that its light's size blurs by many pixels needs no finer ones.
    """

    pixels: Float32
    shrink: int
    left: int = 0
    top: int = 0


def _draw_light(
    setup: Setup,
    light: LightSource,
    sensor: Sensor,
    edge: Float64,
    loss: float,
    f_number: float,
    layer: Float32,
    pending: dict[tuple[int, int], Canvas],
) -> None:
    k = -np.asarray(light.direction) / np.linalg.norm(light.direction)
    view = View.of(setup.lens, sensor)
    rows, keep = kept_ghosts(setup, light, sensor, loss)
    n = max(f_number, setup.lens.f_number)
    coarser = _coarser(rows, view, sensor)
    for row, which, dim in zip(rows, keep, coarser, strict=True):
        pair = setup.pairs[which]
        size = _size_px(row, view)
        blur = _blur_px(setup, pair, row, k, light.size_deg, view)
        blur = max(blur[0], 1.6 * (dim - 1)), max(blur[1], 1.6 * (dim - 1))
        canvas, own = _canvas(row, view, size, blur, sensor, layer, pending)
        if canvas is None:
            continue
        here = view.shrunk(canvas.shrink)
        nodes = FEWEST_NODES if dim > DIM_STEPS else int(np.clip(size / NODE_PX, FEWER_NODES, MOST_NODES))
        per_area = 4 * n**2 / math.pi * abs(here.scale[0] * here.scale[1]) * k[2]
        power = np.array(light.irradiance_rgb)
        for sheet in _sheets(setup, pair, row, k, nodes, here, max(SHARED_PX, min(blur) / canvas.shrink / 4)):
            draw_sheet(
                canvas.pixels, canvas.left, canvas.top, sheet.rgb * power, sheet.nodes, sheet.valid,
                per_area * sheet.cell_mm2, *here.origin, *here.scale, int(setup.crossings[which]), edge,
                size < SPLAT_BELOW_PX * canvas.shrink,
            )  # fmt: skip
        if own:
            _place(layer, canvas, *blur)


@dataclass(frozen=True)
class Sheet:
    """A traced grid to draw: nodes (n, n, BANDS + 1), which arrive, what each band sees of it, a cell's area."""

    nodes: Float64
    valid: npt.NDArray[np.bool_]
    rgb: Float64
    cell_mm2: float


def _grid(
    setup: Setup, which: int, pair: Ints, u: Float64, v: Float64, k: Float64
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    p, band = setup.prisms[which], setup.bands[which][0]
    out = np.zeros((v.size, u.size, BANDS + 1))
    valid = np.zeros((v.size, u.size), np.bool_)
    trace_grid(
        p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, setup.reflectance[band], pair[0], pair[1],
        u, v, k[0], k[1], k[2], out, valid,
    )  # fmt: skip
    return out, valid


def _sheets(
    setup: Setup, pair: Ints, row: Float64, k: Float64, nodes: int, view: View, tolerance: float
) -> list[Sheet]:
    """The grids of one ghost, over the part of the front that passes (and one survey cell around).

    One wavelength is traced finely, the others on a coarse grid, where they differ smoothly from the first. Where the
    colours fall on the same pixels they share a sheet.
    """
    du = (row[found_at.U1] - row[found_at.U0]) / found_at.NODES
    dv = (row[found_at.V1] - row[found_at.V0]) / found_at.NODES
    ends = (row[found_at.U0] - du, row[found_at.U1] + du), (row[found_at.V0] - dv, row[found_at.V1] + dv)
    middle = len(setup.prisms) // 2
    times = -(-(nodes - 1) // (COLOUR_NODES - 1))
    u, v = (np.linspace(*e, times * (COLOUR_NODES - 1) + 1) for e in ends)
    fine, valid = _grid(setup, middle, pair, u, v, k)
    if _is_folded(fine, valid):
        times = FOLDED_TIMES
        u, v = (np.linspace(*e, times * (COLOUR_NODES - 1) + 1) for e in ends)
        fine, valid = _grid(setup, middle, pair, u, v, k)
    cell = float((u[1] - u[0]) * (v[1] - v[0]))
    coarse, lit = fine[::times, ::times], _lit(fine, valid)[::times, ::times]
    if not lit.any():
        lit = valid[::times, ::times]
    others = {w: _grid(setup, w, pair, u[::times], v[::times], k) for w in range(len(setup.prisms)) if w != middle}
    weights = [np.array(rgb) / setup.straight[band] for band, rgb in setup.bands]
    shift = [np.abs((out - coarse)[..., :2] * view.scale)[lit & ok] for out, ok in others.values()]
    if all(s.size and s.max() < tolerance for s in shift):
        centre = max(float(coarse[..., BANDS][lit].mean()), 1e-30)
        rgb = weights[middle] + sum(weights[w] * (o[..., BANDS][lit].mean() / centre) for w, (o, _) in others.items())
        return [Sheet(fine, valid, np.asarray(rgb), cell)]
    sheets = [Sheet(fine, valid, weights[middle], cell)]
    for w, (out, ok) in others.items():
        change = out - coarse
        # Rays that never arrive lie outside what passes: any smooth continuation will do.
        lost = ~(ok & valid[::times, ::times])
        change[lost] = change[lit & ~lost].mean(axis=0) if (lit & ~lost).any() else 0.0
        rise = _ramp(times)
        across = np.tensordot(rise, change, (1, 0))
        sheets.append(Sheet(fine + np.tensordot(rise, across, (1, 1)).transpose(1, 0, 2), valid, weights[w], cell))
    return sheets


@lru_cache(maxsize=16)
def _ramp(times: int) -> Float64:
    """Linear interpolation from a coarse grid to one `times` finer: ((n - 1) times + 1, n)."""
    at = np.arange(times * (COLOUR_NODES - 1) + 1) / times
    return np.clip(1 - np.abs(at[:, None] - np.arange(COLOUR_NODES)[None, :]), 0, None)


def _lit(out: Float64, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which nodes pass all rims and a round stop."""
    lit = (out[..., RIM] < 1) & valid
    for c in range(3):
        x, y = out[..., STOP + 2 * c], out[..., STOP + 2 * c + 1]
        lit &= x * x + y * y < 1
    return lit


def _is_folded(out: Float64, valid: npt.NDArray[np.bool_]) -> bool:
    """Whether a sheet that gets through is folded over itself, as at a caustic."""
    xy = out[..., :2]
    a, b = np.diff(xy[:-1], axis=1), np.diff(xy[:, :-1], axis=0)
    turn = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    turn = turn[_lit(out, valid)[:-1, :-1]]
    return bool(turn.size and turn.min() < 0 < turn.max())


def _coarser(rows: Float64, view: View, sensor: Sensor) -> Ints:
    """How much coarser each ghost may be drawn, 1 to 4: those that are large and dim beside all the others' light.

    A ghost that adds less than a hundredth to what lies around it shows no edge of a pixel's sharpness.
    """
    w = np.abs(rows[:, found_at.X1] - rows[:, found_at.X0]) * abs(view.scale[0])
    h = np.abs(rows[:, found_at.Y1] - rows[:, found_at.Y0]) * abs(view.scale[1])
    area = np.minimum(w, sensor.width) * np.minimum(h, sensor.height)
    level = rows[:, found_at.ENERGY] / np.maximum(area, 1.0)
    mean = rows[:, found_at.ENERGY].sum() / (sensor.width * sensor.height)
    steps = 1 + (level[:, None] < mean * np.array(DIM_LEVELS)).sum(axis=1)
    return np.where(np.minimum(w, h) > 40 * steps, steps, 1)


def _size_px(row: Float64, view: View) -> float:
    width = (row[found_at.X1] - row[found_at.X0]) * abs(view.scale[0])
    height = (row[found_at.Y1] - row[found_at.Y0]) * abs(view.scale[1])
    return float(max(width, height))


def _canvas(
    row: Float64,
    view: View,
    size: float,
    blur: tuple[float, float],
    sensor: Sensor,
    layer: Float32,
    pending: dict[tuple[int, int], Canvas],
) -> tuple[Canvas | None, bool]:
    """Where a ghost is drawn: straight into the layer, into the canvas of its blur, or on one of its own (True)."""
    if max(blur) < SHARP_BELOW_PX:
        return Canvas(layer, 1), False
    if size > 8 * max(blur):
        bx, by = (round(math.log(max(b, SHARP_BELOW_PX)) / math.log(BLUR_STEP)) for b in blur)
        # Circles, but for an anamorphic lens.
        bx, by = (max(bx, by),) * 2 if abs(bx - by) <= 1 else (bx, by)
        shrink = max(1, int(BLUR_STEP ** min(bx, by) / COARSE_PX))
        shape = (-(-sensor.height // shrink), -(-sensor.width // shrink), 3)
        if (bx, by) not in pending:
            pending[bx, by] = Canvas(np.zeros(shape, np.float32), shrink)
        return pending[bx, by], False
    # Small against its blur: a true disc, for it will look like one.
    shrink = max(1, int(min(blur) / 4))
    reach = max(blur) + 3 * shrink + 0.1 * size
    x = sorted(view.origin[0] + view.scale[0] * row[e] for e in (found_at.X0, found_at.X1))
    y = sorted(view.origin[1] + view.scale[1] * row[e] for e in (found_at.Y0, found_at.Y1))
    pad = max(blur) + shrink
    left, top = math.floor(max(x[0] - reach, -pad) / shrink), math.floor(max(y[0] - reach, -pad) / shrink)
    right = math.ceil(min(x[1] + reach, sensor.width + pad) / shrink)
    bottom = math.ceil(min(y[1] + reach, sensor.height + pad) / shrink)
    if right <= left or bottom <= top:
        return None, False
    return Canvas(np.zeros((bottom - top, right - left, 3), np.float32), shrink, left, top), True


def _place(layer: Float32, canvas: Canvas, rx: float, ry: float) -> None:
    """Blur a ghost's own canvas by a disc and add it to the layer."""
    s = canvas.shrink
    tile = _disc_blur(canvas.pixels, rx / s, ry / s)
    left, top = canvas.left * s, canvas.top * s
    tile = _enlarged(tile, s)
    height, width = layer.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + tile.shape[1]), min(height, top + tile.shape[0])
    if x1 > x0 and y1 > y0:
        layer[y0:y1, x0:x1] += tile[y0 - top : y1 - top, x0 - left : x1 - left]


def _enlarged(picture: Float32, shrink: int) -> Float32:
    if shrink == 1:
        return picture
    size = (picture.shape[1] * shrink, picture.shape[0] * shrink)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _blur_px(setup: Setup, pair: Ints, row: Float64, k: Float64, size_deg: float, view: View) -> tuple[float, float]:
    """Radii in pixels of the ellipse that a light of that size makes of each point of a ghost.

    How a point of the stop moves on the sensor as the light moves: the ghost's own angular magnification.
    """
    p = setup.prisms[len(setup.prisms) // 2]
    u, v = 0.5 * (row[found_at.U0] + row[found_at.U1]), 0.5 * (row[found_at.V0] + row[found_at.V1])
    step = 0.02 * (row[found_at.U1] - row[found_at.U0])
    moved = np.zeros((2, 2))
    magnification(
        p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, setup.reflectance[0], pair[0], pair[1], u, v, step,
        k[0], k[1], k[2], moved,
    )  # fmt: skip
    half = math.radians(size_deg) / 2
    rx = half * float(np.hypot(*moved[0])) * abs(view.scale[0])
    ry = half * float(np.hypot(*moved[1])) * abs(view.scale[1])
    limit = 2.0 * max(abs(view.scale[0] * p.sensor_mm), 1.0)
    return (min(rx, limit), min(ry, limit)) if math.isfinite(rx + ry) else (0.0, 0.0)


def _disc_blur(tile: Float32, rx: float, ry: float) -> Float32:
    """Convolution with an antialiased ellipse of these radii (px); light that leaves the tile is lost."""
    rx, ry = max(rx, 0.5), max(ry, 0.5)
    x = np.arange(-math.ceil(rx) - 1, math.ceil(rx) + 2)
    y = np.arange(-math.ceil(ry) - 1, math.ceil(ry) + 2)
    far = np.hypot(x[None, :] / rx, y[:, None] / ry)
    kernel = np.clip(0.5 + (1 - far) * min(rx, ry), 0, 1)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(tile, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def _soften(canvas: Canvas, rx: float, ry: float, shape: tuple[int, int]) -> Float32:
    """Gaussian blur of a disc's variance (radius / 2): beside a ghost's size the two cannot be told apart."""
    s = canvas.shrink
    sigma = [max(r / 2 / s, 0.05) for r in (rx, ry)]
    soft = np.asarray(cv2.GaussianBlur(canvas.pixels, (0, 0), sigma[0], sigmaY=sigma[1]), np.float32)
    return _enlarged(soft, s)[: shape[0], : shape[1]]
