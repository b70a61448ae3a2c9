"""The traced grids that a ghost is drawn from, one a wavelength or one for all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from halo_render.optics import survey as found_at
from halo_render.optics.canvas import size_px
from halo_render.optics.coating import BAND_NM, RESPONSE_NM, response
from halo_render.optics.trace import BANDS, RIM, STOP, trace_grid

if TYPE_CHECKING:
    from halo_render.optics.canvas import View
    from halo_render.optics.ranking import Setup

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# A sheet folded over itself, or torn where rays are lost, shows its cells along that edge unless they are small.
FOLDED_TIMES = 7
# How far a drawn edge may depart from the traced curve.
CHORD_PX, SMALLEST_CELL_PX = 0.35, 2.5
# The same of ghosts that are drawn so many times coarser, being dim beside the others, and how finely at most.
DIM_CHORD, DIM_TIMES = (1.0, 1.5, 4.0, 6.0), (7, 7, 3, 2)
# Grid of the colours beside the middle one; they share its sheet if they fall nearer than this.
COLOUR_NODES, SHARED_PX = 9, 0.35
# Nor do they share it where one of them is shaded otherwise across it by so much.
SHADED = 0.1
# Ghosts drawn coarser than this are too dim to have their colours weighed.
BRIGHT_STEPS = 2
# A band's light counts as that of its mean wavelength, within what the camera sees; its coats' share within these.
SEEN_NM, UNEVEN = (430.0, 650.0), (0.3, 4.0)


@dataclass(frozen=True)
class Sheet:
    """A traced grid to draw: nodes (n, n, BANDS + 1), which arrive, what each band sees of it, a cell's area."""

    nodes: Float64
    valid: npt.NDArray[np.bool_]
    rgb: Float64
    cell_mm2: float


