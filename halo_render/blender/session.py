"""One Blender in this process: reset, open, configure, render, and read the passes as arrays.

`bpy` is imported here and below only; everything else in the package works on what comes out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

Float32 = npt.NDArray[np.float32]
DEVICES = ("cpu", "cuda", "optix", "hip", "oneapi", "metal")
# Cycles marks "nothing there" with this depth.
FAR_M = 1e9
# A light group's name for everything that no scene put into a group.
REST = "rest"


@dataclass(frozen=True)
class RenderSettings:
    """Cycles settings of a run; `noise_threshold` is the adaptive sampler's, between the two sample counts."""

    width: int = 256
    height: int = 256
    samples: int = 256
    min_samples: int = 16
    noise_threshold: float = 0.03
    denoise: bool = True
    device: str = "cpu"
    threads: int = 2
    max_bounces: int = 8

    def describe(self) -> dict[str, Any]:
        """The row's `render`: deterministic facts alone."""
        return {
            "engine": "cycles",
            "samples": self.samples,
            "min_samples": self.min_samples,
            "noise_threshold": self.noise_threshold,
            "max_bounces": self.max_bounces,
            "denoiser": "openimagedenoise per light group" if self.denoise else None,
            "device": self.device,
            "threads": self.threads,
            "resolution": [self.width, self.height],
        }


@dataclass
class Passes:
    """What one render gives. Radiance is linear, scene-referred; `depth_HW` inf where there is nothing."""

    groups: dict[str, Float32]
    emission_HWC: Float32
    environment_HWC: Float32
    depth_HW: Float32
    normal_HWC: Float32
    index_HW: Float32
    albedo_HWC: Float32
    guide_normal_HWC: Float32
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def noisy_HWC(self) -> Float32:
        """Sum of the groups."""
        return np.asarray(np.sum(list(self.groups.values()), axis=0), np.float32)

    @property
    def direct_HWC(self) -> Float32:
        """Light that is seen directly: lamps, screens, sun and sky."""
        return self.emission_HWC + self.environment_HWC


def blender() -> Any:
    """The bpy module. Raises InputError when it is not installed."""
    try:
        import bpy
    except ImportError as error:
        raise InputError("Blender (bpy)", str(error), "pip install 'uniser[halo]' and its system libraries") from error
    return bpy


def reset() -> Any:
    """An empty scene; nothing of an earlier one is left, and scripts in files never run."""
    bpy = blender()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    return bpy.context.scene


def configure(scene: Any, settings: RenderSettings, seed: int) -> None:
    """Set engine, sampling, passes and a light group for whatever has none."""
    scene.render.engine = "CYCLES"
    _choose_device(scene, settings.device)
    cycles = scene.cycles
    cycles.seed = seed & 0x7FFFFFFF
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, settings.noise_threshold
    cycles.samples, cycles.adaptive_min_samples = settings.samples, min(settings.min_samples, settings.samples)
    cycles.use_denoising = False
    cycles.max_bounces = settings.max_bounces
    cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 3, 4, 8
    cycles.sample_clamp_indirect = 50.0
    cycles.use_light_tree = True
    render = scene.render
    render.threads_mode, render.threads = "FIXED", settings.threads
    render.resolution_x, render.resolution_y, render.resolution_percentage = settings.width, settings.height, 100
    render.use_persistent_data = False
    render.film_transparent = False
    render.use_compositing = render.use_sequencer = render.use_freestyle = False
    layer = scene.view_layers[0]
    for name in ("combined", "z", "normal", "object_index", "emit", "environment"):
        setattr(layer, f"use_pass_{name}", True)
    layer.cycles.denoising_store_passes = True
    _group_everything(scene, layer)
    image = render.image_settings
    image.media_type = "MULTI_LAYER_IMAGE"  # must come before the format in Blender 5
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"


def _choose_device(scene: Any, device: str) -> None:
    if device == "cpu":
        scene.cycles.device = "CPU"
        return
    found = devices(device)
    for one in blender().context.preferences.addons["cycles"].preferences.devices:
        one.use = one in found
    scene.cycles.device = "GPU"


def devices(device: str) -> list[Any]:
    """Cycles' devices of a kind. Raises InputError when the kind is unknown or this machine has none."""
    if device not in DEVICES:
        raise InputError(f"--device {device}", f"known: {', '.join(DEVICES)}", "choose one")
    preferences = blender().context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = device.upper() if device != "cpu" else "NONE"
    except TypeError as error:  # Blender of this platform is built without it
        raise InputError(f"--device {device}", "is unknown to Blender on this platform", "use --device cpu") from error
    preferences.get_devices()
    found = [d for d in preferences.devices if d.type == device.upper()]
    if not found:
        raise InputError(f"--device {device}", "Blender finds no such device", "use --device cpu, or mend the driver")
    return found


