"""The lights table of a frame: every lamp, emissive mesh and sun, found in the scene and measured in the picture."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import luminance

if TYPE_CHECKING:
    from halo_render.blender.session import Passes
    from halo_render.optics_geometry import PinholeCamera

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
PROPERTY = "uniser_light"  # what our scene kit notes on a lamp
# Silhouettes are drawn this much finer than the picture, so that lamps of a pixel have an area.
SUPERSAMPLE = 8
SUN_DISTANCE_M = 1e6


def lights_table(scene: Any, camera: PinholeCamera, passes: Passes, sun_radiance: Float64) -> list[dict[str, Any]]:
    """One entry a light: kind, group, pixel position (also out of frame), direction, size, radiance, visibility.

    `position_px` is null for a light behind the camera; `direction` is a unit vector in camera space;
    `sun_radiance` (3,) is that of the sky's sun disc, as `session.sun_radiance` measures it.
    `visible_fraction` is seen light over the light of the unhidden, uncropped lamp: 0 hidden … 1 whole.
    """
    entries = [_emitter(o, camera, passes) for o in scene.objects if o.type == "MESH" and _emission(o) is not None]
    entries += [_lamp(o, camera) for o in scene.objects if o.type == "LIGHT" and not _facts(o).get("hidden")]
    entries += _world(scene, camera, passes, sun_radiance)
    return entries


def _facts(thing: Any) -> dict[str, Any]:
    return json.loads(thing[PROPERTY]) if PROPERTY in thing else {}


def _emission(thing: Any) -> Float64 | None:
    """Radiance (3,) of an object's strongest emissive material, or None when it does not shine."""
    facts = _facts(thing)
    if "radiance_rgb" in facts:
        return np.array(facts["radiance_rgb"], np.float64)
    best: Float64 | None = None
    for slot in thing.material_slots:
        tree = slot.material.node_tree if slot.material else None
        for node in tree.nodes if tree else ():
            found = _node_emission(node)
            if found is not None and found.max() > 0 and (best is None or found.sum() > best.sum()):
                best = found
    return best


def _node_emission(node: Any) -> Float64 | None:
    names = {"BSDF_PRINCIPLED": ("Emission Color", "Emission Strength"), "EMISSION": ("Color", "Strength")}
    if node.type not in names:
        return None
    color, strength = (node.inputs[n] for n in names[node.type])
    if node.type == "EMISSION" and not node.outputs[0].links:
        return None
    tint = np.ones(3) if color.links else np.array(color.default_value[:3], np.float64)
    return tint * float(strength.default_value)


def _entry(
    kind: str,
    group: str,
    camera: PinholeCamera,
    centre_camera: Float64,
    size_deg: float,
    radiance: Any,
    facts: dict[str, Any],
) -> dict[str, Any]:
    distance = float(np.linalg.norm(centre_camera))
    position = None
    if centre_camera[2] < 0:
        position = [round(float(v), 3) for v in camera.project(centre_camera[None])[0]]
    return {
        "kind": kind,
        "group": group,
        "position_px": position,
        "direction": [round(float(v), 6) for v in centre_camera / distance],
        "distance_m": None if distance >= SUN_DISTANCE_M else round(distance, 4),
        "size_deg": round(size_deg, 5),
        "radiance_rgb": [float(f"{float(v):.6g}") for v in radiance],
        "temperature_k": facts.get("temperature_k"),
        "lumen": facts.get("lumen"),
        "visible_fraction": 0.0,
    }


def _emitter(thing: Any, camera: PinholeCamera, passes: Passes) -> dict[str, Any]:
    """An emissive mesh: its silhouette is drawn, and the light seen inside compared with what it would be."""
    radiance = _emission(thing)
    assert radiance is not None
    matrix = np.array(thing.matrix_world, np.float64)
    mesh = thing.data
    vertices = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", vertices)
    world = vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    local = camera.to_camera(world)
    centre = (local.min(axis=0) + local.max(axis=0)) / 2
    extent = float(np.linalg.norm(local - centre, axis=1).max())
    distance = max(float(np.linalg.norm(centre)), 1e-6)
    size_deg = math.degrees(2 * math.atan2(extent, distance))
    facts = _facts(thing)
    entry = _entry(facts.get("kind", "emissive"), thing.lightgroup or "rest", camera, centre, size_deg, radiance, facts)
    if (local[:, 2] < -1e-4).all():
        polygons = [list(p.vertices) for p in mesh.polygons]
        points = camera.project(local)
        entry["visible_fraction"] = round(_visible(points, polygons, radiance, passes), 4)
        if entry["visible_fraction"] > 0:
            entry["area_px"] = round(_silhouette(points, polygons, None)[1], 3)
    return entry


def _visible(points_N2: Float64, polygons: list[list[int]], radiance: Float64, passes: Passes) -> float:
    """Light seen inside the lamp's silhouette over what the whole lamp would send."""
    height, width = passes.depth_HW.shape
    mask, area_px = _silhouette(points_N2, polygons, (width, height))
    if area_px <= 0 or mask is None or not mask.any():
        return 0.0
    # A pixel's filter spreads a lamp over its neighbours.
    near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    seen = float(luminance(passes.emission_HWC)[near].sum(dtype=np.float64))
    whole = float(luminance(radiance.astype(np.float32)[None])[0]) * area_px
    return float(np.clip(seen / whole, 0.0, 1.0)) if whole > 0 else 0.0


