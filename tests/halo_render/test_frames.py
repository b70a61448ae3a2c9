"""Frames from a real Blender: what a row says of light, depth and place must be true."""

import json
import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_scenes.kit import Stage, light, mesh, sky  # noqa: E402
from halo_render.blender import build, frame, session  # noqa: E402
from halo_render.blender.lights import lights_table  # noqa: E402
from halo_render.denoise import denoise_groups  # noqa: E402
from halo_render.scenes import SceneRef, find_scenes  # noqa: E402
from uniser_core import codecs  # noqa: E402
from uniser_core.color import luminance  # noqa: E402
from uniser_core.errors import InputError  # noqa: E402
from uniser_core.seeding import generator  # noqa: E402

SMALL = session.RenderSettings(128, 96, samples=32, noise_threshold=0.02)


def stage():
    return Stage(session.reset(), generator(1))


def ready(s, settings=SMALL, seed=3):
    bpy.context.view_layer.update()
    session.configure(s.scene, settings, seed)
    return session.render(s.scene)


def lamp_on_floor(height=1.0, radius=0.12):
    """A glowing ball over a floor, seen from the side, and a dim sky."""
    s = stage()
    s.add(mesh.ground("floor", (30, 30)), "floor", material="concrete")
    s.add(mesh.box("box", (0.6, 0.6, 0.6), (-0.9, 0.3, 0)), "box", material="brick_red")
    light.bulb(s, (0.4, 0.2, height), "bulb_60w", "lamp", radius)
    sky.night(s, 0.02)
    s.camera((0.3, -4, 1.4), (0.1, 0.2, 0.6), 30)
    return s


def test_light_groups_sum_to_the_beauty_and_switch_lamps():
    s = lamp_on_floor()
    row = frame.render_frame(s.scene, SMALL, 3)
    rgb = codecs.decode_exr(row["rgb"]).astype(np.float32)
    groups = {g["name"]: codecs.decode_exr(g["blob"]).astype(np.float32) for g in row["light_groups"]}
    assert {"lamp", "sky"} <= set(groups)
    total = sum(groups.values())
    assert np.abs(total - rgb).max() <= 1e-3 * max(1.0, rgb.max())
    dark = total - groups["lamp"]
    assert luminance(dark.astype(np.float32)).mean() < 0.25 * luminance(rgb).mean()


def test_denoising_leaves_directly_seen_light_alone():
    s = lamp_on_floor()
    passes = ready(s)
    clean = denoise_groups(passes.groups, passes.direct_HWC, passes.albedo_HWC, passes.guide_normal_HWC)
    lamp = luminance(passes.emission_HWC) > 0.98 * luminance(passes.emission_HWC).max()
    assert lamp.sum() > 10
    assert np.allclose(sum(clean.values())[lamp], passes.noisy_HWC[lamp], rtol=0.02)
    floor = np.s_[-12:, 4:40]
    noise = [luminance(p)[floor].std() / luminance(p)[floor].mean() for p in (passes.noisy_HWC, sum(clean.values()))]
    assert noise[1] < noise[0]


@pytest.mark.parametrize("at", [(0.4, 0.2, 1.0), (-0.8, 1.0, 0.5), (0.9, -0.6, 1.3)])
def test_projected_position_is_the_centre_of_the_emission(at):
    s = stage()
    light.bulb(s, at, radius_m=0.06)
    s.camera((0.3, -4, 1.4), (0.1, 0.2, 0.8), 28)
    passes = ready(s)
    camera = frame.camera_of(s.scene, SMALL.width, SMALL.height)
    entry = lights_table(s.scene, camera, passes, np.zeros(3))[0]
    glow = luminance(passes.emission_HWC).astype(np.float64)
    y, x = np.mgrid[0 : SMALL.height, 0 : SMALL.width] + 0.5
    centroid = np.array([(glow * x).sum(), (glow * y).sum()]) / glow.sum()
    assert np.linalg.norm(centroid - entry["position_px"]) < 1.0
    assert entry["visible_fraction"] == pytest.approx(1.0, abs=0.05)
    assert entry["temperature_k"] == 2700


def test_lights_out_of_frame_are_tried_with_rays_and_those_behind_are_not():
    s = stage()
    s.add(mesh.ground("floor", (9, 9)), "floor", material="concrete")
    light.bulb(s, (6.0, 3.0, 1.0))
    light.bulb(s, (0.0, -9.0, 1.0))
    s.camera((0, -4, 1), (0, 0, 1), 35)
    passes = ready(s)
    table = lights_table(s.scene, frame.camera_of(s.scene, 128, 96), passes, np.zeros(3))
    beside, behind = sorted(table, key=lambda e: e["direction"][2])
    assert beside["position_px"][0] > 128
    assert behind["position_px"] is None
    assert behind["direction"][2] > 0
    assert (beside["visible_fraction"], beside["seen_by"]) == (1.0, "rays")
    assert (behind["visible_fraction"], behind["seen_by"]) == (0.0, None)


