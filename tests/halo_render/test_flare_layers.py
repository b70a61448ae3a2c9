"""Published flare layers: which files count, linear light, soft borders, and their light on a light."""

import cv2
import numpy as np
import pytest

from halo_render import flare_layers
from halo_render.flare import Choice, Flare
from halo_render.flare_params import LayerFile
from tests.cli import uniser
from tests.halo_render.flare_frames import SIZE, photo, scene
from uniser_core.color import decode_srgb8, luminance
from uniser_core.errors import InputError
from uniser_core.registry import points
from uniser_core.seeding import generator
from uniser_core.shard import PairSet


@pytest.fixture
def folder(tmp_path):
    """Two layers in the style of Flare7K, a light source that is none, and a test picture."""
    y, x = np.mgrid[:160, :160]
    far = np.hypot(y - 60, x - 100)
    glow = 255 * np.exp(-far / 14)[..., None] * np.array([0.6, 0.9, 1.0]) + 9  # a pedestal, as in those sets
    for name in (
        "Scattering_Flare/Compound_Flare/000001",
        "Reflective_Flare/000002",
        "Light_Source/000001",
        "test/gt/1",
    ):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), glow.astype(np.uint8))
    return tmp_path


def test_only_flares_are_listed(folder, tmp_path_factory):
    assert flare_layers.list_layers(str(folder)) == (
        "Reflective_Flare/000002.png",
        "Scattering_Flare/Compound_Flare/000001.png",
    )
    assert flare_layers.kind_of("Reflective_Flare/000002.png") == "reflective"
    assert flare_layers.kind_of("Scattering_Flare/Glare_with_shimmer/1.png") == "shimmer"
    assert flare_layers.kind_of("Scattering_Flare/Compound_Flare/1.png") == "glare"
    assert flare_layers.layers_of(str(folder), ("glare",)) == ("Scattering_Flare/Compound_Flare/000001.png",)
    with pytest.raises(InputError, match="no layer of streak"):
        Choice.parse(f"streak;layers={folder}")
    with pytest.raises(InputError, match="holds no"):
        flare_layers.list_layers(str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(InputError, match="is not a folder"):
        Choice.parse(f"all;layers={folder}/none")


def test_layers_are_linear_without_pedestal_and_fade_at_their_borders(folder):
    data = (folder / "Reflective_Flare/000002.png").read_bytes()
    layer = flare_layers.decode_layer(data, "x")
    assert layer.min() == 0
    assert max(layer[0].max(), layer[-1].max(), layer[:, 0].max(), layer[:, -1].max()) < 1e-4
    stored = decode_srgb8(np.ascontiguousarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1)[..., ::-1]))
    low, high = stored.min(axis=(0, 1)), stored.max(axis=(0, 1))
    expected = (stored - low) * high / (high - low)
    assert layer[50:90, 60:110] == pytest.approx(expected[50:90, 60:110], abs=1e-6)


@pytest.mark.parametrize("rotation_deg", [0.0, 77.0])
def test_the_layers_light_lies_where_it_is_put(folder, rotation_deg):
    path = "Reflective_Flare/000002.png"
    placed = LayerFile(
        path=path, scale=1.2, rotation_deg=rotation_deg, shear_deg=10, flip=True, centre_x=0.3, centre_y=0.6
    )
    made = luminance(flare_layers.compose(placed, str(folder), SIZE[1], SIZE[0]))
    y, x = np.unravel_index(made.argmax(), made.shape)
    assert np.hypot(x + 0.5 - 0.3 * SIZE[1], y + 0.5 - 0.6 * SIZE[0]) < 2
    # No hard border anywhere: neighbouring pixels are alike.
    assert np.abs(np.diff(made[:, :20], axis=1)).max() < 0.05


def test_a_changed_file_is_refused(folder):
    placed = LayerFile(path="Reflective_Flare/000002.png", digest="00")
    with pytest.raises(InputError, match="is not the file that was drawn"):
        flare_layers.compose(placed, str(folder), 64, 64)


@pytest.mark.parametrize("make", [scene, photo])
def test_layers_sit_on_a_light_and_keep_the_identity(folder, make):
    frame = make()
    effect = Flare(Choice.parse(f"all;layers={folder}"))
    params = effect.sample(generator(3), frame)
    layer = params.layer_files[0]
    assert layer.light_index in (0, 1)
    assert layer.digest
    layers = effect.apply(frame, params)
    clean = frame.rgb_HWC if layers.clean is None else layers.clean
    assert np.abs(clean + layers.additive - layers.degraded).max() <= 1e-6 * max(1.0, layers.degraded.max())
    assert np.array_equal(layers.degraded, effect.apply(make(), params).degraded)


@pytest.mark.skipif("flare" not in points("uniser.effects"), reason="installed before the effect was: pip install -e .")
def test_command_line_on_a_folder_of_photos(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    for name, frame in (("lamps", photo()), ("dull", photo(lamps=()))):
        cv2.imwrite(str(place / f"{name}.png"), frame.rgb8_HWC[..., ::-1])
    command = ("halo", "render", "--source", place, "--variants", 2, "--workers", 1)
    ran = uniser(*command, "--kinds", "glare,shimmer", "--out", place / "P")
    assert "2 refused" in ran.stdout + ran.stderr
    rows = list(PairSet(str(place / "P")).rows(["variant", "effect", "dataset", "params"]))
    assert [r["effect"] for r in rows] == ["flare"] * 2
    assert {r["variant"] for r in rows} <= {"glare", "shimmer"}
    uniser(*command, "--flare-layers", folder, "--out", place / "L")
    assert "layer_files" in next(iter(PairSet(str(place / "L")).rows(["params"])))["params"]
    wrong = uniser("halo", "render", "--out", place / "X", code=2)
    assert "needs --frames F or --source S" in wrong.stderr
