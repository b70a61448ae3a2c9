"""`uniser bench halo --frames`: our frame beside Blender's own render of the same scene; a worker's memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from uniser_core.bench import BenchLine
from uniser_core.errors import InputError

SCENE = "living_room_01"
SIZE_PX = 192
SAMPLES = 64
REPEATS = 3
MEMORY_FRAMES = 500
MEMORY_SIZE_PX = 64


def bench(frames: bool = False, memory_frames: int = MEMORY_FRAMES) -> list[BenchLine]:
    """Frame cost, start-up and memory, each measured in a Blender process of its own.

    The peer is what a script does that imports bpy and renders a picture a pair, with Cycles' own
    denoiser; ours adds light groups, lights table, depth, normals and encoding, and gives at least one
    more picture for every group that can be switched.
    """
    if not frames:
        from halo_render.flare_bench import bench as flare_bench

        return flare_bench()
    facts = _child("cost", 0)
    memory = _child("memory", memory_frames)
    ours, peer = facts["ours_s"], facts["peer_s"]
    return [
        BenchLine("halo frame against one plain render", peer / ours, ours, peer, "s a frame"),
        BenchLine("halo lighting variant against one plain render", peer * facts["variants"] / ours,
                  ours / facts["variants"], peer, "s a picture"),
        BenchLine("halo start-up against 4 s", 4.0 / facts["start_s"], facts["start_s"], 4.0, "s"),
        BenchLine(f"halo memory slope over {memory_frames} frames against 1 MB", 1.0 / max(memory["slope_mb"], 1e-3),
                  memory["slope_mb"], 1.0, "MB a frame"),
    ]  # fmt: skip


def _child(what: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "halo_render.bench", what, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"bench {what}", done.stderr.strip().splitlines()[-1], "run it with --debug")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cost() -> dict[str, Any]:
    start = time.perf_counter()
    from uniser_core.seeding import generator

    from halo_render.blender import build, frame, session
    from halo_render.scenes import find_scenes

    session.reset()
    start_s = time.perf_counter() - start
    ref = find_scenes(SCENE)[0]
    settings = session.RenderSettings(SIZE_PX, SIZE_PX, samples=SAMPLES)
    ours, peer, variants = [], [], 0
    for repeat in range(REPEATS + 1):  # the first warms caches and does not count
        built = build.build_scene(ref, generator(repeat), 1)
        start = time.perf_counter()
        row = frame.render_frame(built.scene, settings, repeat)
        ours.append(time.perf_counter() - start)
        # Every subset of groups that is left on is a picture: all, and all but one.
        variants = 1 + len(row["light_groups"])
        start = time.perf_counter()
        _plain_render(built.scene, settings, repeat)
        peer.append(time.perf_counter() - start)
    return {"ours_s": min(ours[1:]), "peer_s": min(peer[1:]), "variants": variants, "start_s": start_s}


def plain_settings(scene: Any, settings: Any, seed: int) -> None:
    """What a script renders: one picture, Cycles' denoiser, no passes."""
    from halo_render.blender import session

    session.configure(scene, settings, seed)
    layer = scene.view_layers[0]
    while len(layer.lightgroups):
        layer.lightgroups.remove(layer.lightgroups[0])
    for name in ("z", "normal", "object_index", "emit", "environment"):
        setattr(layer, f"use_pass_{name}", False)
    layer.cycles.denoising_store_passes = False
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    image = scene.render.image_settings
    image.media_type = "IMAGE"
    image.file_format, image.color_depth = "OPEN_EXR", "16"


def _plain_render(scene: Any, settings: Any, seed: int) -> None:
    import tempfile

    from halo_render.blender import session

    plain_settings(scene, settings, seed)
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/plain.exr"
        session.blender().ops.render.render(write_still=True, scene=scene.name)


def _memory(count: int) -> dict[str, Any]:
    """Least-squares slope of resident memory over frames of many seeds, after the first tenth."""
    from uniser_core.bench import memory_trend
    from uniser_core.seeding import generator
    from uniser_core.supervisor import tune_process

    from halo_render.blender import build, frame, session
    from halo_render.scenes import find_scenes

    tune_process()
    ref = find_scenes(SCENE)[0]
    settings = session.RenderSettings(MEMORY_SIZE_PX, MEMORY_SIZE_PX, samples=4, min_samples=1)

    def one(number: int) -> None:
        built = build.build_scene(ref, generator(number), 1)
        frame.render_frame(built.scene, settings, number)

    return {"slope_mb": memory_trend(one, count, count // 10).slope_mb}


if __name__ == "__main__":
    print(json.dumps(_cost() if sys.argv[1] == "cost" else _memory(int(sys.argv[2]))))
