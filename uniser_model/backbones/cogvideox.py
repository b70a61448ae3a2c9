"""`cogvideox`: CogVideoX 1.0 text-to-video (Yang et al. 2024): text and frames in one full attention, v-prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from uniser_core.errors import InputError

from uniser_model.backbones.base import Backbone, Fit, Native, Own, linear_weights, shape_of

if TYPE_CHECKING:
    from pathlib import Path


class CogVideoX(Backbone):
    """Around `diffusers.CogVideoXTransformer3DModel`. Padded text is masked out of the attention."""

    class_name = "CogVideoXTransformer3DModel"
    refused = ("patch_size_t", "ofs_embed_dim", "use_learned_positional_embeddings")
    lora_targets: ClassVar[tuple[str, ...]] = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")

    @classmethod
    def build(cls, base: Any, fit: Fit, folder: Path) -> CogVideoX:
        """See `Backbone.build`. The noise levels are those of `scheduler/` beside `folder`, where there is one."""
        config = base.config
        shape = shape_of(config, fit, config.patch_size, mlp_ratio=4.0)
        own = Own(config.in_channels, config.out_channels, config.text_embed_dim, config.time_embed_dim)
        one = cls(base, fit, shape, own)
        one.register_buffer("alphas", noise_levels(folder), persistent=False)
        return one

    @property
    def ends(self) -> dict[str, nn.Module]:
        """See `Backbone.ends`."""
        base: Any = self.base
        return {"head": base.proj_out, "patches": base.patch_embed.proj}

    @property
    def blocks(self) -> nn.ModuleList:
        """See `Backbone.blocks`."""
        return cast("nn.ModuleList", self.base.transformer_blocks)

    def native(self, noisy_BCHW: Tensor, alpha: Tensor, sigma: Tensor) -> Native:
        """See `Backbone.native`: alpha² + sigma² = 1, and the time is where the pretraining's alpha is as large."""
        scale = (alpha.square() + sigma.square()).sqrt()
        alpha, sigma = alpha / scale, sigma / scale
        return Native(noisy_BCHW / scale, alpha, sigma, self._time_of(alpha.flatten()))

    def _time_of(self, alpha_B: Tensor) -> Tensor:
        """Time, between two steps where it must, at which alpha of the pretraining falls to this."""
        falling = cast("Tensor", self.alphas)
        after = torch.searchsorted(-falling, -alpha_B).clamp(1, len(falling) - 1)
        high, low = falling[after - 1], falling[after]
        return after - ((alpha_B - low) / (high - low)).clamp(0, 1)

    def both(self, said: Tensor, at: Native) -> tuple[Tensor, Tensor]:
        """See `Backbone.both`: v = alpha noise - sigma x0 is said."""
        return at.alpha * at.latent_BCHW - at.sigma * said, at.sigma * at.latent_BCHW + at.alpha * said

    def tokens(self, frames_BCFHW: Tensor, text_BLE: Tensor, keep_BL: Tensor, time_B: Tensor, task_B: Tensor) -> Tensor:
        """See `Backbone.tokens`."""
        base: Any = self.base
        embed = base.patch_embed
        if self.patches is not None:
            x_BDFhw = self.patches(frames_BCFHW)
        else:
            x_BDFhw = torch.stack([embed.proj(frame) for frame in frames_BCFHW.unbind(2)], dim=2)
        rows, columns = x_BDFhw.shape[3:]
        x_BTD = (x_BDFhw + self.role[1:].T[:, :, None, None]).flatten(2).transpose(1, 2)
        if embed.use_positional_embeddings:
            x_BTD = x_BTD + self._places(rows, columns, x_BTD)
        text_BLD = embed.text_proj(text_BLE) + self.role[0]
        time_BE = base.time_embedding(base.time_proj(time_B)) + self.task(task_B)
        padded = not bool(keep_BL.all())
        attention = {"attention_mask": F.pad(keep_BL, (0, x_BTD.shape[1]), value=True)[:, None]} if padded else {}
        rotary = self._rotary(rows, columns, x_BTD.device) if base.config.use_rotary_positional_embeddings else None
        for block in self.blocks:
            x_BTD, text_BLD = block(x_BTD, text_BLD, time_BE, rotary, attention)
        target_BND = base.norm_final(x_BTD[:, -rows * columns :])
        return cast("Tensor", (self.head or base.proj_out)(base.norm_out(target_BND, temb=time_BE)))

    def _of_frames(self, places: Tensor, per_frame: int) -> Tensor:
        """Of (T of all frames from 0, K), those of our frames."""
        return places.view(-1, per_frame, places.shape[-1])[list(self.frames)].flatten(0, 1)

    def _places(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """The sinusoidal embedding (T, D) of the tokens' places, of the smaller models."""
        embed, p = cast("Any", self.base).patch_embed, self.shape.patch
        frames = self.frames[-1] * embed.temporal_compression_ratio + 1
        joint = embed._get_positional_embeddings(rows * p, columns * p, frames, device=like.device)
        return self._of_frames(joint[0, embed.max_text_seq_length :].to(like.dtype), rows * columns)

    def _rotary(self, rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """cos and sin (T, head) of the tokens' places, of the larger models: on the grid of the pretraining."""
        from diffusers.models.embeddings import get_3d_rotary_pos_embed
        from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid

        config, p = cast("Any", self.base).config, self.shape.patch
        region = get_resize_crop_region_for_grid((rows, columns), config.sample_width // p, config.sample_height // p)
        angles = get_3d_rotary_pos_embed(
            config.attention_head_dim, region, (rows, columns), self.frames[-1] + 1, device=device
        )
        cos, sin = (self._of_frames(a, rows * columns) for a in angles)
        return cos, sin

    def block_inputs(self, samples: int, picture_tokens: int, text_tokens: int) -> tuple[Any, ...]:
        """See `Backbone.block_inputs`."""
        config, D = cast("Any", self.base).config, self.shape.width
        x, text = torch.zeros(samples, picture_tokens, D), torch.zeros(samples, text_tokens, D)
        angles = (torch.zeros(picture_tokens, config.attention_head_dim),) * 2
        rotary = angles if config.use_rotary_positional_embeddings else None
        return x, text, torch.zeros(samples, config.time_embed_dim), rotary

    def forward_flops(self, picture_tokens: int, text_tokens: int) -> float:
        """See `Backbone.forward_flops`. The modulations meet one vector a sample."""
        T, D, block = picture_tokens + text_tokens, self.shape.width, self.blocks[0]
        every, modulations = linear_weights(block, "norm"), linear_weights(block, "attn1", "ff")
        return float(self.shape.depth * (2 * T * every + 2 * modulations + 4 * T * T * D))


def noise_levels(folder: Path) -> Tensor:
    """alpha of each step of the pretraining, falling, float32. Raises InputError where it is no v-prediction."""
    from diffusers import CogVideoXDDIMScheduler

    place = folder.parent / "scheduler"
    with torch.device("cpu"):
        if (place / "scheduler_config.json").is_file():
            scheduler = CogVideoXDDIMScheduler.from_pretrained(place, local_files_only=True)
        else:
            scheduler = CogVideoXDDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True)
        said = scheduler.config.prediction_type
        if said != "v_prediction":
            raise InputError(f"backbone {folder}", f"predicts {said}, not v", "choose a CogVideoX 1.0 model")
        return cast("Tensor", scheduler.alphas_cumprod.clamp_min(0).sqrt().float())
