"""The table of what is in each scene says what building the scene finds, and files are looked into when listed."""

import json

import pytest

from halo_render.scene_facts import bundled, lights_text, survey
from halo_render.scenes import all_scenes, find_scenes
from tests.cli import uniser

pytest.importorskip("bpy")

PYRAMID = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nv 0 0 1.5\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\nf 4 3 2 1\n"


@pytest.mark.parametrize("names", ["corridor_02,living_room_03", pytest.param("all", marks=pytest.mark.slow)])
def test_the_table_is_what_the_recipes_build(names):
    scenes = [s for s in find_scenes(names) if not s.path]
    assert list(survey(scenes)) == [bundled()[s.scene_id] for s in scenes]


def test_every_recipe_is_listed_with_lights_and_licence():
    rows = json.loads(uniser("halo", "scenes", "--json").stdout)
    assert [r["scene"] for r in rows] == [s.scene_id for s in all_scenes()]
    assert [r["scene"] for r in rows if not r["lights"] or "CC0-1.0" not in r["license"]] == []
    plain = uniser("halo", "scenes", "--scene", "living_room_03").stdout
    assert plain.startswith("living_room_03  living_room  indoor  ")
    assert lights_text(rows[[r["scene"] for r in rows].index("living_room_03")]["lights"]) in plain


def test_own_files_are_looked_into(tmp_path):
    lit = tmp_path / "lit – ü.obj"
    lit.write_text("mtllib lit.mtl\nusemtl glow\n" + PYRAMID)
    (tmp_path / "lit.mtl").write_text("newmtl glow\nKd 1 1 1\nKe 5 5 5\n")
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER but not really")
    row = json.loads(uniser("halo", "scenes", "--scene", lit, "--json").stdout)[0]
    assert row["lights"] == {"emissive": 1}
    told = json.loads(uniser("halo", "scenes", "--scene", broken, "--json").stdout)[0]
    assert told["lights"] is None
    assert "cannot be opened" in told["about"]
