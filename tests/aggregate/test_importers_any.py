"""Pictures, alignment, composed flares, sets of any kind, and what the documentation says."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from published_trees import (
    all_rows,
    as_folder,
    as_tar,
    as_zip,
    clean,
    encode,
    flare_layer,
    imported,
    mask,
    open_set,
    pairs_in,
    shaded,
    shadow_files,
    veiled,
)

from aggregate.importers.align import alignment
from aggregate.importers.job import importer_kind, listing
from aggregate.importers.matching import join
from aggregate.importers.published import PublishedPicture
from tests.cli import ROOT
from uniser_core.codecs import decode_exr, decode_rgb8
from uniser_core.errors import InputError
from uniser_core.shard import PairSet


def test_pictures_that_every_decoder_reads_alike_keep_their_bytes_and_others_become_png(tmp_path):
    from PIL import Image

    rgb8 = clean(0)
    kept = {"png": encode(rgb8), "jpg": encode(rgb8, "jpg")}
    for kind, data in kept.items():
        assert PublishedPicture.read(data, kind).blob == data
    grey = encode(rgb8[..., 0])
    sixteen = io.BytesIO()
    Image.fromarray(rgb8[..., 0].astype(np.uint16) * 257).save(sixteen, "PNG")
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgb8).save(turned, "PNG", exif=exif)
    bitmap = io.BytesIO()
    Image.fromarray(rgb8).save(bitmap, "BMP")
    alpha = encode(np.dstack([rgb8, np.full(rgb8.shape[:2], 255, np.uint8)]))
    assert PublishedPicture.read(alpha, "alpha").blob == alpha
    wanted = {"grey": np.repeat(rgb8[..., :1], 3, 2), "turned": np.rot90(rgb8, 3), "bitmap": rgb8}
    given = {"grey": grey, "turned": turned.getvalue(), "bitmap": bitmap.getvalue(), "sixteen": sixteen.getvalue()}
    for kind, data in given.items():
        made = PublishedPicture.read(data, kind)
        assert made.blob != data
        assert (decode_rgb8(made.blob) == wanted.get(kind, wanted["grey"])).all()


def test_a_profile_an_orientation_or_a_key_colour_is_never_overlooked():
    from PIL import Image, ImageCms

    from uniser_core.decode_checks import simple_header

    picture = Image.fromarray(clean(0))
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind, plain in (("JPEG", {"quality": 90}), ("JPEG", {"progressive": True}), ("PNG", {})):
        for more in ({}, {"exif": exif}, {"icc_profile": profile}, {"transparency": (1, 2, 3)}):
            stream = io.BytesIO()
            picture.save(stream, kind, **plain, **more)
            simple = not more or (kind == "JPEG" and "transparency" in more)
            assert simple_header(stream.getvalue(), kind.lower()) == (picture.size if simple else None)
    grey, inks = io.BytesIO(), io.BytesIO()
    picture.convert("L").save(grey, "JPEG")
    picture.convert("CMYK").save(inks, "JPEG")
    assert simple_header(grey.getvalue(), "jpeg") is simple_header(inks.getvalue(), "jpeg") is None
    assert simple_header(b"\xff\xd8\xff\xe0", "jpeg") is None


def test_alignment_finds_the_shift_under_a_shadow_and_under_haze():
    photo = skimage.data.astronaut()
    away = np.roll(photo, (3, 4), (0, 1))
    for degrade in (shaded, veiled):
        at_home, moved = alignment(degrade(photo), photo), alignment(degrade(away), photo)
        assert at_home.px < 0.5
        assert at_home.score > 0.7
        assert moved.px == pytest.approx(5, abs=0.3)
    assert alignment(np.ascontiguousarray(photo[::-1]), photo).score < 0.2
    assert alignment(np.full((64, 64, 3), 9, np.uint8), photo[:64, :64]).px is None


def test_a_corpus_leaves_out_misaligned_pairs_of_the_sources_that_the_recipe_names(tmp_path, recipe_of):
    from aggregate.build import build

    photo = skimage.data.astronaut()[100:356, 100:420]
    shadow = shaded(photo)
    files = {f"train/shadow/{n}.png": encode(p) for n, p in (("near", shadow), ("far", np.roll(shadow, 6, 1)))}
    files |= {f"train/shadow_free/{n}_no_shadow.png": encode(photo - np.uint8(n == "far")) for n in ("near", "far")}
    imported("srd", as_folder(tmp_path / "srd", files), "--out", tmp_path / "rows", "--workers", 1)
    source = str(tmp_path / "rows")
    for limit, kept in ((2.0, 1), ({source: 2.0}, 1), ({source: 10.0}, 2), ({}, 2)):
        recipe = recipe_of(source, max_misalignment_px=limit)
        summary = build(
            recipe, str(tmp_path / f"corpus-{json.dumps(limit).count('1')}-{kept}-{isinstance(limit, dict)}")
        )
        assert summary.manifest["rows"] == kept
        assert summary.manifest["rejected"].get("misaligned", 0) == 2 - kept
    with pytest.raises(InputError, match="max_misalignment_px"):
        recipe_of(source, max_misalignment_px={"elsewhere": 1})


def layers_root(folder: Path) -> Path:
    glow, lamp = flare_layer(240), flare_layer(240, lamp=True)
    files = {"Flare7K/Reflective_Flare/000000.png": flare_layer(240)}
    for part in ("Flare7K/Scattering_Flare", "Flare-R"):
        for n in (1, 2):
            files[f"{part}/Compound_Flare/glare_00000{n}.png"] = glow
            files[f"{part}/Light_Source/00000{n}.png"] = lamp
    files |= {"Flare2D/Compound_Flare/flare_03.png": glow, "Flare2D/Light_Source/light_03.png": lamp}
    return as_folder(folder, files)


@pytest.mark.parametrize("name", ["flare7k", "flare7k++", "flarex"])
def test_flares_are_laid_over_a_background_folder_in_linear_light(tmp_path, name):
    root = layers_root(tmp_path / "layers")
    as_folder(tmp_path / "photos", {f"{n}.png": encode(clean(n, 96) // 2) for n in (1, 2)})
    options = {"background": str(tmp_path / "photos"), "variants": 2, "crop": 96}
    rows, failed = all_rows(open_set(name, root, **options))
    assert not failed
    again, _ = all_rows(open_set(name, root, **options))
    assert rows == again
    other, _ = all_rows(open_set(name, root, **options, seed=5))
    assert not {r["input_sha256"] for r in rows.values()} & {r["input_sha256"] for r in other.values()}
    assert len(rows) == 4
    brightest = 0
    for row in rows.values():
        assert (row["effect"], row["origin"], row["width"], row["height"]) == ("flare", "synthesis_2d", 96, 96)
        params = json.loads(row["params"])
        assert params["lamp"] is None or params["lamp"][-5:] == params["layer"][-5:]
        linear = [((decode_rgb8(row[c]["bytes"]) / 255 + 0.055) / 1.055) ** 2.4 for c in ("input", "target")]
        added = linear[0] - linear[1]
        inside = (decode_rgb8(row["input"]["bytes"]) < 250) & (decode_rgb8(row["target"]["bytes"]) > 12)
        layer = decode_exr(row["layer"]["bytes"]).astype(float)
        assert np.abs(added - layer)[inside].max() < 0.012  # half an 8-bit step of each, in linear light
        assert (layer >= 0).all()
        brightest = max(brightest, layer.max())
        if params["kind"] == "flare-r" or name == "flarex":
            assert params["lamp"] is not None
            assert params["rotation_deg"] == 0 or name != "flarex"
    assert brightest > 0.05


def test_any_pairs_by_glob_and_expression(tmp_path):
    files = pairs_in(
        "x/foggy", "x/sunny", [("0007_a.png", "0007.jpg"), ("0007_b.png", "0007.jpg"), ("12-3_c.png", "12-3.jpg")]
    )
    files["x/other/0007_z.png"] = encode(clean(4))
    root = as_zip(tmp_path / "mine.zip", files)
    options = {
        "input_glob": "foggy/*_?.png",
        "target_glob": "x/**/*.jpg",
        "match": r"^(\d+(?:-\d+)?)",
        "effect": "haze",
    }
    importer = open_set("generic", root, **options, license="CC0-1.0", split="train", group=r"^\d+", dataset="Mine")
    rows, failed = all_rows(importer)
    assert not failed
    assert sorted(rows) == [
        "Mine/train/0007/haze-0007_a", "Mine/train/0007/haze-0007_b", "Mine/train/12-3/haze-12-3_c",
    ]  # fmt: skip
    row = rows["Mine/train/12-3/haze-12-3_c"]
    assert (row["group_id"], row["license"], row["split"]) == ("Mine/12", "CC0-1.0", "train")


def test_any_pairs_by_table(tmp_path):
    files = pairs_in("in", "out", [("a.png", "b.png"), ("c.png", "b.png"), ("d.png", "e.png")])
    root = as_folder(tmp_path / "mine", files)
    table = tmp_path / "pairs.csv"
    table.write_text(
        "\ufeffinput,target,effect,split,group_id,variant\nin/a.png,out/b.png,haze,train,g1,fog\n"
        "in/c.png,out/b.png,rain,train,g1,\nin/d.png,out/e.png,haze,test,g2,fog\nin/x.png,out/y.png,haze,,,\n"
    )
    importer = open_set("generic", root, csv=str(table))
    rows, failed = all_rows(importer)
    assert not failed
    assert {(r["source_uri"], r["effect"], r["split"], r["group_id"]) for r in rows.values()} == {
        ("in/a.png", "haze", "train", "g1"), ("in/c.png", "rain", "train", "g1"), ("in/d.png", "haze", "test", "g2"),
    }  # fmt: skip
    assert "in/x.png, out/y.png" in importer.warnings[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--input-glob"),
        ({"input_glob": "a/*", "target_glob": "b/*"}, "--effect"),
        ({"input_glob": "a/*", "target_glob": "b/*", "effect": "haze", "match": "("}, "regular expression"),
        ({"csv": "x.csv", "match": "a"}, "--match"),
        ({"input_glob": "a/*", "target_glob": "b/*", "effect": "haze", "split": "best"}, "--split best"),
        ({"input_glob": "a/*", "target_glob": "b/*", "effect": "haze"}, "holds no pair"),
        ({"csv": "missing.csv", "effect": "haze"}, "does not exist"),
    ],
)
def test_options_that_do_not_fit_say_so(tmp_path, options, words):
    as_folder(tmp_path / "r", shadow_files())
    with pytest.raises(InputError) as caught:
        open_set("generic", tmp_path / "r", **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("input,targets\na,b\n", "column 'targets'"),
        ("input,target\n", "0 rows"),
        ("input,target\na.png,\n", "row 2"),
        ("input,target\na.png,b.png\na.png,c.png\n", "a.png"),
        ("input,target,split\na.png,b.png,best\n", "split best"),
    ],
)
def test_bad_tables_say_where(tmp_path, text, words):
    as_folder(tmp_path / "r", shadow_files())
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        open_set("generic", tmp_path / "r", csv=str(tmp_path / "t.csv"), effect="haze")
    assert words in str(caught.value)


def test_the_example_in_the_documentation_imports_its_set(tmp_path):
    text = (ROOT / "docs/importers.md").read_text()
    code = text[text.index("```python\n") + 10 :]
    code = code[: code.index("```")]
    assert len(code.splitlines()) <= 32
    (tmp_path / "real20.py").write_text(code)
    files = pairs_in("real20_420/blended", "real20_420/transmission_layer", [("3.jpg", "3.jpg"), ("12.jpg", "12.jpg")])
    files |= pairs_in("train/real/blended", "train/real/transmission_layer", [("77.jpg", "77.jpg")])
    root = as_folder(tmp_path / "root", files)
    done = imported(tmp_path / "real20.py", root, "--out", tmp_path / "out", "--workers", 1)
    assert "test: 2 pairs, expected 20" in done.stderr
    assert "numbers missing: 4, 5, 6, 7, 8, 9, 10, 11" in done.stderr
    rows = {r["pair_id"]: r["split"] for r in PairSet(str(tmp_path / "out")).rows()}
    assert rows == {
        "Real20/test/12/reflection": "test", "Real20/test/3/reflection": "test", "Real20/train/77/reflection": "train",
    }  # fmt: skip


def test_the_documentation_names_every_importer_with_its_terms():
    lines = (ROOT / "docs/importers.md").read_text().splitlines()
    table = {line.split("`")[1]: line for line in lines if line[:3] == "| `" and line.count(" | ") == 5}
    for row in listing():
        assert row["effect"] in table[row["name"]]
        assert row["name"] == "generic" or f"| {row['license']} |" in table[row["name"]]


SETS = {r["name"]: importer_kind(r["name"]) for r in listing() if r["name"] not in ("halo", "generic")}
NAMES = st.text("abmgrzé雨_-. 0123456789", min_size=1, max_size=12).filter(lambda s: not s.startswith("."))
FOLDERS = ("hazy", "clear", "GT", "gt", "blended", "transmission_layer", "train_A", "train_C", "shadow", "shadow_free")
PATHS = st.lists(
    st.tuples(st.sampled_from((*FOLDERS, "Postcard", "test", "train")), NAMES, st.sampled_from(["png", "JPG", "txt"])),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(PATHS)
def test_a_rule_never_loses_or_doubles_a_file_whatever_its_name(parts):
    paths = sorted({f"{folder}/{name}.{end}" for folder, name, end in parts})
    for kind in SETS.values():
        for rule in (rule for part in kind.parts for rule in part.layouts):
            items = join(paths, rule)
            placed = [p for i in items.values() for p in (*i.targets, *(q for v in i.inputs.values() for q in v))]
            assert len(placed) == len(set(placed))
            assert set(placed) == {p for p in paths if p[-3:] != "txt" and _role(rule, p) in ("input", "target")}
            assert join(reversed(paths), rule).keys() == items.keys()


def _role(rule, path):
    return next((role for role in ("input", "target", "mask") if rule.match(role, path)), None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=12, unique_by=lambda p: "-".join(p).lower()))
def test_sir2_partners_differ_in_one_token_alone(names):
    (part,) = [p for p in SETS["sir2"].parts if p.name == "postcard"]
    for before, after in names:
        one, two = (f"Postcard/{before}-{tag}-{after}.png" for tag in "mg")
        found = part.layouts[2].match("input", one), part.layouts[2].match("target", two)
        if "m" not in before.lower().split("-") + after.lower().split("-") and "g" not in before.lower().split(
            "-"
        ) + after.lower().split("-"):
            assert found[0] is not None
            assert found[0].key == found[1].key


def test_imported_sets_build_one_corpus_whatever_the_partitions(tmp_path, recipe_of):
    from aggregate.build import build
    from aggregate.check import check_corpus

    istd = shadow_files() | {f"train/train_B/{n}.png": mask() for n in ("1-1", "1-2", "2-1")}
    its = pairs_in("hazy", "clear", [("5_1_0.9.png", "5.png"), ("5_2_0.8.png", "5.png"), ("6_1_0.7.png", "6.png")])
    photos = as_folder(tmp_path / "photos", {"p.png": encode(clean(6, 64))})
    flares = ("--background", photos, "--crop", 64, "--variants", 2)
    for name, root, more in (
        ("istd", as_zip(tmp_path / "istd.zip", istd), ()),
        ("reside-its", as_tar(tmp_path / "its.tar", its), ()),
        ("flare7k++", layers_root(tmp_path / "layers"), flares),
    ):
        imported(name, root, "--out", tmp_path / "rows" / name, "--workers", 1, *more)
    recipe = recipe_of(*(str(tmp_path / "rows" / n) for n in ("istd", "reside-its", "flare7k++")))
    made = []
    for partitions in (1, 7):
        out = tmp_path / f"corpus-{partitions}"
        summary = build(recipe, str(out), partitions=partitions)
        assert summary.manifest["rows"] == 8
        assert check_corpus(str(out)).problems == []
        made.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert made[0] == made[1]
