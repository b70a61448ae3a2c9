"""The lights table of a frame: every lamp, emissive mesh and sun, found in the scene and measured in the picture."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from halo_render.blender.sight import ALL_LAMPS, FULL_LAMPS, POINTS, Rays, Triangles, disc_points, disc_sr, in_frame
from uniser_core.color import luminance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from halo_render.blender.session import Passes
    from halo_render.optics_geometry import PinholeCamera

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
PROPERTY = "uniser_light"  # what our scene kit notes on a lamp
# Silhouettes are drawn this much finer than the picture, so that lamps of a pixel have an area.
SUPERSAMPLE = 8
SUN_DISTANCE_M = 1e6


def lights_table(
    scene: Any, camera: PinholeCamera, passes: Passes, sun_radiance: Float64, *, rays: bool = True
) -> list[dict[str, Any]]:
    """One entry a light: kind, group, pixel position (also out of frame), direction, size, radiance, visibility.

    `position_px` is null for a light behind the camera; `direction` is a unit vector in camera space;
    `solid_angle_sr` is its silhouette's area on the sphere around the camera, hidden or not;
    `sun_radiance` (3,) is that of the sky's sun disc, as `session.sun_radiance` measures it.
    `visible_fraction` is seen light over the light of the whole unhidden lamp: 0 hidden … 1 whole.
    `seen_by` says how it was found. `emission`: the lamp is in the frame, and the emission pass shows it.
    `rays`: it is out of the frame, within 80 degrees of the axis; the share of 16 points on it (4 on weaker
    ones) that rays from the camera reach. `emission+rays`: the frame's edge runs through it, and the
    shares of both sides are added. null: not looked for (lamps that a camera cannot see, lamps behind the
    camera, out-of-frame lamps beyond the 256 strongest, and all those when `rays` is off).
    """
    pending: list[_Unseen] = []
    meshes = [o for o in scene.objects if o.type == "MESH" and not o.hide_render and _emission(o) is not None]
    entries = [_emitter(o, camera, passes, pending) for o in meshes]
    entries += [_lamp(o, camera) for o in scene.objects if o.type == "LIGHT" and not _facts(o).get("hidden")]
    entries += _world(scene, camera, passes, sun_radiance, pending)
    if rays and pending:
        _cast(pending, Rays(scene, camera), camera)
    return entries


def light_kinds(scene: Any) -> dict[str, int]:
    """How many lights of each kind a scene holds, as the lights table names them; nothing is rendered."""
    shining = [o for o in scene.objects if o.type == "MESH" and not o.hide_render and _emission(o) is not None]
    kinds = [str(_facts(o).get("kind", "emissive")) for o in shining]
    lamps = [o for o in scene.objects if o.type == "LIGHT" and not _facts(o).get("hidden")]
    kinds += [o.data.type.lower() for o in lamps] + ["sun"] * (sky_with_sun(scene) is not None)
    return dict(Counter(sorted(kinds)))


@dataclass
class _Unseen:
    """A light of which some lies out of the frame: `points(n)` on it; None as `lamp` for the far sun."""

    entry: dict[str, Any]
    points: Callable[[int], Float64]
    lamp: Any | None
    whole: bool  # nothing of it was measured in the emission pass

    def strength(self) -> float:
        return float(max(self.entry["radiance_rgb"]) * self.entry["solid_angle_sr"])


def _cast(pending: list[_Unseen], rays: Rays, camera: PinholeCamera) -> None:
    """Add what rays reach out of the frame to each light's visible fraction, the strongest lights first."""
    for rank, light in enumerate(sorted(pending, key=_Unseen.strength, reverse=True)[:ALL_LAMPS]):
        points = light.points(POINTS if rank < FULL_LAMPS else POINTS // 4)
        counted = np.ones(len(points), bool) if light.whole else ~in_frame(points, camera)
        found = rays.share(points, counted, light.lamp, far=light.lamp is None)
        total = light.entry["visible_fraction"] + found
        light.entry["visible_fraction"] = round(min(1.0, total), 4)
        light.entry["seen_by"] = "rays" if light.whole else "emission+rays"


def _facts(thing: Any) -> dict[str, Any]:
    return json.loads(thing[PROPERTY]) if PROPERTY in thing else {}


def _emission(thing: Any) -> Float64 | None:
    """Radiance (3,) of an object's strongest emissive material, or None when it does not shine."""
    facts = _facts(thing)
    if "radiance_rgb" in facts:
        return np.array(facts["radiance_rgb"], np.float64)
    found = [e for s in thing.material_slots if (e := _material_emission(s.material)) is not None]
    return max(found, key=np.sum) if found and len(thing.data.polygons) else None


def _material_emission(material: Any | None) -> Float64 | None:
    """Radiance (3,) of a material's strongest emission, or None."""
    nodes = material.node_tree.nodes if material is not None and material.node_tree else ()
    found = [e for n in nodes if (e := _node_emission(n)) is not None and e.max() > 0]
    return max(found, key=np.sum) if found else None


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
        "solid_angle_sr": float(f"{disc_sr(size_deg):.6g}"),
        "radiance_rgb": [float(f"{float(v):.6g}") for v in radiance],
        "temperature_k": facts.get("temperature_k"),
        "lumen": facts.get("lumen"),
        "visible_fraction": 0.0,
        "seen_by": None,
    }


