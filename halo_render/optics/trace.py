"""Exact sequential ray tracing in numba: refraction, two reflections, spheres, conics, polynomials, cylinders.

A ray goes on after it has missed a rim or a sphere, along the continuous continuation of its path: what rims and the
stop cut is decided afterwards, by pixel, from how far out the ray passed. Without that the edges of a ghost would show
the grid of rays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
import numpy.typing as npt

from halo_render.optics.lens import ASPHERE, CYLINDER_X, CYLINDER_Y, MOST_TERMS, SPHERE, Lens

if TYPE_CHECKING:
    from halo_render.optics.coating import CoatingTable

Float64 = npt.NDArray[np.float64]
# All of fast mathematics but the assumption that nothing is infinite or no number: lost rays are.
FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}
# A ray crosses the stop at most three times on its way between two mirrors.
MOST_CROSSINGS = 3
# What a traced ray says: x, y on the sensor (mm), the largest r / rim, three stop crossings (x, y over the stop's
# radius), and a throughput for each band of the coating table.
X, Y, RIM, STOP = 0, 1, 2, 3
BANDS = STOP + 2 * MOST_CROSSINGS
# Polynomials run away outside the rim: they are continued flat from here on (r / semi-aperture).
FLAT_FROM = 1.1
FARTHEST = 40.0


@dataclass(frozen=True)
class Prism:
    """A lens laid out for the tracer at one wavelength: arrays of one entry a surface, lengths in mm."""

    table: Float64  # (n, 7): curvature, z, semi-aperture, conic, kind, is_stop, terms in use
    terms: Float64  # (n, MOST_TERMS)
    index: Float64  # (n + 1,)
    sensor_mm: float
    stop_radius_mm: float


def prism(lens: Lens, wavelength_nm: float, stop_radius_mm: float, extension_mm: float = 0.0) -> Prism:
    """The lens at that wavelength, its sensor `extension_mm` farther than at infinity focus."""
    n = len(lens.surfaces)
    table, terms = np.zeros((n, 7)), np.zeros((n, MOST_TERMS))
    z = lens.positions
    for i, s in enumerate(lens.surfaces):
        used = max((m + 1 for m, a in enumerate(s.terms) if a), default=0)
        table[i] = s.curvature, z[i], s.semi_aperture, s.conic, s.kind, s.is_stop, used
        terms[i, : len(s.terms)] = s.terms
    return Prism(
        table, terms, lens.indices(wavelength_nm), z[-1] + lens.surfaces[-1].gap + extension_mm, stop_radius_mm
    )


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _sag(table, terms, i, r):  # type: ignore[no-untyped-def]
    """Height of an asphere at radius r and its slope there."""
    edge = table[i, 2] * FLAT_FROM
    inside = min(r, edge)
    c, k = table[i, 0], table[i, 3]
    root = np.sqrt(max(1e-9, 1 - (1 + k) * c * c * inside * inside))
    z = c * inside * inside / (1 + root)
    slope = c * inside / root
    power = 1.0
    for m in range(int(table[i, 6])):
        slope += (m + 1) * terms[i, m] * power
        power *= inside
        z += terms[i, m] * power
    if r > edge:
        z += slope * (r - edge)
    return z, slope


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _meet(table, terms, i, x, y, z, kx, ky, kz):  # type: ignore[no-untyped-def]
    """Where the ray meets a surface, and the unit normal there (towards the sensor)."""
    t = (table[i, 1] - z) / kz
    x += t * kx
    y += t * ky
    c, kind = table[i, 0], table[i, 4]
    nx, ny, nz = 0.0, 0.0, 1.0
    dz = 0.0
    if kind == SPHERE:
        if c != 0:
            f = c * (x * x + y * y)
            g = kz - c * (x * kx + y * ky)
            root = np.sqrt(max(0.0, g * g - c * f))
            t = f / (g + (root if kz > 0 else -root))
            x += t * kx
            y += t * ky
            dz = t * kz
            nx, ny, nz = -c * x, -c * y, 1 - c * dz
    elif kind == ASPHERE:
        for _ in range(12):
            r = np.sqrt(x * x + y * y)
            sag, slope = _sag(table, terms, i, r)
            if r > 1e-12:
                nx, ny = -slope * x / r, -slope * y / r
            else:
                nx, ny = 0.0, 0.0
            t = (sag - dz) / (kz + nx * kx + ny * ky)
            x += t * kx
            y += t * ky
            dz += t * kz
            if abs(t) < 1e-11 * table[i, 2]:
                break
        length = np.sqrt(1 + nx * nx + ny * ny)
        nx, ny, nz = nx / length, ny / length, 1 / length
    else:
        across = x if kind == CYLINDER_X else y
        k = kx if kind == CYLINDER_X else ky
        f = c * across * across
        g = kz - c * across * k
        root = np.sqrt(max(0.0, g * g - c * f * (kz * kz + k * k)))
        t = f / (g + (root if kz > 0 else -root))
        x += t * kx
        y += t * ky
        dz = t * kz
        if kind == CYLINDER_X:
            nx, nz = -c * x, 1 - c * dz
        else:
            ny, nz = -c * y, 1 - c * dz
    return x, y, table[i, 1] + dz, nx, ny, nz


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def trace_ray(table, terms, index, sensor, stop_radius, lut, first, second, x, y, z, kx, ky, kz, out):  # type: ignore[no-untyped-def]
    """One ray from (x, y, z) along (kx, ky, kz) to the sensor, reflected at `first` and then at `second` < `first`.

    `first` < 0 is the straight path that forms the picture. Fills `out` (BANDS + bands); False if it never arrives.
    `lut` is (n, bands, samples): reflectance over the cosine in the rarer medium.
    """
    n = table.shape[0]
    bands, samples = lut.shape[1], lut.shape[2]
    for b in range(bands):
        out[BANDS + b] = 1.0
    for m in range(STOP, BANDS):
        out[m] = 0.0
    rim, crossing, leg, i, forward = 0.0, 0, 0, 0, True
    while i < n:
        x, y, z, nx, ny, nz = _meet(table, terms, i, x, y, z, kx, ky, kz)
        r = np.sqrt(x * x + y * y) / table[i, 2]
        # `not <` also catches a path that is not a number any more.
        if not r < FARTHEST:
            return False
        if table[i, 5] != 0:
            out[STOP + 2 * crossing] = x / stop_radius
            out[STOP + 2 * crossing + 1] = y / stop_radius
            crossing += 1
            i += 1 if forward else -1
            continue
        rim = max(rim, r)
        n1 = index[i] if forward else index[i + 1]
        n2 = index[i + 1] if forward else index[i]
        dot = kx * nx + ky * ny + kz * nz
        # Rays run along the normal: a rim passed on the far side of a sphere would turn it.
        cosine = min(1.0, abs(dot))
        sine2 = (n1 / n2) ** 2 * (1 - cosine * cosine)
        mirror = (leg == 0 and i == first) or (leg == 1 and i == second)
        bent = np.sqrt(max(0.0, 1 - sine2))
        place = (cosine if n1 < n2 else bent) * (samples - 1)
        j = min(int(place), samples - 2)
        w = place - j
        for b in range(bands):
            reflected = 1.0 if sine2 >= 1 else lut[i, b, j] * (1 - w) + lut[i, b, j + 1] * w
            out[BANDS + b] *= reflected if mirror else 1 - reflected
        if mirror:
            kx -= 2 * dot * nx
            ky -= 2 * dot * ny
            kz -= 2 * dot * nz
            leg += 1
            forward = not forward
        else:
            # Total reflection is no edge of glass but cuts like one: the light fades to nothing where it begins.
            rim = max(rim, sine2)
            sign = 1.0 if dot > 0 else -1.0
            mu = n1 / n2
            along = bent - mu * cosine
            kx = mu * kx + along * sign * nx
            ky = mu * ky + along * sign * ny
            kz = mu * kz + along * sign * nz
        if (kz > 0) != forward:
            return False
        i += 1 if forward else -1
        if i < 0:
            return False
    t = (sensor - z) / kz
    out[X], out[Y], out[RIM] = x + t * kx, y + t * ky, rim
    return True


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def trace_grid(table, terms, index, sensor, stop_radius, lut, first, second, u, v, kx, ky, kz, out, valid):  # type: ignore[no-untyped-def]
    """A grid of parallel rays through the points (u, v) of the plane z = 0: fills `out` (len(v), len(u), ...)."""
    for row in range(v.size):
        for col in range(u.size):
            # The plane is passed on the way in: a curved front is met before it as well as behind.
            valid[row, col] = trace_ray(
                table, terms, index, sensor, stop_radius, lut, first, second, u[col], v[row], 0.0, kx, ky, kz,
                out[row, col],
            )  # fmt: skip


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def magnification(table, terms, index, sensor, stop_radius, lut, first, second, u, v, step, kx, ky, kz, moved):  # type: ignore[no-untyped-def]
    """Fill `moved` (2, 2): mm on the sensor a radian of the light's turn in x and y, for a fixed point of the stop."""
    turn = 1e-3
    rays = np.zeros((5, BANDS + lut.shape[1]))
    for m in range(5):
        dx, dy = (turn if m == 3 else 0.0), (turn if m == 4 else 0.0)
        length = np.sqrt((kx + dx) ** 2 + (ky + dy) ** 2 + kz * kz)
        trace_ray(
            table, terms, index, sensor, stop_radius, lut, first, second,
            u + (step if m == 1 else 0.0), v + (step if m == 2 else 0.0), 0.0,
            (kx + dx) / length, (ky + dy) / length, kz / length, rays[m],
        )  # fmt: skip
    d = rays - rays[0]
    a, b = d[1, STOP] / step, d[2, STOP] / step
    c, e = d[1, STOP + 1] / step, d[2, STOP + 1] / step
    det = a * e - b * c
    for m in range(2):
        sx, sy = d[3 + m, STOP] / turn, d[3 + m, STOP + 1] / turn
        # The front point moves so that the stop's stays.
        du, dv = 0.0, 0.0
        if abs(det) > 1e-12:
            du, dv = (e * sx - b * sy) / det, (a * sy - c * sx) / det
        for w in range(2):
            moved[w, m] = d[3 + m, w] / turn - (d[1, w] * du + d[2, w] * dv) / step


def trace(
    p: Prism,
    coating: CoatingTable,
    pair: tuple[int, int],
    u_mm: Float64,
    v_mm: Float64,
    direction: tuple[float, float, float],
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Trace parallel light on a grid: (rows, cols, BANDS + bands) float64 and which rays arrive.

    `pair` is (first mirror, second mirror), (-1, -1) the straight path; `direction` points towards the light, camera
    space (z < 0 in front). Lens axes: x right, y up, z towards the sensor.
    """
    out = np.zeros((v_mm.size, u_mm.size, BANDS + coating.reflectance.shape[1]))
    valid = np.zeros((v_mm.size, u_mm.size), np.bool_)
    x, y, z = direction
    trace_grid(
        p.table, p.terms, p.index, p.sensor_mm, p.stop_radius_mm, coating.reflectance, pair[0], pair[1],
        u_mm, v_mm, -x, -y, -z, out, valid,
    )  # fmt: skip
    return out, valid


__all__ = [
    "BANDS",
    "CYLINDER_X",
    "CYLINDER_Y",
    "RIM",
    "STOP",
    "Prism",
    "X",
    "Y",
    "magnification",
    "prism",
    "trace",
    "trace_grid",
]
