"""What the lens needs of each light beyond the picture: its solid angle, and how much of it is not hidden."""

import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_scenes.kit import Stage, light, mesh, sky  # noqa: E402
from halo_render.blender import frame, session  # noqa: E402
from halo_render.blender.lights import lights_table  # noqa: E402
from halo_render.blender.sight import Triangles, disc_sr  # noqa: E402
from halo_render.optics.source import sources_of_table  # noqa: E402
from uniser_core.seeding import generator  # noqa: E402

TINY = session.RenderSettings(64, 48, samples=16, min_samples=16, noise_threshold=0.02)


def stage():
    return Stage(session.reset(), generator(1))


def table(s, rays=True):
    bpy.context.view_layer.update()
    session.configure(s.scene, TINY, 3)
    passes = session.render(s.scene)
    return lights_table(s.scene, frame.camera_of(s.scene, 64, 48), passes, np.zeros(3), rays=rays)


def wall(y, x0, x1, z0=-3.0, z1=3.0):
    return mesh.sheet("wall", [(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)])


def beside(*things):
    """A bulb 45 degrees to the right of a camera that sees 26 degrees, and whatever stands between."""
    s = stage()
    light.bulb(s, (4, 4, 0), radius_m=0.2)
    for make, material in things:
        s.add(make(), "thing", material=material)
    s.camera((0, 0, 0), (0, 9, 0), 40)
    (entry,) = table(s)
    assert entry["position_px"][0] > 64
    assert entry["seen_by"] == "rays"
    return entry["visible_fraction"]


def test_a_lamp_out_of_frame_is_whole_hidden_or_half_hidden():
    assert beside() == 1.0
    assert beside((lambda: wall(2, 1, 3), "brick_red")) == 0.0
    # The wall ends where the line to the middle of the bulb passes.
    assert beside((lambda: wall(2, 2, 5), "brick_red")) == pytest.approx(0.5, abs=0.1)
    assert beside((lambda: wall(6, 1, 9), "brick_red")) == 1.0


def test_glass_and_its_own_housing_hide_no_lamp_but_a_shade_does():
    assert beside((lambda: wall(2, 1, 3), "glass")) == 1.0
    assert beside((lambda: mesh.box("pane", (0.6, 0.02, 0.6), (2, 2, -0.3)), "glass")) == 1.0
    assert beside((lambda: mesh.sphere("globe", (4, 4, 0), 0.3), "paper")) == 0.0


def test_what_the_camera_cannot_see_hides_nothing():
    def card():
        made = wall(2, 1, 3)
        made.visible_camera = False
        return made

    assert beside((card, "paper")) == 1.0


def test_a_panel_shines_to_one_side_alone():
    seen = {}
    for facing in ("-x", "+x"):
        s = stage()
        light.panel(s, (4, 4, 0), (1, 1), facing=facing)
        s.camera((0, 0, 0), (0, 9, 0), 40)
        (seen[facing],) = table(s)
    assert (seen["-x"]["visible_fraction"], seen["+x"]["visible_fraction"]) == (1.0, 0.0)
    assert seen["-x"]["solid_angle_sr"] == pytest.approx(math.sqrt(0.5) / 32, rel=0.03)
    lit = sources_of_table([seen["-x"]])[0]
    assert lit.irradiance_rgb == pytest.approx(
        np.array(seen["-x"]["radiance_rgb"]) * seen["-x"]["solid_angle_sr"], rel=1e-6
    )
    assert sources_of_table([seen["+x"]]) == []


@pytest.mark.parametrize(("shift", "hidden"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0)])
def test_a_lamp_across_the_edge_adds_both_sides(shift, hidden):
    """The frame's right edge runs through the panel; a card hides the part that is out of the frame."""
    s = stage()
    edge = 4 * 18 / 40  # half the sensor's width at 4 m
    light.panel(s, (edge + shift, 4, 0), (2, 0.5), facing="-y")
    if hidden:
        s.add(wall(3.9, edge, edge + 2), "card", material="brick_red")
    s.camera((0, 0, 0), (0, 9, 0), 40)
    (entry,) = table(s)
    assert entry["seen_by"] == "emission+rays"
    assert entry["visible_fraction"] == pytest.approx(1 - hidden, abs=0.07)


