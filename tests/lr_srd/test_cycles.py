"""Our mesh shadows beside Cycles' on the same mesh, floor and sun, path-traced without ambient light."""

import math
import os
from contextlib import contextmanager

import numpy as np
import pytest

from lr_srd.cards import Disc
from lr_srd.cast import lights_of, shade
from lr_srd.draw_light import lights_there
from lr_srd.frame_light import frame_lights
from lr_srd.light import Horizon
from lr_srd.mesh_shadow import mesh_visibility
from lr_srd.params import ShadowParams
from lr_srd.receivers import receivers_of
from tests.lr_srd.scenes import HFOV_DEG, floor_frame
from uniser_core.codecs import memory_file
from uniser_core.frame import Frame
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


def empty_scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add(size=400)
    return bpy.context.scene


def stand(thing, x: float, y: float, above: float, turn: np.ndarray) -> None:
    """Turn the thing and put its lowest point so far above the floor; it casts a shadow and is not seen itself."""
    thing.rotation_euler = tuple(turn)
    thing.location = (x, y, 0)
    bpy.context.view_layer.update()
    low = min((thing.matrix_world @ v.co).z for v in thing.data.vertices)
    thing.location.z = -low + above
    thing.visible_camera = False
    bpy.context.view_layer.update()


def shine(scene, azimuth: float, elevation: float, size: float, energy: float = math.pi) -> None:
    """A sun."""
    from mathutils import Vector

    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.angle = energy, math.radians(size)
    sun = bpy.data.objects.new("sun", lamp)
    a, e = math.radians(azimuth), math.radians(elevation)
    towards = Vector((math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)))
    sun.rotation_mode = "QUATERNION"
    sun.rotation_quaternion = towards.to_track_quat("Z", "Y")
    scene.collection.objects.link(sun)


def look(scene):
    """The camera of the tests, looking down at the floor."""
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.lens = 36, 18 / math.tan(math.radians(HFOV_DEG / 2))
    camera = bpy.data.objects.new("camera", data)
    camera.location, camera.rotation_euler = (0, 0, CAMERA_M), (math.radians(90 - PITCH_DEG), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    return camera


def traced(scene, camera, thing) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vertices in camera space, faces, picture with the object's shadow over the one without)."""
    with_object = picture(scene)
    thing.hide_render = True
    visibility = np.clip(with_object / np.maximum(picture(scene), 1e-6), 0, 1)
    mesh = thing.data
    mesh.calc_loop_triangles()
    world = np.array([thing.matrix_world @ v.co for v in mesh.vertices])
    faces = np.array([t.vertices[:] for t in mesh.loop_triangles], np.int32)
    return in_camera(camera, world).astype(np.float32), faces, visibility


def in_camera(camera, world: np.ndarray) -> np.ndarray:
    pose = np.array(camera.matrix_world)
    return (world - pose[:3, 3]) @ pose[:3, :3]


def set_up(seed: int) -> tuple[np.ndarray, np.ndarray, Disc, np.ndarray]:
    """(vertices in camera space, faces, light, Cycles' visibility) of a random object and sun on the floor."""
    rng = generator(seed)
    scene = empty_scene()
    makers = (
        lambda: bpy.ops.mesh.primitive_cube_add(size=0.5),
        lambda: bpy.ops.mesh.primitive_torus_add(major_radius=0.3, minor_radius=0.08),
        lambda: bpy.ops.mesh.primitive_cone_add(radius1=0.25, depth=0.7, vertices=24),
        lambda: bpy.ops.mesh.primitive_monkey_add(size=0.6),
        lambda: bpy.ops.mesh.primitive_cylinder_add(radius=0.08, depth=1.0, vertices=24),
    )
    makers[seed % len(makers)]()
    thing = bpy.context.object
    turn = rng.uniform(-0.5, 0.5, 3) + np.array([0, 0, rng.uniform(0, 6)])
    x, y = float(rng.uniform(-0.3, 0.3)), float(rng.uniform(1.9, 2.3))
    stand(thing, x, y, float(rng.choice([0.0, 0.0, 0.25])), turn)  # some float: no contact hides a wrong penumbra
    azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(30, 75))
    size = float(np.exp(rng.uniform(math.log(0.6), math.log(9))))
    shine(scene, azimuth, elevation, size)
    vertices, faces, visibility = traced(scene, look(scene), thing)
    receivers = receivers_of(floor_frame(WIDTH, HEIGHT, camera_m=CAMERA_M, pitch_deg=PITCH_DEG))
    return vertices, faces, Disc(Horizon.of(receivers.up).direction(azimuth, elevation), size), visibility


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


