"""Presets are data, the command lists them, and the bench's peer draws the same picture as we do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from syn_haze.bench import test_picture
from syn_haze.bench_peer import render_numpy
from syn_haze.cli import app
from syn_haze.effect import Haze, HazeParams
from syn_haze.presets import all_presets, load_preset, preset_names
from tests.syn_haze.common import photo
from uniser_core.codecs import decode_rgb8
from uniser_core.depth import quantize_metres
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator
from uniser_core.sheet import write_picture

if TYPE_CHECKING:
    from pathlib import Path

test_picture.__test__ = False  # type: ignore[attr-defined]


def test_there_are_even_and_uneven_presets_of_every_kind() -> None:
    found = all_presets()
    assert len(found) >= 40
    kinds = {"haze", "fog", "mist", "smog", "smoke", "dust", "low-lying", "night"}
    for group in ("homogeneous", "non-homogeneous"):
        assert {p.variant for p in found if p.group == group} == kinds
    assert {"night-fog", "ground-fog", "soot"} <= {p.name for p in found}
    assert all(p.about for p in found)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_renders(name: str) -> None:
    frame, effect = photo("coffee.png"), Haze().with_preset(name)
    out = effect.apply_srgb8(frame, effect.sample(generator(1), frame))
    assert out.std() > 5


def test_a_preset_of_ones_own_needs_no_python(tmp_path: Path) -> None:
    file = tmp_path / "harbour.yaml"
    file.write_text("about: sea fog\nvariant: fog\nvisibility_m: [40, 40]\ncontrast_threshold: 0.05\n")
    frame = photo("coffee.png")
    params = Haze().with_preset(str(file)).sample(generator(1), frame)
    assert (params.preset, params.variant, params.contrast_threshold) == ("harbour", "fog", 0.05)
    assert params.visibility_m == pytest.approx(40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("about: x\nvariant: frogs\n", "variant='frogs'"),
        ("about: x\nvariant: fog\noptical_depth: [2, 1]\n", "optical_depth"),
        ("about: x\nvariant: fog\noptical_depth: [0, 1]\n", "optical_depth"),
        ("about: x\nvariant: fog\nvisibility_m: [0, 1]\n", "visibility_m"),
        ("about: x\nvariant: fog\nnoise_octaves: [0, 99]\n", "noise_octaves"),
        ("about: x\nvariant: fog\ncolour: red\n", "colour"),
        ("- a\n", "mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_bad_presets_are_explained(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        load_preset(str(file))


@pytest.mark.parametrize("name", ["frogs", "../haze", "/no/file.yaml"])
def test_unknown_presets_list_the_known(name: str) -> None:
    with pytest.raises(InputError, match="dense-fog"):
        load_preset(name)


def test_presets_command_pipes_plain_lines_and_json() -> None:
    lines = CliRunner().invoke(app, ["presets"]).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == preset_names()
    listed = json.loads(CliRunner().invoke(app, ["presets", "--json"]).stdout)
    assert [p["name"] for p in listed] == preset_names()
    assert listed[0]["optical_depth"]


def test_the_command_is_light_to_import() -> None:
    code = "import sys, syn_haze.cli; print(sorted(m for m in ('numpy', 'numba', 'pydantic') if m in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"


def test_the_bench_peer_draws_the_same_picture() -> None:
    rgb8, depth_m = test_picture(160, 120)
    depth = quantize_metres(depth_m, "bench")
    frame = Frame("bench", 160, 120, {"rgb8": lambda: rgb8, "depth": lambda: depth})
    params = HazeParams(visibility_m=60.0, angstrom_exponent=1.2, airlight_rgb=(0.78, 0.8, 0.83))
    ours, peer = Haze().apply_srgb8(frame, params).astype(int), render_numpy(rgb8, depth_m, params).astype(int)
    assert np.abs(ours - peer).max() <= 1
    assert (ours == peer).mean() > 0.995


def test_the_sheet_shows_clean_and_variants(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    write_picture(str(tmp_path / "a.png"), rgb)
    out = tmp_path / "sheet.png"
    done = CliRunner().invoke(
        app, ["sheet", str(out), "--source", str(tmp_path / "a.png"), "--variants", "14", "--size", "40"]
    )
    assert done.exit_code == 0, done.output
    sheet = decode_rgb8(out.read_bytes())
    assert sheet.shape == (2 * (30 + 16), 13 * 40, 3)
    cells = [sheet[y : y + 30, x : x + 40] for y in (0, 46) for x in range(0, 520, 40)][:15]
    assert all((cell != cells[0]).any() for cell in cells[1:])
