"""Which ghosts a light makes: for each pair of surfaces the part of the front that gets through, and its energy."""

from __future__ import annotations

import numba
import numpy as np

from halo_render.optics.trace import BANDS, FAST, RIM, STOP, trace_grid

# Found for each pair: the bounds of the passing rays at the front (u0, u1, v0, v1 mm), their energy inside the frame
# and altogether, and their bounds on the sensor (mm).
U0, U1, V0, V1, ENERGY, TOTAL, X0, X1, Y0, Y1 = range(10)
FOUND = 10
# Odd: an axis of symmetry then falls on a node.
NODES = 13
LEVELS = 6
# A search ends when this share of the grid gets through.
ENOUGH = 0.2
# From so many passing nodes on, what passes is taken to be where they are.
SURE = 11
# A cell may pass although its corners miss: by so much of a rim's radius, and across at most so many stop radii.
RIM_SLACK, STOP_REACH = 0.6, 12.0


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _may_pass(level, j, i):  # type: ignore[no-untyped-def]
    """Whether light may pass between four nodes: `level` holds for each its rim ratio and three stop crossings."""
    low, high = np.inf, 0.0
    for k in range(4):
        value = level[j + k // 2, i + k % 2, 0]
        if value < np.inf:
            low, high = min(low, value), max(high, value)
    if not low - min(high - low, RIM_SLACK) < 1:
        return False
    for c in range(3):
        gap2 = 0.0
        for axis in range(2):
            first, last = np.inf, -np.inf
            for k in range(4):
                if level[j + k // 2, i + k % 2, 0] < np.inf:
                    value = level[j + k // 2, i + k % 2, 1 + 2 * c + axis]
                    first, last = min(first, value), max(last, value)
            reach = last - first
            if reach > STOP_REACH:
                return False
            # The corners' box, a quarter wider for what bends between them.
            gap = max(0.0, first - reach / 4, -last - reach / 4)
            gap2 += gap * gap
        if gap2 >= 1:
            return False
    return True


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def survey(table, terms, index, sensor, stop_radius, lut, pairs, front, kx, ky, kz, frame, found):  # type: ignore[no-untyped-def]
    """Fill `found` (pairs, FOUND) for parallel light along (kx, ky, kz); `frame` is the sensor's (x0, x1, y0, y1) mm.

    `front` (pairs, 4) says where each search starts. It is narrowed down to the cells that may pass, level by level.
    Energy is in mm^2 of the front times throughput, mean of the bands.
    """
    bands = lut.shape[1]
    rays = np.zeros((NODES, NODES, BANDS + bands))
    arrives = np.zeros((NODES, NODES), np.bool_)
    u, v = np.empty(NODES), np.empty(NODES)
    level = np.empty((NODES, NODES, 7))
    for p in range(pairs.shape[0]):
        first, second = pairs[p, 0], pairs[p, 1]
        u0, u1, v0, v1 = front[p, 0], front[p, 1], front[p, 2], front[p, 3]
        for depth in range(LEVELS):
            du, dv = (u1 - u0) / (NODES - 1), (v1 - v0) / (NODES - 1)
            passed, inside, total = 0, 0.0, 0.0
            x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
            a0, a1, b0, b1 = NODES, -1, NODES, -1
            for i in range(NODES):
                u[i], v[i] = u0 + i * du, v0 + i * dv
            trace_grid(
                table, terms, index, sensor, stop_radius, lut, first, second, u, v, kx, ky, kz, rays, arrives
            )  # fmt: skip
            for j in range(NODES):
                for i in range(NODES):
                    out, ok = rays[j, i], arrives[j, i]
                    level[j, i, 0] = out[RIM] if ok else np.inf
                    lit = ok and out[RIM] < 1
                    for c in range(3):
                        sx, sy = out[STOP + 2 * c], out[STOP + 2 * c + 1]
                        level[j, i, 1 + 2 * c], level[j, i, 2 + 2 * c] = sx, sy
                        lit = lit and sx * sx + sy * sy < 1
                    if lit:
                        passed += 1
                        mean = 0.0
                        for b in range(bands):
                            mean += out[BANDS + b] / bands
                        total += mean
                        if frame[0] <= out[0] <= frame[1] and frame[2] <= out[1] <= frame[3]:
                            inside += mean
                        x0, x1 = min(x0, out[0]), max(x1, out[0])
                        y0, y1 = min(y0, out[1]), max(y1, out[1])
                        a0, a1, b0, b1 = min(a0, i - 1), max(a1, i + 1), min(b0, j - 1), max(b1, j + 1)
            found[p, ENERGY], found[p, TOTAL] = inside * du * dv, total * du * dv
            found[p, X0], found[p, X1], found[p, Y0], found[p, Y1] = x0, x1, y0, y1
            if passed < SURE:
                for j in range(NODES - 1):
                    for i in range(NODES - 1):
                        if _may_pass(level, j, i):
                            a0, a1, b0, b1 = min(a0, i), max(a1, i + 1), min(b0, j), max(b1, j + 1)
            if a1 < a0:
                found[p, ENERGY], found[p, TOTAL] = 0.0, 0.0
                break
            a0, b0, a1, b1 = max(a0, 0), max(b0, 0), min(a1, NODES - 1), min(b1, NODES - 1)
            found[p, U0], found[p, U1] = u0 + a0 * du, u0 + a1 * du
            found[p, V0], found[p, V1] = v0 + b0 * dv, v0 + b1 * dv
            if passed >= ENOUGH * NODES * NODES or depth == LEVELS - 1:
                break
            u0, u1, v0, v1 = found[p, U0], found[p, U1], found[p, V0], found[p, V1]
