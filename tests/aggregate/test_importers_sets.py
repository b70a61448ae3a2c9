"""Every importer on a miniature of its set's real layout: each row, its partner, split, group and parameters."""

import json
import zipfile

import pytest
from published_trees import (
    all_rows,
    as_folder,
    as_tar,
    as_zip,
    clean,
    encode,
    flare_layer,
    mask,
    open_set,
    pair,
    pairs_in,
    shaded,
    veiled,
)

from aggregate.importers.job import listing
from uniser_core.codecs import decode_rgb8
from uniser_core.errors import InputError


def same(row, input_bytes, target_bytes):
    """The row holds just these pictures, byte for byte."""
    assert (row["input"]["bytes"], row["target"]["bytes"]) == (input_bytes, target_bytes)


def shadow_tree(folder_of, names, masks=None):
    """Files of shadow pairs; `folder_of(role, name)` gives each its path."""
    files = {}
    for number, name in enumerate(names):
        files[folder_of("A", name)], files[folder_of("C", name)] = pair(number, degrade=shaded)
        if masks:
            files[folder_of("B", name)] = mask()
    return files


def test_istd_with_masks_and_scenes(tmp_path):
    files = {}
    for split, names in (("train", ("1-1", "1-2", "90-3")), ("test", ("91-1",))):
        files |= shadow_tree(lambda r, n, s=split: f"ISTD_Dataset/{s}/{s}_{r}/{n}.png", names, masks=True)
    rows, failed = all_rows(open_set("istd", as_folder(tmp_path, files)))
    assert not failed
    assert list(rows) == [f"ISTD/{n}/shadow" for n in ("test/91-1", "train/1-1", "train/1-2", "train/90-3")]
    row = rows["ISTD/train/1-2/shadow"]
    same(row, files["ISTD_Dataset/train/train_A/1-2.png"], files["ISTD_Dataset/train/train_C/1-2.png"])
    assert (row["group_id"], row["split"], row["origin"], row["prompt"]) == (
        "ISTD/1",
        "train",
        "photo",
        "Remove shadow.",
    )
    assert row["license"] == "LicenseRef-ISTD-research-non-commercial"
    assert row["source_uri"] == "ISTD_Dataset/train/train_A/1-2.png"
    assert row["mask"]["bytes"] is not None
    assert rows["ISTD/test/91-1/shadow"]["split"] == "test"


@pytest.mark.parametrize("fixed", [True, False])
def test_istd_plus_takes_the_mended_free_pictures_where_they_are(tmp_path, fixed):
    files = shadow_tree(lambda r, n: f"train/train_{r}/{n}.png", ("3-1",))
    files |= shadow_tree(lambda r, n: f"test/test_{r}/{n}.png", ("92-1",))
    mended = encode(clean(5))
    if fixed:
        files |= {"train_C_fixed_ours/3-1.png": mended, "test_C_fixed_official/92-1.png": mended}
    rows, failed = all_rows(open_set("istd+", as_folder(tmp_path, files)))
    assert not failed
    row = rows["ISTD+/train/3-1/shadow"]
    same(row, files["train/train_A/3-1.png"], mended if fixed else files["train/train_C/3-1.png"])
    assert row["group_id"] == "ISTD/3"  # tied to ISTD's scene
    assert len(rows) == 2


SRD_TREES = {
    "published": lambda split, role, name: {
        "A": f"{split}/shadow/{name}.jpg",
        "C": f"{split}/shadow_free/{name}{'_no_shadow' if split == 'train' else '_free'}.jpg",
    }[role],
    "equal names": lambda split, role, name: f"{split}/{'shadow' if role == 'A' else 'shadow_free'}/{name}.jpg",
    "renamed": lambda split, role, name: f"SRD/{split}_{role}/{name}.jpg",
    "renamed by DHAN": lambda split, role, name: f"SRD/{split}/train_{role}/{name}.jpg",
    "DC-ShadowNet": lambda split, role, name: f"{split}{'A' if role == 'A' else 'B'}/{name}.jpg",
}


