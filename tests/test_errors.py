"""Bad input on the command line: one line with value, rule and remedy, no traceback, nothing lost."""

import struct
import subprocess
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from tests.cli import start, uniser


def good(path):
    Image.fromarray(data.chelsea()[::6, ::6]).save(path)
    return path


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


BAD = {
    "truncated.png": lambda d: d[: len(d) // 2],
    "empty.png": lambda d: b"",
    "text.png": lambda d: b"this is not a picture\n" * 20,
    "bomb.png": lambda d: bomb(),
}


def test_bad_pictures_are_set_aside_with_a_line_each_and_the_good_ones_are_made(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    content = good(folder / "good.png").read_bytes()
    for name, spoil in BAD.items():
        (folder / name).write_bytes(spoil(content))
    out = tmp_path / "out"
    done = uniser("haze", "render", "--source", folder, "--variants", 2, "--out", out, "--workers", 2, code=3)
    for name in BAD:
        line = next(line for line in done.stdout.splitlines() if name in line)
        assert " -> " in line, line
    assert "Traceback" not in done.stdout + done.stderr
    assert "2 pairs" in done.stdout
    assert {f["item"] for f in pq.read_table(out / "_run" / "failed.parquet").to_pylist()} == set(BAD)
    assert sum(pq.read_table(p).num_rows for p in out.glob("*.parquet")) == 2


def test_odd_pictures_are_fine(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cat = Image.fromarray(data.chelsea()[::6, ::6])
    cat.convert("L").save(folder / "grey.png")
    cat.convert("RGBA").save(folder / "rgba.png")
    cat.convert("CMYK").save(folder / "cmyk.jpg")
    cat.convert("P").save(folder / "palette.png")
    Image.fromarray(np.asarray(cat.convert("L")).astype(np.uint16) * 257).save(folder / "sixteen.png")
    Image.new("RGB", (1, 1), (90, 120, 200)).save(folder / "one.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20_000, 3), np.uint8)).save(folder / "strip.png")
    out = tmp_path / "out"
    done = uniser("haze", "render", "--source", folder, "--variants", 2, "--out", out, code=None)
    assert done.returncode == 0, done.stdout + done.stderr
    uniser("pairs", "check", out)


@pytest.mark.parametrize(("name", "value", "message"), [
    ("nan", lambda d: np.where(np.arange(d.size).reshape(d.shape) == 5, np.nan, d), "NaN"),
    ("zero", lambda d: d * 0, "zero"),
    ("size", lambda d: d[:-20], "depth"),
])  # fmt: skip
def test_bad_depth_is_told(tmp_path, name, value, message):
    photo = good(tmp_path / "cat.png")
    size = Image.open(photo).size
    np.save(tmp_path / "cat.depth.npy", value(np.full(size[::-1], 10.0, np.float32)))
    done = uniser("haze", "render", "--source", photo, "--out", tmp_path / "out", code=3)
    line = next(line for line in done.stdout.splitlines() if line.startswith("failed:"))
    assert message in line, line
    assert " -> " in line


HAZE = ("haze", "render", "--source", "{cat}", "--out", "{tmp}/o")
LINES = {
    "no source": (("haze", "render", "--source", "{tmp}/none", "--out", "{tmp}/o"), "none"),
    "empty folder": (("haze", "render", "--source", "{tmp}/empty", "--out", "{tmp}/o"), "no pictures"),
    "unknown effect": (("synth", "blur", "--source", "{tmp}", "--out", "{tmp}/o"), "unknown effect 'blur'"),
    "unknown parameter": ((*HAZE, "--set", "fogginess=1"), "fogginess"),
    "impossible value": ((*HAZE, "--set", "visibility_m=0"), "visibility_m"),
    "no equals": ((*HAZE, "--set", "visibility_m"), "name=value"),
    "unknown preset": ((*HAZE, "--preset", "pea-soup"), "pea-soup"),
    "unknown depth": ((*HAZE, "--depth", "magic"), "magic"),
    "unknown encoder": ((*HAZE, "--encoder", "bmp"), "bmp"),
    "bad shard": ((*HAZE, "--shard", "3/2"), "3/2"),
    "no variants": ((*HAZE, "--variants", "0"), "--variants 0"),
    "out is a file": (("haze", "render", "--source", "{cat}", "--out", "{cat}"), "is a file"),
    "out under a file": (("haze", "render", "--source", "{cat}", "--out", "{cat}/deep"), "not a directory"),
    "out nowhere": (("haze", "render", "--source", "{cat}", "--out", "/proc/nowhere"), "/proc/nowhere"),
    "no pairs": (("pairs", "check", "{tmp}/empty"), "no .parquet"),
    "no plugin": (("synth", "x", "--plugin", "{tmp}/x.py", "--source", "{cat}", "--out", "{tmp}/o"), "x.py"),
    "no asset": (("assets", "fetch", "unicorns"), "unicorns"),
}


@pytest.mark.parametrize("case", LINES)
def test_one_line_each(tmp_path, case):
    (tmp_path / "empty").mkdir()
    cat = good(tmp_path / "cat.png")
    arguments, message = LINES[case]
    done = uniser(*(a.format(tmp=tmp_path, cat=cat) for a in arguments), code=None)
    told = done.stderr.strip().splitlines() or [line for line in done.stdout.splitlines() if "failed:" in line]
    assert done.returncode in (2, 3), (done.returncode, done.stdout, done.stderr)
    assert len(told) == 1, told
    assert message in told[0], told[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert cat.exists()
    assert not list(tmp_path.glob("o/*.parquet")) or done.returncode == 3


def test_debug_shows_the_traceback(tmp_path):
    done = uniser("pairs", "check", tmp_path / "none", "--debug", code=None)
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_read_only_and_full_disks(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    cat = tmp_path / "cat.png"
    Image.fromarray(data.chelsea()).save(cat)
    command = ("haze", "render", "--source", cat, "--variants", 4, "--out", disk / "out", "--workers", 2)
    try:
        done = uniser(*command, code=2)
        assert "no space left" in done.stderr
        assert "free some space" in done.stderr
        assert not list((disk / "out").glob("*.parquet"))
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        assert "4 pairs" in uniser(*command).stdout
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = uniser("haze", "render", "--source", cat, "--out", disk / "other", code=2)
        assert "read-only" in done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_runs_at_once_share_or_say_who_holds(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(np.roll(data.chelsea(), number * 31, axis=1)).save(folder / f"cat{number}.png")
    command = ("haze", "render", "--source", folder, "--variants", 6, "--out", tmp_path / "out", "--workers", 1)
    first = start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    second = uniser(*command, code=None)
    out, err = first.communicate(timeout=120)
    codes = {first.returncode, second.returncode}
    assert codes <= {0, 4}, (out, err, second.stdout)
    assert 0 in codes
    if 4 in codes:
        assert "is being made by process" in out + second.stdout
    assert "36 pairs in 6 of 6 shards" in uniser(*command).stdout
    uniser("pairs", "check", tmp_path / "out")