def check_device(device: str) -> None:
    """Raise InputError now rather than once a frame; Blender is asked in a process of its own."""
    if device not in DEVICES:
        raise InputError(f"--device {device}", f"known: {', '.join(DEVICES)}", "choose one")
    if device == "cpu":
        return
    ask = (
        "import sys; from uniser_core.errors import InputError; from halo_render.blender import session\n"
        "session.reset()\n"
        "try: session.devices(sys.argv[1])\n"
        "except InputError as e: print('refused', e.rule, e.remedy, sep='\\t')"
    )
    done = subprocess.run([sys.executable, "-c", ask, device], capture_output=True, text=True, check=False)
    told = next((line.split("\t") for line in done.stdout.splitlines() if line.startswith("refused\t")), None)
    if told is None and done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        told = ["", f"Blender failed when asked for it ({last})", "use --device cpu"]
    if told is not None:
        raise InputError(f"--device {device}", told[1], told[2])


def _group_everything(scene: Any, layer: Any) -> None:
    """Every object and the world belong to a light group, so that the groups sum to the picture."""
    wanted = {o.lightgroup for o in scene.objects if o.lightgroup}
    if scene.world is not None:
        scene.world.lightgroup = scene.world.lightgroup or "sky"
        wanted.add(scene.world.lightgroup)
    for thing in scene.objects:
        if not thing.lightgroup:
            thing.lightgroup = REST
            wanted.add(REST)
    known = {g.name for g in layer.lightgroups}
    for name in sorted(wanted - known):
        layer.lightgroups.add().name = name


def render(scene: Any) -> Passes:
    """Render the scene's active camera. Raises InputError when there is none, or when Blender wrote nothing."""
    import OpenEXR

    if scene.camera is None:
        raise InputError(f"scene {scene.name}", "has no camera", "add one, or let uniser place it")
    with _scratch() as place:
        path = os.path.join(place, "frame.exr")
        scene.render.filepath = path
        blender().ops.render.render(write_still=True, scene=scene.name)
        if not Path(path).is_file():
            raise InputError(f"scene {scene.name}", "was not rendered", "see Blender's log")
        with OpenEXR.File(path) as file:
            return _passes(file, scene)


SCRATCH = "uniser-frame"


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory for Blender's file, named after this process.

    What killed processes left behind goes first: a frame of 4K is a gigabyte of memory.
    """
    memory = Path("/dev/shm")  # noqa: S108
    if not memory.is_dir():
        return tempfile.TemporaryDirectory(prefix=f"{SCRATCH}-{os.getpid()}-")
    for left in memory.glob(f"{SCRATCH}-*"):
        owner = left.name.split("-")[2]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{SCRATCH}-{os.getpid()}-", dir=memory)


def _passes(file: Any, scene: Any) -> Passes:
    found: dict[str, Any] = {}
    for part in file.parts:
        for name, channel in part.channels.items():
            found[name.partition(".")[2] or name] = channel.pixels
    height, width = found["Depth.Z"].shape

    def vector(name: str) -> Float32:
        if name in found:
            return np.ascontiguousarray(found[name][..., :3], np.float32)
        parts = [found[f"{name}.{axis}"] for axis in ("X", "Y", "Z") if f"{name}.{axis}" in found]
        return np.stack(parts, axis=2).astype(np.float32) if parts else np.zeros((height, width, 3), np.float32)

    groups = {k.removeprefix("Combined_"): vector(k) for k in sorted(found) if k.startswith("Combined_")}
    # Things that do not shine leave their group black: no picture to denoise and to store.
    if REST in groups and len(groups) > 1 and not groups[REST].any():
        del groups[REST]
    depth = np.asarray(found["Depth.Z"], np.float32)
    return Passes(
        groups=groups,
        emission_HWC=vector("Emission"),
        environment_HWC=vector("Environment"),
        depth_HW=np.where(depth < FAR_M, depth, np.float32(np.inf)),
        normal_HWC=_to_camera(vector("Normal"), scene),
        index_HW=np.rint(np.asarray(found["Object Index.X"], np.float32)),
        albedo_HWC=vector("Denoising Albedo"),
        guide_normal_HWC=vector("Denoising Normal"),
    )


def _to_camera(normal_HWC: Float32, scene: Any) -> Float32:
    """World-space normals to camera space (x right, y up, z towards the viewer)."""
    rotation = np.array(scene.camera.matrix_world.to_3x3().normalized(), np.float32)
    return np.asarray(normal_HWC @ rotation, np.float32)


def sun_radiance(scene: Any, elevation: float, azimuth: float, size: float) -> npt.NDArray[np.float64]:
    """Radiance (3,) of the sun's disc in the scene's world: a 4x4 render of its middle, nothing else in view.

    Angles in radians; azimuth runs from +y towards +x.
    """
    bpy = blender()
    from mathutils import Vector

    probe = bpy.data.scenes.new("sun probe")
    probe.world = scene.world
    data = bpy.data.cameras.new("sun probe")
    data.angle = size / 4
    camera = bpy.data.objects.new("sun probe", data)
    horizontal = np.cos(elevation)
    towards = Vector((np.sin(azimuth) * horizontal, np.cos(azimuth) * horizontal, np.sin(elevation)))
    camera.rotation_mode = "QUATERNION"
    camera.rotation_quaternion = towards.to_track_quat("-Z", "Y")
    probe.collection.objects.link(camera)
    probe.camera = camera
    try:
        configure(probe, RenderSettings(4, 4, samples=4, min_samples=1, threads=1), seed=1)
        return np.asarray(render(probe).environment_HWC.mean(axis=(0, 1)), np.float64)
    finally:
        bpy.data.scenes.remove(probe)
        bpy.data.objects.remove(camera)