@pytest.mark.parametrize("hidden", [0.5, 1.0])
def test_visible_fraction_of_a_hidden_sphere(hidden):
    s = stage()
    light.bulb(s, (0, 0, 1), radius_m=0.2)
    # The card's edge runs through the middle of the ball, or beyond it.
    card = mesh.sheet(
        "card", [(-1, -1, 0), (1, -1, 0), (1, -1, 1 if hidden == 0.5 else 3), (-1, -1, 1 if hidden == 0.5 else 3)]
    )
    s.add(card, "card", material="paper")
    s.camera((0, -6, 1), (0, 0, 1), 60)
    passes = ready(s)
    entry = lights_table(s.scene, frame.camera_of(s.scene, 128, 96), passes, np.zeros(3))[0]
    assert entry["visible_fraction"] == pytest.approx(1 - hidden, abs=0.05)


def test_depth_of_a_known_plane_and_of_nothing():
    s = stage()
    s.add(mesh.sheet("wall", [(-3, 2.5, -3), (0, 2.5, -3), (0, 2.5, 3), (-3, 2.5, 3)]), "wall", material="paper")
    light.bulb(s, (-1, 0, 1))
    s.camera((0, -1.5, 0), (0, 1, 0), 30)
    depth = ready(s).depth_HW
    assert np.allclose(depth[20:76, 8:40], 4.0, rtol=1e-4)  # along the optical axis, not the ray
    assert np.isinf(depth[:, 80:]).all()


def test_normals_are_in_camera_space():
    s = stage()
    s.add(mesh.ground("floor", (30, 30)), "floor", material="paper")
    light.bulb(s, (0, 0, 3))
    s.camera((0, -3, 1.5), (0, 0, 0), 30)
    tilt = math.atan2(1.5, 3)
    assert np.allclose(ready(s).normal_HWC[60, 64], [0, math.cos(tilt), math.sin(tilt)], atol=1e-3)


def test_the_sun_is_found_measured_and_placed():
    s = stage()
    sky.atmosphere(s, 20, 10)
    s.add(mesh.ground("floor", (200, 200)), "floor", material="grass")
    turn, rise = math.radians(10), math.radians(20)
    towards = (math.sin(turn) * math.cos(rise), math.cos(turn) * math.cos(rise), math.sin(rise))
    s.camera((0, 0, 1.5), (towards[0] + 0.05, towards[1], towards[2] + 1.45), 50)
    row = frame.render_frame(s.scene, SMALL, 1)
    sun = next(e for e in json.loads(row["lights"]) if e["kind"] == "sun")
    direct = luminance(codecs.decode_exr(row["emission"]).astype(np.float32))
    y, x = np.unravel_index(direct.argmax(), direct.shape)
    assert np.hypot(sun["position_px"][0] - x - 0.5, sun["position_px"][1] - y - 0.5) < 1.5
    assert sun["size_deg"] == pytest.approx(0.545, abs=1e-3)
    assert 2e5 < luminance(np.array([sun["radiance_rgb"]], np.float32))[0] < 5e6
    assert sun["visible_fraction"] > 0.5


def test_judge_refuses_dull_views():
    s = lamp_on_floor()
    assert frame.judge(s.scene, SMALL, 1).good
    s.camera((0, 0.3, 0.02), (0, 0.3, 5), 30)
    s.add(mesh.box("cave", (0.2, 0.2, 0.1), (0, 0.3, -0.01)), "cave", material="rock")
    assert not frame.judge(s.scene, SMALL, 1).good
    empty = stage()
    empty.add(mesh.ground("floor", (9, 9)), "floor", material="rock")
    empty.camera((0, -4, 2), (0, 0, 0), 30)
    assert frame.judge(empty.scene, SMALL, 1).reason == "the picture is black"


def save(path, script=""):
    scene = session.reset()
    s = Stage(scene, generator(0))
    s.add(mesh.box("box", (1, 1, 1)), "box", material="brick_red")
    light.bulb(s, (1, -1, 2))
    s.camera((3, -4, 2), (0, 0, 0.5), 35)
    if script:
        text = bpy.data.texts.new("run_me.py")
        text.write(script)
        text.use_module = True
        driver = scene.objects["box"].driver_add("location", 0).driver
        driver.expression = "0"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    return path


