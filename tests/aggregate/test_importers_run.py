"""`uniser import` as a command: what is set aside, warned of, resumed; archives in place; hostile ones harmless."""

import io
import json
import tarfile
import zipfile

import pyarrow.parquet as pq
import pytest
from published_trees import (
    all_rows,
    as_folder,
    as_tar,
    as_zip,
    clean,
    encode,
    imported,
    open_set,
    pairs_in,
    shadow_files,
)

from tests.cli import uniser
from uniser_core.errors import InputError
from uniser_core.shard import PairSet


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
    imported("reside-6k", tmp_path / "t.tar", "--out", tmp_path / "out", "--workers", 1)
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


def test_the_command_plans_resumes_and_makes_the_same_bytes_with_two_workers(tmp_path):
    root = as_folder(tmp_path / "istd", shadow_files() | shadow_files("test", ("91-1", "92-1")))
    planned = json.loads(imported("istd", root, "--dry-run", "--json").stdout)
    assert (planned["items"], planned["pairs"], len(planned["warnings"])) == (5, 5, 2)
    assert planned["bytes"] == sum(p.stat().st_size for p in root.rglob("*.png"))
    done = json.loads(imported("istd", root, "--out", tmp_path / "a", "--workers", 1, "--json").stdout)
    assert (done["rows"], done["made"], len(done["warnings"])) == (5, 5, 2)
    imported("istd", root, "--out", tmp_path / "b", "--shard", "0/2", "--workers", 1)
    uniser("import", "istd", root, "--out", tmp_path / "b", "--workers", 2)
    manifests = [(tmp_path / n / "manifest.json").read_bytes() for n in "ab"]
    assert manifests[0] == manifests[1]
    assert "0 made now" in imported("istd", root, "--out", tmp_path / "a", "--workers", 1).stdout
    other = imported("istd", root, "--out", tmp_path / "a", "--limit", 2, code=1)
    assert "another run" in str(other.exception)
    assert "istd  shadow  train 1330 pairs" in imported("--list").stdout
    with pytest.raises(InputError, match="--background: is not an option"):
        open_set("istd", root, background="y")
