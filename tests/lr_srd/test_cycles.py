"""Our mesh shadows beside Cycles' on the same mesh, floor and sun, path-traced without ambient light."""

import math
import os
from contextlib import contextmanager

import numpy as np
import pytest

from lr_srd.cards import Disc
from lr_srd.light import Horizon
from lr_srd.mesh_shadow import mesh_visibility
from lr_srd.receivers import receivers_of
from tests.lr_srd.scenes import HFOV_DEG, floor_frame
from uniser_core.codecs import memory_file
from uniser_core.seeding import generator

bpy = pytest.importorskip("bpy")
WIDTH, HEIGHT, CAMERA_M, PITCH_DEG = 240, 180, 1.6, 35.0
AMBIENT = 0.25


@contextmanager
def quiet():
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def set_up(seed: int) -> tuple[np.ndarray, np.ndarray, Disc, np.ndarray]:
    """(vertices in camera space, faces, light, Cycles' visibility) of a random object and sun on the floor."""
    from mathutils import Vector

    rng = generator(seed)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=400)
    makers = (
        lambda: bpy.ops.mesh.primitive_cube_add(size=0.5),
        lambda: bpy.ops.mesh.primitive_torus_add(major_radius=0.3, minor_radius=0.08),
        lambda: bpy.ops.mesh.primitive_cone_add(radius1=0.25, depth=0.7, vertices=24),
        lambda: bpy.ops.mesh.primitive_monkey_add(size=0.6),
        lambda: bpy.ops.mesh.primitive_cylinder_add(radius=0.08, depth=1.0, vertices=24),
    )
    makers[seed % len(makers)]()
    thing = bpy.context.object
    thing.rotation_euler = tuple(rng.uniform(-0.5, 0.5, 3) + np.array([0, 0, rng.uniform(0, 6)]))
    thing.location = (float(rng.uniform(-0.3, 0.3)), float(rng.uniform(1.9, 2.3)), 0)
    bpy.context.view_layer.update()
    low = min((thing.matrix_world @ v.co).z for v in thing.data.vertices)
    thing.location.z = -low + float(rng.choice([0.0, 0.0, 0.25]))  # some float: no contact hides a wrong penumbra
    thing.visible_camera = False
    azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(30, 75))
    size = float(np.exp(rng.uniform(math.log(0.6), math.log(9))))
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.angle = math.pi, math.radians(size)
    sun = bpy.data.objects.new("sun", lamp)
    a, e = math.radians(azimuth), math.radians(elevation)
    towards = Vector((math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)))
    sun.rotation_mode = "QUATERNION"
    sun.rotation_quaternion = towards.to_track_quat("Z", "Y")
    scene.collection.objects.link(sun)
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.lens = 36, 18 / math.tan(math.radians(HFOV_DEG / 2))
    camera = bpy.data.objects.new("camera", data)
    camera.location, camera.rotation_euler = (0, 0, CAMERA_M), (math.radians(90 - PITCH_DEG), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    with_object = picture(scene)
    thing.hide_render = True
    visibility = np.clip(with_object / np.maximum(picture(scene), 1e-6), 0, 1)
    pose = np.array(camera.matrix_world)
    mesh = thing.data
    mesh.calc_loop_triangles()
    world = np.array([thing.matrix_world @ v.co for v in mesh.vertices])
    faces = np.array([t.vertices[:] for t in mesh.loop_triangles], np.int32)
    vertices = (world - pose[:3, 3]) @ pose[:3, :3]
    receivers = receivers_of(floor_frame(WIDTH, HEIGHT, camera_m=CAMERA_M, pitch_deg=PITCH_DEG))
    light = Disc(Horizon.of(receivers.up).direction(azimuth, elevation), size)
    return vertices.astype(np.float32), faces, light, visibility


def picture(scene) -> np.ndarray:
    """Luminance of a render, float32 (H, W)."""
    import OpenEXR

    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 256, False, 0
    scene.cycles.filter_width = 0.01  # a pixel is what its centre sees, as ours are
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    settings = scene.render.image_settings
    settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGB", "32"
    with memory_file("floor.exr") as path, quiet():
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        with OpenEXR.File(str(path)) as file:
            return np.array(file.channels()["RGB"].pixels, np.float32)[..., 1]


def compare(seed: int) -> tuple[float, float, float]:
    """(overlap of the shadows, width of our penumbra over Cycles', PSNR of the ratio picture)."""
    vertices, faces, light, truth = set_up(seed)
    receivers = receivers_of(floor_frame(WIDTH, HEIGHT, camera_m=CAMERA_M, pitch_deg=PITCH_DEG))
    ours = mesh_visibility(vertices, faces, light, receivers.points_HWC, receivers.valid_HW)
    floor = receivers.valid_HW
    a, b = (ours < 0.95) & floor, (truth < 0.95) & floor
    assert b.sum() > 200, "the set-up casts no shadow into the picture"
    overlap = (a & b).sum() / (a | b).sum()
    # The mass of partly lit pixels is the penumbra's width times its length, which is the same for both.
    soft = [float((4 * v * (1 - v))[floor].sum()) for v in (ours, truth)]
    error = ((AMBIENT + (1 - AMBIENT) * ours) - (AMBIENT + (1 - AMBIENT) * truth))[floor]
    return float(overlap), soft[0] / soft[1], float(-10 * np.log10((error**2).mean()))


@pytest.mark.parametrize("seed", [1, 3])
def test_shadows_are_those_of_cycles(seed):
    overlap, width, psnr_db = compare(seed)
    assert overlap >= 0.90
    assert width == pytest.approx(1, abs=0.10)
    assert psnr_db >= 35


@pytest.mark.slow
def test_twenty_set_ups():
    found = np.array([compare(seed) for seed in range(20)])
    print(np.round(found, 3))
    assert found[:, 0].min() >= 0.90
    assert np.abs(found[:, 1] - 1).max() <= 0.10
    assert found[:, 2].min() >= 35