@pytest.mark.parametrize("tree", SRD_TREES)
def test_srd_in_each_of_its_circulating_layouts(tmp_path, tree):
    files = {}
    for split, names in (("train", ("IMG_5456", "_MG_2374")), ("test", ("IMG_6456",))):
        for number, name in enumerate(names):
            one, two = pair(number, "jpg", shaded)
            files |= {SRD_TREES[tree](split, "A", name): one, SRD_TREES[tree](split, "C", name): two}
    rows, failed = all_rows(open_set("srd", as_folder(tmp_path, files)))
    assert not failed
    assert sorted(rows) == ["SRD/test/IMG_6456/shadow", "SRD/train/IMG_5456/shadow", "SRD/train/_MG_2374/shadow"]
    row = rows["SRD/train/_MG_2374/shadow"]
    same(row, files[SRD_TREES[tree]("train", "A", "_MG_2374")], files[SRD_TREES[tree]("train", "C", "_MG_2374")])
    assert row["split"] == "train"
    assert {"alignment_px", "alignment_score"} <= json.loads(row["params"]).keys()


def test_srd_masks_of_another_copy_are_left_out(tmp_path):
    files = shadow_tree(lambda r, n: f"test_{r}/{n}.png", ("a", "b"))
    files |= {"SRD_testmask/a.png": mask(), "SRD_testmask/b.png": encode(clean(1, 20)), "SRD_testmask/c.png": mask()}
    rows, failed = all_rows(open_set("srd", as_folder(tmp_path, files)))
    assert not failed
    assert rows["SRD/test/a/shadow"]["mask"] is not None
    assert rows["SRD/test/b/shadow"]["mask"] is None
    assert "size" in json.loads(rows["SRD/test/b/shadow"]["params"])["mask_left_out"]


@pytest.mark.parametrize("flat", [True, False])
def test_wsrd_plus_as_four_zips(tmp_path, flat):
    files = {}
    for split, names in (("train", ("0000", "0001")), ("valid", ("0000",))):
        for role in ("inp", "gt"):
            zipped = {}
            for number, name in enumerate(names):
                data = pair(number, degrade=shaded)[role == "gt"]
                files[split, role, name] = data
                zipped[f"{name}.png" if flat else f"ntire24_shrem_{split}_{role}/{name}.png"] = data
            as_zip(tmp_path / f"ntire24_shrem_{split}_{role}.zip", zipped, zipfile.ZIP_STORED)
    rows, failed = all_rows(open_set("wsrd+", tmp_path))
    assert not failed
    assert sorted(rows) == ["WSRD+/train/0000/shadow", "WSRD+/train/0001/shadow", "WSRD+/val/0000/shadow"]
    row = rows["WSRD+/train/0001/shadow"]
    same(row, files["train", "inp", "0001"], files["train", "gt", "0001"])
    assert (row["license"], row["group_id"]) == ("CC-BY-NC-SA-4.0", "WSRD/train/0001")
    assert rows["WSRD+/val/0000/shadow"]["split"] == "val"


@pytest.mark.parametrize(
    "folders",
    [("train/input", "train/gt"), ("train/train_A", "train/train_C"), ("NTIRE23_sr_train_inp", "NTIRE23_sr_train_gt")],
)
def test_wsrd_in_its_loaders_layouts(tmp_path, folders):
    files = pairs_in(*folders, [("0000.png", "0000.png"), ("0007.png", "0007.png")], shaded)
    rows, failed = all_rows(open_set("wsrd", as_folder(tmp_path, files)))
    assert not failed
    same(rows["WSRD/train/0007/shadow"], files[f"{folders[0]}/0007.png"], files[f"{folders[1]}/0007.png"])


@pytest.mark.parametrize("folders", [("hazy", "clear"), ("ITS_v2/hazy", "ITS_v2/clear"), ("train/haze", "train/clear")])
def test_its_has_many_inputs_a_target(tmp_path, folders):
    names = [("1_1_0.90179.png", "1.png"), ("1_10_0.98796.png", "1.png"), ("12_3_0.8.png", "12.png")]
    files = pairs_in(*folders, names)
    files["val/haze/5_1_0.7.png"], files["val/clear/5.png"] = pair(4)
    files["OTS/hazy/0001_1_0.2.png"], files["OTS/clear/0001.png"] = pair(5)  # of another set
    importer = open_set("reside-its", as_folder(tmp_path, files))
    assert importer.item_keys()[:2] == ["train/1", "train/12"]
    rows, failed = all_rows(importer)
    assert not failed
    assert [n for n in rows if "/train/" in n] == [
        "RESIDE-ITS/train/1/haze-10_0.98796", "RESIDE-ITS/train/1/haze-1_0.90179", "RESIDE-ITS/train/12/haze-3_0.8",
    ]  # fmt: skip
    row = rows["RESIDE-ITS/train/1/haze-10_0.98796"]
    same(row, files[f"{folders[0]}/1_10_0.98796.png"], files[f"{folders[1]}/1.png"])
    assert json.loads(row["params"]) == {"k": 10, "value": 0.98796}
    assert (row["group_id"], row["origin"], row["split"]) == ("ITS/1", "synthesis_2d", "train")


