"""From a built scene to a frame row: draft checks, render, denoise, measure, encode."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from halo_render.blender import session
from halo_render.blender.lights import lights_table, sky_with_sun
from halo_render.denoise import denoise_groups
from halo_render.optics_geometry import PinholeCamera
from uniser_core import codecs
from uniser_core.camera import meter_ev
from uniser_core.color import luminance

if TYPE_CHECKING:
    from halo_render.blender.session import Passes, RenderSettings

Float32 = npt.NDArray[np.float32]
DRAFT_PX = 64


@dataclass(frozen=True)
class Verdict:
    """Whether a draft is worth a render, and why not."""

    good: bool
    reason: str = ""


def camera_of(scene: Any, width: int, height: int) -> PinholeCamera:
    """The scene's active camera as a pinhole."""
    data, matrix = scene.camera.data, np.array(scene.camera.matrix_world, np.float64)
    # Scale in a user's camera matrix means nothing.
    matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    vertical = data.sensor_fit == "VERTICAL"
    sensor = data.sensor_height * max(width, height) / height if vertical else data.sensor_width
    if data.sensor_fit == "HORIZONTAL":
        sensor = data.sensor_width * max(width, height) / width
    return PinholeCamera(data.lens, sensor, width, height, matrix, data.shift_x, data.shift_y)


def judge(scene: Any, settings: RenderSettings, seed: int, wants_light: bool = True) -> Verdict:
    """Look at a draft of 64 px: refuse a camera in a wall, a black or blown-out picture, and no light in sight."""
    shrink = DRAFT_PX / max(settings.width, settings.height)
    width, height = (max(8, round(side * shrink)) for side in (settings.width, settings.height))
    draft = replace(settings, width=width, height=height, samples=8, min_samples=4, denoise=False)
    session.configure(scene, draft, seed)
    passes = session.render(scene)
    depth, light = passes.depth_HW, luminance(passes.noisy_HWC)
    near = float(np.mean(depth < 0.25))
    if near > 0.15:
        return Verdict(False, f"{near:.0%} of the picture is nearer than 25 cm")
    if float(np.percentile(light, 90)) <= 1e-5:
        return Verdict(False, "the picture is black")
    if not wants_light:
        return Verdict(True)
    if float(np.percentile(light, 50)) > 0 and float(np.percentile(light, 99) / np.percentile(light, 50)) < 1.3:
        return Verdict(False, "the picture is flat")
    table = lights_table(scene, camera_of(scene, draft.width, draft.height), passes, np.zeros(3), rays=False)
    if not any(_is_near_frame(e, draft.width, draft.height) for e in table):
        return Verdict(False, "no light in or near the picture")
    return Verdict(True)


def _is_near_frame(entry: dict[str, Any], width: int, height: int) -> bool:
    if entry["position_px"] is None:
        return False
    x, y = entry["position_px"]
    return bool(-0.35 * width < x < 1.35 * width and -0.5 * height < y < 1.35 * height)


def render_frame(scene: Any, settings: RenderSettings, seed: int) -> dict[str, Any]:
    """Render the scene's camera; returns the picture columns and JSON facts of the frame row."""
    session.configure(scene, settings, seed)
    passes = session.render(scene)
    if settings.denoise:
        passes.groups = denoise_groups(
            passes.groups, passes.direct_HWC, passes.albedo_HWC, passes.guide_normal_HWC, settings.threads
        )
    camera = camera_of(scene, settings.width, settings.height)
    sky = sky_with_sun(scene)
    sun = np.zeros(3)
    if sky is not None:
        sun = session.sun_radiance(scene, sky.sun_elevation, sky.sun_rotation, sky.sun_size)
    lights = lights_table(scene, camera, passes, sun)
    rgb = passes.noisy_HWC
    return {
        **_blobs(passes, rgb),
        "lights": json.dumps(lights, ensure_ascii=False),
        "camera": json.dumps({**camera.describe(), "f_number": round(float(scene.camera.data.dof.aperture_fstop), 3),
                              "exposure_ev": round(meter_ev(rgb), 4)}),
        "render": json.dumps(settings.describe()),
        "width": settings.width,
        "height": settings.height,
        "sha256": hashlib.sha256(codecs.to_half(rgb).tobytes()).digest(),
    }  # fmt: skip


def _blobs(passes: Passes, rgb_HWC: Float32) -> dict[str, Any]:
    return {
        "rgb": codecs.encode_half_exr(rgb_HWC),
        "emission": codecs.encode_half_exr(passes.direct_HWC),
        "light_groups": [{"name": n, "blob": codecs.encode_half_exr(p)} for n, p in passes.groups.items()],
        "depth": codecs.encode_exr({"Z": passes.depth_HW}),
        "normal": codecs.encode_half_exr(passes.normal_HWC),
        "object_index": codecs.encode_exr({"Y": passes.index_HW}),
    }
