"""Drawing a traced ghost: a bent sheet of ray cells, cut per pixel by the stop and the rims, energy conserved."""

from __future__ import annotations

import numba
import numpy as np

from halo_render.optics.trace import BANDS, FAST, RIM, STOP

# Sheets smaller than this across are splatted cell by cell: no pixel centre need lie in such a cell.
SPLAT_BELOW_PX = 5.0
# Thinner triangles are strewn along a line of at most so many pieces.
THIN_PX, MOST_PIECES = 0.7, 4096
DARKEST = 1e-12
TURN_SAMPLES = 2048


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _edge(sx, sy, edge):  # type: ignore[no-untyped-def]
    """Radius of the aperture in the direction of (sx, sy)."""
    turn = (np.arctan2(sy, sx) / (2 * np.pi) + 0.5) * (edge.size - 1)
    j = min(int(turn), edge.size - 2)
    w = turn - j
    return edge[j] * (1 - w) + edge[j + 1] * w


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _cover(value, slope):  # type: ignore[no-untyped-def]
    """Share of a pixel (or cell) inside value < 1, from the value at its centre and its change across it."""
    return min(1.0, max(0.0, 0.5 + (1 - value) / max(slope, 1e-9)))


@numba.njit(cache=True, fastmath=FAST, error_model="numpy")
def _triangle(tile, left, top, rgb, px, py, dens, rim, stop, crossings, edge, inner, outer, flux, splat):  # type: ignore[no-untyped-def]
    """One triangle: px, py, dens, rim are its three corners, stop (3, 2 * crossings)."""
    ax, ay = px[1] - px[0], py[1] - py[0]
    bx, by = px[2] - px[0], py[2] - py[0]
    twice = ax * by - bx * ay
    area = 0.5 * abs(twice)
    height, width = tile.shape[0], tile.shape[1]
    width_px = 2 * area / max(np.hypot(ax, ay), np.hypot(bx, by), np.hypot(px[2] - px[1], py[2] - py[1]), 1e-9)
    if splat or width_px < THIN_PX:
        # The cut is judged at the middle, soft over the triangle's own extent.
        share = 1.0
        low, high = min(rim[0], rim[1], rim[2]), max(rim[0], rim[1], rim[2])
        share *= _cover((rim[0] + rim[1] + rim[2]) / 3, high - low)
        for c in range(crossings):
            mx = (stop[0, 2 * c] + stop[1, 2 * c] + stop[2, 2 * c]) / 3
            my = (stop[0, 2 * c + 1] + stop[1, 2 * c + 1] + stop[2, 2 * c + 1]) / 3
            low, high = 1e30, 0.0
            for k in range(3):
                r = np.sqrt(stop[k, 2 * c] ** 2 + stop[k, 2 * c + 1] ** 2)
                low, high = min(low, r), max(high, r)
            share *= _cover(np.sqrt(mx * mx + my * my) / _edge(mx, my, edge), high - low)
        if share <= 0:
            return
        # A sliver at a fold is a line, not a point: its light is strewn along its longest side.
        longest, a, far = -1.0, 0, 1
        for k in range(3):
            m = (k + 1) % 3
            length = np.hypot(px[m] - px[k], py[m] - py[k])
            if length > longest:
                longest, a, far = length, k, m
        pieces = min(MOST_PIECES, int(longest * 1.5) + 1)
        for piece in range(pieces):
            t = (piece + 0.5) / pieces
            x, y = px[a] + t * (px[far] - px[a]), py[a] + t * (py[far] - py[a])
            if pieces == 1:
                x, y = (px[0] + px[1] + px[2]) / 3, (py[0] + py[1] + py[2]) / 3
            x, y = x - left - 0.5, y - top - 0.5
            if not (-1 <= x < width and -1 <= y < height):
                continue
            i, j = int(np.floor(x)), int(np.floor(y))
            fx, fy = x - i, y - j
            for dj in range(2):
                for di in range(2):
                    if 0 <= i + di < width and 0 <= j + dj < height:
                        w = (fx if di else 1 - fx) * (fy if dj else 1 - fy) * share * flux / pieces
                        for b in range(3):
                            tile[j + dj, i + di, b] += w * rgb[b]
        return
    # What the corners hold is only smooth; the triangle's own energy is what counts.
    mean = (dens[0] + dens[1] + dens[2]) / 3
    scale = flux / (area * max(mean, 1e-30))
    inv = 1 / twice
    dx1, dy1, dx2, dy2 = by * inv, -bx * inv, -ay * inv, ax * inv
    dd_x = (dens[1] - dens[0]) * dx1 + (dens[2] - dens[0]) * dx2
    dd_y = (dens[1] - dens[0]) * dy1 + (dens[2] - dens[0]) * dy2
    rim_x = (rim[1] - rim[0]) * dx1 + (rim[2] - rim[0]) * dx2
    rim_y = (rim[1] - rim[0]) * dy1 + (rim[2] - rim[0]) * dy2
    rim_slope = np.sqrt(rim_x * rim_x + rim_y * rim_y)
    cut_rim = max(rim[0], rim[1], rim[2]) + rim_slope > 1
    grad = np.empty((6, 2))
    bound = np.empty(3)
    for c in range(2 * crossings):
        grad[c, 0] = (stop[1, c] - stop[0, c]) * dx1 + (stop[2, c] - stop[0, c]) * dx2
        grad[c, 1] = (stop[1, c] - stop[0, c]) * dy1 + (stop[2, c] - stop[0, c]) * dy2
    cuts = 0
    which = np.empty(3, np.int64)
    for c in range(crossings):
        bound[c] = np.sqrt(
            grad[2 * c, 0] ** 2 + grad[2 * c, 1] ** 2 + grad[2 * c + 1, 0] ** 2 + grad[2 * c + 1, 1] ** 2
        )
        farthest = 0.0
        for k in range(3):
            farthest = max(farthest, stop[k, 2 * c] ** 2 + stop[k, 2 * c + 1] ** 2)
        # A triangle whose corners all pass well inside the blades is never cut by them.
        if farthest > max(0.0, inner - bound[c]) ** 2:
            which[cuts] = c
            cuts += 1
    b0, b1 = 0, 3
    while b0 < 2 and rgb[b0] == 0:
        b0 += 1
    while b1 > b0 + 1 and rgb[b1 - 1] == 0:
        b1 -= 1
    y_low, y_high = min(py[0], py[1], py[2]) - top, max(py[0], py[1], py[2]) - top
    row0, row1 = max(0, int(np.ceil(y_low - 0.5))), min(height, int(np.ceil(y_high - 0.5)))
    for row in range(row0, row1):
        yc = row + 0.5 + top
        x_low, x_high = 1e30, -1e30
        for k in range(3):
            m = (k + 1) % 3
            # Both triangles of an edge walk it the same way, so that no pixel falls between them.
            a, b = (k, m) if (py[k], px[k]) < (py[m], px[m]) else (m, k)
            if py[a] <= yc < py[b]:
                x = px[a] + (yc - py[a]) * (px[b] - px[a]) / (py[b] - py[a])
                x_low, x_high = min(x_low, x), max(x_high, x)
        if x_high < x_low:
            continue
        col0, col1 = max(0, int(np.ceil(x_low - left - 0.5))), min(width, int(np.ceil(x_high - left - 0.5)))
        for col in range(col0, col1):
            ox, oy = col + 0.5 + left - px[0], yc - py[0]
            share = 1.0
            if cut_rim:
                share = _cover(rim[0] + rim_x * ox + rim_y * oy, rim_slope)
                if share <= 0:
                    continue
            for m in range(cuts):
                c = which[m]
                sx = stop[0, 2 * c] + grad[2 * c, 0] * ox + grad[2 * c, 1] * oy
                sy = stop[0, 2 * c + 1] + grad[2 * c + 1, 0] * ox + grad[2 * c + 1, 1] * oy
                r = np.sqrt(sx * sx + sy * sy)
                if r < inner - bound[c]:
                    continue
                if r > outer + bound[c]:
                    share = 0.0
                    break
                gx = (sx * grad[2 * c, 0] + sy * grad[2 * c + 1, 0]) / max(r, 1e-9)
                gy = (sx * grad[2 * c, 1] + sy * grad[2 * c + 1, 1]) / max(r, 1e-9)
                here = _edge(sx, sy, edge)
                share *= _cover(r / here, np.sqrt(gx * gx + gy * gy) / here)
            if share <= 0:
                continue
            value = max(0.0, dens[0] + dd_x * ox + dd_y * oy) * scale * share
            for b in range(b0, b1):
                tile[row, col, b] += value * rgb[b]


