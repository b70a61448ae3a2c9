"""A second, plain ray tracer to judge the fast one by: numpy, spheres only, every ray and wavelength on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from halo_render.optics.coating import film_reflectance, layers_of

if TYPE_CHECKING:
    from halo_render.optics.lens import Lens


def path_of(lens: Lens, pair: tuple[int, int] | None) -> list[tuple[int, bool]]:
    """Surfaces in the order met, and whether each reflects."""
    count = len(lens.surfaces)
    if pair is None:
        return [(i, False) for i in range(count)]
    first, second = pair
    there = [(i, False) for i in range(first)]
    back = [(i, False) for i in range(first - 1, second, -1)]
    return [*there, (first, True), *back, (second, True), *[(i, False) for i in range(second + 1, count)]]


def trace(lens: Lens, pair, u, v, k, wavelength_nm, stop_radius, coating="single"):
    """Rays through (u, v) of the plane z = 0 along k: x, y on the sensor (nan where stopped) and throughput."""
    position = np.stack([u, v, np.zeros_like(u)], axis=-1)
    direction = np.broadcast_to(np.asarray(k, float), position.shape).copy()
    alive, through = np.ones(u.shape, bool), np.ones(u.shape)
    z = lens.positions
    forward = True
    with np.errstate(all="ignore"):
        for i, mirror in path_of(lens, pair):
            s = lens.surfaces[i]
            vertex = np.array([0, 0, z[i]])
            if s.curvature == 0:
                t = (z[i] - position[..., 2]) / direction[..., 2]
                position = position + t[..., None] * direction
                normal = np.broadcast_to([0.0, 0.0, 1.0], position.shape)
            else:
                radius = 1 / s.curvature
                centre = vertex + np.array([0, 0, radius])
                w = position - centre
                b = (w * direction).sum(-1)
                root = np.sqrt(b * b - (w * w).sum(-1) + radius * radius)
                # Of the two meetings the one on the vertex's side of the centre.
                near, far = position + (-b - root)[..., None] * direction, position + (-b + root)[..., None] * direction
                take = np.abs(near[..., 2] - z[i]) <= np.abs(far[..., 2] - z[i])
                position = np.where(take[..., None], near, far)
                normal = (centre - position) / radius
            r = np.hypot(position[..., 0], position[..., 1])
            if s.is_stop:
                alive &= r <= stop_radius
                continue
            alive &= r <= s.semi_aperture
            before = lens.surfaces[i - 1].glass if i else None
            n_before = float(before.index(wavelength_nm)) if before else 1.0
            n_after = float(s.glass.index(wavelength_nm))
            n1, n2 = (n_before, n_after) if forward else (n_after, n_before)
            cosine = np.abs((direction * normal).sum(-1))
            inward = np.where(((direction * normal).sum(-1) > 0)[..., None], normal, -normal)
            glassy = (before or s.glass) if s.glass.is_air else s.glass
            cemented = before is not None and not before.is_air and not s.glass.is_air
            layers, design = layers_of("uncoated" if cemented else coating, glassy.nd, i)
            layers = layers if n1 < n2 else tuple(reversed(layers))
            reflectance = film_reflectance(n1, n2, cosine, wavelength_nm, layers, design)
            through = through * (reflectance if mirror else 1 - reflectance)
            if mirror:
                direction = direction - 2 * cosine[..., None] * inward
                forward = not forward
            else:
                mu = n1 / n2
                bent2 = 1 - mu * mu * (1 - cosine * cosine)
                alive &= bent2 > 0
                direction = mu * direction + (np.sqrt(bent2) - mu * cosine)[..., None] * inward
        t = (z[-1] + lens.surfaces[-1].gap - position[..., 2]) / direction[..., 2]
        position = position + t[..., None] * direction
    alive &= np.isfinite(position).all(-1)
    x, y = (np.where(alive, position[..., c], np.nan) for c in (0, 1))
    return x, y, np.where(alive, through, 0.0)
