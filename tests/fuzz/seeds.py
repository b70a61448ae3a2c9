"""Valid inputs that fuzzing begins with: those of the hostile inputs, and a few that only parsers of ours read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import ImageCms

from tests.cli import ROOT
from tests.hostile.mutate import CRAFTED
from tests.hostile.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BLOBS = [b"a" * 40, None, b"b" * 1100, b"", b"a" * 40]
CSV = (
    b"input,target\nhazy/1.png,clear/1.png\n",
    b"input,target,mask,effect,split\nh/1.png,c/1.png,m/1.png,haze,train\nh/2.png,c/1.png,,rain,test\n",
)
# Longer ones would only slow every run down.
LONGEST_BYTES = 20_000


def _parquet() -> list[bytes]:
    table = pa.table({"input": [{"bytes": b, "path": "x"} for b in BLOBS], "a": [b or b"-" for b in BLOBS]})
    made = []
    for options in ({"use_dictionary": False}, {"use_dictionary": True}, {"data_page_version": "2.0"}):
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="NONE", row_group_size=3, **options)
        made.append(sink.getvalue())
    return made


OWN: dict[str, Callable[[], Sequence[bytes]]] = {
    "parquet_pages": _parquet,
    "lens": lambda: [p.read_bytes() for p in sorted((ROOT / "halo_render" / "lenses").glob("*.yaml"))[:3]],
    "icc": lambda: [ImageCms.ImageCmsProfile(ImageCms.createProfile(n)).tobytes() for n in ("sRGB", "XYZ")],
    "csv": lambda: CSV,
    "globs": lambda: [b"hazy/**/[a-c]?_*.png\nhazy/x/a1_2.png", b"*\n../a.b.png", b"[!x]/**\n/a/b"],
}


def starting_inputs(kinds: Sequence[str], choices: int) -> list[bytes]:
    """Inputs of these kinds; where the first byte chooses, one of each with each choice."""
    found: list[bytes] = []
    for kind in kinds:
        found += OWN[kind]() if kind in OWN else [*seeds([kind])[kind], *CRAFTED.get(kind, ())]
    short = [data for data in found if len(data) < LONGEST_BYTES]
    return [bytes([n]) + data for n in range(choices) for data in short] if choices else short
