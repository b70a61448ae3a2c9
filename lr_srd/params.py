"""Drawn parameters of one shadow, as its row keeps them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from uniser_core.effect import EffectParams

Share = Annotated[float, Field(ge=0, le=1)]
Vector = tuple[float, float, float]


class OffScreen(BaseModel):
    """An occluder outside the picture: a card that faces the light, `distance_m` from the point it shades."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str
    seed: int = Field(ge=0)
    size_m: float = Field(gt=0, description="side of the card")
    target_m: Vector = Field(description="point of the scene under its middle, camera space")
    distance_m: float = Field(gt=0)
    roll_deg: float = 0.0


class MoreLight(BaseModel):
    """A further light that casts a shadow of its own beside the main one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    azimuth_deg: float = Field(ge=0, lt=360)
    elevation_deg: float = Field(gt=0, le=90)
    size_deg: float = Field(gt=0, le=60, description="angular diameter")
    part_rgb: tuple[Share, Share, Share] = Field(
        description="part of all lights' light on a surface that faces each: drawn, or a frame's at the place"
    )
    kind: str | None = Field(None, description="of a frame's light: its kind in the frame's lights table")
    number: int | None = Field(None, ge=0, description="of a frame's light: its place in that table")


class Pasted(BaseModel):
    """An object that stands in the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    object_id: str
    turn: int = Field(ge=0, description="which way it is turned")
    elevation_deg: float = Field(description="seen from how far above the ground")
    contact_m: Vector = Field(description="middle of its foot on the ground, camera space")
    contact_px: tuple[float, float]
    height_m: float = Field(gt=0)
    thickness: float = Field(gt=0, description="depth of the object over its width")
    flipped: bool = False
    gain_rgb: Vector = Field((1.0, 1.0, 1.0), description="harmonisation with the picture")


class ShadowParams(EffectParams):
    """One shadow. Azimuth 0 is ahead of the camera, 90 to its right, 180 behind it."""

    variant: Literal["paste", "occluder", "plates", "blender"] = "occluder"
    focal_px: float = Field(gt=0, description="focal length of the picture, pixels")
    up: Vector = Field((0.0, 1.0, 0.0), description="the world's up in camera space")
    sun_azimuth_deg: float = Field(ge=0, lt=360)
    sun_elevation_deg: float = Field(gt=0, le=90)
    sun_size_deg: float = Field(0.53, gt=0, le=60, description="angular diameter of the light")
    light_source: Literal["estimated", "assumed", "frame"] = "assumed"
    light_kind: str | None = Field(None, description="of a frame's light: its kind in the frame's lights table")
    light_number: int | None = Field(None, ge=0, description="of a frame's light: its place in that table")
    more_lights: tuple[MoreLight, ...] = Field((), description="lights beside this one, each with its own shadow")
    ambient_ratio: float = Field(gt=0, lt=1, description="ambient over all light on a surface that faces the sun")
    ambient_rgb: Vector = Field((1.0, 1.0, 1.0), description="colour of the ambient light, mean 1")
    contact_m: float = Field(0.0, ge=0, description="reach of the contact shadow around the foot")
    occluders: tuple[OffScreen, ...] = ()
    pasted: Pasted | None = None
    plane: tuple[float, float, float, float] | None = Field(None, description="ground: unit normal, offset in metres")
