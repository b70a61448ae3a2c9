"""`uniser bench halo`: flare pairs from one rendered frame, beside rendering each pair in Blender.

The peers are what scripts of the field do: render the scene once clean and once with a flare in it, or once, and lay
Blender's Glare node over it. Both at the same scene, size, samples and denoiser, on the same cores, in one run.
What a core needs is processor time, whoever else is on the machine; the run's wall time is told beside it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from uniser_core.bench import BenchLine, least_cpu_seconds
from uniser_core.errors import InputError

SCENE, SIZE_PX, SAMPLES, VARIANTS, FRAMES, CORES = "street_03", 512, 64, 30, 2, 2
LENS, LIGHTS = "double_gauss_f2", 5
ALLOWED = {"ghosts_s": 0.1, "mixed_s": 0.7, "large_s": 30.0, "large_gb": 4.0, "pairs_an_hour": 3000.0}
LARGE_PX = (3840, 2160)


def bench() -> list[BenchLine]:
    """Ghosts and mixed flares on one core, pairs an hour with the frames' rendering, a 4K pair."""
    small, large = _child("small"), _child("large")
    (wall_s, busy_s), blender = _run_seconds(), _child("blender")
    pairs = FRAMES * VARIANTS
    pair_s, hourly = busy_s / pairs, 3600 * CORES * pairs / busy_s
    twice_s, glare_s = 2 * blender["render_s"], blender["glare_s"]
    return [
        _limit("halo ghosts of one light in one lens 512x512, one core", small["ghosts_s"], ALLOWED["ghosts_s"], "s"),
        _limit(f"halo all kinds, {LIGHTS} lights, encoded 512x512", small["mixed_s"], ALLOWED["mixed_s"], "s"),
        _limit("halo pair 3840x2160, one core", large["seconds"], ALLOWED["large_s"], "s"),
        _limit("halo pair 3840x2160, peak memory", large["peak_gb"], ALLOWED["large_gb"], "GB"),
        _hourly(f"{CORES} cores, processor time", hourly),
        _hourly(f"{CORES} cores, wall time beside whatever else runs", 3600 * pairs / wall_s),
        BenchLine("halo pair against rendering twice", twice_s / pair_s, pair_s, twice_s, "s of a core"),
        BenchLine("halo pair against render and Glare node", glare_s / pair_s, pair_s, glare_s, "s of a core"),
    ]  # fmt: skip


def _limit(name: str, ours: float, allowed: float, unit: str) -> BenchLine:
    return BenchLine(f"{name}, against {allowed:g} {unit}", allowed / ours, ours, allowed, unit)


def _hourly(how: str, pairs: float) -> BenchLine:
    wanted = ALLOWED["pairs_an_hour"]
    return BenchLine(f"halo pairs an hour with rendering, {how}", pairs / wanted, pairs, wanted, "pairs/h")


