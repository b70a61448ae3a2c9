"""What depth networks share: where they come from, the cache of what they said, and the fit to metres.

A network gives inverse depth or depth up to scale and shift, or metres. The first two are put on a range that is drawn
for each picture and recorded; all are brought to the picture's grid and edges, and to 16 bits.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from uniser_core.depth import DepthMap, quantize_inverse
from uniser_core.errors import InputError
from uniser_core.seeding import generator

from syn_haze.depth.cache import RawCache, default_folder, folder_digest
from syn_haze.depth.heuristic import FAR_OVER_NEAR, NEAR_M, draw_log_uniform
from syn_haze.depth.refine import Float32, guide_of, guided_upsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

# Metres that metric models are believed in.
METRIC_RANGE_M = (0.1, 1000.0)
# Share of pixels at each end left out when relative depth is fitted to its range.
TRIM = 0.005
Scale = Literal["inverse", "depth", "metres"]


class ModelDepth:
    """A network by hub id or folder; loaded at first use, on the CPU."""

    name = "model"
    config_name = "config.json"
    # Where outputs are kept; None: nowhere.
    cache_folder: Path | None

    def __init__(self, model: str = "") -> None:
        """Raises InputError when no model is named, or its folder is none."""
        if not model:
            raise InputError(f"depth '{self.name}'", "needs a model", f"write {self.name}:HUB_ID or {self.name}:FOLDER")
        self.model, self.cache_folder = model, default_folder()
        folder = Path(model).expanduser()
        self.is_folder = folder.is_dir()
        # Rows name a folder's model, not where this machine keeps it.
        self.label = folder.resolve().name if self.is_folder else model
        if self.is_folder and not (folder / self.config_name).is_file():
            rule = f"the folder has no {self.config_name}"
            raise InputError(f"depth model '{model}'", rule, "save_pretrained() writes one")
        looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
        if looks_like_path and not self.is_folder:
            raise InputError(f"depth model '{model}'", "is not a folder", "give a folder or a hub id like OWNER/NAME")

    @property
    def where(self) -> str:
        """What `from_pretrained` takes."""
        return str(Path(self.model).expanduser()) if self.is_folder else self.model

    @property
    def scale(self) -> Scale:
        """What the network's numbers are."""
        raise NotImplementedError

    def infer(self, frames: Sequence[Frame]) -> list[Float32]:
        """The network's output for each frame, float32 (h, w), at its own sizes."""
        raise NotImplementedError

    def revision(self) -> str:
        """What tells this network from another, of a hub model: its commit where known."""
        return self.model

    def estimate(self, frame: Frame, seed: int) -> DepthMap:
        """Depth on the frame's grid; for relative models `seed` draws the range, recorded as near_m and far_m."""
        return self.estimate_batch([frame], [seed])[0]

    def estimate_batch(self, frames: Sequence[Frame], seeds: Sequence[int]) -> list[DepthMap]:
        """As `estimate`, for several frames at once."""
        return [self._fit(f, r, s) for f, r, s in zip(frames, self.raw(frames), seeds, strict=True)]

    def raw(self, frames: Sequence[Frame]) -> list[Float32]:
        """Outputs from the cache, and of the network for those that are not there, which are kept then."""
        if self.cache_folder is None:
            return self.infer(frames)
        cache = RawCache(self.cache_folder, self._digest)
        found = {n: kept for n, frame in enumerate(frames) if (kept := cache.get(frame)) is not None}
        missing = [n for n in range(len(frames)) if n not in found]
        for n, raw_hw in zip(missing, self.infer([frames[n] for n in missing]) if missing else [], strict=True):
            found[n] = np.ascontiguousarray(raw_hw, np.float32)
            cache.put(frames[n], found[n])
        return [found[n] for n in range(len(frames))]

    @cached_property
    def _digest(self) -> str:
        return f"{self.name}:{folder_digest(Path(self.where)) if self.is_folder else self.revision()}"

    def _fit(self, frame: Frame, raw_hw: Float32, seed: int) -> DepthMap:
        if not np.isfinite(raw_hw).all():
            raise InputError(f"depth model '{self.model}' on {frame.frame_id}", "made NaN", "use another model")
        facts: dict[str, Any] = {"model": self.label}
        is_metric = self.scale == "metres"
        if is_metric:
            inverse_hw = 1 / np.clip(raw_hw.astype(np.float64), *METRIC_RANGE_M)
        else:
            rng = generator(seed)
            near_m = draw_log_uniform(rng, NEAR_M)
            far_m = near_m * draw_log_uniform(rng, FAR_OVER_NEAR)
            low, high = np.quantile(raw_hw, (TRIM, 1 - TRIM))
            relative = np.clip((raw_hw - low) / max(float(high - low), 1e-12), 0, 1)
            if self.scale == "inverse":
                inverse_hw = 1 / far_m + relative * (1 / near_m - 1 / far_m)
            else:
                inverse_hw = 1 / (near_m + relative * (far_m - near_m))
            facts |= {"near_m": float(f"{near_m:.6g}"), "far_m": float(f"{far_m:.6g}")}
        refined = guided_upsample(inverse_hw.astype(np.float32), guide_of(frame), radius_share=1 / 64, epsilon=1e-3)
        return quantize_inverse(refined, f"{self.name}:{self.label}", metric=is_metric, **facts)
