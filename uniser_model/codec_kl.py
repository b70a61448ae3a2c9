"""`kl:ID_OR_FOLDER`: an autoencoder of diffusers, of whatever channels and factor, frozen.

AutoencoderKL and its kin for video (AutoencoderKLWan, ...), to which a picture is a video of one frame. Safetensors
alone are read.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from uniser_core.errors import InputError

from uniser_model.codec import KL

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
# A pipeline keeps its autoencoder in this folder.
PIPELINE_PART = "vae"
# Latents are scaled to unit deviation: what lies beyond so many of them is no picture's.
MOST_DEVIATIONS = 8.0
# Larger pictures go through in overlapping tiles, and a batch in parts of at most so many pixels.
TILE_PX = 1024
MOST_PIXELS = 4 * TILE_PX**2
# Side of the picture that is encoded once to see the latent's channels and factor.
PROBE_PX = 64


class KLCodec:
    """See the module's text. Make one by `load_kl`.

    Latents are (z - shift) * scale, with diffusers' `shift_factor` and `scaling_factor`, or `latents_mean` and
    `latents_std` for each channel: of about unit deviation. The autoencoder moves to the device of what it is given.
    """

    def __init__(self, name: str, vae: Any) -> None:
        """`vae` is a model of diffusers with `encode` and `decode`."""
        self.name, self.vae = name, vae.requires_grad_(False).eval()
        self.range = (-MOST_DEVIATIONS, MOST_DEVIATIONS)
        self.video = any(p.ndim == 5 for p in vae.parameters())
        self.shift_C, self.scale_C = _normalisation(vae.config)
        moments = self._moments(torch.zeros(1, 3, PROBE_PX, PROBE_PX))[0]
        self.channels, self.factor = moments.shape[1], PROBE_PX // moments.shape[-1]
        if hasattr(vae, "tile_sample_min_size"):
            vae.tile_sample_min_size, vae.tile_latent_min_size = TILE_PX, TILE_PX // self.factor

    def _moments(self, rgb_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z, not scaled."""
        self._ready(rgb_B3HW, max(rgb_B3HW.shape[2:]))
        x = rgb_B3HW.to(self.vae.dtype) * 2 - 1
        found = self.vae.encode(x[:, :, None] if self.video else x).latent_dist
        mean, std = ((m[:, :, 0] if self.video else m).float() for m in (found.mean, found.std))
        return mean, std

    def _ready(self, x: Tensor, side_px: int) -> None:
        self.vae.to(x.device)
        self.vae.use_tiling = side_px > TILE_PX

    def _per_channel(self, values_C: Tensor, like: Tensor) -> Tensor:
        return values_C.to(like.device)[:, None, None]

    @torch.no_grad()
    def distribution(self, rgb_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents, each (B, channels, H / factor, W / factor), scaled."""
        size = max(1, MOST_PIXELS // (rgb_B3HW.shape[2] * rgb_B3HW.shape[3]))
        parts = [self._moments(part) for part in rgb_B3HW.split(size)]  # type: ignore[no-untyped-call]
        mean, std = (torch.cat(each) for each in zip(*parts, strict=True))
        scale = self._per_channel(self.scale_C, mean)
        return (mean - self._per_channel(self.shift_C, mean)) * scale, std * scale

    def encode(self, rgb_B3HW: Tensor, seed: int | None = None) -> Tensor:
        """See `Codec.encode`: the mean, or with a seed a draw from the distribution, the same on any device."""
        mean, std = self.distribution(rgb_B3HW)
        if seed is None:
            return mean
        dice = torch.Generator().manual_seed(seed)
        return mean + std * torch.randn(mean.shape, generator=dice).to(mean.device)

    @torch.no_grad()
    def decode(self, latent_BCHW: Tensor) -> Tensor:
        """See `Codec.decode`."""
        height, width = (s * self.factor for s in latent_BCHW.shape[2:])
        self._ready(latent_BCHW, max(height, width))
        z = latent_BCHW / self._per_channel(self.scale_C, latent_BCHW) + self._per_channel(self.shift_C, latent_BCHW)
        size = max(1, MOST_PIXELS // (height * width))
        parts = [self._decoded(part) for part in z.split(size)]  # type: ignore[no-untyped-call]
        return (torch.cat(parts) + 1) / 2

    def _decoded(self, z_BCHW: Tensor) -> Tensor:
        z = z_BCHW.to(self.vae.dtype)
        pictures: Tensor = self.vae.decode(z[:, :, None] if self.video else z).sample
        return (pictures[:, :, 0] if self.video else pictures).float()


def _normalisation(config: Any) -> tuple[Tensor, Tensor]:
    """Shift and scale, each (channels,) or (1,)."""
    factor = config.get("scaling_factor") or 1.0
    shift = config.get("latents_mean") or [config.get("shift_factor") or 0.0]
    deviation = config.get("latents_std") or [1.0]
    return torch.tensor(shift), factor / torch.tensor(deviation)


def load_kl(where: str) -> KLCodec:
    """The autoencoder at a hub id or a folder, of itself or of a pipeline's `vae`.

    A folder is never asked of the hub, and under HF_HUB_OFFLINE nothing is. Raises InputError when it is not there, is
    no such autoencoder, or has no safetensors.
    """
    folder = Path(where).expanduser()
    if not folder.is_dir():
        if where.startswith((".", "/", "~")):
            raise InputError(f"codec {KL}{where}", "there is no such folder", "make one: uniser codec train")
        return _load(where, None, 0)
    for part in (None, PIPELINE_PART):
        file = folder / (part or "") / CONFIG
        if file.is_file():
            # The time is part of the key: a codec that was trained further is read again.
            return _load(str(folder), part, file.stat().st_mtime_ns)
    raise InputError(f"codec {KL}{where}", f"the folder has no {CONFIG}", "make one: uniser codec train")


@lru_cache(maxsize=2)
def _load(where: str, part: str | None, _time_ns: int) -> KLCodec:
    import diffusers

    diffusers.utils.logging.disable_progress_bar()
    local = Path(where).is_dir()
    try:
        config = _config(where, part, local)
        kind = str(config.get("_class_name"))
        if not kind.startswith("AutoencoderKL") or not hasattr(diffusers, kind):
            raise InputError(f"codec {KL}{where}", f"is a {kind}", "give an AutoencoderKL of diffusers")
        # Callers may be laying out shapes on the meta device; a codec always has its values.
        with torch.device("cpu"):
            vae = getattr(diffusers, kind).from_pretrained(
                where, subfolder=config["_part"], local_files_only=local, use_safetensors=True
            )
            return KLCodec(f"{KL}{where}", vae)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"codec {KL}{where}", reason, "give a hub id or a folder with safetensors") from error


def _config(where: str, part: str | None, local: bool) -> dict[str, Any]:
    """The configuration, with the sub-folder that it lies in as `_part`."""
    import diffusers

    def read(part: str | None) -> dict[str, Any]:
        config: dict[str, Any] = diffusers.AutoencoderKL.load_config(where, subfolder=part, local_files_only=local)
        return {**config, "_part": part}

    if local:
        return read(part)
    try:
        return read(None)
    except OSError:
        return read(PIPELINE_PART)