def _child(what: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "halo_render.flare_bench", what], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"bench halo {what}", done.stderr.strip().splitlines()[-1], "run it with --debug")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _run_seconds() -> tuple[float, float]:
    """(wall, processor time) of a real run: frames rendered by one-thread Blenders on both cores, flares on them."""
    from uniser_core.runner import RunOptions, run_job
    from uniser_core.synth import SynthJob

    from halo_render.blender.session import RenderSettings
    from halo_render.frame_job import FrameJob

    settings = RenderSettings(SIZE_PX, SIZE_PX, samples=SAMPLES, min_samples=SAMPLES, threads=1)
    options = RunOptions(workers=CORES, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        start, busy = time.perf_counter(), _busy_s()
        frames = run_job(FrameJob(SCENE, FRAMES, settings), f"{folder}/frames", options)
        pairs = run_job(SynthJob("flare", f"frames:{folder}/frames", VARIANTS), f"{folder}/pairs", options)
        seconds = time.perf_counter() - start, _busy_s() - busy
    if frames.made == 0 or pairs.counts["rows"] < FRAMES * VARIANTS:
        raise InputError("bench halo", f"made {pairs.counts} instead of {FRAMES * VARIANTS} pairs", "see its log")
    return seconds


def _busy_s() -> float:
    """Processor time of this process and of the children that have ended."""
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip


def light_frame(width: int, height: int, lights: int) -> Any:
    """A dark street's worth of light: noise, and bright discs that the table lists."""
    from uniser_core.frame import Frame
    from uniser_core.seeding import generator

    from halo_render.optics.source import Sensor

    rng = generator(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = np.repeat(rng.uniform(0.02, 0.3, (height, width, 1)).astype(np.float32), 3, axis=2)
    sensor, table = Sensor(width, height), []
    radius = width / 170
    for _ in range(lights):
        cx, cy = rng.uniform(0.1, 0.9, 2) * (width, height)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < radius**2
        rgb[inside] = (400.0, 330.0, 240.0)
        size_deg = float(np.degrees(2 * radius / (sensor.focal_mm * sensor.px_per_mm)))
        table.append({"kind": "bulb", "group": "lamps", "position_px": [cx, cy], "direction": sensor.direction(cx, cy),
                      "distance_m": 5.0, "size_deg": size_deg, "radiance_rgb": [400.0, 330.0, 240.0],
                      "temperature_k": 3000, "lumen": 800, "visible_fraction": 1.0})  # fmt: skip
    channels: dict[str, Any] = {
        "rgb": lambda: rgb,
        "emission": lambda: np.where(rgb > 100, rgb, 0).astype(np.float32),
        "lights": lambda: table,
        "camera": lambda: {"focal_mm": sensor.focal_mm, "sensor_mm": sensor.sensor_mm},
    }
    return Frame("bench", width, height, channels, kind="render")


def _small() -> dict[str, float]:
    from uniser_core import engine

    from halo_render.flare import Flare
    from halo_render.optics.aperture import Aperture
    from halo_render.optics.ghosts import ghost_layer
    from halo_render.optics.lens import load_lens
    from halo_render.optics.source import Sensor, sources_of_table

    flare: Any = Flare()
    frame = light_frame(SIZE_PX, SIZE_PX, LIGHTS)
    lens, sensor, light = load_lens(LENS), Sensor.of(frame), sources_of_table(frame.get("lights"))[:1]

    def ghosts() -> None:
        ghost_layer(lens, light, sensor, f_number=4.0, aperture=Aperture(7), coating="single")

    def mixed() -> None:
        made = engine.render_rows(flare, frame, engine.RenderOptions(variants=8))
        assert len(made.rows) == 8, made.refused

    return {"ghosts_s": least_cpu_seconds(ghosts, repeats=9), "mixed_s": least_cpu_seconds(mixed, repeats=3) / 8}


def _large() -> dict[str, float]:
    from uniser_core import engine

    from halo_render.flare import Flare

    flare: Any = Flare()
    engine.render_rows(flare, light_frame(256, 144, LIGHTS), engine.RenderOptions(variants=4))  # compiled by now
    frame = light_frame(*LARGE_PX, LIGHTS)
    start = time.process_time()
    made = engine.render_rows(flare, frame, engine.RenderOptions(variants=3))
    seconds = (time.process_time() - start) / max(1, len(made.rows))
    return {"seconds": seconds, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1048576}


def _blender() -> dict[str, float]:
    """Processor time of a plain render with Cycles' denoiser, and of one with the Glare node after it; all cores."""
    from uniser_core.seeding import generator

    from halo_render.bench import plain_settings
    from halo_render.blender import build, session
    from halo_render.scenes import find_scenes

    settings = session.RenderSettings(SIZE_PX, SIZE_PX, samples=SAMPLES, min_samples=SAMPLES, threads=CORES)
    found = {}
    for name in ("render_s", "glare_s"):
        times = []
        for repeat in range(2):
            built = build.build_scene(find_scenes(SCENE)[0], generator(repeat), 1)
            plain_settings(built.scene, settings, repeat)
            if name == "glare_s":
                _glare_node(built.scene)
            with tempfile.TemporaryDirectory() as folder:
                built.scene.render.filepath = f"{folder}/plain.exr"
                start = time.process_time()
                session.blender().ops.render.render(write_still=True, scene=built.scene.name)
                times.append(time.process_time() - start)
        found[name] = min(times)
    return found


def _glare_node(scene: Any) -> None:
    import bpy

    tree = bpy.data.node_groups.new("glare", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, glare, out = (
        tree.nodes.new(n) for n in ("CompositorNodeRLayers", "CompositorNodeGlare", "NodeGroupOutput")
    )
    tree.links.new(layers.outputs["Image"], glare.inputs["Image"])
    tree.links.new(glare.outputs["Image"], out.inputs["Image"])
    scene.compositing_node_group = tree
    scene.render.use_compositing = True


if __name__ == "__main__":
    print(json.dumps({"small": _small, "large": _large, "blender": _blender}[sys.argv[1]]()))
