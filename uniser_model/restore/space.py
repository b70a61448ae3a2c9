"""What a file's numbers mean: codes to display-encoded sRGB and back, so that a photo keeps its own colour space.

Encoded values go on below 0 and above 1 where the space is larger than sRGB, or light brighter than white.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from uniser_core import color, icc

from uniser_model.objectives.anchored import linear_to_srgb, srgb_to_linear

Float32 = npt.NDArray[np.float32]
Codes = npt.NDArray[Any]


def encode_light(linear: Float32) -> Float32:
    """The sRGB curve on float32 of any shape, its two parts continued beyond [0, 1]."""
    return np.asarray(linear_to_srgb(torch.from_numpy(linear)).numpy(), np.float32)


def decode_light(encoded: Float32) -> Float32:
    """Inverse of `encode_light`."""
    return np.asarray(srgb_to_linear(torch.from_numpy(encoded)).numpy(), np.float32)


class Space(Protocol):
    """Codes are (…, 3), uint8, uint16 or float32; `encoded` gives float32 display-encoded sRGB of their shape."""

    def encoded(self, codes: Codes) -> Float32:
        """Display-encoded sRGB of codes."""
        ...

    def codes(self, encoded: Float32, kind: np.dtype[Any]) -> Codes:
        """The nearest codes of that type."""
        ...


def rounded(share: Float32, kind: np.dtype[Any]) -> Codes:
    """Shares of a code's range, clipped to [0, 1], as codes of an unsigned type; floats stay as they are."""
    if kind.kind == "f":
        return share.astype(kind)
    return np.asarray(np.rint(np.clip(share, 0, 1) * np.float32(np.iinfo(kind).max)), kind)


def share_of(codes: Codes) -> Float32:
    """Codes as shares of their type's range, float32; floats stay as they are."""
    if codes.dtype.kind == "f":
        return np.asarray(codes, np.float32)
    return codes / np.float32(np.iinfo(codes.dtype).max)


class EncodedSpace:
    """The codes are display-encoded already: sRGB, or a profile that is taken for it."""

    def encoded(self, codes: Codes) -> Float32:
        """See `Space.encoded`."""
        return share_of(codes)

    def codes(self, encoded: Float32, kind: np.dtype[Any]) -> Codes:
        """See `Space.codes`."""
        return rounded(encoded, kind)


class LinearSpace:
    """The codes are linear light with sRGB primaries, as in EXR."""

    def encoded(self, codes: Codes) -> Float32:
        """See `Space.encoded`."""
        return encode_light(np.ascontiguousarray(codes, np.float32))

    def codes(self, encoded: Float32, kind: np.dtype[Any]) -> Codes:
        """See `Space.codes`; light is at least 0."""
        return np.maximum(decode_light(encoded), np.float32(0)).astype(kind)


@dataclass(frozen=True, eq=False)
class ProfileSpace:
    """An RGB profile of three curves and a matrix (ICC.1:2022, annex F): Display P3, Adobe RGB, ProPhoto and the like.

    `curves_3N` float32 (3, 65536): light of each code; `matrix_33`: its light to linear sRGB.
    """

    curves_3N: Float32
    matrix_33: Float32
    inverse_3N: Float32 = field(init=False)

    def __post_init__(self) -> None:
        steps = np.arange(self.curves_3N.shape[1]) / (self.curves_3N.shape[1] - 1)
        # Sampled along the sRGB curve: even steps of light would be too coarse for the darks.
        light = color.srgb_to_linear(steps)
        inverse = np.stack([np.interp(light, curve, steps) for curve in self.curves_3N])
        object.__setattr__(self, "inverse_3N", inverse.astype(np.float32))

    def encoded(self, codes: Codes) -> Float32:
        """See `Space.encoded`."""
        at = codes if codes.dtype == np.uint16 else rounded(share_of(codes), np.dtype(np.uint16))
        light = np.stack([curve[at[..., c]] for c, curve in enumerate(self.curves_3N)], -1)
        return encode_light(light @ self.matrix_33.T)

    def codes(self, encoded: Float32, kind: np.dtype[Any]) -> Codes:
        """See `Space.codes`."""
        own = decode_light(encoded) @ np.linalg.inv(self.matrix_33).T.astype(np.float32)
        at = rounded(encode_light(own), np.dtype(np.uint16))
        return rounded(np.stack([table[at[..., c]] for c, table in enumerate(self.inverse_3N)], -1), kind)


def space_of(profile: bytes | None) -> Space:
    """The space of integer codes with this ICC profile: sRGB without one.

    Profiles that are no matrix (look-up tables, grey) are worked on as if their codes were sRGB's: the picture
    comes back with its profile, and only what the model makes of the colours is a little off.
    """
    if not profile or icc.is_srgb(profile):
        return EncodedSpace()
    found = icc.matrix_profile(profile)
    return EncodedSpace() if found is None else ProfileSpace(*found)