def _grid(
    setup: Setup, which: int, pair: Ints, u: Float64, v: Float64, k: Float64, reflectance: Float64 | None = None
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    p = setup.prisms[which]
    lut = setup.reflectance[setup.bands[which][0]] if reflectance is None else reflectance
    out = np.zeros((v.size, u.size, BANDS + lut.shape[1]))
    valid = np.zeros((v.size, u.size), np.bool_)
    trace_grid(
        p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, lut, pair[0], pair[1], u, v, k[0], k[1], k[2],
        out, valid,
    )  # fmt: skip
    return out, valid


@lru_cache(maxsize=1)
def _seen() -> Float64:
    return response(BAND_NM)


def _colours(setup: Setup, pair: Ints, u: Float64, v: Float64, k: Float64, grids: list[Float64]) -> list[Float64]:
    """The coarse grids of all wavelengths, each where its band's mean wavelength falls, with the band's whole energy.

    A coat's residue is no flat share of a band: what two of them leave has its own mean wavelength, and the mean of a
    product is not the product of means. Positions in between follow from the three traced, by Lagrange's polynomial.
    """
    if setup.spectral is None:
        return grids
    middle = len(grids) // 2
    some = np.s_[::2]
    spectra, arrive = _grid(setup, middle, pair, u[some], v[some], k, setup.spectral)
    lit = _lit(spectra, arrive)
    if not lit.any():
        return grids
    energy = _seen() * spectra[lit][:, BANDS:].mean(axis=0)
    whole = energy.sum(axis=1)
    if whole.min() <= 0:
        return grids
    mean_nm = np.clip((energy * BAND_NM).sum(axis=1) / whole, *SEEN_NM)
    at = np.array([centre for centre, _ in RESPONSE_NM])
    geometry = np.stack([g[..., :BANDS] for g in grids])
    shifted = []
    for w, grid in enumerate(grids):
        basis = [np.prod([(mean_nm[w] - at[m]) / (at[n] - at[m]) for m in range(3) if m != n]) for n in range(3)]
        out = grid.copy()
        out[..., :BANDS] = np.tensordot(basis, geometry, (0, 0))
        out[..., BANDS] *= np.clip(whole[w] / max(grid[some, some][lit][:, BANDS].mean(), 1e-30), *UNEVEN)
        shifted.append(out)
    return shifted


def sheets_of(
    setup: Setup, pair: Ints, row: Float64, k: Float64, nodes: int, view: View, tolerance: float, dim: int = 1
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
    finer = _times_needed(fine, valid, view, times, DIM_CHORD[dim - 1] * CHORD_PX)
    finer = min(finer, max(times, min(_times_of_size(row, view), DIM_TIMES[dim - 1])))
    if finer > times:
        times = finer
        u, v = (np.linspace(*e, times * (COLOUR_NODES - 1) + 1) for e in ends)
        fine, valid = _grid(setup, middle, pair, u, v, k)
    cell = float((u[1] - u[0]) * (v[1] - v[0]))
    coarse, lit = fine[::times, ::times], _lit(fine, valid)[::times, ::times]
    if not lit.any():
        lit = valid[::times, ::times]
    traced = [_grid(setup, w, pair, u[::times], v[::times], k) for w in range(len(setup.prisms)) if w != middle]
    traced.insert(middle, (coarse, valid[::times, ::times]))
    colours = [out for out, _ in traced]
    if dim <= BRIGHT_STEPS:
        colours = _colours(setup, pair, u[::times], v[::times], k, colours)
    weights = [np.array(rgb) / setup.straight[band] for band, rgb in setup.bands]
    there = [lit & ok for _, ok in traced]
    means = [float(out[..., BANDS][ok].mean()) if ok.any() else 0.0 for out, ok in zip(colours, there, strict=True)]
    centre = max(means[middle], 1e-30)
    if _are_one(colours, there, means, middle, view, tolerance, DIM_CHORD[dim - 1] * SHADED):
        rgb = sum(w * (mean / centre) for w, mean in zip(weights, means, strict=True))
        return [Sheet(fine, valid, np.asarray(rgb * (centre / max(coarse[..., BANDS][lit].mean(), 1e-30))), cell)]
    rise, sheets = _ramp(times), []
    for w, (out, (_, ok)) in enumerate(zip(colours, traced, strict=True)):
        change = out - coarse
        # Rays that never arrive lie outside what passes: any smooth continuation will do.
        lost = ~(ok & valid[::times, ::times])
        change[lost] = change[lit & ~lost].mean(axis=0) if (lit & ~lost).any() else 0.0
        across = np.tensordot(rise, change, (1, 0))
        sheets.append(Sheet(fine + np.tensordot(rise, across, (1, 1)).transpose(1, 0, 2), valid, weights[w], cell))
    return sheets


def _are_one(
    colours: list[Float64],
    there: list[npt.NDArray[np.bool_]],
    means: list[float],
    middle: int,
    view: View,
    tolerance: float,
    shaded: float,
) -> bool:
    """Whether all colours fall on the same pixels, and are shaded alike across them."""
    for out, ok, mean in zip(colours, there, means, strict=True):
        if not ok.any():
            return False
        shift = np.abs((out - colours[middle])[..., :2] * view.scale)[ok].max()
        light = out[..., BANDS][ok] / max(mean, 1e-30) - colours[middle][..., BANDS][ok] / max(means[middle], 1e-30)
        if shift >= tolerance or np.abs(light).max() >= shaded:
            return False
    return True


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


def _times_of_size(row: Float64, view: View) -> int:
    """The refinement at which cells are as small as is any use."""
    return int(size_px(row, view) / (COLOUR_NODES - 1) / SMALLEST_CELL_PX)


def _times_needed(out: Float64, valid: npt.NDArray[np.bool_], view: View, times: int, chord_px: float) -> int:
    """Refinement of the coarse grid at which its straight pieces cannot be told from curves."""
    if _is_folded(out, valid) or _is_ragged(out, valid):
        return FOLDED_TIMES
    xy, lit = out[..., :2] * view.scale, _lit(out, valid)
    worst = 0.0
    for axis in (0, 1):
        # An arc departs from its chord by an eighth of the second difference.
        bend = np.abs(np.diff(xy, 2, axis=axis)).max(-1) / 8
        inner = lit[1:-1] if axis == 0 else lit[:, 1:-1]
        worst = max(worst, float(bend[inner].max(initial=0.0)))
    return min(FOLDED_TIMES, max(times, int(np.ceil(times * np.sqrt(worst / chord_px)))))


def _is_folded(out: Float64, valid: npt.NDArray[np.bool_]) -> bool:
    """Whether a sheet that gets through is folded over itself, as at a caustic."""
    xy = out[..., :2]
    a, b = np.diff(xy[:-1], axis=1), np.diff(xy[:, :-1], axis=0)
    turn = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    turn = turn[_lit(out, valid)[:-1, :-1]]
    return bool(turn.size and turn.min() < 0 < turn.max())


def _is_ragged(out: Float64, valid: npt.NDArray[np.bool_]) -> bool:
    """Whether light that gets through lies beside rays that never arrive, as where glass begins to reflect totally."""
    if valid.all():
        return False
    near = ~valid
    near[1:] |= ~valid[:-1]
    near[:-1] |= ~valid[1:]
    near[:, 1:] |= ~valid[:, :-1]
    near[:, :-1] |= ~valid[:, 1:]
    return bool((_lit(out, valid) & near).any())