@numba.njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def draw_sheet(tile, left, top, rgb, nodes, valid, gain, origin_x, origin_y, px_x, px_y, crossings, edge, splat):  # type: ignore[no-untyped-def]
    """Add one traced grid to a tile (rows, cols, 3) whose corner is pixel (left, top).

    `gain` is the flux of a cell of throughput 1 in radiance x pixels^2; `px_x`, `px_y` pixels a mm of the sensor
    (signed: the picture is upside down on it); `edge` the aperture's radius over a full turn.
    """
    rows, cols = nodes.shape[0], nodes.shape[1]
    dens = np.zeros((rows, cols))
    cell_area = np.zeros((rows - 1, cols - 1))
    x = np.empty((rows, cols))
    y = np.empty((rows, cols))
    for j in range(rows):
        for i in range(cols):
            x[j, i] = origin_x + px_x * nodes[j, i, 0]
            y[j, i] = origin_y + px_y * nodes[j, i, 1]
    for j in range(rows - 1):
        for i in range(cols - 1):
            one = (x[j, i + 1] - x[j, i]) * (y[j + 1, i] - y[j, i]) - (x[j + 1, i] - x[j, i]) * (y[j, i + 1] - y[j, i])
            two = (x[j + 1, i] - x[j + 1, i + 1]) * (y[j, i + 1] - y[j + 1, i + 1]) - (
                x[j, i + 1] - x[j + 1, i + 1]
            ) * (y[j + 1, i] - y[j + 1, i + 1])
            cell_area[j, i] = 0.5 * (abs(one) + abs(two))
    for j in range(rows):
        for i in range(cols):
            total, count = 0.0, 0
            for dj in range(-1, 1):
                for di in range(-1, 1):
                    if 0 <= j + dj < rows - 1 and 0 <= i + di < cols - 1:
                        total += cell_area[j + dj, i + di]
                        count += 1
            # Colours interpolated past what passes may fall below nothing.
            dens[j, i] = max(0.0, nodes[j, i, BANDS]) * gain * count / max(total, DARKEST)
    inner, outer = edge.min(), edge.max()
    tx, ty, td, tr = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    ts = np.empty((3, 6))
    corner_j, corner_i = np.empty(3, np.int64), np.empty(3, np.int64)
    for j in range(rows - 1):
        for i in range(cols - 1):
            if not (valid[j, i] and valid[j + 1, i] and valid[j, i + 1] and valid[j + 1, i + 1]):
                continue
            low_x = min(x[j, i], x[j, i + 1], x[j + 1, i], x[j + 1, i + 1]) - left
            high_x = max(x[j, i], x[j, i + 1], x[j + 1, i], x[j + 1, i + 1]) - left
            low_y = min(y[j, i], y[j, i + 1], y[j + 1, i], y[j + 1, i + 1]) - top
            high_y = max(y[j, i], y[j, i + 1], y[j + 1, i], y[j + 1, i + 1]) - top
            # Most of a large ghost lies beside the picture; a splat reaches a pixel further than its cell.
            if high_x < -1 or low_x > tile.shape[1] + 1 or high_y < -1 or low_y > tile.shape[0] + 1:
                continue
            for half in range(2):
                corner_j[0], corner_i[0] = (j, i) if half == 0 else (j + 1, i + 1)
                corner_j[1], corner_i[1] = j, i + 1
                corner_j[2], corner_i[2] = j + 1, i
                through, low_rim = 0.0, 1e30
                nearest = np.full(3, 1e30)
                spread = 0.0
                for k in range(3):
                    a, b = corner_j[k], corner_i[k]
                    tx[k], ty[k], td[k], tr[k] = x[a, b], y[a, b], dens[a, b], nodes[a, b, RIM]
                    through += nodes[a, b, BANDS] / 3
                    low_rim = min(low_rim, tr[k])
                    for c in range(2 * crossings):
                        ts[k, c] = nodes[a, b, STOP + c]
                if low_rim > 1.5 or through <= 0:
                    continue
                out = False
                for c in range(crossings):
                    for k in range(3):
                        nearest[c] = min(nearest[c], np.hypot(ts[k, 2 * c], ts[k, 2 * c + 1]))
                    spread = max(
                        np.hypot(ts[1, 2 * c] - ts[0, 2 * c], ts[1, 2 * c + 1] - ts[0, 2 * c + 1]),
                        np.hypot(ts[2, 2 * c] - ts[0, 2 * c], ts[2, 2 * c + 1] - ts[0, 2 * c + 1]),
                    )
                    out = out or nearest[c] - spread > outer
                if not out:
                    flux = gain * through * 0.5
                    _triangle(tile, left, top, rgb, tx, ty, td, tr, ts, crossings, edge, inner, outer, flux, splat)
