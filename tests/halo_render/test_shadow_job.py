"""Path-traced shadow pairs of a user's own small scene."""

import json
import subprocess
import sys

import numpy as np
import pytest

from halo_render.shadow_job import shadow_ratio
from tests.cli import uniser
from uniser_core import codecs
from uniser_core.seeding import generator
from uniser_core.shard import PairSet

SCENE = """
import bpy, math, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
bpy.ops.mesh.primitive_plane_add(size=60)
bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 4, 0.5))
bpy.context.object.name = "box"
lamp = bpy.data.lights.new("sun", "SUN"); lamp.energy = 4; lamp.angle = math.radians(1)
sun = bpy.data.objects.new("sun", lamp); sun.rotation_euler = (0.2, 0.9, 0); scene.collection.objects.link(sun)
world = bpy.data.worlds.new("sky"); scene.world = world; world.use_nodes = True
world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.3
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
camera.location, camera.rotation_euler = (0, 0, 2), (math.radians(70), 0, 0)
scene.collection.objects.link(camera); scene.camera = camera
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traced")
    scene = folder / "box on a plane.blend"
    subprocess.run([sys.executable, "-c", SCENE, str(scene)], check=True, capture_output=True)
    uniser("shadow", "render", "--mode", "blender", "--scene", scene, "--resolution", "128x96", "--samples", 32,
           "--workers", 1, "--out", folder / "P")  # fmt: skip
    (row,) = PairSet(str(folder / "P")).rows()
    return row


def test_the_pair_differs_by_the_shadow_of_the_named_object(traced):
    target, shadowed, mask = (codecs.decode_blob(traced[c]["bytes"]).astype(int) for c in ("target", "input", "mask"))
    assert json.loads(traced["params"])["objects"] == ["box"]
    assert traced["variant"] == "blender"
    assert traced["origin"] == "render_3d"
    assert (shadowed <= target).all()
    assert np.abs(target - shadowed)[mask == 0].max() <= 1
    assert 0.01 < (mask > 60).mean() < 0.4
    # The sun stands to the right: the shadow lies to the box's left.
    columns = np.flatnonzero((mask > 60).any(axis=0))
    assert columns.mean() < 64


def test_noise_is_no_shadow():
    rng = generator(1)
    clean = rng.uniform(0.2, 0.5, (64, 64, 3)).astype(np.float32)
    noisy = (clean * rng.normal(1, 0.02, clean.shape)).astype(np.float32)
    assert (shadow_ratio(clean, noisy) > 0.999).mean() > 0.999
    dark = noisy.copy()
    dark[20:40, 20:40] *= 0.4
    ratio = shadow_ratio(clean, dark)
    assert ratio[25:35, 25:35].mean() == pytest.approx(0.4, abs=0.01)
    assert ratio[50:, 50:].min() == 1


def test_the_mode_says_what_it_needs(tmp_path):
    assert "--scene" in uniser("shadow", "render", "--mode", "blender", "--out", tmp_path, code=2).stderr
    assert (
        "--mode blender"
        in uniser("shadow", "render", "--source", "x", "--scene", "y", "--out", tmp_path, code=2).stderr
    )
    assert "paste, plates" in uniser("shadow", "render", "--mode", "magic", "--out", tmp_path, code=2).stderr
