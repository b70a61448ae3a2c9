"""Depth by rule of thumb, for pictures that have none: higher up and more veiled is farther.

Vertical position is the ground-plane prior; the veil is the dark channel (He, Sun, Tang, CVPR 2009).
It is no measurement: rows say `heuristic`, and the metres are drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from uniser_core.depth import DepthMap, quantize_inverse
from uniser_core.seeding import generator

from syn_haze.depth.refine import Float32, guide_of, guided_upsample, small_light, work_size

if TYPE_CHECKING:
    from uniser_core.frame import Frame

# Ranges that near and far metres are drawn from, log-uniformly.
NEAR_M = (1.5, 6.0)
FAR_OVER_NEAR = (8.0, 40.0)
VEIL_WEIGHT = 0.35
# He et al. use 15 px patches on 600 px pictures and keep 5% of the veil.
PATCH_SHARE, OMEGA = 1 / 40, 0.95


class HeuristicDepth:
    """Relative depth from height in the picture and dark channel, edge-refined, on a drawn metric range."""

    name = "heuristic"

    def estimate(self, frame: Frame, seed: int) -> DepthMap:
        """Depth on the frame's grid; `near_m` and `far_m` follow from `seed` and are recorded."""
        rng = generator(seed)
        near_m = draw_log_uniform(rng, NEAR_M)
        far_m = near_m * draw_log_uniform(rng, FAR_OVER_NEAR)
        inverse = frame.memo(("heuristic depth",), lambda: relative_depth(frame)).astype(np.float64)
        inverse *= -math.log(far_m / near_m)
        np.exp(inverse, out=inverse)
        inverse /= near_m
        facts = {"near_m": float(f"{near_m:.6g}"), "far_m": float(f"{far_m:.6g}")}
        return quantize_inverse(inverse, self.name, metric=False, **facts)


def draw_log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """One draw, uniform in the logarithm."""
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def relative_depth(frame: Frame) -> Float32:
    """0 nearest to 1 farthest, float32 (H, W), edges following the picture's."""
    guide = guide_of(frame)
    small = work_size(frame.height, frame.width)
    veil = _veil(small_light(frame, small))
    height = (
        np.linspace(1, 0, small[0], dtype=np.float32)[:, None] if small[0] > 1 else np.full((1, 1), np.float32(0.5))
    )
    rough = np.asarray((1 - VEIL_WEIGHT) * height + VEIL_WEIGHT * veil, np.float32)
    refined = guided_upsample(rough, guide, radius_share=1 / 16, epsilon=2e-3)
    low, high = refined.min(), refined.max()
    refined -= low
    refined /= max(high - low, np.float32(1e-6))
    return refined


def _veil(rgb_HWC: Float32) -> Float32:
    """-log of the transmission that the dark channel suggests, scaled to [0, 1] over the picture."""
    size = max(1, round(PATCH_SHARE * max(rgb_HWC.shape[:2])))
    patch = np.ones((size, size), np.uint8)
    dark = cv2.erode(np.ascontiguousarray(rgb_HWC.min(axis=2)), patch)
    brightest = dark >= np.quantile(dark, 0.999)
    airlight = np.maximum(rgb_HWC[brightest].mean(axis=0), 1e-3)
    veiled = cv2.erode(np.ascontiguousarray((rgb_HWC / airlight).min(axis=2)), patch)
    depth = -np.log(np.maximum(1 - OMEGA * np.clip(veiled, 0, 1), 0.05))
    return np.asarray(depth / max(float(depth.max()), 1e-6), np.float32)
