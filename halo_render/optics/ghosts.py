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
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

from halo_render.optics import survey as found_at
from halo_render.optics.canvas import BLUR_STEP, Canvas, View, canvas_of, place, size_px, soften
from halo_render.optics.coating import RESPONSE_NM, check_coating
from halo_render.optics.ranking import Setup, kept_ghosts, largest, setup_of
from halo_render.optics.raster import SPLAT_BELOW_PX, TURN_SAMPLES, draw_sheet
from halo_render.optics.sheets import SHARED_PX, sheets_of
from halo_render.optics.source import LightSource, Sensor
from halo_render.optics.trace import magnification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.optics.aperture import Aperture
    from halo_render.optics.lens import Lens

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Grid nodes across a ghost: one in so many pixels, within these bounds.
NODE_PX, FEWEST_NODES, FEWER_NODES, MOST_NODES = 16.0, 9, 17, 25
# A ghost below these shares of the ghosts' mean light is drawn 2, 3, 4 times coarser; the dimmest with few nodes.
DIM_LEVELS, DIM_STEPS = (0.08, 0.03, 0.012), 2
# Lights nearer than this are one to the lens, when there are many.
MANY_LIGHTS, MERGE_DEG = 12, 0.3
_NEAR = math.cos(math.radians(MERGE_DEG))


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
    `wavelengths` is 3 (one a camera band, each ghost where the mean wavelength of the band's light falls) or more.
    Raises InputError for lights that are not finite, an unknown coating, a loss outside [0, 1).
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
    setup = setup_of(lens.scaled(sensor.focal_mm), f_number, coating, focus_m, wavelengths, loss)
    turn = np.linspace(-math.pi, math.pi, TURN_SAMPLES)
    edge = aperture.radius(turn)
    pending: dict[tuple[int, int], Canvas] = {}
    plans = [kept_ghosts(setup, light, sensor, loss / min(len(lights), 2)) for light in lights]
    for light, plan in zip(
        lights, shared_cut(plans, lights, sensor, View.of(setup.lens, sensor), loss / 2), strict=True
    ):
        draw_light(setup, light, plan, sensor, edge, f_number, layer, pending)
    for (bx, by), canvas in pending.items():
        layer += soften(canvas, BLUR_STEP**bx, BLUR_STEP**by, (sensor.height, sensor.width))
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


@dataclass(frozen=True)
class Plan:
    """The ghosts of one light to draw: survey rows, places among the setup's pairs, how much coarser each may be."""

    rows: Float64
    which: Ints
    coarser: Ints


def shared_cut(
    kept: list[tuple[Float64, Ints]], lights: list[LightSource], sensor: Sensor, view: View, loss: float
) -> list[Plan]:
    """What all lights need together: beside a strong light's ghosts those of a weak one are few and coarse."""
    power = np.concatenate([np.full(len(w), sum(s.irradiance_rgb)) for (_, w), s in zip(kept, lights, strict=True)])
    rows = np.concatenate([r for r, _ in kept])
    which = np.concatenate([w for _, w in kept])
    light = np.concatenate([np.full(len(w), n) for n, (_, w) in enumerate(kept)])
    energy = rows[:, found_at.ENERGY] * power
    keep = largest(energy, loss) if len(kept) > 1 else np.ones(len(energy), bool)
    coarser = _coarser(rows, energy, view, sensor)
    return [Plan(rows[m], which[m], coarser[m]) for m in (keep & (light == n) for n in range(len(kept)))]


def draw_light(
    setup: Setup,
    light: LightSource,
    plan: Plan,
    sensor: Sensor,
    edge: Float64,
    f_number: float,
    layer: Float32,
    pending: dict[tuple[int, int], Canvas],
) -> None:
    """Draw one light's planned ghosts into the layer, or into `pending` canvases that share a blur."""
    k = -np.asarray(light.direction) / np.linalg.norm(light.direction)
    view = View.of(setup.lens, sensor)
    n = max(f_number, setup.lens.f_number)
    for row, which, dim in zip(plan.rows, plan.which, plan.coarser, strict=True):
        pair = setup.pairs[which]
        size = size_px(row, view)
        blur = _blur_px(setup, pair, row, k, light.size_deg, view)
        blur = max(blur[0], 1.6 * (dim - 1)), max(blur[1], 1.6 * (dim - 1))
        canvas, own = canvas_of(row, view, size, blur, sensor, layer, pending)
        if canvas is None:
            continue
        here = view.shrunk(canvas.shrink)
        nodes = FEWEST_NODES if dim > DIM_STEPS else int(np.clip(size / NODE_PX, FEWER_NODES, MOST_NODES))
        per_area = 4 * n**2 / math.pi * abs(here.scale[0] * here.scale[1]) * k[2]
        power = np.array(light.irradiance_rgb)
        shared_px = max(SHARED_PX, min(blur) / canvas.shrink / 4)
        for sheet in sheets_of(setup, pair, row, k, nodes, here, shared_px, int(dim)):
            draw_sheet(
                canvas.pixels, canvas.left, canvas.top, sheet.rgb * power, sheet.nodes, sheet.valid,
                per_area * sheet.cell_mm2, *here.origin, *here.scale, int(setup.crossings[which]), edge,
                size < SPLAT_BELOW_PX * canvas.shrink,
            )  # fmt: skip
        if own:
            place(layer, canvas, *blur)


def _coarser(rows: Float64, energy: Float64, view: View, sensor: Sensor) -> Ints:
    """How much coarser each ghost may be drawn, 1 to 4: those that are large and dim beside all the others' light.

    A ghost that adds less than a hundredth to what lies around it shows no edge of a pixel's sharpness.
    """
    w = np.abs(rows[:, found_at.X1] - rows[:, found_at.X0]) * abs(view.scale[0])
    h = np.abs(rows[:, found_at.Y1] - rows[:, found_at.Y0]) * abs(view.scale[1])
    area = np.minimum(w, sensor.width) * np.minimum(h, sensor.height)
    level = energy / np.maximum(area, 1.0)
    mean = energy.sum() / (sensor.width * sensor.height)
    steps = 1 + (level[:, None] < mean * np.array(DIM_LEVELS)).sum(axis=1)
    return np.asarray(np.where(np.minimum(w, h) > 40 * steps, steps, 1), np.int64)


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
