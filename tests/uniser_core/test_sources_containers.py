"""Sources that are containers: tars, tables of pictures, pair sets."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.uniser_core.pictures import as_a_worker_gets_it, encode, npy, photo
from uniser_core import engine, registry
from uniser_core.depth import quantize_metres
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.shard import ShardWriter
from uniser_core.sources import open_source

# tar


def write_tar(path, members, links=()):
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)


def test_webdataset_tars(tmp_path):
    facts = json.dumps({"__key__": "s1", "license": "CC0-1.0", "attribution": "Ann"}).encode()
    members = [
        ("s1.jpg", encode(photo(seed=1), "jpeg")),
        ("s1.json", facts),
        ("s1.depth.npy", npy(np.full((48, 64), 3.0, np.float32))),
        ("s1.mask.png", encode(photo()[..., 0])),
        ("deep/s2.PNG", encode(photo(seed=2))),
        ("deep/s2.txt", b"a caption"),
        ("only.json", b"{}"),
    ]
    write_tar(tmp_path / "träin 0.tar", members)
    for spec in (f"tar:{tmp_path}/träin 0.tar", f"{tmp_path}/träin 0.tar", f"tar:{tmp_path}"):
        source = as_a_worker_gets_it(open_source(spec))
        items = source.items()
        assert [i.key for i in items] == ["deep/s2.png", "s1.jpg"]
        second, first = (source.load(i) for i in items)
        assert (first.license, first.attribution, first.source_uri) == ("CC0-1.0", "Ann", "s1.jpg")
        assert first.frame_id == f"s1-{hashlib.sha256(members[0][1]).hexdigest()[:10]}"
        assert first.depth.metres_HW() == pytest.approx(3.0, rel=1e-4)
        assert first.has("mask")
        assert np.array_equal(second.rgb8_HWC, photo(seed=2))
    write_tar(tmp_path / "two.tar", members[:1])
    assert [i.key for i in open_source(f"tar:{tmp_path}").items()] == [
        "träin 0.tar/deep/s2.png",
        "träin 0.tar/s1.jpg",
        "two.tar/s1.jpg",
    ]


def test_traversal_names_and_links_in_a_tar_are_harmless(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(encode(photo(seed=9)))
    members = [("../../evil.png", encode(photo(seed=1))), ("/etc/passwd.png", encode(photo(seed=2)))]
    write_tar(inside / "x.tar", members, links=[("link.png", "../secret.png"), ("abs.png", str(secret))])
    before = sorted(p.name for p in tmp_path.rglob("*"))
    source = open_source(f"tar:{inside}/x.tar")
    items = source.items()
    assert [i.key for i in items] == ["etc/passwd.png", "evil.png"]
    frames = [source.load(i) for i in items]
    assert np.array_equal(frames[1].rgb8_HWC, photo(seed=1))
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_broken_tars_are_refused(tmp_path):
    write_tar(tmp_path / "x.tar", [("a.png", encode(photo())), ("b.png", encode(photo(300, 300)))])
    whole = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:3000])
    (tmp_path / "text.tar").write_text("no tar at all" * 100)
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.png"), io.BytesIO(b""))
    for name in ("cut", "text", "packed"):
        with pytest.raises(InputError, match=rf"{name}\.tar.*whole, uncompressed tar"):
            open_source(f"tar:{tmp_path}/{name}.tar").items()
    write_tar(tmp_path / "twice.tar", [("../a.png", encode(photo())), ("a.png", encode(photo()))])
    with pytest.raises(InputError, match=r"holds a\.png twice"):
        open_source(f"tar:{tmp_path}/twice.tar").items()


# tables


def table_of(column, cells, metadata=None, **columns):
    schema_metadata = {"huggingface": json.dumps(metadata)} if metadata else None
    return pa.table({column: cells, **columns}).replace_schema_metadata(schema_metadata)


def test_image_tables(tmp_path):
    blobs = [encode(photo(seed=s)) for s in range(5)]
    cells = pa.array([{"bytes": b, "path": f"img/p{i}.png"} for i, b in enumerate(blobs)])
    table = table_of("image", cells, license=["CC0-1.0"] * 5, label=list(range(5)))
    pq.write_table(table, tmp_path / "a b.parquet", row_group_size=2)
    for spec in (f"{tmp_path}/a b.parquet", f"table:{tmp_path}/a b.parquet", f"table:{tmp_path}"):
        source = as_a_worker_gets_it(open_source(spec))
        items = source.items()
        assert [i.key for i in items] == [f"a b.parquet#{i:08d}" for i in range(5)]
        frames = [source.load(i) for i in reversed(items)][::-1]
        for i, frame in enumerate(frames):
            assert np.array_equal(frame.rgb8_HWC, photo(seed=i))
            assert frame.frame_id == f"p{i}-{hashlib.sha256(blobs[i]).hexdigest()[:10]}"
            assert (frame.license, frame.source_uri) == ("CC0-1.0", items[i].key)


def test_the_image_column_is_found_or_asked_for(tmp_path):
    blob = encode(photo())
    features = {"info": {"features": {"scan": {"_type": "Image"}, "x": {"dtype": "int64", "_type": "Value"}}}}
    pq.write_table(table_of("scan", pa.array([{"bytes": blob, "path": None}]), features), tmp_path / "hf.parquet")
    pq.write_table(table_of("jpg", pa.array([blob]), other=pa.array([b"x"])), tmp_path / "plain.parquet")
    pq.write_table(table_of("first", pa.array([blob]), second=pa.array([blob])), tmp_path / "two.parquet")
    for name, options in (("hf", {}), ("plain", {}), ("two", {"image_column": "second"})):
        source = open_source(f"{tmp_path}/{name}.parquet", **options)
        assert np.array_equal(source.load(source.items()[0]).rgb8_HWC, photo())
    with pytest.raises(InputError, match=r"columns: first, second.*image_column"):
        open_source(f"{tmp_path}/two.parquet").items()
    with pytest.raises(InputError, match="image_column=third"):
        open_source(f"{tmp_path}/two.parquet", image_column="third").items()


def test_rows_without_a_picture_fail_alone(tmp_path):
    cells = pa.array([{"bytes": encode(photo()), "path": None}, {"bytes": None, "path": "/else/where.png"}, None])
    pq.write_table(table_of("image", cells), tmp_path / "t.parquet")
    source = open_source(f"{tmp_path}/t.parquet")
    first, second, third = source.items()
    assert source.load(first).width == 64
    with pytest.raises(InputError, match=r"points at /else/where\.png"):
        source.load(second)
    with pytest.raises(InputError, match="holds no picture"):
        source.load(third)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"broken\.parquet"):
        open_source(f"{tmp_path}/broken.parquet").items()


# pairs


@pytest.fixture
def shard(tmp_path):
    """A run's shard: two pictures with three variants each, one of them with depth."""

    @effect("test-dim", needs=("depth",))
    class Dim:
        class Params(EffectParams):
            gain: float

        def sample(self, rng, frame):
            return self.Params(gain=float(rng.uniform(0.2, 0.8)))

        def apply(self, frame, params):
            return Layers(degraded=frame.rgb_HWC * np.float32(params.gain))

    depth = quantize_metres(np.linspace(1, 9, 48 * 64).reshape(48, 64), "disparity", note="kept")
    writer = ShardWriter(tmp_path / "shard-00000.parquet", PAIR_SCHEMA)
    for i in range(2):
        pixels = photo(seed=i)
        frame = Frame(
            f"pic{i}-{'ab' * 5}",
            64,
            48,
            {"rgb8": lambda pixels=pixels: pixels, "depth": lambda: depth},
            group_id=f"scene{i}",
            license="CC-BY-4.0",
            attribution="Ann",
            source_uri=f"pic{i}.png",
        )
        made = engine.render_rows(registry.EFFECTS["test-dim"](), frame, engine.RenderOptions(1, 3, "full", "png", {}))
        writer.write_item(made.rows)
    writer.close()
    yield tmp_path, depth
    del registry.EFFECTS["test-dim"]


