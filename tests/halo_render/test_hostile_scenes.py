"""Scenes from strangers: they run nothing, and one that kills Blender costs itself alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from halo_render.scene_facts import SceneFacts, survey
from halo_render.scenes import find_scenes
from tests.cli import uniser
from tests.hostile.blends import ARMED, blends
from tests.hostile.harness import run_kind
from tests.hostile.mutate import CANARY

pytest.importorskip("bpy")

# A triangle of which some numbers were changed: Blender 5.0.1 follows one of them out of its memory.
KILLER = Path(__file__).parent / "kills_blender.blend"
PYRAMID = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nv 0 0 1.5\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\nf 4 3 2 1\n"
TRUSTING = """
import bpy, sys
bpy.context.preferences.filepaths.use_scripts_auto_execute = True
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=True)
render = bpy.context.scene.render
render.resolution_x = render.resolution_y = 8
render.engine, bpy.context.scene.cycles.samples, render.filepath = "CYCLES", 1, sys.argv[2]
bpy.ops.render.render(write_still=True)
"""


def test_a_scene_runs_nothing_when_it_is_opened_and_rendered():
    count = run_kind("blend", range(len(ARMED)))
    assert count.bad == []
    assert count.read == len(ARMED)


@pytest.mark.parametrize("name", ["text", "driver", "material_driver", "freestyle", "file_output"])
@pytest.mark.slow
def test_each_of_these_scenes_does_run_where_it_is_trusted(name, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    (place / "armed.blend").write_bytes(blends((name,))[0])
    words = [sys.executable, "-c", TRUSTING, "armed.blend", str(place / "still.png")]
    subprocess.run(words, cwd=place, check=True, capture_output=True, timeout=300)
    assert list(tmp_path.rglob(f"{CANARY}*"))


def test_a_scene_that_kills_blender_is_told_and_others_are_looked_into(tmp_path):
    good = [tmp_path / "a.obj", tmp_path / "b.obj"]
    for path in good:
        path.write_text(PYRAMID)
    shutil.copy(KILLER, tmp_path / "killer.blend")
    scenes = [find_scenes(str(p))[0] for p in (good[0], tmp_path / "killer.blend", good[1])]
    first, killer, last = survey(scenes)
    assert isinstance(first, SceneFacts)
    assert first == last
    assert "Blender died" in killer


def test_frames_beside_a_scene_that_kills_blender_are_rendered(tmp_path):
    shutil.copy(KILLER, tmp_path / "killer.blend")
    out, small = tmp_path / "out", ("--resolution", 32, "--samples", 1, "--min-samples", 1, "--cameras", 1)
    done = uniser("halo", "frames", "--scene", f"{tmp_path}/killer.blend,corridor_02", "--out", out, *small, code=3)
    assert "1 failed" in done.stdout or "set aside" in done.stdout
    rows = [r for p in out.glob("*.parquet") for r in pq.read_table(p, columns=["scene_id"]).to_pylist()]
    assert [r["scene_id"] for r in rows] == ["corridor_02"]
    failed = pq.read_table(out / "_run" / "failed.parquet").to_pylist()
    assert [f["item"].partition("-")[0] for f in failed] == ["killer"]
