"""What reads each kind of input: the product's own readers, as its commands call them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uniser_core.decode import EXTENSIONS, decode_depth_sidecar, decode_mask, decode_picture
from uniser_core.errors import InputError
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from collections.abc import Callable

_sink = io.BytesIO()
np.save(_sink, np.array([Path("x")], object), allow_pickle=True)
UNPICKLED = _sink.getvalue()
PICTURES = ("png", "jpeg", "exr", "jxl", "tiff", "webp", "other")


def picture(data: bytes, _: Path) -> None:
    """As a photo of a source, as the mask beside one, and as a published set's."""
    from aggregate.importers.published import PublishedPicture

    with contextlib.suppress(InputError):
        decode_mask(data, "hostile.mask.png", (24, 32))
    with contextlib.suppress(InputError):
        PublishedPicture.read(data, "hostile.png")
    decode_picture(data, "hostile.png")


def depth(data: bytes, _: Path) -> None:
    """As depth beside a photo."""
    decode_depth_sidecar(data, "hostile.depth.npy", (24, 32))


def shard(data: bytes, place: Path) -> None:
    """As a shard to check, to count, to build a corpus from, and as a source of pictures."""
    from aggregate.shards import Shard, inspect
    from uniser_core.pair_check import check_pairs, pair_stats
    from uniser_core.sources import open_source

    path = place / "hostile.parquet"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        inspect(Shard(str(path), 0))
        blobs, _ = Shard(str(path), 0).open()
        blobs.ranges("input.bytes")
    for kind in ("", "pairs:", "frames:"):
        with contextlib.suppress(InputError):
            source = open_source(f"{kind}{path}")
            for item in source.items()[:2]:
                source.load(item).rgb8_HWC.sum()
    report = check_pairs(str(path), replay_every=1)
    if not report.problems:
        pair_stats(str(path))


def params(data: bytes, place: Path) -> None:
    """As the parameters of a row that is rendered again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from uniser_core.pair import PAIR_SCHEMA

    rows = pq.read_table(place.parent / "seed.parquet", schema=None).to_pylist()
    rows[0]["params"] = data.decode("utf8", "replace")
    table = pa.Table.from_pylist(rows[:1], PAIR_SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    shard(sink.getvalue().to_pybytes(), place)


def settings(data: bytes, place: Path) -> None:
    """As each YAML file that a user may hand in: a recipe, a preset, settings beside a scene, a lens."""
    from aggregate.recipe import load_recipe
    from halo_render.optics.lens import load_lens
    from halo_render.user_scene import settings_of
    from syn_haze.presets import load_preset

    path = place / "hostile.yaml"
    path.write_bytes(data)
    refused: InputError | None = None
    readers: tuple[Callable[[Path], object], ...] = (
        load_recipe, load_preset_path(load_preset), lambda p: settings_of(p.with_suffix(".blend")), load_lens,
    )  # fmt: skip
    for read in readers:
        try:
            read(path)
        except InputError as error:
            refused = error
    if refused is not None:
        raise refused


def load_preset_path(load: Callable[[str], object]) -> Callable[[Path], object]:
    """Presets are named by a string."""
    return lambda path: load(str(path))


def archive(data: bytes, place: Path, end: str) -> None:
    """As a published set to import; a tar as a source of photos too."""
    from aggregate.importers.tree import Tree
    from uniser_core.sources import open_source

    path = place / f"hostile.{end}"
    path.write_bytes(data)
    tree = Tree([str(path)])
    refused: InputError | None = None
    for name in [n for n in tree.files if Path(n).suffix.lower() in EXTENSIONS][:20]:
        try:
            decode_picture(tree.read(name), name)
        except InputError as error:
            refused = error
    if end == "tar":
        source = open_source(f"tar:{path}")
        for item in source.items()[:20]:
            try:
                frame = source.load(item)
                frame.rgb8_HWC.sum()
                if frame.has("depth"):
                    frame.get("depth")
            except InputError as error:
                refused = error
    if refused is not None:
        raise refused


def tensors(data: bytes, place: Path) -> None:
    """As a checkpoint."""
    from uniser_model.checkpoint import read_tensors

    path = place / "hostile.safetensors"
    path.write_bytes(data)
    for tensor in read_tensors(path)[0].values():
        tensor.float().sum()


def scene(data: bytes, place: Path, end: str) -> None:
    """As a user's scene, opened in Blender and rendered."""
    from halo_render.blender import session
    from halo_render.blender.build import build_scene
    from halo_render.scenes import find_scenes

    path = place / f"hostile.{end}"
    path.write_bytes(data)
    built = build_scene(find_scenes(str(path))[0], generator(0), 1)
    session.configure(built.scene, session.RenderSettings(8, 8, samples=1, min_samples=1, threads=1), 1)
    session.render(built.scene)


def harm(data: bytes, place: Path) -> None:
    """A reader that breaks each rule: the watch is tried on it."""
    match data:
        case b"write":
            outside = Path(place.parent.parent, f"outside-{os.getpid()}")
            outside.write_bytes(b"x")
            outside.unlink()
        case b"start":
            os.system("true")
        case b"unpickle":
            np.load(io.BytesIO(UNPICKLED), allow_pickle=True)
        case b"hang":
            while True:
                pass
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"grow":
            np.ones(1 << 40, np.uint8)
        case b"raise":
            raise KeyError("as a bug does")


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    **dict.fromkeys(PICTURES, picture),
    "npy": depth,
    "parquet": shard,
    "params": params,
    "yaml": settings,
    "tar": lambda data, place: archive(data, place, "tar"),
    "zip": lambda data, place: archive(data, place, "zip"),
    "safetensors": tensors,
    "glb": lambda data, place: scene(data, place, "glb"),
    "blend": lambda data, place: scene(data, place, "blend"),
}
HARMS = (b"write", b"start", b"unpickle", b"hang", b"die", b"grow", b"raise")