def test_the_targets_of_a_pair_set(shard):
    place, depth = shard
    for spec in (f"pairs:{place}", f"pairs:{place}/shard-00000.parquet"):
        source = as_a_worker_gets_it(open_source(spec))
        items = source.items()
        assert len(items) == 2
        for i, frame in enumerate(source.load(item) for item in items):
            assert frame.frame_id == items[i].key
            assert frame.frame_id.startswith(f"pic{i}-")
            assert frame.frame_id != f"pic{i}-{'ab' * 5}"
            assert np.array_equal(frame.rgb8_HWC, photo(seed=i))
            assert (frame.group_id, frame.license, frame.attribution) == (f"scene{i}", "CC-BY-4.0", "Ann")
            assert frame.source_uri == f"pic{i}.png"
            assert np.array_equal(frame.depth.code_HW, depth.code_HW)
            assert frame.depth.describe() == depth.describe()
    small = open_source(f"pairs:{place}", max_size_px=32)
    frame = small.load(small.items()[0])
    assert frame.depth.code_HW.shape == (24, 32)
    assert set(np.unique(frame.depth.code_HW)) <= set(np.unique(depth.code_HW))
    with pytest.raises(InputError, match="holds pairs"):
        open_source(f"{place}/shard-00000.parquet").items()


def test_other_parquet_files_are_no_pairs(tmp_path):
    pq.write_table(table_of("image", pa.array([encode(photo())])), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="not a shard of pairs"):
        open_source(f"pairs:{tmp_path}")
