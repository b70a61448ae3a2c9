"""Depth from any `transformers` depth-estimation model, by hub id or local folder.

DPT (Ranftl et al., ICCV 2021) and Depth Anything (Yang et al., CVPR 2024) give relative inverse depth: an
affine fit puts it on a drawn range. Metric models give metres. Pictures are prepared here, from the
model's own preprocessor_config.json, with OpenCV: no image-processor class and no torchvision.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import encode_srgb8
from uniser_core.depth import DepthMap, quantize_inverse
from uniser_core.errors import InputError
from uniser_core.seeding import generator

from syn_haze.depth.heuristic import FAR_OVER_NEAR, NEAR_M, draw_log_uniform
from syn_haze.depth.refine import Float32, guide_of, guided_upsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

METRIC_TYPES = ("zoedepth", "glpn")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DEFAULT_SIDE_PX, DEFAULT_MULTIPLE_PX = 384, 32
# Pictures beyond this aspect are squeezed: attention grows with the square of the area.
LONGEST_OVER_SHORTEST = 2.5
# Metres that metric models are believed in.
METRIC_RANGE_M = (0.1, 1000.0)
# Share of pixels at each end left out when relative depth is fitted to its range.
TRIM = 0.005


class HubDepth:
    """A depth-estimation model; loaded at first use, on the CPU, in evaluation mode."""

    name = "hf"

    def __init__(self, model: str = "") -> None:
        if not model:
            raise InputError("depth 'hf'", "needs a model", "write hf:HUB_ID or hf:FOLDER")
        self.model = model
        folder = Path(model).expanduser()
        self.is_folder = folder.is_dir()
        # Rows name a folder's model, not where this machine keeps it.
        self.label = folder.resolve().name if self.is_folder else model
        if self.is_folder and not (folder / "config.json").is_file():
            raise InputError(f"depth model '{model}'", "the folder has no config.json", "save_pretrained() writes one")
        looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
        if looks_like_path and not self.is_folder:
            raise InputError(f"depth model '{model}'", "is not a folder", "give a folder or a hub id like OWNER/NAME")

    def estimate(self, frame: Frame, seed: int) -> DepthMap:
        """Depth on the frame's grid; for relative models `seed` draws the range, recorded as near_m and far_m."""
        return self.estimate_batch([frame], [seed])[0]

    def estimate_batch(self, frames: Sequence[Frame], seeds: Sequence[int]) -> list[DepthMap]:
        """As `estimate`; frames that come out at one network size share a forward pass."""
        import torch

        inputs = [self._prepare(frame) for frame in frames]
        raw: list[Float32] = [np.empty((0, 0), np.float32)] * len(frames)
        for shape in dict.fromkeys(x.shape for x in inputs):
            chosen = [i for i, x in enumerate(inputs) if x.shape == shape]
            with torch.inference_mode():
                batch = torch.from_numpy(np.stack([inputs[i] for i in chosen]))
                predicted = self._network(pixel_values=batch).predicted_depth.float().numpy()
            for i, depth_hw in zip(chosen, predicted, strict=True):
                raw[i] = depth_hw.reshape(depth_hw.shape[-2:])
        return [self._fit(f, r, s) for f, r, s in zip(frames, raw, seeds, strict=True)]

    @property
    def is_metric(self) -> bool:
        """Whether the model gives metres rather than relative inverse depth."""
        config = self._network.config
        kind = getattr(config, "depth_estimation_type", None)
        return config.model_type in METRIC_TYPES if kind is None else bool(kind == "metric")

    def _fit(self, frame: Frame, raw_hw: Float32, seed: int) -> DepthMap:
        if not np.isfinite(raw_hw).all():
            raise InputError(f"depth model '{self.model}' on {frame.frame_id}", "made NaN", "use another model")
        facts: dict[str, Any] = {"model": self.label}
        if self.is_metric:
            inverse_hw = 1 / np.clip(raw_hw.astype(np.float64), *METRIC_RANGE_M)
        else:
            rng = generator(seed)
            near_m = draw_log_uniform(rng, NEAR_M)
            far_m = near_m * draw_log_uniform(rng, FAR_OVER_NEAR)
            low, high = np.quantile(raw_hw, (TRIM, 1 - TRIM))
            relative = np.clip((raw_hw - low) / max(float(high - low), 1e-12), 0, 1)
            inverse_hw = 1 / far_m + relative * (1 / near_m - 1 / far_m)
            facts |= {"near_m": float(f"{near_m:.6g}"), "far_m": float(f"{far_m:.6g}")}
        refined = guided_upsample(inverse_hw.astype(np.float32), guide_of(frame), radius_share=1 / 64, epsilon=1e-3)
        return quantize_inverse(refined, f"{self.name}:{self.label}", metric=self.is_metric, **facts)

    @cached_property
    def _network(self) -> Any:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        from transformers import AutoModelForDepthEstimation

        where = str(Path(self.model).expanduser()) if self.is_folder else self.model
        try:
            network = AutoModelForDepthEstimation.from_pretrained(where, local_files_only=self.is_folder)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"depth model '{self.model}'", reason, "give a depth-estimation model") from error
        return network.eval()

    @cached_property
    def _preparation(self) -> dict[str, Any]:
        name = "preprocessor_config.json"
        if self.is_folder:
            path: str | None = str(Path(self.model).expanduser() / name)
        else:
            from transformers.utils import cached_file

            path = cached_file(self.model, name, _raise_exceptions_for_missing_entries=False)
        if path is None or not Path(path).is_file():
            return {}
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf8"))
        return found

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Network input (height, width): the model's side for the shorter one, on its patch grid.

        The aspect is kept, but by DPT proper, whose reassembly knows square pictures alone.
        """
        backbone = getattr(self._network.config, "backbone_config", None)
        config = backbone or self._network.config
        if self._network.config.model_type == "dpt" and backbone is None:
            height = width = min(height, width)
        size = self._preparation.get("size", getattr(config, "image_size", DEFAULT_SIDE_PX))
        side = min(size.values()) if isinstance(size, dict) else int(size)
        patch = int(getattr(config, "patch_size", 1) or 1)
        multiple = int(self._preparation.get("ensure_multiple_of") or max(patch, 1))
        # Pyramids halve the picture several times: a patch grid alone is not enough without patches.
        multiple = multiple if multiple > 1 else DEFAULT_MULTIPLE_PX
        scale = side / min(height, width)
        longest = side * LONGEST_OVER_SHORTEST

        def fitted(n: int) -> int:
            return max(1, round(min(n * scale, longest) / multiple)) * multiple

        return fitted(height), fitted(width)

    def _prepare(self, frame: Frame) -> npt.NDArray[np.float32]:
        """Normalised input, float32 (3, h, w)."""
        height, width = self._size(frame.height, frame.width)
        rgb8 = encode_srgb8(frame.rgb_HWC) if frame.is_hdr else frame.rgb8_HWC
        shrinking = height * width < frame.height * frame.width
        how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
        rgb = cv2.resize(rgb8, (width, height), interpolation=how).astype(np.float32) / np.float32(255)
        mean = np.asarray(self._preparation.get("image_mean", MEAN), np.float32)
        deviation = np.asarray(self._preparation.get("image_std", DEVIATION), np.float32)
        return np.ascontiguousarray(((rgb - mean) / deviation).transpose(2, 0, 1))
