"""A lens set up for tracing, and which of its ghosts carry the light."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.assets import cache_folder
from uniser_core.errors import InputError

from halo_render.optics import survey as found_at
from halo_render.optics.canvas import View
from halo_render.optics.coating import (
    BAND_NM,
    RESPONSE_NM,
    camera_coating,
    coating_table,
    response,
    spectral_coating,
)
from halo_render.optics.lens import Lens, first_order
from halo_render.optics.trace import BANDS, Prism, prism, trace

if TYPE_CHECKING:
    from halo_render.optics.coating import CoatingTable
    from halo_render.optics.source import LightSource, Sensor

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FIELD_STEPS = 9
FEWEST_ENERGY = 1e-12
# Which pairs count is found once, for the lens at this focal length.
CANONICAL_MM, REVISION = 50.0, 1


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
    # Where a prism stands for a whole band of the camera, the coating at each of BAND_NM.
    spectral: Float64 | None


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
def setup_of(lens: Lens, f_number: float, coating: str, focus_m: float, wavelengths: int, loss: float) -> Setup:
    """The lens (already at its scale) laid out for tracing; remembered, for a frame's variants share it.

    `wavelengths` 3 is one a camera band; `loss` bounds what pairs that never count may hold.
    """
    radius, extension = stop_radius_mm(lens, f_number), focus_extension_mm(lens, focus_m)
    if wavelengths == len(RESPONSE_NM):
        lines = np.array([centre for centre, _ in RESPONSE_NM])
        table = camera_coating(lens, coating)
        spectral = spectral_coating(lens, coating).reflectance
        weights = np.eye(3)
    else:
        # Equal slices of the visible, each seen by all three bands.
        lines = BAND_NM[0] + (np.arange(wavelengths) + 0.5) * (BAND_NM[-1] - BAND_NM[0]) / wavelengths
        table, spectral = coating_table(lens, coating, lines), None
        weights = response(lines)
    prisms = tuple(prism(lens, float(line), radius, extension) for line in lines)
    bands = tuple((b, (float(w[0]), float(w[1]), float(w[2]))) for b, w in enumerate(weights.T))
    axial, _ = trace(prisms[0], table, (-1, -1), np.zeros(1), np.zeros(1), (0.0, 0.0, -1.0))
    straight = tuple(float(t) for t in axial[0, 0, BANDS:])
    split = tuple(np.ascontiguousarray(table.reflectance[:, b : b + 1]) for b in range(table.reflectance.shape[1]))
    pairs, angles, field = _worthwhile(_canonical(lens), _whole_stop(f_number, lens), coating, loss)
    return Setup(
        lens, prisms, table, bands, straight, pairs, stop_crossings(lens, pairs), field, angles, split, spectral
    )


def _canonical(lens: Lens) -> Lens:
    """The lens at one scale, rounded so that it is the same whatever scale it came from."""

    def short(value: float) -> float:
        return float(f"{value:.9g}")

    surfaces = tuple(
        replace(
            s,
            curvature=short(s.curvature),
            gap=short(s.gap),
            semi_aperture=short(s.semi_aperture),
            terms=tuple(short(t) for t in s.terms),
        )
        for s in lens.scaled(CANONICAL_MM).surfaces
    )
    return replace(lens, surfaces=surfaces)


def _whole_stop(f_number: float, lens: Lens) -> float:
    """The nearest whole stop that the lens has: which pairs count at all changes slowly with the stop."""
    stops = round(2 * math.log2(max(f_number / lens.f_number, 1.0)))
    return float(lens.f_number * 2.0 ** (stops / 2))


@lru_cache(maxsize=256)
def _worthwhile(lens: Lens, f_number: float, coating: str, loss: float) -> tuple[Ints, Float64, Float64]:
    """The pairs that carry any light worth tracing somewhere in the field, and their energies over it.

    A tenth of `loss` is left out; angles reach a third beyond the design's field. Shares do not depend on the
    lens's scale. Kept on disk beside other downloads and caches: a survey of a zoom's 325 pairs takes a second.
    """
    key = f"{REVISION} {lens!r} {f_number:.6g} {coating} {loss:.6g}"
    name = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    file = Path(cache_folder()) / "lenses" / f"{name}.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            return kept["pairs"], kept["angles"], kept["field"]
    found = _survey_pairs(lens, f_number, coating, loss)
    with contextlib.suppress(OSError):  # a read-only home costs time, nothing else
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, spooled = tempfile.mkstemp(dir=file.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, pairs=found[0], angles=found[1], field=found[2])
        os.replace(spooled, file)
    return found


def _survey_pairs(lens: Lens, f_number: float, coating: str, loss: float) -> tuple[Ints, Float64, Float64]:
    table = camera_coating(lens, coating)
    p = prism(lens, RESPONSE_NM[1][0], stop_radius_mm(lens, f_number), 0.0)
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
    keep = np.any([largest(energy, loss / 10) for energy in field], axis=0)
    return np.asarray(pairs[keep], np.int64), angles, field[:, keep]


def largest(energy: Float64, loss: float) -> npt.NDArray[np.bool_]:
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
        candidates = np.flatnonzero(largest(setup.field[at - 1 : at + 1].max(axis=0), loss * 0.1))
    found = _survey(setup.lens, middle, setup.coating, setup.pairs[candidates], k, frame)
    # A fifth of the loss is spent already on pairs that do not count.
    keep = np.flatnonzero(largest(found[:, found_at.ENERGY], loss * 0.8))
    return found[keep], candidates[keep]