def test_a_users_blend_renders_and_its_scripts_do_not_run(tmp_path):
    flag = tmp_path / "pwned"
    path = save(tmp_path / "my scene – ü.blend", f"import pathlib; pathlib.Path({str(flag)!r}).touch()")
    ref = find_scenes(str(path))[0]
    built = build.build_scene(ref, generator(1), 1)
    row = frame.render_frame(built.scene, session.RenderSettings(32, 32, samples=4, min_samples=1), 1)
    assert not flag.exists()
    assert json.loads(row["lights"])[0]["visible_fraction"] > 0
    assert built.license == "LicenseRef-user-scene"


def test_a_gltf_without_cameras_or_lights_gets_both(tmp_path):
    scene = session.reset()
    Stage(scene, generator(0)).add(mesh.box("box", (1, 1, 1)), "box", material="brick_red")
    path = tmp_path / "box.glb"
    bpy.ops.export_scene.gltf(filepath=str(path))
    first, second = (build.build_scene(find_scenes(str(path))[0], generator(n), 1) for n in (1, 2))
    row = frame.render_frame(second.scene, session.RenderSettings(32, 32, samples=4, min_samples=1), 1)
    rgb = codecs.decode_exr(row["rgb"])
    assert rgb.max() > 0
    assert np.isfinite(codecs.decode_exr(row["depth"])).any()
    assert first.objects == [{"id": 1, "name": "box", "asset": "box.glb"}]


def test_a_settings_file_beside_the_scene_is_kept_to(tmp_path):
    session.reset()
    path = save(tmp_path / "mine.blend")
    before = find_scenes(str(path))[0]
    (tmp_path / "mine.yaml").write_text(
        "license: CC-BY-4.0\nattribution: Jane Doe\narchetype: street\n"
        "camera: {eye_m: [0, -5, 1], target_m: [0, 0, 1], focal_mm: 70}\n"
    )
    ref = find_scenes(str(path))[0]
    assert (ref.archetype, ref.scene_id != before.scene_id) == ("street", True)
    built = build.build_scene(ref, generator(1), 1)
    camera = frame.camera_of(built.scene, 64, 48)
    assert camera.focal_mm == 70
    assert np.allclose(camera.pose[:3, 3], (0, -5, 1))
    assert (built.license, built.attribution) == ("CC-BY-4.0", "Jane Doe")
    (tmp_path / "mine.yaml").write_text("licence: CC0\n")
    with pytest.raises(InputError, match=r"mine\.yaml: licence"):
        find_scenes(str(path))


def test_a_corrupt_an_empty_and_a_missing_file_are_said(tmp_path):
    corrupt = tmp_path / "corrupt.blend"
    corrupt.write_bytes(b"BLENDER-v500" + bytes(100))
    with pytest.raises(InputError, match=r"corrupt\.blend"):
        build.build_scene(find_scenes(str(corrupt))[0], generator(1), 1)
    session.reset()
    empty = tmp_path / "empty.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(empty))
    with pytest.raises(InputError, match="nothing to see"):
        build.build_scene(SceneRef("empty", "user", str(empty)), generator(1), 1)
    with pytest.raises(InputError, match="does not exist"):
        find_scenes(str(tmp_path / "none.blend"))
    with pytest.raises(InputError, match="no scene"):
        find_scenes("nowhere_99")


def test_missing_textures_are_named(tmp_path, capfd):
    import cv2

    cv2.imwrite(str(tmp_path / "wood.png"), np.full((4, 4, 3), 99, np.uint8))
    (tmp_path / "t.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd wood.png\n")
    (tmp_path / "t.obj").write_text("mtllib t.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n")
    session.reset()
    bpy.ops.wm.obj_import(filepath=str(tmp_path / "t.obj"))
    path = tmp_path / "textured.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    (tmp_path / "wood.png").unlink()
    build.build_scene(find_scenes(str(path))[0], generator(1), 1)
    assert "missing textures: wood.png" in capfd.readouterr().out


def test_what_a_killed_process_left_in_memory_is_removed():
    import multiprocessing
    import os
    from pathlib import Path

    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    child.join()
    left = Path(f"/dev/shm/{session.SCRATCH}-{child.pid}-abc")
    mine = Path(f"/dev/shm/{session.SCRATCH}-{os.getpid()}-abc")
    for folder in (left, mine):
        folder.mkdir()
        (folder / "frame.exr").write_bytes(bytes(9))
    try:
        s = lamp_on_floor()
        ready(s, session.RenderSettings(16, 16, samples=1, min_samples=1))
        assert not left.exists()
        assert (mine / "frame.exr").exists()
    finally:
        import shutil

        shutil.rmtree(mine)
