"""Which ghosts a light makes: for each pair of surfaces the part of the front that gets through, and its energy."""

from __future__ import annotations

import numba
import numpy as np

from halo_render.optics.trace import BANDS, RIM, STOP, trace_ray

# Found for each pair: the bounds of the passing rays at the front (u0, u1, v0, v1 mm), their energy inside the frame
# and altogether, their bounds on the sensor (mm), and the step of the last grid.
U0, U1, V0, V1, ENERGY, TOTAL, X0, X1, Y0, Y1, CROSSINGS = range(11)
FOUND = 11
NODES = 14
LEVELS = 5
# A search ends when this share of the grid gets through.
ENOUGH = 0.2


@numba.njit(cache=True, fastmath=True, nogil=True)
def survey(table, terms, index, sensor, stop_radius, lut, pairs, front, kx, ky, kz, frame, found):  # type: ignore[no-untyped-def]
    """Fill `found` (pairs, FOUND) for parallel light along (kx, ky, kz); `frame` is the sensor's (x0, x1, y0, y1) mm.

    A grid over the front is narrowed down to the cells that may pass, level by level. Energy is in mm^2 of the front
    times throughput, mean of the bands.
    """
    bands = lut.shape[1]
    out = np.zeros(BANDS + bands)
    level = np.empty((NODES, NODES))
    for p in range(pairs.shape[0]):
        first, second = pairs[p, 0], pairs[p, 1]
        crossings = 0
        u0, u1, v0, v1 = front[0], front[1], front[2], front[3]
        for depth in range(LEVELS):
            du, dv = (u1 - u0) / (NODES - 1), (v1 - v0) / (NODES - 1)
            passed, inside, total = 0, 0.0, 0.0
            x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
            for j in range(NODES):
                for i in range(NODES):
                    ok = trace_ray(
                        table, terms, index, sensor, stop_radius, lut, first, second, u0 + i * du, v0 + j * dv, 0.0,
                        kx, ky, kz, out,
                    )  # fmt: skip
                    if not ok:
                        level[j, i] = np.inf
                        continue
                    far = out[RIM]
                    for c in range(3):
                        sx, sy = out[STOP + 2 * c], out[STOP + 2 * c + 1]
                        far = max(far, np.sqrt(sx * sx + sy * sy))
                    level[j, i] = far
                    if far < 1:
                        passed += 1
                        mean = 0.0
                        for b in range(bands):
                            mean += out[BANDS + b] / bands
                        total += mean
                        if frame[0] <= out[0] <= frame[1] and frame[2] <= out[1] <= frame[3]:
                            inside += mean
                        x0, x1 = min(x0, out[0]), max(x1, out[0])
                        y0, y1 = min(y0, out[1]), max(y1, out[1])
            found[p, ENERGY], found[p, TOTAL] = inside * du * dv, total * du * dv
            found[p, X0], found[p, X1], found[p, Y0], found[p, Y1] = x0, x1, y0, y1
            found[p, CROSSINGS] = crossings
            a0, a1, b0, b1 = NODES, -1, NODES, -1
            for j in range(NODES - 1):
                for i in range(NODES - 1):
                    low, high = np.inf, 0.0
                    for k in range(4):
                        value = level[j + k // 2, i + k % 2]
                        if value < np.inf:
                            low, high = min(low, value), max(high, value)
                    # Between four corners that all miss, the stop may still be hit.
                    if low < 1 or low - (high - low) < 1:
                        a0, a1 = min(a0, i), max(a1, i + 1)
                        b0, b1 = min(b0, j), max(b1, j + 1)
            if a1 < 0:
                found[p, ENERGY], found[p, TOTAL] = 0.0, 0.0
                break
            found[p, U0], found[p, U1] = u0 + a0 * du, u0 + a1 * du
            found[p, V0], found[p, V1] = v0 + b0 * dv, v0 + b1 * dv
            if passed >= ENOUGH * NODES * NODES or depth == LEVELS - 1:
                break
            u0, u1, v0, v1 = found[p, U0], found[p, U1], found[p, V0], found[p, V1]
