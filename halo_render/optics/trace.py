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


# Rays go through the lens side by side, BLOCK at a time, so that the processor's vector units take several at once:
# `s` holds one row of BLOCK values after the other, of place, direction, and what `trace_block` leaves.
BLOCK = 32
_X, _Y, _Z, _KX, _KY, _KZ = (BLOCK * n for n in range(6))
_NX, _NY, _NZ, _R, _SAG, _SLOPE, _LUT = (BLOCK * n for n in range(6, 13))
_ALIVE, _RIM, _STOP = (BLOCK * n for n in (13, 14, 15))
_BANDS = _STOP + BLOCK * 2 * MOST_CROSSINGS


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _to_plane(s, height):  # type: ignore[no-untyped-def]
    """Move all rays to the plane z = height."""
    for k in range(BLOCK):
        t = (height - s[_Z + k]) / s[_KZ + k]
        s[_X + k] += t * s[_KX + k]
        s[_Y + k] += t * s[_KY + k]
        s[_Z + k] = height


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _meet_sphere(s, c, forward):  # type: ignore[no-untyped-def]
    """From the vertex's plane to the sphere (or plane), and the unit normal there (towards the sensor)."""
    side = 1.0 if forward else -1.0
    for k in range(BLOCK):
        x, y, kx, ky, kz = s[_X + k], s[_Y + k], s[_KX + k], s[_KY + k], s[_KZ + k]
        f = c * (x * x + y * y)
        g = kz - c * (x * kx + y * ky)
        t = f / (g + side * np.sqrt(max(0.0, g * g - c * f)))
        x += t * kx
        y += t * ky
        s[_X + k], s[_Y + k] = x, y
        s[_Z + k] += t * kz
        s[_NX + k], s[_NY + k], s[_NZ + k] = -c * x, -c * y, 1 - c * t * kz


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _meet_cylinder(s, c, forward, across, bare):  # type: ignore[no-untyped-def]
    """The same with a cylinder that bends in the row `across` (_X or _Y) and not in `bare`."""
    side = 1.0 if forward else -1.0
    for k in range(BLOCK):
        a, ka, kz = s[across + k], s[_KX + across + k], s[_KZ + k]
        f = c * a * a
        g = kz - c * a * ka
        t = f / (g + side * np.sqrt(max(0.0, g * g - c * f * (kz * kz + ka * ka))))
        a += t * ka
        s[across + k] = a
        s[bare + k] += t * s[_KX + bare + k]
        s[_Z + k] += t * kz
        s[_NX + across + k], s[_NX + bare + k], s[_NZ + k] = -c * a, 0.0, 1 - c * t * kz


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _meet_asphere(s, terms, c, conic, semi_aperture, used, vertex):  # type: ignore[no-untyped-def]
    """The same with an asphere, by Newton's method."""
    edge = semi_aperture * FLAT_FROM
    for _ in range(12):
        for k in range(BLOCK):
            r = np.sqrt(s[_X + k] * s[_X + k] + s[_Y + k] * s[_Y + k])
            inside = min(r, edge)
            root = np.sqrt(max(1e-9, 1 - (1 + conic) * c * c * inside * inside))
            s[_R + k] = r
            s[_SAG + k] = c * inside * inside / (1 + root)
            s[_SLOPE + k] = c * inside / root
            s[_NZ + k] = 1.0
        for m in range(used):
            term = terms[m]
            for k in range(BLOCK):
                inside = min(s[_R + k], edge)
                power = s[_NZ + k]
                s[_SLOPE + k] += (m + 1) * term * power
                s[_SAG + k] += term * power * inside
                s[_NZ + k] = power * inside
        moved = 0.0
        for k in range(BLOCK):
            r, slope = s[_R + k], s[_SLOPE + k]
            sag = s[_SAG + k] + slope * max(0.0, r - edge)
            scale = -slope / max(r, 1e-12)
            nx, ny = scale * s[_X + k], scale * s[_Y + k]
            t = (sag + vertex - s[_Z + k]) / (s[_KZ + k] + nx * s[_KX + k] + ny * s[_KY + k])
            s[_X + k] += t * s[_KX + k]
            s[_Y + k] += t * s[_KY + k]
            s[_Z + k] += t * s[_KZ + k]
            s[_NX + k], s[_NY + k] = nx, ny
            # Lost rays never meet it.
            moved += t * t if s[_ALIVE + k] * t * t < 1e12 else 0.0
        if moved < 1e-22 * semi_aperture * semi_aperture:
            break
    for k in range(BLOCK):
        nx, ny = s[_NX + k], s[_NY + k]
        length = np.sqrt(1 + nx * nx + ny * ny)
        s[_NX + k], s[_NY + k], s[_NZ + k] = nx / length, ny / length, 1 / length


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _turn(s, n1, n2, mirror, forward, semi_aperture):  # type: ignore[no-untyped-def]
    """Reflect or refract all rays; note rims, the place in the table of reflectances, and which are lost."""
    mu, side = n1 / n2, 1.0 if forward else -1.0
    inward = -side if mirror else side
    for k in range(BLOCK):
        x, y = s[_X + k], s[_Y + k]
        kx, ky, kz = s[_KX + k], s[_KY + k], s[_KZ + k]
        nx, ny, nz = s[_NX + k], s[_NY + k], s[_NZ + k]
        r = np.sqrt(x * x + y * y) / semi_aperture
        dot = kx * nx + ky * ny + kz * nz
        # Rays run along the normal: a rim passed on the far side of a sphere would turn it.
        cosine = min(1.0, abs(dot))
        sine2 = mu * mu * (1 - cosine * cosine)
        bent = np.sqrt(max(0.0, 1 - sine2))
        # Total reflection is no edge of glass but cuts like one: the light fades to nothing where it begins.
        s[_RIM + k] = max(s[_RIM + k], r if mirror else max(r, sine2))
        s[_LUT + k] = 2.0 if sine2 >= 1 else cosine if mu < 1 else bent
        along = (bent - mu * cosine) * (1.0 if dot > 0 else -1.0)
        keep, add = (1.0, -2 * dot) if mirror else (mu, along)
        kx, ky, kz = keep * kx + add * nx, keep * ky + add * ny, keep * kz + add * nz
        # `not <` also catches a path that is not a number any more; what is lost goes on along the axis.
        alive = s[_ALIVE + k] if r < FARTHEST and kz * inward > 0 else 0.0
        s[_ALIVE + k] = alive
        s[_X + k], s[_Y + k] = (x, y) if alive > 0 else (0.0, 0.0)
        s[_Z + k] = s[_Z + k] if alive > 0 else 0.0
        s[_KX + k], s[_KY + k], s[_KZ + k] = (kx, ky, kz) if alive > 0 else (0.0, 0.0, inward)


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def trace_block(table, terms, index, sensor, stop_radius, lut, first, second, s):  # type: ignore[no-untyped-def]
    """BLOCK rays from the places and along the directions in `s` to the sensor, by the mirrors `first` and `second`.

    `second` < `first`; `first` < 0 is the straight path that forms the picture. Leaves in `s` the place on the sensor,
    rims, stop crossings, throughput of each band, and which rays arrive. `lut` is (n, bands, samples): reflectance over
    the cosine in the rarer medium.
    """
    n, bands, samples = table.shape[0], lut.shape[1], lut.shape[2]
    for k in range(BLOCK):
        s[_ALIVE + k], s[_RIM + k] = 1.0, 0.0
    for k in range(_STOP, _BANDS):
        s[k] = 0.0
    for k in range(_BANDS, _BANDS + bands * BLOCK):
        s[k] = 1.0
    crossing, leg, i, forward = 0, 0, 0, True
    while 0 <= i < n:
        c, height, semi_aperture, kind = table[i, 0], table[i, 1], table[i, 2], table[i, 4]
        _to_plane(s, height)
        if table[i, 5] != 0:
            at = _STOP + 2 * crossing * BLOCK
            for k in range(BLOCK):
                s[at + k] = s[_X + k] / stop_radius
            for k in range(BLOCK):
                s[at + BLOCK + k] = s[_Y + k] / stop_radius
            crossing += 1
            i += 1 if forward else -1
            continue
        if kind == SPHERE:
            _meet_sphere(s, c, forward)
        elif kind == ASPHERE:
            _meet_asphere(s, terms[i], c, table[i, 3], semi_aperture, int(table[i, 6]), height)
        elif kind == CYLINDER_X:
            _meet_cylinder(s, c, forward, _X, _Y)
        else:
            _meet_cylinder(s, c, forward, _Y, _X)
        n1 = index[i] if forward else index[i + 1]
        n2 = index[i + 1] if forward else index[i]
        mirror = (leg == 0 and i == first) or (leg == 1 and i == second)
        _turn(s, n1, n2, mirror, forward, semi_aperture)
        for b in range(bands):
            at = _BANDS + b * BLOCK
            for k in range(BLOCK):
                place = s[_LUT + k] * (samples - 1)
                # Past the table's end: total reflection. No number is taken for a lost ray.
                inside = place if 0 <= place <= samples - 1 else 0.0
                j = min(int(inside), samples - 2)
                w = inside - j
                found = lut[i, b, j] * (1 - w) + lut[i, b, j + 1] * w
                found = found if place <= samples - 1 else 1.0
                s[at + k] *= found if mirror else 1 - found
        if mirror:
            leg += 1
            forward = not forward
        i += 1 if forward else -1
        lost = True
        for k in range(BLOCK):
            lost = lost and s[_ALIVE + k] == 0
        if lost or i < 0:
            for k in range(BLOCK):
                s[_ALIVE + k] = 0.0
            return
    _to_plane(s, sensor)


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def trace_grid(table, terms, index, sensor, stop_radius, lut, first, second, u, v, kx, ky, kz, out, valid):  # type: ignore[no-untyped-def]
    """A grid of parallel rays through the points (u, v) of the plane z = 0: fills `out` (len(v), len(u), ...)."""
    bands, count, columns = lut.shape[1], u.size * v.size, u.size
    s = np.empty(_BANDS + bands * BLOCK)
    for start in range(0, count, BLOCK):
        # The plane is passed on the way in: a curved front is met before it as well as behind.
        for k in range(BLOCK):
            n = min(start + k, count - 1)
            s[_X + k], s[_Y + k], s[_Z + k] = u[n % columns], v[n // columns], 0.0
            s[_KX + k], s[_KY + k], s[_KZ + k] = kx, ky, kz
        trace_block(table, terms, index, sensor, stop_radius, lut, first, second, s)
        for k in range(min(BLOCK, count - start)):
            row, col = (start + k) // columns, (start + k) % columns
            valid[row, col] = s[_ALIVE + k] > 0
            out[row, col, X], out[row, col, Y], out[row, col, RIM] = s[_X + k], s[_Y + k], s[_RIM + k]
            for m in range(2 * MOST_CROSSINGS):
                out[row, col, STOP + m] = s[_STOP + m * BLOCK + k]
            for b in range(bands):
                out[row, col, BANDS + b] = s[_BANDS + b * BLOCK + k]


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def magnification(table, terms, index, sensor, stop_radius, lut, first, second, u, v, step, kx, ky, kz, moved):  # type: ignore[no-untyped-def]
    """Fill `moved` (2, 2): mm on the sensor a radian of the light's turn in x and y, for a fixed point of the stop."""
    turn = 1e-3
    s = np.empty(_BANDS + lut.shape[1] * BLOCK)
    for m in range(BLOCK):
        dx, dy = (turn if m == 3 else 0.0), (turn if m == 4 else 0.0)
        length = np.sqrt((kx + dx) ** 2 + (ky + dy) ** 2 + kz * kz)
        s[_X + m], s[_Y + m], s[_Z + m] = u + (step if m == 1 else 0.0), v + (step if m == 2 else 0.0), 0.0
        s[_KX + m], s[_KY + m], s[_KZ + m] = (kx + dx) / length, (ky + dy) / length, kz / length
    trace_block(table, terms, index, sensor, stop_radius, lut, first, second, s)
    rays = np.zeros((5, BANDS))
    for m in range(5):
        rays[m, X], rays[m, Y] = s[_X + m], s[_Y + m]
        for c in range(2 * MOST_CROSSINGS):
            rays[m, STOP + c] = s[_STOP + c * BLOCK + m]
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
