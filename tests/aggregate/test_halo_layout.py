"""The published HALO layout: what we export is what its loaders read, and comes back without loss."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aggregate.importers.halo import HaloTars
from halo_render.layout import export
from tests.cli import uniser
from uniser_core import codecs, engine, registry
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator
from uniser_core.shard import PairSet, ShardWriter

KINDS = ("reflective", "glare", "streak", "shimmer")
VIEWS = (("street_03", "camera01"), ("street_03", "camera02"), ("my scene", "camera01"))


class GlowParams(EffectParams):
    variant: str


class Glow:
    """A level of light over everything, its kind by turns."""

    Params = GlowParams

    def sample(self, rng, frame):
        return GlowParams(variant=KINDS[int(rng.integers(4))])

    def apply(self, frame, params):
        glow = np.full_like(frame.rgb_HWC, 0.1 * (1 + KINDS.index(params.variant)))
        return Layers(frame.rgb_HWC + glow, additive=glow)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Two scenes, three views, five additive effects of each."""
    registered = dict(registry.EFFECTS)
    kind = effect("layout-glow", dataset="HALO", prompt="Remove lens flare.")(Glow)
    registry.EFFECTS.clear()
    registry.EFFECTS.update(registered)
    kind.name = "flare"
    folder = tmp_path_factory.mktemp("pairs")
    writer = ShardWriter(folder / "part-00000.parquet")
    for number, (scene, camera) in enumerate(VIEWS):
        light = generator(number).uniform(0, 3, (24, 32, 3)).astype(np.float32)
        facts = {"scene_id": scene, "camera_id": camera}
        channels = {"rgb": lambda light=light: light}
        frame = Frame(f"{scene}-{camera}", 32, 24, channels, group_id=scene, kind="render", facts=facts)
        writer.write_item(engine.render_rows(kind(), frame, engine.RenderOptions(variants=5)).rows)
    writer.close()
    return folder


def test_members_have_the_published_names_and_pictures(pairs, tmp_path):
    assert export(str(pairs), str(tmp_path / "out")) == {"samples": 15, "shards": 1}
    first = next(PairSet(str(pairs)).rows())
    with tarfile.open(tmp_path / "out/shards/shard-00000.tar") as archive:
        names = archive.getnames()
        base = names[0].partition(".")[0]
        kind = first["variant"].capitalize()
        assert base.endswith(f"_{kind}000_camera01")
        assert base.startswith("halo/Scene0")
        facts = json.load(archive.extractfile(f"{base}.json"))
        assert facts["effect_type"] == kind
        assert archive.extractfile(f"{base}.gt.png").read() == first["target"]["bytes"]
        shown = np.asarray(Image.open(io.BytesIO(archive.extractfile(f"{base}.separate.png").read())))
    level = 0.1 * (1 + KINDS.index(first["variant"])) * 2.0 ** json.loads(first["params"])["camera"]["exposure_ev"]
    assert shown.std(axis=(0, 1)) == pytest.approx([0, 0, 0])
    assert shown.mean() == pytest.approx(255 * (1.055 * level ** (1 / 2.4) - 0.055), abs=6)
    assert {n.partition("_")[0] for n in names if "_camera01" in n} == {base.partition("_")[0], "halo/Scene501"}
    index = json.loads((tmp_path / "out/shard_index.json").read_text())
    assert index["shards"] == {"shards/shard-00000.tar": 15}
    assert index["scenes"]["Scene501"] == "my scene"


def test_what_was_exported_is_read_back_without_loss(pairs, tmp_path):
    export(str(pairs), str(tmp_path / "out"), shard_bytes=20_000)
    assert len(list((tmp_path / "out/shards").iterdir())) > 1
    uniser("import", "halo", tmp_path / "out", "--out", tmp_path / "back", "--workers", 1)
    ours = {r["pair_id"]: r for r in PairSet(str(pairs)).rows()}
    back = {r["pair_id"]: r for r in PairSet(str(tmp_path / "back")).rows()}
    assert ours.keys() == back.keys()
    pictures = ("input", "target", "layer", "mask", "depth")
    for name, row in ours.items():
        assert {k: v for k, v in row.items() if k not in pictures} == {
            k: v for k, v in back[name].items() if k not in pictures
        }
        for column in pictures:
            assert (row[column] or {}).get("bytes") == (back[name][column] or {}).get("bytes"), column
    uniser("pairs", "check", tmp_path / "back", "--replay", 0)


def test_a_foreign_tar_of_rgba_pictures_becomes_rows(tmp_path):
    (tmp_path / "shards").mkdir()
    clean = np.full((16, 16, 4), 255, np.uint8)
    clean[..., :3] = generator(1).integers(0, 180, (16, 16, 3))
    flared = clean.copy()
    flared[..., :3] += 60
    layer = np.full((16, 16, 4), 60, np.uint8)
    with tarfile.open(tmp_path / "shards/shard-00000.tar", "w") as archive:
        for end, data in {
            "gt.png": png(clean),
            "flare.png": png(flared),
            "separate.png": png(layer),
            "json": json.dumps({"scene": "Scene007", "sample_id": 4}).encode(),
        }.items():
            info = tarfile.TarInfo(f"halo/Scene007_Shimmer12_camera3.{end}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (row,) = HaloTars(str(tmp_path), {}).process("Scene007_camera3").rows
    assert (row["variant"], row["group_id"], row["width"]) == ("shimmer", "Scene007", 16)
    assert row["psnr_db"] == pytest.approx(20 * np.log10(255 / 60), abs=0.01)
    linear = codecs.decode_exr(row["layer"]["bytes"])
    assert float(linear.mean()) == pytest.approx(((60 / 255 + 0.055) / 1.055) ** 2.4, rel=1e-2)


def test_a_sample_without_its_partner_is_set_aside(pairs, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("halo/Scene001_Glare1_camera1.gt.png")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    ((name, reason),) = HaloTars(str(tmp_path / "a.tar"), {}).process("Scene001_camera1").failed
    assert name == "Scene001_Glare1_camera1"
    assert "no flare.png" in reason
    done = uniser("import", "halo", tmp_path, "--out", tmp_path / "back", "--workers", 1, code=3)
    assert "flare.png" in done.stdout


@pytest.mark.parametrize("content", [None, b"not a tar"])
def test_a_wrong_root_says_what_was_expected(tmp_path, content):
    if content:
        (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(InputError, match="tar"):
        HaloTars(str(tmp_path), {})


def test_other_effects_are_not_exported(tmp_path, pairs):
    row = {**next(PairSet(str(pairs)).rows()), "effect": "haze"}
    writer = ShardWriter(tmp_path / "part-00000.parquet")
    writer.write_item([row])
    writer.close()
    done = uniser("pairs", "export", tmp_path, "--layout", "halo", "--out", tmp_path / "out", code=2)
    assert "haze" in done.stderr


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