def _emitter(thing: Any, camera: PinholeCamera, passes: Passes, pending: list[_Unseen]) -> dict[str, Any]:
    """An emissive mesh: its silhouette is drawn, and the light seen inside compared with what it would be."""
    radiance = _emission(thing)
    assert radiance is not None
    polygons, one_sided = _shining(thing)
    matrix = np.array(thing.matrix_world, np.float64)
    mesh = thing.data
    vertices = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", vertices)
    used, back = np.unique(np.concatenate(polygons), return_inverse=True)
    polygons = np.split(back, np.cumsum([len(p) for p in polygons])[:-1])
    local = camera.to_camera((vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])[used])
    centre = (local.min(axis=0) + local.max(axis=0)) / 2
    extent = float(np.linalg.norm(local - centre, axis=1).max())
    distance = max(float(np.linalg.norm(centre)), 1e-6)
    size_deg = math.degrees(2 * math.atan2(extent, distance))
    facts = _facts(thing)
    entry = _entry(facts.get("kind", "emissive"), thing.lightgroup or "rest", camera, centre, size_deg, radiance, facts)
    fans = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
    shape = Triangles(local[np.array(fans)], one_sided)
    solid_angle = shape.solid_angle_sr()
    entry["solid_angle_sr"], full = float(f"{solid_angle:.6g}"), radiance * solid_angle
    inside = in_frame(local, camera)
    front = local[:, 2] < -1e-4
    # What reaches behind the camera cannot be drawn.
    drawn = bool(front.all() and _meets_frame(camera.project(local), camera))
    if drawn:
        points = camera.project(local)
        entry["visible_fraction"] = round(_visible(points, polygons, full, camera, passes), 4)
        entry["seen_by"] = "emission"
        if entry["visible_fraction"] > 0:
            entry["area_px"] = round(_silhouette(points, polygons)[1], 3)
    if front.any() and not (drawn and inside.all()):
        pending.append(_Unseen(entry, shape.points, thing, not drawn))
    return entry


def _meets_frame(points_N2: Float64, camera: PinholeCamera) -> bool:
    low, high = points_N2.min(axis=0), points_N2.max(axis=0)
    return bool((high >= 0).all() and (low < (camera.width, camera.height)).all())


def _shining(thing: Any) -> tuple[list[npt.NDArray[np.int64]], bool]:
    """The polygons whose material shines (all of them on a lamp of ours), and whether one side alone does."""
    bright = [_material_emission(s.material) is not None for s in thing.material_slots]
    found = [
        np.array(p.vertices) for p in thing.data.polygons if p.material_index < len(bright) and bright[p.material_index]
    ]
    nodes = [n for s in thing.material_slots if s.material for n in s.material.node_tree.nodes]
    one_sided = any(n.type == "NEW_GEOMETRY" and n.outputs["Backfacing"].links for n in nodes)
    return found or [np.array(p.vertices) for p in thing.data.polygons], one_sided


def _visible(
    points_N2: Float64, polygons: Sequence[Any], full: Float64, camera: PinholeCamera, passes: Passes
) -> float:
    """Light seen inside the lamp's silhouette over `full`, the irradiance (3,) of the whole unhidden lamp."""
    xy_N2, area_px = _silhouette(points_N2, polygons)
    size = np.array([camera.width, camera.height])
    xy_N2 = xy_N2[((xy_N2 >= 0) & (xy_N2 < size)).all(axis=1)]
    if area_px <= 0 or not len(xy_N2):
        return 0.0
    # A pixel's filter spreads a lamp over its neighbours: within a window, for a frame has many lamps.
    low = np.maximum(xy_N2.min(axis=0) - 2, 0)
    high = np.minimum(xy_N2.max(axis=0) + 3, size)
    mask = np.zeros((high - low)[::-1], np.uint8)
    mask[xy_N2[:, 1] - low[1], xy_N2[:, 0] - low[0]] = 1
    rows, columns = np.nonzero(cv2.dilate(mask, np.ones((5, 5), np.uint8)))
    rows, columns = rows + low[1], columns + low[0]
    seen = luminance(passes.emission_HWC[rows, columns]).astype(np.float64) @ camera.pixel_sr(columns, rows)
    whole = float(luminance(full.astype(np.float32)[None])[0])
    return float(np.clip(seen / whole, 0.0, 1.0)) if whole > 0 else 0.0


def _silhouette(points_N2: Float64, polygons: Sequence[Any]) -> tuple[npt.NDArray[np.int64], float]:
    """(pixels (N, 2) that it touches, in the frame or out of it, some more than once; its whole area in pixels)."""
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
    xy = np.stack([columns, rows], axis=1) / scale + low
    return np.floor(xy).astype(np.int64), area


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


def _world(
    scene: Any, camera: PinholeCamera, passes: Passes, sun_radiance: Float64, pending: list[_Unseen]
) -> list[dict[str, Any]]:
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
        entry["seen_by"] = "emission"

    def points(count: int) -> Float64:
        return disc_points(direction, size_deg, count)

    if direction[2] < 0 and not in_frame(points(POINTS), camera).all():
        pending.append(_Unseen(entry, points, None, entry["seen_by"] is None))
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