@pytest.mark.parametrize("clear", ["clear", "clear_images"])
def test_ots_lies_in_parts(tmp_path, clear):
    files = pairs_in("part1", clear, [("0025_0.8_0.04.jpg", "0025.jpg"), ("0025_1_0.2.jpg", "0025.jpg")])
    files |= pairs_in("OTS/part2", clear, [("0030_0.85_0.1.jpg", "0030.jpg")])
    rows, failed = all_rows(open_set("reside-ots", as_folder(tmp_path, files)))
    assert not failed
    row = rows["RESIDE-OTS/train/0025/haze-0.8_0.04"]
    assert json.loads(row["params"]) == {"airlight": 0.8, "beta": 0.04}
    same(row, files["part1/0025_0.8_0.04.jpg"], files[f"{clear}/0025.jpg"])
    assert row["input"]["path"].endswith(".jpg")
    assert len(rows) == 3


def test_sots_indoor_cuts_the_border_of_its_targets(tmp_path):
    hazy, target = veiled(clean(0, 40))[4:36, 4:52], clean(0, 40)
    files = {"indoor/hazy/1400_1.png": encode(hazy), "indoor/hazy/1400_2.png": encode(hazy // 2),
             "indoor/gt/1400.png": encode(target), "outdoor/hazy/0001_0.8_0.2.jpg": encode(hazy, "jpg"),
             "outdoor/gt/0001.png": encode(hazy)}  # fmt: skip
    importer = open_set("sots-indoor", as_folder(tmp_path / "SOTS", files))
    rows, failed = all_rows(importer)
    assert not failed
    assert sorted(rows) == ["SOTS-indoor/test/1400/haze-1", "SOTS-indoor/test/1400/haze-2"]
    row = rows["SOTS-indoor/test/1400/haze-1"]
    assert (decode_rgb8(row["target"]["bytes"]) == target[4:36, 4:52]).all()
    assert json.loads(row["params"]) == {"no": 1, "target_cropped_from": "56x40"}
    assert "numbers missing: 1401, 1402" in importer.warnings[0]
    outdoor, _ = all_rows(open_set("sots-outdoor", tmp_path / "SOTS"))
    assert list(outdoor) == ["SOTS-outdoor/test/0001/haze-0.8_0.2"]
    assert outdoor["SOTS-outdoor/test/0001/haze-0.8_0.2"]["split"] == "test"


def test_hsts_leaves_its_real_pictures_aside(tmp_path):
    files = pairs_in("HSTS/synthetic/synthetic", "HSTS/synthetic/original", [("0586.jpg", "0586.jpg")])
    files["HSTS/real-world/NW_Google_837.jpeg"] = encode(clean(3), "jpg")
    rows, failed = all_rows(open_set("hsts", as_folder(tmp_path, files)))
    assert (list(rows), failed) == (["HSTS/test/0586/haze"], [])


def test_reside_6k(tmp_path):
    files = pairs_in("train/hazy", "train/GT", [("1.png", "1.png")])
    files |= pairs_in("test/hazy", "test/GT", [("9.jpg", "9.jpg")])
    rows, failed = all_rows(open_set("reside-6k", as_folder(tmp_path, files)))
    assert not failed
    assert {n: r["split"] for n, r in rows.items()} == {
        "RESIDE-6K/test/9/haze": "test", "RESIDE-6K/train/1/haze": "train",
    }  # fmt: skip


def test_hazespace2m_by_kind_type_and_level(tmp_path):
    files = {}
    for folder, scene in (("Outdoor", "OT"), ("Farmland", "FL")):
        files |= pairs_in(f"{folder}/Haze/EH", f"{folder}/GT", [(f"{scene}_7_L1.jpg", f"{scene}_7.jpg")])
        files[f"{folder}/Haze/Fog/{scene}_7_L10.jpg"] = encode(veiled(clean(0), 0.7), "jpg")
    rows, failed = all_rows(open_set("hazespace2m", as_folder(tmp_path, files)))
    assert not failed
    assert len(rows) == 4
    row = rows["HazeSpace2M/all/FL-7/haze-Fog_10"]
    params = json.loads(row["params"])
    assert (row["variant"], params["level"], row["group_id"], row["split"]) == ("fog", 10, "HazeSpace2M/FL-7", None)
    assert params["alignment_score"] > 0.5  # the same picture


def test_hazespace2m_under_its_older_names(tmp_path):
    files = pairs_in("haze", "gt", [("OOTSEHL9_43.jpg", "OOTSGT__43.jpg")])
    rows, failed = all_rows(open_set("hazespace2m", as_folder(tmp_path, files)))
    assert not failed
    ((name, row),) = rows.items()
    assert name == "HazeSpace2M/all/OOTS-43/haze-EH_9"
    assert (row["variant"], json.loads(row["params"])["level"]) == ("eh", 9)


def test_sir2_tags_stand_anywhere_in_the_name(tmp_path):
    files = {}
    for number, (folder, name) in enumerate(
        [
            ("Postcard/Focus", "ab-10-{}-3"),
            ("SolidObject/Thickness/1", "1-Thickness-5-{}"),
            ("Wildscene/withgt", "1-{}"),
        ]
    ):
        one, two = pair(number)
        files |= {f"{folder}/{name.format('m')}.png": one, f"{folder}/{name.format('g')}.png": two}
        files[f"{folder}/{name.format('r')}.png"] = encode(clean(6))
    rows, failed = all_rows(open_set("sir2", as_folder(tmp_path, files)))
    assert not failed
    assert {r["variant"]: r["source_uri"] for r in rows.values()} == {
        "postcard": "Postcard/Focus/ab-10-m-3.png",
        "solid": "SolidObject/Thickness/1/1-Thickness-5-m.png",
        "wild": "Wildscene/withgt/1-m.png",
    }
    for row in rows.values():
        same(row, files[row["source_uri"]], files[row["source_uri"].replace("-m", "-g")])
        assert (row["effect"], row["split"]) == ("reflection", "test")


@pytest.mark.parametrize("tags", [True, False])
def test_sir2_packs(tmp_path, tags):
    files = {}
    for pack in ("PostcardDataset", "SolidObjectDataset", "WildSceneDataset"):
        names = [("ab-10-m-3.png", "ab-10-g-3.jpg")] if tags else [("001.png", "001.png")]
        files |= pairs_in(f"test/SIR2/{pack}/blended", f"test/SIR2/{pack}/transmission_layer", names)
    rows, failed = all_rows(open_set("sir2", as_folder(tmp_path, files)))
    assert not failed
    assert len(rows) == 3


def test_nature20_test_and_training_pairs_are_kept_apart(tmp_path):
    files = pairs_in("nature20/blended", "nature20/transmission_layer", [("1.jpg", "1.jpg"), ("2.jpg", "2.jpg")])
    files |= pairs_in("train/nature/blended", "train/nature/transmission_layer", [("1.jpg", "1.jpg")])
    rows, failed = all_rows(open_set("nature20", as_folder(tmp_path, files)))
    assert not failed
    assert [(n, r["split"]) for n, r in rows.items()] == [
        ("Nature20/test/1/reflection", "test"),
        ("Nature20/test/2/reflection", "test"),
        ("Nature20/train/1/reflection", "train"),
    ]


def test_uniser_haze_tars_join_what_lies_in_several_shards_and_elsewhere(tmp_path):
    def sample(source, base, number, kinds, with_gt=True):
        files = {f"{source}/{base}.json": b"{}"}
        if with_gt:
            files[f"{source}/{base}.gt.png"] = encode(clean(number))
        for k, tag in enumerate(kinds):
            files[f"{source}/{base}.haze_{k:03d}.png"] = encode(veiled(clean(number), 0.2 + 0.1 * k))
            files[f"{source}/{base}.haze_{k:03d}.txt"] = tag.encode()
        return files

    first = sample("its", "12", 0, ["out_fog_120", "out_haze_3"]) | sample("istd", "91-2", 1, ["out_smoke_9"])
    second = sample("ots", "0025", 2, ["out_haze_1"], with_gt=False)
    second |= sample("its", "12", 0, ["out_fog_120"])  # a copy, byte for byte, that expresses a weight
    as_tar(tmp_path / "set/shards/shard-00000.tar", first)
    as_tar(tmp_path / "set/shards/shard-00001.tar", second)
    as_folder(tmp_path / "OTS", {"clear/0025.png": encode(clean(2)), "clear/0026.png": encode(clean(3))})
    importer = open_set("uniser-haze", tmp_path / "set", also=(str(tmp_path / "OTS"),))
    rows, failed = all_rows(importer)
    assert {n: (r["variant"], r["group_id"]) for n, r in rows.items()} == {
        "UniSER-haze/its/12/haze-000": ("fog", "ITS/12"),
        "UniSER-haze/its/12/haze-001": ("haze", "ITS/12"),
        "UniSER-haze/istd/91-2/haze-000": ("smoke", "ISTD/91"),
        "UniSER-haze/ots/0025/haze-000": ("haze", "OTS/0025"),
    }
    assert json.loads(rows["UniSER-haze/its/12/haze-000"]["params"])["tag"] == "out_fog_120"
    assert [name for name, _ in failed] == ["clear/0026.png"]
    alone, failed = all_rows(open_set("uniser-haze", tmp_path / "set"))
    assert len(alone) == 3
    assert "no target" in failed[0][1]


def test_flare7k_test_pairs(tmp_path):
    files = {}
    for kind in ("real", "synthetic"):
        one, two = pair(2)
        files |= {f"test_data/{kind}/input/input_000001.png": one, f"test_data/{kind}/gt/gt_000001.png": two}
        painted = clean(0) * 0
        painted[:, :9], painted[:, 9:20], painted[:, 20:30] = (255, 255, 0), (255, 0, 0), (0, 0, 255)
        files[f"test_data/{kind}/mask/mask_000001.png"] = encode(painted)
    files["Scattering_Flare/Compound_Flare/000001.png"] = flare_layer()
    importer = open_set("flare7k", as_folder(tmp_path / "Flare7k", files))
    rows, failed = all_rows(importer)
    assert not failed
    assert {n: r["origin"] for n, r in rows.items()} == {
        "Flare7K/test-real/000001/flare": "photo",
        "Flare7K/test-synthetic/000001/flare": "synthesis_2d",
    }
    row = rows["Flare7K/test-real/000001/flare"]
    from uniser_core.codecs import decode_blob

    seen = decode_blob(row["mask"]["bytes"])
    assert (seen[0, 5], seen[0, 15], seen[0, 25], seen[0, 40]) == (255, 255, 0, 0)  # the lamp is no effect
    assert (row["license"], row["prompt"]) == ("LicenseRef-S-Lab-1.0", "Remove lens flare.")
    assert "--background" in importer.warnings[-1]


def test_flarex_rendered_pairs_whatever_word_their_names_carry(tmp_path):
    names = [("scene_01_flare_0003.png", "scene_01_light_0003.png"), ("0007.png", "0007.png")]
    files = pairs_in("FlareX/Flare3D/Flare_Img", "FlareX/Flare3D/Light_Img", names)
    rows, failed = all_rows(open_set("flarex", as_folder(tmp_path, files)))
    assert not failed
    assert {r["source_uri"].rpartition("/")[2] for r in rows.values()} == {n for n, _ in names}
    assert {r["origin"] for r in rows.values()} == {"render_3d"}


def test_every_importer_is_listed_with_its_terms():
    rows = {r["name"]: r for r in listing()}
    assert len(rows) >= 20
    assert rows["istd"]["expected"] == "train 1330 pairs; test 540 pairs"
    assert all(r["license"] and r["tree"] and r["effect"] for r in rows.values())


@pytest.mark.parametrize("name", sorted(r["name"] for r in listing() if r["name"] not in ("generic", "halo")))
def test_a_wrong_root_says_in_one_line_what_was_expected_and_what_is_there(tmp_path, name):
    as_folder(tmp_path, {"holiday/beach.jpg": encode(clean(1), "jpg"), "holiday/notes.txt": b"x"})
    with pytest.raises(InputError) as caught:
        open_set(name, tmp_path)
    said = str(caught.value)
    assert "expected" in said
    assert "found holiday/ (2)" in said
    assert "\n" not in said
