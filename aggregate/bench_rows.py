"""Synthetic pair shards for `uniser bench corpus`: realistic columns and skew, 15% repeats, pictures of a few bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from uniser_core.pair import IMAGE, IMAGE_COLUMNS, PAIR_SCHEMA
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from pathlib import Path

# (effect, data set, variants, share): a few large sets and many small ones, as public sets are.
SETS = (
    ("haze", "HazeSpace2M", ("fog", "eh", "cloud"), 0.42),
    ("haze", "SYN-HAZE", ("haze", "fog", "mist", "smog", "smoke", "dust"), 0.20),
    ("haze", "RESIDE-OTS", ("haze",), 0.10),
    ("flare", "HALO", ("reflective", "glare", "streak", "shimmer"), 0.12),
    ("flare", "Flare7K++", ("compound",), 0.06),
    ("shadow", "LR-SRD", ("paste", "plates", "blender"), 0.05),
    ("shadow", "ISTD+", ("shadow",), 0.03),
    ("reflection", "SIR2", ("focused", "defocused", "ghosting"), 0.02),
)
SOURCES, VARIANTS_OF_A_CLEAN, REPEATED = 4, 24, 0.15


def write_sources(folder: Path, rows: int, files: int, seed: int = 0) -> list[str]:
    """Write `rows` rows in `files` shards under four source folders; returns the sources."""
    per_file = -(-rows // files)
    for number in range(files):
        source = folder / f"source-{number * SOURCES // files}"
        source.mkdir(parents=True, exist_ok=True)
        count = min(per_file, rows - number * per_file)
        table = _rows(number, count, generator(seed * 1_000_003 + number), per_file)
        pq.write_table(
            table, source / f"shard-{number:05d}.parquet", compression=_codecs(), row_group_size=per_file,
            use_dictionary=["effect", "dataset", "origin", "prompt", "license", "generator", "target.bytes"],
        )  # fmt: skip
    return sorted(str(p) for p in folder.iterdir())


def _codecs() -> dict[str, str]:
    columns = [n for n in PAIR_SCHEMA.names if n not in IMAGE_COLUMNS]
    blobs = {f"{c}.{part}": "NONE" for c in IMAGE_COLUMNS for part in ("bytes", "path")}
    return {**dict.fromkeys(columns, "ZSTD"), **blobs}


def _rows(number: int, count: int, rng: np.random.Generator, per_file: int) -> pa.Table:
    """One shard. A repeat shows the pictures of a row of the shard before it, under a name of its own."""
    own = number * per_file + np.arange(count)
    shown = np.where((rng.random(count) < REPEATED) & (own >= per_file), own - per_file, own)
    # Everything follows from the row that pictures were first shown in, so that a repeat is of the same set.
    even = _mixed(shown.astype(np.uint64)) / 2.0**64
    which = np.searchsorted(np.cumsum([s[3] for s in SETS])[:-1], even, side="right")
    clean = shown // VARIANTS_OF_A_CLEAN * len(SETS) + which
    effect = np.array([s[0] for s in SETS])[which]
    dataset = np.array([s[1] for s in SETS])[which]
    variant = np.array([SETS[w][2][int(s) % len(SETS[w][2])] for w, s in zip(which, shown, strict=True)])
    inputs, targets = (_digests(v) for v in (shown + (1 << 40), clean))
    text = [f"{d}/{c:08d}/{e}-0-{o}" for d, c, e, o in zip(dataset, clean, effect, own, strict=True)]
    psnr_db = rng.normal(20, 5, count).astype(np.float32)
    params = [f'{{"visibility_m":{v:.4f},"angstrom_exponent":{a:.4f},"camera":{{"exposure_ev":{e:.4f}}}}}'
              for v, a, e in rng.random((count, 3))]  # fmt: skip
    none = pa.nulls(count, IMAGE)
    target = pa.StructArray.from_arrays(
        [pa.array([t[:12] for t in targets]), pa.array([""] * count)], ["bytes", "path"]
    )
    columns = {
        "pair_id": text, "effect": effect, "variant": variant, "dataset": dataset, "origin": ["photo"] * count,
        "group_id": [f"{d}-{c}" for d, c in zip(dataset, clean, strict=True)], "split": pa.nulls(count, pa.string()),
        "input": none, "target": target, "layer": none, "layer_kind": pa.nulls(count, pa.string()),
        "mask": none, "depth": none, "width": np.full(count, 512), "height": np.full(count, 512),
        "prompt": [f"Remove {e}." for e in effect], "params": params, "seed": own.astype(np.uint64),
        "effect_version": np.ones(count, int), "generator": ["bench"] * count, "input_sha256": inputs,
        "target_sha256": targets, "input_phash": rng.integers(0, 2**64, count, np.uint64),
        "target_phash": rng.integers(0, 2**64, count, np.uint64), "psnr_db": psnr_db,
        "ssim": rng.random(count).astype(np.float32), "license": np.where(which == 3, "CC0-1.0", "CC-BY-4.0"),
        "attribution": [f"author {c % 977}" for c in clean], "source_uri": [f"file:///data/{c:08d}.png" for c in clean],
    }  # fmt: skip
    arrays = []
    for field in PAIR_SCHEMA:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = columns[field.name]
        array = array if isinstance(array, pa.Array) else pa.array(array).cast(kind)
        arrays.append(array.dictionary_encode() if pa.types.is_dictionary(field.type) else array)
    return pa.table(arrays, schema=PAIR_SCHEMA)


def _digests(numbers: Any) -> list[bytes]:
    """A 32-byte name of each number, as even as a hash."""
    return [
        row.tobytes() for row in np.stack([_mixed(numbers.astype(np.uint64) + np.uint64(k << 48)) for k in range(4)], 1)
    ]


def _mixed(state: Any) -> Any:
    """Splitmix64's finaliser (Steele, Lea and Flood 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))
