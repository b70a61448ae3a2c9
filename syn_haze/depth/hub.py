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
from uniser_core.errors import InputError

from syn_haze.depth.model import ModelDepth, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

    from syn_haze.depth.refine import Float32

METRIC_TYPES = ("zoedepth", "glpn")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DEFAULT_SIDE_PX, DEFAULT_MULTIPLE_PX = 384, 32
# Pictures beyond this aspect are squeezed: attention grows with the square of the area.
LONGEST_OVER_SHORTEST = 2.5


class HubDepth(ModelDepth):
    """A depth-estimation model of `transformers`, in evaluation mode."""

    name = "hf"

    def infer(self, frames: Sequence[Frame]) -> list[Float32]:
        """Frames that come out at one network size share a forward pass: float32 (h, w) each."""
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
        return raw

    @property
    def is_metric(self) -> bool:
        """Whether the model gives metres rather than relative inverse depth."""
        config = self._network.config
        kind = getattr(config, "depth_estimation_type", None)
        return config.model_type in METRIC_TYPES if kind is None else bool(kind == "metric")

    @property
    def scale(self) -> Scale:
        """Metres, or inverse depth up to scale and shift."""
        return "metres" if self.is_metric else "inverse"

    def revision(self) -> str:
        """The model's id and its commit."""
        return f"{self.model}@{getattr(self._network.config, '_commit_hash', None)}"

    @cached_property
    def _network(self) -> Any:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        from transformers import AutoModelForDepthEstimation

        try:
            network = AutoModelForDepthEstimation.from_pretrained(
                self.where, local_files_only=self.is_folder, use_safetensors=True
            )
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
