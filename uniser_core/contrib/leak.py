"""Stray light: a veil from a light beside the picture, or light that leaks into the camera's body.

`veil`: lens surfaces and dust scatter a light that is out of the frame over all of it. The glare that is left falls
off with the square of the angle to the light (CIE 146:2002, the Stiles-Holladay law; ISO 9358 measures its even
part), so L = amount * tint / (1 + (d / reach)^2), d the distance to the light in the picture's plane.

`leak`: light through a slit at the edge of film runs inside the base and dies out exponentially. It passes the
orange mask of colour film, which keeps blue and green back, so the farther in, the redder: white, yellow, orange,
red.

Both are additive in linear light: degraded = clean + additive.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from uniser_core.camera import white_of
from uniser_core.contrib._optics import add_light, log_uniform, uniform
from uniser_core.effect import EffectParams, Layers, Unit, effect

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]


class Slit(BaseModel):
    """One gap at the picture's edge. Lengths are fractions of the longer side."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    side: Literal["left", "right", "top", "bottom"]
    place: Unit = Field(description="middle of the slit along its side, 0 to 1")
    width: float = Field(gt=0, le=2)
    amount: float = Field(ge=0, le=50, description="light at the edge, in whites")
    reach_rgb: tuple[float, float, float] = Field(description="way on which each channel falls to 1/e")
    slant: float = Field(ge=-2, le=2, description="sideways drift, per way inwards")


class LeakParams(EffectParams):
    """The stray light. A veil has a light's place, leaks have slits."""

    variant: Literal["veil", "leak"]
    light_x: float = Field(
        default=0.5, description="veil: the light's place, fraction of the width; beyond 0 to 1: outside"
    )
    light_y: float = 0.5
    amount: float = Field(default=0.0, ge=0, le=50, description="veil: light nearest to the source, in whites")
    reach: float = Field(default=0.5, gt=0, le=10, description="veil: distance of half the light, of the longer side")
    tint_rgb: tuple[Unit, Unit, Unit] = (1.0, 1.0, 1.0)
    slits: tuple[Slit, ...] = Field(default=(), max_length=8)


@effect("leak", dataset="CONTRIB", prompt="Remove stray light.", fast=True)
class Leak:
    """Veiling glare and light leaks."""

    Params = LeakParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> LeakParams:
        """Draw a light beside the picture, or one to three slits."""
        if rng.random() < 0.5:
            angle, away = rng.uniform(0, 2 * math.pi), uniform(rng, 0.65, 1.2)
            warm = uniform(rng, -0.12, 0.35)
            return LeakParams(
                variant="veil",
                light_x=round(0.5 + away * math.cos(angle), 4),
                light_y=round(0.5 + away * math.sin(angle), 4),
                amount=log_uniform(rng, 0.06, 0.8),
                reach=log_uniform(rng, 0.25, 1.2),
                tint_rgb=(1.0 - max(-warm, 0.0), round(1 - 0.4 * abs(warm), 5), round(1 - max(warm, 0.0), 5)),
            )
        return LeakParams(variant="leak", slits=tuple(_draw_slit(rng) for _ in range(int(rng.integers(1, 4)))))

    def apply(self, frame: Frame, params: LeakParams) -> Layers:
        """Clean picture + stray light, that light as `additive`, and its share of the whole as `strength`."""
        additive = np.zeros_like(frame.rgb_HWC)
        longer = max(frame.width, frame.height)
        y, x = np.ogrid[: frame.height, : frame.width]
        x, y = (x + np.float32(0.5)) / np.float32(longer), (y + np.float32(0.5)) / np.float32(longer)
        if params.amount > 0:
            dx, dy = x - params.light_x * frame.width / longer, y - params.light_y * frame.height / longer
            light = params.amount / (1 + (dx * dx + dy * dy) / params.reach**2)
            additive += np.asarray(light, np.float32)[..., None] * np.array(params.tint_rgb, np.float32)
        for slit in params.slits:
            _leak(additive, x, y, slit)
        additive *= np.float32(white_of(frame))
        degraded, strength = add_light(frame.rgb_HWC, additive)
        return Layers(degraded=degraded, additive=additive, strength=strength)


def _draw_slit(rng: np.random.Generator) -> Slit:
    red = log_uniform(rng, 0.05, 0.25)
    values: dict[str, Any] = {
        "side": ("left", "right", "top", "bottom")[int(rng.integers(4))],
        "place": uniform(rng, 0, 1),
        "width": log_uniform(rng, 0.08, 0.7),
        "amount": log_uniform(rng, 0.3, 3),
        "reach_rgb": (red, round(red * uniform(rng, 0.35, 0.6), 5), round(red * uniform(rng, 0.15, 0.35), 5)),
        "slant": uniform(rng, -0.6, 0.6),
    }
    return Slit(**values)


def _leak(additive: Float32, x: Any, y: Any, slit: Slit) -> None:
    """Add one slit's light; x and y are in longer sides."""
    right, bottom = float(x[0, -1] + x[0, 0]), float(y[-1, 0] + y[0, 0])
    inward = {"left": x, "right": right - x, "top": y, "bottom": bottom - y}[slit.side]
    along, extent = (y, bottom) if slit.side in ("left", "right") else (x, right)
    # Light fans out on its way in, so the band widens and fades.
    width = slit.width * (1 + 1.5 * inward)
    off = (along - slit.place * extent - slit.slant * inward) / width
    band = slit.amount * np.exp(-(off**2)) * (slit.width / width)
    for c, reach in enumerate(slit.reach_rgb):
        additive[..., c] += band * np.exp(-inward / reach)
