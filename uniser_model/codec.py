"""Codecs: pictures to latents and back, behind one interface. `pixel` is embedded and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch.nn import functional as F
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Codec(Protocol):
    """Pictures are float32 (B, 3, H, W), display-encoded sRGB in [0, 1]; H and W are multiples of `factor`."""

    name: str
    factor: int
    channels: int

    def encode(self, rgb_B3HW: Tensor) -> Tensor:
        """To latents (B, channels, H / factor, W / factor) of about unit range."""
        ...

    def decode(self, latent_BCHW: Tensor) -> Tensor:
        """Back to pictures; not clipped."""
        ...


class PixelCodec:
    """Space to depth: each 8x8 block of pixels becomes 192 channels in [-1, 1]. Exactly invertible."""

    name = "pixel"
    factor = 8
    channels = 3 * factor**2

    def encode(self, rgb_B3HW: Tensor) -> Tensor:
        """See `Codec.encode`."""
        return F.pixel_unshuffle(rgb_B3HW * 2 - 1, self.factor)

    def decode(self, latent_BCHW: Tensor) -> Tensor:
        """See `Codec.decode`."""
        return (F.pixel_shuffle(latent_BCHW, self.factor) + 1) / 2


CODECS = {"pixel": PixelCodec}


def get_codec(name: str) -> Codec:
    """The codec `name`. Raises InputError with the known names."""
    if name not in CODECS:
        raise InputError(f"unknown codec '{name}'", f"known: {', '.join(CODECS)}", "use pixel")
    return CODECS[name]()
