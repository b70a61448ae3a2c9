"""Depth from a Marigold pipeline (Ke et al., CVPR 2024) through `diffusers`, by hub id or local folder.

It denoises depth in the latent space of an image model: affine-invariant depth, nearest 0, farthest 1. The noise
it starts from is fixed, so a picture's depth follows from its pixels.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from uniser_core.color import encode_srgb8
from uniser_core.errors import InputError

from syn_haze.depth.model import ModelDepth, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

    from syn_haze.depth.refine import Float32

# What the authors advise for their LCM and v1-1 checkpoints on the side that is longer, and how many steps.
SIDE_PX, STEPS = 768, 4
NOISE_SEED = 0


class MarigoldDepth(ModelDepth):
    """A Marigold depth pipeline, one picture at a time."""

    name = "marigold"
    config_name = "model_index.json"

    @property
    def scale(self) -> Scale:
        """Depth up to scale and shift."""
        return "depth"

    def infer(self, frames: Sequence[Frame]) -> list[Float32]:
        """Affine-invariant depth in [0, 1] of each frame at the pipeline's size: float32 (h, w)."""
        import torch

        found = []
        for frame in frames:
            rgb8 = encode_srgb8(frame.rgb_HWC) if frame.is_hdr else frame.rgb8_HWC
            longest = int(self._pipeline.default_processing_resolution or SIDE_PX)
            shrink = min(1.0, longest / max(frame.height, frame.width))
            size = (max(8, round(frame.width * shrink)), max(8, round(frame.height * shrink)))
            picture = cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
            with torch.inference_mode():
                made = self._pipeline(
                    picture,
                    num_inference_steps=int(self._pipeline.default_denoising_steps or STEPS),
                    ensemble_size=1,
                    processing_resolution=0,
                    match_input_resolution=True,
                    generator=torch.Generator().manual_seed(NOISE_SEED),
                    output_type="np",
                )
            found.append(np.asarray(made.prediction, np.float32).reshape(size[1], size[0]))
        return found

    @cached_property
    def _pipeline(self) -> Any:
        try:
            from diffusers import MarigoldDepthPipeline
            from diffusers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise InputError("depth 'marigold'", f"needs diffusers ({error})", "pip install diffusers") from error
        disable_progress_bar()
        try:
            pipeline = MarigoldDepthPipeline.from_pretrained(
                self.where, local_files_only=self.is_folder, low_cpu_mem_usage=False, use_safetensors=True
            )
        except (OSError, ValueError, RuntimeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"depth model '{self.model}'", reason, "give a Marigold depth pipeline") from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline
