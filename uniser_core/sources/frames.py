"""`frames:URI`: HDR frames that `uniser halo frames` rendered, with exact depth, normals and lights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.shard import PairSet
from uniser_core.sources.base import Source, SourceItem, SourceOptions
from uniser_core.sources.resize import area, fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.depth import DepthMap
    from uniser_core.frame import Frame


class RenderedFrames(Source):
    """Frames of a run folder or shard; `group_id` is the scene, so its cameras never straddle a split."""

    expected = "shards of frames, as uniser halo frames writes them"

    def __init__(self, place: str, spec: str, options: SourceOptions) -> None:
        super().__init__(spec, options)
        self.shards = PairSet(place, FRAME_SCHEMA)

    def list_items(self) -> list[SourceItem]:
        """One item a frame; reads ids alone."""
        found = []
        for shard in self.shards.shards:
            with self.shards.reading(shard), self.shards.store.open(shard) as stream:
                file = pq.ParquetFile(stream)
                for group in range(file.num_row_groups):
                    names = file.read_row_group(group, columns=["frame_id"])["frame_id"].to_pylist()
                    found += [SourceItem(name, 0, (shard, group, row)) for row, name in enumerate(names)]
        return found

    def load(self, item: SourceItem) -> Frame:
        """See `Source.load`; the channels are the frame row's columns."""
        shard, group, number = item.where
        return frame_of(self.shards.row_at(shard, group, number), self.options)


def frame_of(row: dict[str, Any], options: SourceOptions) -> Frame:
    """The Frame of a frame row, scaled down to `options.max_size_px`."""
    from uniser_core.frame import Frame

    size = (row["height"], row["width"])
    target = fit(size, options.max_size_px)
    channels: dict[str, Callable[[], Any]] = {
        name: _picture(row[name], target) for name in ("rgb", "emission", "normal", "object_index") if row[name]
    }
    if row["light_groups"]:
        channels["light_groups"] = lambda: {g["name"]: _picture(g["blob"], target)() for g in row["light_groups"]}
    if row["depth"]:
        channels["depth"] = lambda: _depth(row["depth"], target)
    scale = target[1] / size[1]
    channels["lights"] = lambda: _scaled_lights(json.loads(row["lights"]), scale)
    channels["objects"] = lambda: json.loads(row["objects"])
    channels["camera"] = lambda: json.loads(row["camera"])
    return Frame(
        row["frame_id"],
        target[1],
        target[0],
        channels,
        group_id=row["scene_id"],
        kind="render",
        license=row["license"],
        attribution=row["attribution"],
        source_uri=f"frames/{row['frame_id']}",
        facts={"archetype": row["archetype"], "camera_id": row["camera_id"], "scene_id": row["scene_id"]},
    )


def _picture(blob: bytes, target_hw: tuple[int, int]) -> Callable[[], Any]:
    def read() -> Any:
        from uniser_core.codecs import decode_exr

        return area(np.ascontiguousarray(decode_exr(blob), np.float32), target_hw)

    return read


def _depth(blob: bytes, target_hw: tuple[int, int]) -> DepthMap:
    from uniser_core.codecs import decode_exr
    from uniser_core.depth import quantize_metres

    metres = np.asarray(decode_exr(blob), np.float32)
    if metres.shape != target_hw:  # nearest: a mean of near and far is a depth that nothing has
        rows = (np.arange(target_hw[0]) + 0.5) * metres.shape[0] / target_hw[0]
        columns = (np.arange(target_hw[1]) + 0.5) * metres.shape[1] / target_hw[1]
        metres = metres[rows.astype(np.int64)[:, None], columns.astype(np.int64)[None]]
    return quantize_metres(metres, "render")


def _scaled_lights(lights: list[dict[str, Any]], scale: float) -> list[dict[str, Any]]:
    if scale == 1:
        return lights
    return [
        {**e, "position_px": [v * scale for v in e["position_px"]] if e["position_px"] is not None else None}
        for e in lights
    ]
