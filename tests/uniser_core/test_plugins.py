"""A package's entry points are found with no edit anywhere; a broken one is named and takes nothing down."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from tests.cli import ROOT

PACKAGE = '''
import numpy as np, io
from PIL import Image
from uniser_core.codecs import Codec
from uniser_core.depth import quantize_metres
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.sources.base import Clean, Source, SourceItem


@effect("murk", needs=("depth",))
class Murk:
    class Params(EffectParams):
        far_m: float

    def sample(self, rng, frame):
        return self.Params(far_m=float(rng.uniform(5, 50)))

    def apply(self, frame, params):
        through = np.exp(-frame.depth.metres_HW(1e3) / np.float32(params.far_m))[..., None]
        return Layers(degraded=frame.rgb_HWC * through)


class Stripes(Source):
    """`stripes:N`: N pictures."""

    def __init__(self, place, spec, options):
        super().__init__(spec, options)
        self.count = int(place)

    def list_items(self):
        return [SourceItem(f"stripes-{n}", 0) for n in range(self.count)]

    def load(self, item):
        pixels = np.zeros((32, 48, 3), np.uint8)
        pixels[:, :: int(item.key[-1]) + 2] = 200
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "png")
        return Clean(stream.getvalue(), item.key, item.key, "CC0-1.0", "nobody").frame(self.options)


class FlatDepth:
    name = "flat"

    def __init__(self, metres="10"):
        self.metres = float(metres)

    def estimate(self, frame, seed):
        return quantize_metres(np.full((frame.height, frame.width), self.metres, np.float32), "flat")


def encode_raw(rgb8_HWC):
    return b"RAW8" + np.array(rgb8_HWC.shape[:2], "<u4").tobytes() + rgb8_HWC.tobytes()


def decode_raw(data):
    height, width = np.frombuffer(data[4:12], "<u4")
    return np.frombuffer(data[12:], np.uint8).reshape(height, width, 3)


RAW = Codec(encode_raw, "raw8", True, lambda head: head[:4] == b"RAW8", decode_raw)


def mean_change(input8, target8):
    return float(np.abs(input8.astype(float) - target8).mean())


from aggregate.importers.base import PublishedSet, part

TWO = PublishedSet(
    name="two", dataset="TWO", effect="murk", license="CC0-1.0", tree="input/ and target/ with equal names",
    parts=(part("all", (r"input/(?P<id>[^/]+)", r"target/(?P<id>[^/]+)")),),
)


import typer

app = typer.Typer()


@app.callback(invoke_without_command=True)
def hello():
    print("hello from a plugin")
'''

POINTS = """
[uniser.effects]
murk = good_plugin:Murk
[uniser.sources]
stripes = good_plugin:Stripes
[uniser.depth]
flat = good_plugin:FlatDepth
[uniser.codecs]
raw8 = good_plugin:RAW
[uniser.metrics]
mean-change = good_plugin:mean_change
[uniser.importers]
two = good_plugin:TWO
[uniser.commands]
hello = good_plugin:app
"""

BROKEN_POINTS = """
[uniser.effects]
gone = no_such_module_here:Gone
crash = broken_plugin_module:Crash
number = broken_plugin:NUMBER
nameless = broken_plugin:Plain
haze = broken_plugin:Plain
[uniser.sources]
module = broken_plugin
[uniser.depth]
shallow = broken_plugin:Plain
[uniser.codecs]
text = broken_plugin:TEXT
[uniser.metrics]
zero = broken_plugin:NUMBER
[uniser.importers]
half = broken_plugin:Plain
[uniser.commands]
bad = broken_plugin:NUMBER
exits = broken_plugin_module:app
"""


def distribution(folder, name, points, **modules):
    info = folder / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(points)
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    Image.fromarray(data.chelsea()[::4, ::4]).save(folder / "cat.png")
    distribution(folder / "good", "good-plugin", POINTS, good_plugin=PACKAGE)
    modules = {"broken_plugin": "NUMBER, TEXT = 3, 'x'\nclass Plain: pass\n", "broken_plugin_module": "exit(7)\n"}
    distribution(folder / "broken", "broken-plugin", BROKEN_POINTS, **modules)
    return folder


def run(place, kind, *arguments, code=0):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *(str(place / k) for k in kind.split())])}
    command = [sys.executable, "-m", "uniser_core.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_effect_source_depth_codec_and_metric_of_a_package_work_together(place):
    options = ("--source", "stripes:2", "--depth", "flat:20", "--encoder", "raw8", "--variants", 2, "--workers", 1)
    done = run(place, "good", "synth", "murk", *options, "--out", "P")
    assert "4 pairs in 2 of 2 shards" in done.stdout
    row = pq.read_table(place / "P" / "shard-00000.parquet").to_pylist()[0]
    assert row["input"]["bytes"][:4] == b"RAW8"
    assert row["input"]["path"].endswith(".raw8")
    assert json.loads(row["params"])["depth"]["source"] == "flat"
    assert row["attribution"] == "nobody"
    done = run(place, "good", "pairs", "check", "P", "--replay", 1)
    assert "4 pairs, 4 rendered again (largest difference 0/255), 0 problems" in done.stdout
    done = run(place, "good", "pairs", "stats", "P", "--metric", "mean-change", "--metric", "psnr_db", "--json")
    stats = json.loads(done.stdout)[0]
    assert stats["mean-change_median"] > 1
    assert stats["psnr_db_median"] > 0


def test_importer_and_command_of_a_package(place):
    root, cat = place / "set", Image.open(place / "cat.png")
    for kind, picture in (("input", cat.point(lambda v: v // 2)), ("target", cat)):
        (root / kind).mkdir(parents=True)
        picture.save(root / kind / "one.png")
    done = run(place, "good", "import", "two", root, "--out", "I", "--workers", 1)
    assert "1 pairs in 1 of 1 shards" in done.stdout
    assert run(place, "good", "hello").stdout == "hello from a plugin\n"


def test_everything_plugged_in_is_listed(place):
    rows = {(r["group"], r["plugin"]): r for r in json.loads(run(place, "good", "plugins", "--json").stdout)}
    mine = {key: r for key, r in rows.items() if r["package"] == "good-plugin"}
    assert len(mine) == 7
    assert {r["state"] for r in mine.values()} == {"ok"}
    assert rows["uniser.effects", "occlude"]["state"] == "ok"
    assert rows["uniser.effects", "haze"]["package"] == "uniser"
    assert "murk  MURK  depth  no  -  Remove murk." in run(place, "good", "effects").stdout.splitlines()
    assert run(place, "good", "effects", "check", "murk", "--largest", "64x64").stdout.endswith("keeps the contract\n")


def test_broken_effects_are_named_in_a_line_each_and_the_others_are_there(place):
    done = run(place, "good broken", "effects")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"flare", "haze", "murk", "occlude", "shadow"} <= set(names)
    assert not {"gone", "crash", "number", "nameless"} & set(names)
    for name, said in {
        "gone": "No module named 'no_such_module_here'",
        "crash": "SystemExit(7)",
        "number": "is of type int, which cannot be called",
        "nameless": "without name, Params, sample, apply",
    }.items():
        (line,) = [x for x in done.stderr.splitlines() if f"'{name}' (" in x]
        assert said in line
        assert "-> " in line
    # The name of a shipped effect cannot be taken from it.
    assert "haze  SYN-HAZE" in done.stdout


def test_broken_commands_take_nothing_down(place):
    done = run(place, "broken", "--help")
    assert "synth" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all("broken" in line for line in lines)


USES = [
    (("synth", "number", "--source", "cat.png", "--out", "X"), "an entry of uniser.effects is a class under @effect"),
    (("synth", "occlude", "--source", "module:x", "--out", "X"), "is a module: an entry of uniser.sources is a Source"),
    (("synth", "haze", "--source", "cat.png", "--depth", "shallow", "--out", "X"), "without estimate"),
    (("synth", "occlude", "--source", "cat.png", "--encoder", "text", "--out", "X"), "without extension, lossless"),
    (("pairs", "stats", "P", "--metric", "zero"), "cannot be called"),
    (("import", "half", ".", "--out", "X"), "without expected, license"),
    (("pairs", "stats", "P", "--metric", "nosuch"), "known: psnr_db, ssim, zero"),
]


@pytest.mark.parametrize(("arguments", "said"), USES)
def test_using_a_broken_plugin_says_what_is_wrong_with_it(place, arguments, said):
    done = run(place, "broken", *arguments, code=2)
    (line,) = [x for x in done.stderr.splitlines() if said in x]
    assert " -> " in line
    assert not (place / "X").exists()


def test_the_list_of_plugins_says_what_does_not_load(place):
    done = run(place, "broken", "plugins", "--json")
    states = {(r["group"], r["plugin"], r["package"]): r["state"] for r in json.loads(done.stdout)}
    assert "hidden: uniser has one" in states["uniser.effects", "haze", "broken-plugin"]
    bad = {key for key, state in states.items() if state != "ok" and key[2] == "broken-plugin"}
    assert len(bad) == 12
