"""The layout HALO was published in: WebDataset tars of `{scene}_{effect}{nnn}_{camera}.gt/.flare/.separate/.json`.

Loaders of the published set read these tars. Beside the published members a sample carries our whole row
(`json` -> `uniser`, `.separate.exr`, `.mask.png`), so reading it back loses nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm
from uniser_core import codecs
from uniser_core.camera import Camera
from uniser_core.errors import InputError
from uniser_core.pair import METADATA_COLUMNS
from uniser_core.shard import PairSet
from uniser_core.storage import Store
from uniser_core.tar import write_tar

if TYPE_CHECKING:
    from collections.abc import Iterator

EFFECTS = {"reflective": "Reflective", "glare": "Glare", "streak": "Streak", "shimmer": "Shimmer"}
SHARD_BYTES = 1 << 30
# Scenes beside our own recipes (a user's file, a photo) are numbered from here on.
FIRST_FOREIGN_SCENE = 501


def export(uri: str, out: str, shard_bytes: int = SHARD_BYTES) -> dict[str, int]:
    """Write the flare pairs of `uri` as tars below `out`/shards; returns how many samples and shards.

    Raises InputError when the set holds other effects than flare, or pictures that are not PNG.
    """
    pairs, store = PairSet(uri), Store(out)
    scenes = _scene_numbers(pairs)
    store.make_folder("shards")
    index: dict[str, int] = {}
    names: list[str] = []
    samples = _samples(pairs, scenes)
    with tqdm(total=len(pairs), unit="pair", smoothing=0, disable=None, dynamic_ncols=True) as bar:
        for members in _bundles(samples, shard_bytes, names, bar.update):
            name = f"shards/shard-{len(index):05d}.tar"
            spooled = store.spool(name.replace("/", "_"))
            write_tar(spooled, members)
            store.publish(spooled, name)
            index[name] = sum(key.endswith(".json") for key, _ in members)
    store.write("shard_index.json", _to_json({"shards": index, "scenes": {v: k for k, v in scenes.items()}}))
    store.write("finalist.json", _to_json(names))
    return {"samples": len(names), "shards": len(index)}


def _to_json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _scene_numbers(pairs: PairSet) -> dict[str, str]:
    """`Scene001` … for our recipes in their fixed order, from `Scene501` for what else there is, by name."""
    from halo_render.scenes import find_scenes

    ours = [s.scene_id for s in find_scenes("all")]
    foreign = sorted({r["group_id"] for r in pairs.rows(["group_id"])} - set(ours))
    numbers = {scene: f"Scene{n:03d}" for n, scene in enumerate(ours, 1)}
    return numbers | {scene: f"Scene{n:03d}" for n, scene in enumerate(foreign, FIRST_FOREIGN_SCENE)}


def _samples(pairs: PairSet, scenes: dict[str, str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(base name, members by ending) of each pair; views of one scene are numbered as they come."""
    cameras: dict[str, dict[str, str]] = {}
    for row in pairs.rows():
        _check(row)
        params = json.loads(row["params"])
        views = cameras.setdefault(row["group_id"], {})
        frame = row["pair_id"].rsplit("/", 1)[0]
        camera = views.setdefault(frame, f"camera{len(views) + 1:02d}")
        number = int(row["pair_id"].rpartition("-")[2])
        scene, effect = scenes[row["group_id"]], EFFECTS[row["variant"]]
        base = f"{scene}_{effect}{number:03d}_{camera}"
        files = {"gt": f"{base}.gt.png", "flare": f"{base}.flare.png", "separate": f"{base}.separate.png"}
        facts = {
            "scene": scene,
            "effect_type": effect,
            "effect_id": f"{effect}{number:03d}",
            "sample_id": base,
            "camera_id": camera,
            **files,
            "uniser": {k: _plain(row[k]) for k in METADATA_COLUMNS},
        }
        members = {
            "gt.png": row["target"]["bytes"],
            "flare.png": row["input"]["bytes"],
            "json": json.dumps(facts, ensure_ascii=False).encode(),
        }
        if row["layer"] is not None:
            layer = np.asarray(codecs.decode_exr(row["layer"]["bytes"]), np.float32)
            shown = Camera.from_description({**params["camera"], "full_well_e": None}).develop(layer)
            members |= {"separate.png": codecs.encode_picture(shown), "separate.exr": row["layer"]["bytes"]}
        members |= {f"{c}.png": row[c]["bytes"] for c in ("mask", "depth") if row[c] is not None}
        yield base, members


def _check(row: dict[str, Any]) -> None:
    if row["effect"] != "flare" or row["variant"] not in EFFECTS:
        raise InputError(
            f"{row['pair_id']} is {row['effect']}/{row['variant']}",
            f"the layout holds flare of kind {', '.join(EFFECTS)}",
            "export a set of flare pairs",
        )
    for column in ("input", "target"):
        data = row[column]["bytes"]
        if data is None or data[:4] != b"\x89PNG":
            raise InputError(f"{column} of {row['pair_id']}", "must be PNG in this layout", "render with --encoder png")


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _bundles(
    samples: Iterator[tuple[str, dict[str, bytes]]], limit: int, names: list[str], done: Any
) -> Iterator[list[tuple[str, bytes]]]:
    """Members of one tar after another, each below `limit` bytes unless a single sample is larger."""
    bundle: list[tuple[str, bytes]] = []
    total = 0
    for base, members in samples:
        size = sum(len(v) for v in members.values())
        if bundle and total + size > limit:
            yield bundle
            bundle, total = [], 0
        bundle += [(f"halo/{base}.{end}", data) for end, data in members.items()]
        total += size
        names.append(base)
        done(1)
    if bundle:
        yield bundle
