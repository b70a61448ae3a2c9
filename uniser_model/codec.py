"""Codecs: pictures to latents and back, behind one interface. `pixel` is embedded and loses nothing.

`kl:ID_OR_FOLDER` is an autoencoder of diffusers (see `uniser_model.codec_kl`); `uniser codec train` makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch.nn import functional as F
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

KL = "kl:"


class Codec(Protocol):
    """Pictures are float32 (B, 3, H, W), display-encoded sRGB in [0, 1]; H and W are multiples of `factor`.

    `range` is the lowest and highest value that a clean latent can have: samplers hold their guesses to it.
    """

    name: str
    factor: int
    channels: int
    range: tuple[float, float]

    def encode(self, rgb_B3HW: Tensor) -> Tensor:
        """To latents (B, channels, H / factor, W / factor) of about unit range, on the picture's device."""
        ...

    def decode(self, latent_BCHW: Tensor) -> Tensor:
        """Back to pictures; not clipped."""
        ...


class PixelCodec:
    """Space to depth: each 8x8 block of pixels becomes 192 channels in [-1, 1]. Exactly invertible."""

    name = "pixel"
    factor = 8
    channels = 3 * factor**2
    range = (-1.0, 1.0)

    def encode(self, rgb_B3HW: Tensor) -> Tensor:
        """See `Codec.encode`."""
        return F.pixel_unshuffle(rgb_B3HW * 2 - 1, self.factor)

    def decode(self, latent_BCHW: Tensor) -> Tensor:
        """See `Codec.decode`."""
        return (F.pixel_shuffle(latent_BCHW, self.factor) + 1) / 2


def get_codec(name: str) -> Codec:
    """The codec `name`: `pixel`, or `kl:ID_OR_FOLDER`. Raises InputError for another, or one that cannot be loaded."""
    if name == PixelCodec.name:
        return PixelCodec()
    if name.startswith(KL) and name != KL:
        from uniser_model.codec_kl import load_kl

        return load_kl(name.removeprefix(KL))
    raise InputError(f"unknown codec '{name}'", "known: pixel, kl:ID_OR_FOLDER", "use pixel")