def _silhouette(
    points_N2: Float64, polygons: list[list[int]], size: tuple[int, int] | None
) -> tuple[npt.NDArray[np.bool_] | None, float]:
    """(mask (H, W) of the pixels it touches, or None without a size; area in pixels of the whole silhouette)."""
    low, high = points_N2.min(axis=0) - 1, points_N2.max(axis=0) + 1
    # A huge lamp needs no fine grid.
    scale = min(float(SUPERSAMPLE), 4096 / max(float((high - low).max()), 1.0))
    canvas = np.zeros([max(1, math.ceil(v * scale)) for v in (high - low)[::-1]], np.uint8)
    for polygon in polygons:
        corners = np.rint((points_N2[polygon] - low) * scale * 16).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 1, shift=4)
    rows, columns = np.nonzero(canvas)
    # fillPoly paints its border too: half a fine pixel all round.
    contours, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    border = sum(cv2.arcLength(c, closed=True) for c in contours)
    area = max(0.0, len(rows) - border / 2 - len(contours)) / (scale * scale)
    if size is None:
        return None, area
    x = np.floor(columns / scale + low[0]).astype(np.int64)
    y = np.floor(rows / scale + low[1]).astype(np.int64)
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    mask = np.zeros((size[1], size[0]), bool)
    mask[y[inside], x[inside]] = True
    return mask, area


def _lamp(thing: Any, camera: PinholeCamera) -> dict[str, Any]:
    """A Blender lamp: not seen by the camera, but its place and light are known."""
    lamp, matrix = thing.data, np.array(thing.matrix_world, np.float64)
    color = np.array(lamp.color, np.float64)
    if lamp.type == "SUN":
        towards = camera.pose[:3, :3].T @ matrix[:3, 2]
        solid_angle = math.pi * math.sin(max(lamp.angle, 1e-4) / 2) ** 2
        radiance = color * lamp.energy / solid_angle
        return _entry(
            "sun", thing.lightgroup or "rest", camera, towards * SUN_DISTANCE_M, math.degrees(lamp.angle), radiance, {}
        )
    centre = camera.to_camera(matrix[:3, 3][None])[0]
    radius = max(getattr(lamp, "shadow_soft_size", 0.0), getattr(lamp, "size", 0.0) / 2, 1e-3)
    distance = max(float(np.linalg.norm(centre)), 1e-6)
    # A sphere of radius r and power P has the radiance P / (4 pi² r²).
    radiance = color * lamp.energy / (4 * math.pi**2 * radius**2)
    size_deg = math.degrees(2 * math.atan2(radius, distance))
    return _entry(lamp.type.lower(), thing.lightgroup or "rest", camera, centre, size_deg, radiance, _facts(thing))


def _world(scene: Any, camera: PinholeCamera, passes: Passes, sun_radiance: Float64) -> list[dict[str, Any]]:
    """The sun of a sky texture, ours or a user's; its radiance is measured where it is seen."""
    world = scene.world
    sky = sky_with_sun(scene)
    if sky is None:
        return []
    elevation, azimuth = sky.sun_elevation, sky.sun_rotation
    towards = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    direction = camera.pose[:3, :3].T @ towards
    size_deg = math.degrees(sky.sun_size)
    facts = _facts(world)
    entry = _entry("sun", world.lightgroup or "sky", camera, direction * SUN_DISTANCE_M, size_deg, sun_radiance, facts)
    radius_px = camera.focal_px * math.tan(sky.sun_size / 2)
    window = _window(entry["position_px"], radius_px + 2, passes.environment_HWC)
    if window is not None and window.size:
        excess = (
            np.maximum(window - np.median(window.reshape(-1, 3), axis=0), 0)
            .reshape(-1, 3)
            .sum(axis=0, dtype=np.float64)
        )
        area = math.pi * radius_px**2
        seen = float(excess @ np.array([0.2126, 0.7152, 0.0722])) / area
        whole = float(sun_radiance @ np.array([0.2126, 0.7152, 0.0722]))
        entry["visible_fraction"] = round(float(np.clip(seen / whole, 0, 1)), 4) if whole > 0 else 0.0
    return [entry]


def sky_with_sun(scene: Any) -> Any | None:
    """The world's sky texture node, when it has a sun disc."""
    tree = scene.world.node_tree if scene.world else None
    return next((n for n in tree.nodes if n.type == "TEX_SKY" and n.sun_disc), None) if tree else None


def _window(position_px: list[float] | None, radius_px: float, pixels_HWC: Float32) -> Float32 | None:
    if position_px is None:
        return None
    x, y = position_px
    height, width = pixels_HWC.shape[:2]
    r = max(3.0, radius_px * 1.5)
    x0, x1 = max(0, math.floor(x - r)), min(width, math.ceil(x + r))
    y0, y1 = max(0, math.floor(y - r)), min(height, math.ceil(y + r))
    return pixels_HWC[y0:y1, x0:x1] if x0 < x1 and y0 < y1 else None