def test_rays_can_be_left_out_and_lamps_beside_the_axis_are_in_a_hoods_shadow():
    s = stage()
    light.bulb(s, (4, 4, 0))
    light.bulb(s, (9, 0.3, 0))
    s.camera((0, 0, 0), (0, 9, 0), 40)
    near, far = sorted(table(s), key=lambda e: e["direction"][2])
    assert (near["visible_fraction"], far["visible_fraction"]) == (1.0, 0.0)
    assert [e["seen_by"] for e in table(s, rays=False)] == [None, None]


def test_the_sun_out_of_frame_is_tried_with_rays():
    for height, expected in ((0.5, 1.0), (9.0, 0.0)):
        s = stage()
        sky.atmosphere(s, 40, 10)
        s.add(wall(5, -9, 9, -1, height), "wall", material="brick_red")
        s.camera((0, 0, 0.2), (0, 9, 0.2), 40)
        (sun,) = table(s)
        assert (sun["seen_by"], sun["visible_fraction"]) == ("rays", expected)
        assert sun["solid_angle_sr"] == pytest.approx(disc_sr(0.545), rel=1e-3)


def test_lamps_of_blender_are_never_seen():
    s = stage()
    light.bulb(s, (0, 4, 0))
    data = bpy.data.lights.new("point", "POINT")
    s.scene.collection.objects.link(bpy.data.objects.new("point", data))
    s.camera((0, -4, 0.5), (0, 9, 0.5), 40)
    point = next(e for e in table(s) if e["kind"] == "point")
    assert (point["visible_fraction"], point["seen_by"]) == (0.0, None)


def tris(body):
    points = np.array([v.co for v in body.data.vertices], np.float64)
    fans = [(p.vertices[0], p.vertices[k], p.vertices[k + 1]) for p in body.data.polygons
            for k in range(1, len(p.vertices) - 1)]  # fmt: skip
    return Triangles(points[np.array(fans)])


def test_solid_angles_of_a_sphere_a_tube_and_a_wide_panel():
    ball = tris(mesh.sphere("ball", (0.5, -0.3, -2), 0.4, 64)).solid_angle_sr()
    distance = math.sqrt(0.5**2 + 0.3**2 + 4)
    assert ball == pytest.approx(disc_sr(2 * math.degrees(math.asin(0.4 / distance))), rel=0.01)
    # A long thin tube at right angles: angular width 2 asin(r/d) falling off as cos, over its length.
    half, radius, away = 0.6, 0.013, 3.0
    tube = tris(mesh.tube("tube", (-half, 0, -away), (half, 0, -away), radius, sides=24)).solid_angle_sr()
    analytic = 2 * (radius / away) * 2 * math.sin(math.atan(half / away))
    assert tube == pytest.approx(analytic, rel=0.02)
    assert tube < 0.03 * disc_sr(math.degrees(2 * math.atan(half / away)))
    # Rectangle of half sides a, b at distance d on axis: 4 asin(ab / sqrt((a²+d²)(b²+d²))).
    for a, b, d in ((3.0, 2.0, 0.5), (0.2, 0.1, 4.0)):
        sheet = tris(mesh.sheet("s", [(-a, -b, -d), (a, -b, -d), (a, b, -d), (-a, b, -d)])).solid_angle_sr()
        assert sheet == pytest.approx(4 * math.asin(a * b / math.sqrt((a * a + d * d) * (b * b + d * d))), rel=1e-6)
    behind = tris(mesh.sphere("ball", (0.5, -0.3, 2), 0.4, 64)).solid_angle_sr()
    assert behind == pytest.approx(ball, rel=1e-6)


def test_overlapping_parts_count_once():
    one = mesh.sheet("a", [(-1, -1, -5), (1, -1, -5), (1, 1, -5), (-1, 1, -5)])
    points = [v.co[:] for v in one.data.vertices]
    both = mesh.from_data("b", [*points, *[(x, y, -5.01) for x, y, _ in points]], [range(4), range(4, 8)])
    assert tris(both).solid_angle_sr() == pytest.approx(tris(one).solid_angle_sr(), rel=0.02)
