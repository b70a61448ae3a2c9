"""`uniser bench shadow`: pairs a second of each kind of occluder, and beside Cycles' shadow catcher.

A pair is everything from drawn parameters to encoded pictures, hashes and metrics, at 512 x 512, in processor time of
one core, depth and ground of the picture known as they are after its first variant. The rate of a whole set is that of
a real run on photos by two processes, in wall time, and memory that of many small pairs in one process.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core import engine
from uniser_core.bench import BenchLine, least_cpu_seconds, memory_trend, timed_run
from uniser_core.cutout import Cutout, Mesh
from uniser_core.depth import quantize_metres
from uniser_core.frame import Frame
from uniser_core.seeding import generator
from uniser_core.supervisor import tune_process
from uniser_core.synth import SynthJob

from lr_srd.effect import Options, Shadow

if TYPE_CHECKING:
    from uniser_core.cutout import ObjectProvider

Float32 = npt.NDArray[np.float32]
SIZE_PX, VARIANTS, TRIANGLES = 512, 8, 20_000
PAIRS_A_SECOND = {"off-screen": 25.0, "cut-out": 25.0, "mesh": 10.0}
CATCHER_SAMPLES = 64
# The whole set in half an hour, told by so many photos with 12 variants each; memory by steps of so many small pairs.
SET_PAIRS, SET_HOURS, SET_PHOTOS, SET_VARIANTS = 26_000, 0.5, 24, 12
MEMORY_STEPS, MEMORY_PAIRS, MEMORY_PX = 30, 40, 128


class OneObject:
    """A provider of a single object, as large as a chair."""

    def __init__(self, mesh: Mesh | None) -> None:
        y, x = np.mgrid[0:300, 0:150]
        alpha = ((x - 75) / 70.0) ** 2 + ((y - 150) / 149.0) ** 2 < 1
        rgba = np.dstack([np.full((300, 150, 3), 0.3), alpha]).astype(np.float32)
        self._cutout = Cutout("bench", rgba, (75.0, 300.0), 300 / 0.9, 0.9, mesh=mesh)

    def names(self) -> list[str]:
        """The object."""
        return ["bench"]

    def height_m(self, name: str) -> float:
        """0.9 m."""
        return self._cutout.height_m

    def footprint_m(self, name: str, turn: int) -> tuple[float, float]:
        """As its picture is."""
        return self._cutout.footprint_m

    def cutout(self, name: str, turn: int, elevation_deg: float) -> Cutout:
        """The one view."""
        return self._cutout


def bench() -> list[BenchLine]:
    """Pairs a second of off-screen occluders, cut-outs and meshes; and against Cycles."""
    tune_process()
    effects = {
        "off-screen": Shadow(Options()),
        "cut-out": _with(OneObject(None)),
        "mesh": _with(OneObject(torus())),
    }
    lines = []
    for name, effect in effects.items():
        seconds = pair_seconds(effect)
        label = f"shadow {name} 512x512 against {PAIRS_A_SECOND[name]:g} pairs/s"
        lines.append(BenchLine(label, 1 / seconds / PAIRS_A_SECOND[name], 1 / seconds, PAIRS_A_SECOND[name], "pairs/s"))
    ours = pair_seconds(effects["mesh"])
    catcher = _catcher_seconds()
    lines.append(
        BenchLine("shadow mesh against a Cycles shadow catcher", catcher / ours, 1 / ours, 1 / catcher, "pairs/s")
    )
    return [*lines, set_line(), memory_line()]


def set_line() -> BenchLine:
    """Pairs an hour of off-screen shadows on photos by two processes, their start included."""
    job = SynthJob("shadow", "photos", variants=SET_VARIANTS, max_size_px=SIZE_PX, depth="heuristic", limit=SET_PHOTOS)
    seconds, pairs = timed_run(job, 2)
    ours, peer = pairs / seconds * 3600, SET_PAIRS / SET_HOURS
    return BenchLine(
        f"{SET_PAIRS} shadow pairs with two workers against 30 minutes", ours / peer, ours, peer, "pairs/h"
    )


def memory_line() -> BenchLine:
    """Memory after many small pairs beside that after a third of them."""
    effect: Any = Shadow()

    def some(number: int) -> None:
        engine.render_rows(effect, floor_frame(MEMORY_PX), engine.RenderOptions(number, MEMORY_PAIRS))

    trend = memory_trend(some, MEMORY_STEPS, MEMORY_STEPS // 3)
    return trend.line(f"memory after {MEMORY_STEPS * MEMORY_PAIRS} shadow pairs beside a third of them", MEMORY_PAIRS)


def _with(objects: ObjectProvider) -> Shadow:
    made = Shadow(Options((), "bench"))
    vars(made)["_objects"] = objects
    return made


def pair_seconds(effect: Shadow) -> float:
    """Processor seconds of a pair, drawing, rendering, encoding and measuring included."""
    frame = floor_frame()

    def run() -> None:
        made = engine.render_rows(effect, frame, engine.RenderOptions(variants=VARIANTS))  # type: ignore[arg-type]
        assert len(made.rows) == VARIANTS, made.refused

    return least_cpu_seconds(run, repeats=5) / VARIANTS


def floor_frame(size_px: int = SIZE_PX) -> Frame:
    """A paved floor seen from 1.6 m, textured, with exact depth."""
    half = math.tan(math.radians(32.5))
    v = (1 - (np.arange(size_px) + 0.5) * 2 / size_px) * half
    pitch = math.radians(25)
    down = math.sin(pitch) - v * math.cos(pitch)
    depth = np.where(down > 0.03, 1.6 / np.maximum(down, 0.03), np.inf)
    grain = generator(1).normal(0, 14, (size_px, size_px, 1))
    pixels = np.clip(140 + grain + np.array([6, 0, -8]), 0, 255).astype(np.uint8)
    metres = np.broadcast_to(depth[:, None], (size_px, size_px)).astype(np.float32)
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, math.sin(pitch), -math.cos(pitch)], [0, math.cos(pitch), math.sin(pitch)]]
    camera = {"focal_mm": 18 / half, "sensor_mm": 36.0, "pose": pose.tolist()}
    channels: dict[str, Any] = {
        "rgb8": lambda: pixels,
        "depth": lambda: quantize_metres(metres, "bench"),
        "camera": lambda: camera,
    }
    return Frame("bench", size_px, size_px, channels)


def torus(triangles: int = TRIANGLES) -> Mesh:
    """A standing ring of so many triangles, 0.9 m tall."""
    around = round(math.sqrt(triangles))
    across = triangles // (2 * around)
    u, v = np.meshgrid(np.arange(around) * 2 * np.pi / around, np.arange(across) * 2 * np.pi / across, indexing="ij")
    r = 0.33 + 0.12 * np.cos(v)
    vertices = np.stack([r * np.cos(u), 0.45 + r * np.sin(u), 0.12 * np.sin(v)], axis=2).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(around), np.arange(across), indexing="ij")
    a, b = i * across + j, (i + 1) % around * across + j
    c, d = (i + 1) % around * across + (j + 1) % across, i * across + (j + 1) % across
    faces = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3), np.stack([a, c, d], 2).reshape(-1, 3)])
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


def _catcher_seconds() -> float:
    """One render of the same ring over a shadow catcher by Cycles, scene built once, on one thread."""
    done = subprocess.run(
        [sys.executable, "-c", "from lr_srd.bench import catcher_main; catcher_main()"],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def catcher_main() -> None:
    """In a process of its own: print the processor seconds of a shadow-catcher render, the second of two."""
    import time

    import bpy
    from uniser_core.codecs import memory_file

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=100)
    bpy.context.object.is_shadow_catcher = True
    ring = torus()
    mesh = bpy.data.meshes.new("ring")
    vertices = ring.vertices[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)
    mesh.from_pydata(vertices.tolist(), [], ring.faces.tolist())
    thing = bpy.data.objects.new("ring", mesh)
    thing.location = (0, 3, 0)
    scene.collection.objects.link(thing)
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.angle = math.radians(1)
    sun = bpy.data.objects.new("sun", lamp)
    sun.rotation_euler = (0.8, 0.2, 0)
    scene.collection.objects.link(sun)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler = (0, 0, 1.6), (math.radians(65), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = CATCHER_SAMPLES, False, False
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.use_persistent_data = True
    scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "OPEN_EXR"
    with memory_file("catcher.exr") as path:
        scene.render.filepath = str(path)
        for _ in range(2):
            start = time.process_time()
            bpy.ops.render.render(write_still=True)
            seconds = time.process_time() - start
    print(json.dumps(seconds))
