"""`uniser import` as a command: what is set aside, warned of, resumed; archives in place; hostile ones harmless."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import skimage.data
from published_trees import (
    all_rows,
    as_folder,
    as_tar,
    as_zip,
    clean,
    encode,
    flare_layer,
    open_set,
    pair,
    pairs_in,
    shaded,
    veiled,
)

from aggregate.importers.align import alignment
from aggregate.importers.published import PublishedPicture
from tests.cli import uniser
from uniser_core.codecs import decode_exr, decode_rgb8
from uniser_core.errors import InputError
from uniser_core.shard import PairSet


def shadow_files(split="train", names=("1-1", "1-2", "2-1")):
    files = {}
    for number, name in enumerate(names):
        for role, data in zip("AC", pair(number, degrade=shaded), strict=True):
            files[f"{split}/{split}_{role}/{name}.png"] = data
    return files


def test_what_cannot_be_made_is_set_aside_with_its_reason_and_nothing_stops(tmp_path):
    files = shadow_files(names=("1-1", "1-2", "2-1", "3-1", "3-2", "4-1"))
    del files["train/train_C/1-2.png"], files["train/train_A/4-1.png"]
    files["train/train_A/2-1.png"] = files["train/train_A/2-1.png"][:900]
    files["train/train_C/3-1.png"] = encode(clean(3, 32))
    files["train/train_A/3-2.png"] = b"<html>not found</html>"
    as_folder(tmp_path / "istd", files)
    done = uniser("import", "istd", tmp_path / "istd", "--out", tmp_path / "out", "--workers", 1, code=3)
    rows = list(PairSet(str(tmp_path / "out")).rows())
    assert [r["pair_id"] for r in rows] == ["ISTD/train/1-1/shadow"]
    reasons = {r["item"]: r["error"] for r in pq.read_table(tmp_path / "out/_run/failed.parquet").to_pylist()}
    for name, words in {
        "train/train_A/1-2.png": "no target",
        "train/train_C/4-1.png": "no input",
        "train/train_A/2-1.png": "ends too early",
        "train/train_A/3-1.png": "64x48: its target is 48x32",
        "train/train_A/3-2.png": "not a picture",
    }.items():
        assert words in reasons.pop(name)
    assert not reasons
    assert "train: 5 inputs, expected 1330" in done.stderr
    assert "no target for train/train_A/1-2.png" in done.stderr
    uniser("pairs", "check", tmp_path / "out", "--replay", 0)


def test_one_bad_variant_takes_no_other_with_it(tmp_path):
    files = pairs_in("hazy", "clear", [("1_1_0.9.png", "1.png"), ("1_2_0.8.png", "1.png"), ("1_3_0.7.png", "1.png")])
    files["hazy/1_2_0.8.png"] = files["hazy/1_2_0.8.png"][:-50]
    rows, failed = all_rows(open_set("reside-its", as_folder(tmp_path, files)))
    assert len(rows) == 2
    assert [name for name, _ in failed] == ["hazy/1_2_0.8.png"]


@pytest.mark.parametrize("form", ["stored zip", "deflated zip", "tar", "folder of both"])
def test_archives_in_place_hold_the_same_rows(tmp_path, form):
    files = shadow_files() | shadow_files("test", ("91-1",))
    named = {f"ISTD_Dataset/{n}": d for n, d in files.items()}
    if form == "tar":
        root = as_tar(tmp_path / "istd.tar", named)
    elif form == "folder of both":
        root = tmp_path / "mixed"
        as_tar(root / "parts/test.tar", {n: d for n, d in named.items() if "/test/" in n})
        as_zip(root / "train.zip", {n: d for n, d in named.items() if "/train/" in n})
    else:
        root = as_zip(tmp_path / "istd.zip", named, zipfile.ZIP_STORED if "stored" in form else zipfile.ZIP_DEFLATED)
    before = sorted(tmp_path.rglob("*"))
    packed, failed = all_rows(open_set("istd", root))
    assert not failed
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked
    loose, _ = all_rows(open_set("istd", as_folder(tmp_path / "loose", files)))
    assert packed.keys() == loose.keys()
    for name, row in loose.items():
        differ = {k for k, v in row.items() if packed[name][k] != v}
        assert differ == {"source_uri"}


def test_a_set_may_lie_in_several_places(tmp_path):
    files = shadow_files()
    inputs = as_zip(tmp_path / "a.zip", {n: d for n, d in files.items() if "_A/" in n})
    targets = as_folder(tmp_path / "b", {n: d for n, d in files.items() if "_C/" in n})
    with pytest.raises(InputError, match=r"3 inputs and 0 targets by their names"):
        open_set("istd", inputs)
    rows, failed = all_rows(open_set("istd", inputs, also=(str(targets),)))
    assert (len(rows), failed) == (3, [])


def test_the_same_file_twice_is_one_and_two_files_of_one_name_a_quarrel(tmp_path):
    files = shadow_files()
    as_folder(tmp_path, files)
    other = dict(files)
    other["train/train_C/2-1.png"] = encode(clean(5))
    as_zip(tmp_path / "copy.zip", other)
    rows, failed = all_rows(open_set("istd", tmp_path))
    assert sorted(rows) == ["ISTD/train/1-1/shadow", "ISTD/train/1-2/shadow"]
    ((_, reason),) = failed
    assert "other bytes" in reason


def test_names_in_any_language(tmp_path):
    names = ["été", "雨の街", "тень 1", "a.b.c"]
    files = pairs_in("train/hazy", "train/GT", [(f"{n}.png", f"{n}.png") for n in names])
    files["train/GT/e\u0301te\u0301.png"] = files.pop("train/GT/été.png")  # as Macs write it
    for root in (
        as_folder(tmp_path / "loose", files),
        as_zip(tmp_path / "z.zip", files),
        as_tar(tmp_path / "t.tar", files),
    ):
        rows, failed = all_rows(open_set("reside-6k", root))
        assert not failed
        assert sorted(rows) == sorted(f"RESIDE-6K/train/{n}/haze" for n in names)
    uniser("import", "reside-6k", tmp_path / "t.tar", "--out", tmp_path / "out", "--workers", 1)
    assert {r["source_uri"] for r in PairSet(str(tmp_path / "out")).rows()} == {f"t/train/hazy/{n}.png" for n in names}


def test_hostile_archives_are_harmless(tmp_path):
    files = shadow_files()
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"../../{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (("train/train_A/9-1.png", "/etc/passwd"), ("train/train_C/9-1.png", "/etc/passwd")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        device = tarfile.TarInfo("train/train_A/8-1.png")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/evil.tar").write_bytes(evil.getvalue())
    importer = open_set("istd", tmp_path / "in")
    rows, failed = all_rows(importer)
    assert (len(rows), failed) == (3, [])
    assert all(".." not in r["source_uri"] for r in rows.values())
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_zips_with_links_repeats_and_absurd_sizes(tmp_path):
    files = shadow_files(names=("1-1", "1-2", "2-1", "3-1"))
    path = as_zip(tmp_path / "in/x.zip", files)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        link = zipfile.ZipInfo("train/train_A/9-1.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("train/train_A/1-2.png", encode(clean(5)))
    raw = path.read_bytes()
    at = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02"))
    for _ in range(list(files).index("train/train_A/3-1.png")):
        at = raw.index(b"PK\x01\x02", at + 4)
    path.write_bytes(raw[: at + 24] + (2**31).to_bytes(4, "little") + raw[at + 28 :])  # says it unpacks to 2 GiB
    rows, failed = all_rows(open_set("istd", tmp_path / "in"))
    assert sorted(rows) == ["ISTD/train/1-1/shadow", "ISTD/train/2-1/shadow"]
    reasons = dict(failed)
    assert "there twice" in reasons["x/train/train_A/1-2.png"]
    assert "2,147,483,648 bytes" in reasons["x/train/train_A/3-1.png"]


def test_a_picture_that_says_it_is_absurdly_large_is_set_aside(tmp_path):
    files = shadow_files(names=("1-1", "1-2"))
    bomb = bytearray(files["train/train_A/1-2.png"])
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    files["train/train_A/1-2.png"] = bytes(bomb)
    rows, failed = all_rows(open_set("istd", as_folder(tmp_path, files)))
    assert len(rows) == 1
    assert "megapixels" in failed[0][1]


def test_a_cut_tar_gives_what_it_holds(tmp_path):
    path = as_tar(tmp_path / "in/cut.tar", shadow_files())
    path.write_bytes(path.read_bytes()[:-25_000])
    importer = open_set("istd", tmp_path / "in")
    rows, failed = all_rows(importer)
    assert 0 < len(rows) < 3
    assert "cut.tar is not whole" in importer.warnings[0]
    assert all("partner" in reason for _, reason in failed)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "nowhere", "does not exist"),
        (lambda p: as_folder(p, {"x.tar.gz": b"\x1f\x8b"}) / "x.tar.gz", "gunzip"),
        (lambda p: as_folder(p, {"x.zip": b"not a zip"}) / "x.zip", "not whole"),
        (lambda p: as_folder(p / "empty", {"a.txt": b"x"}), "found ./ (1)"),
    ],
)
def test_other_roots_say_what_they_are(tmp_path, make, words):
    with pytest.raises(InputError) as caught:
        open_set("istd", make(tmp_path))
    assert words in str(caught.value)


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
    wanted = {"grey": np.repeat(rgb8[..., :1], 3, 2), "turned": np.rot90(rgb8, 3), "bitmap": rgb8}
    given = {"grey": grey, "turned": turned.getvalue(), "bitmap": bitmap.getvalue(), "sixteen": sixteen.getvalue()}
    for kind, data in given.items():
        made = PublishedPicture.read(data, kind)
        assert made.blob != data
        assert (decode_rgb8(made.blob) == wanted.get(kind, wanted["grey"])).all()


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
    uniser("import", "srd", as_folder(tmp_path / "srd", files), "--out", tmp_path / "rows", "--workers", 1)
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


def test_the_command_plans_resumes_and_makes_the_same_bytes_with_two_workers(tmp_path):
    root = as_folder(tmp_path / "istd", shadow_files() | shadow_files("test", ("91-1", "92-1")))
    planned = json.loads(uniser("import", "istd", root, "--dry-run", "--json").stdout)
    assert (planned["items"], planned["pairs"], len(planned["warnings"])) == (5, 5, 2)
    assert planned["bytes"] == sum(p.stat().st_size for p in root.rglob("*.png"))
    done = json.loads(uniser("import", "istd", root, "--out", tmp_path / "a", "--workers", 1, "--json").stdout)
    assert (done["rows"], done["made"], len(done["warnings"])) == (5, 5, 2)
    uniser("import", "istd", root, "--out", tmp_path / "b", "--shard", "0/2", "--workers", 1)
    uniser("import", "istd", root, "--out", tmp_path / "b", "--workers", 2)
    manifests = [(tmp_path / n / "manifest.json").read_bytes() for n in "ab"]
    assert manifests[0] == manifests[1]
    assert "0 made now" in uniser("import", "istd", root, "--out", tmp_path / "a", "--workers", 1).stdout
    other = uniser("import", "istd", root, "--out", tmp_path / "a", "--limit", 2, code=2)
    assert "another run" in other.stderr
    assert "istd  shadow  train 1330 pairs" in uniser("import", "--list").stdout
    with pytest.raises(InputError, match="--background: is not an option"):
        open_set("istd", root, background="y")