def test_under_a_lamp_nearby_and_a_sun_the_shadows_are_those_of_cycles():
    """Both at once, as a frame's table of lights gives them: a lamp 2 m up, 0.3 m across, and a sun of 3 degrees."""
    scene = empty_scene()
    bpy.ops.mesh.primitive_monkey_add(size=0.7)
    thing = bpy.context.object
    stand(thing, 0.0, 2.1, 0.0, np.array([0.2, 0.1, 0.6]))
    azimuth, elevation, size, power, radius = 250.0, 45.0, 3.0, 60.0, 0.15
    shine(scene, azimuth, elevation, size, energy=2.0)
    bulb = bpy.data.lights.new("bulb", "POINT")
    bulb.energy, bulb.shadow_soft_size = power, radius
    place = bpy.data.objects.new("bulb", bulb)
    place.location = (-1.1, 2.6, 2.0)
    scene.collection.objects.link(place)
    camera = look(scene)
    at = in_camera(camera, np.array(place.location))
    vertices, faces, truth = traced(scene, camera, thing)
    plain = floor_frame(WIDTH, HEIGHT, camera_m=CAMERA_M, pitch_deg=PITCH_DEG)
    up, away = receivers_of(plain).up, float(np.linalg.norm(at))
    table = [
        # Radiance of a sphere that sends out that power, and of a sun's disc of that irradiance.
        {"kind": "bulb", "group": "a", "direction": (at / away).tolist(), "distance_m": away,
         "size_deg": math.degrees(2 * math.atan(radius / away)), "solid_angle_sr": math.pi * (radius / away) ** 2,
         "radiance_rgb": [power / (4 * math.pi**2 * radius**2)] * 3},
        {"kind": "sun", "group": "b", "direction": list(Horizon.of(up).direction(azimuth, elevation)),
         "distance_m": None, "size_deg": size, "solid_angle_sr": 1e-3, "radiance_rgb": [2.0 / 1e-3] * 3},
    ]  # fmt: skip
    frame = Frame("lamps", WIDTH, HEIGHT, {**plain.channels, "lights": lambda: table}, facts=plain.facts)
    receivers = receivers_of(frame)
    there = lights_there(frame_lights(frame, receivers), tuple(vertices.mean(axis=0)), receivers)
    params = ShadowParams(focal_px=receivers.focal_px, up=receivers.up, ambient_ratio=1e-4, **there)
    assert len(params.more_lights) == 1
    lights = lights_of(frame, params, receivers)
    seen = [mesh_visibility(vertices, faces, v.disc, receivers.points_HWC, receivers.valid_HW) for v in lights]
    ratio, _ = shade(frame, params, lights, seen)
    floor = receivers.valid_HW
    error = (ratio[..., 1] - truth)[floor]
    a, b = (ratio[..., 1] < 0.95) & floor, (truth < 0.95) & floor
    assert min(((seen[0] > 0.98) & (seen[1] < 0.02)).sum(), ((seen[1] > 0.98) & (seen[0] < 0.02)).sum()) > 100
    assert (a & b).sum() / (a | b).sum() >= 0.90
    assert -10 * np.log10((error**2).mean()) >= 35
