"""`wan`: the text-to-video transformers of Wan 2.1 and 2.2 (Wan Team 2025), rectified flow.

Full attention over the frames' tokens; text comes in by cross-attention, padded with zeros as in the pretraining.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor, nn

from uniser_model.backbones.base import Backbone, Fit, Native, Own, linear_weights, padded_to, shape_of

if TYPE_CHECKING:
    from pathlib import Path

# What the pretraining saw of every prompt, whatever its length.
TEXT_TOKENS = 512
TIMES = 1000


class Wan(Backbone):
    """Around `diffusers.WanTransformer3DModel`."""

    class_name = "WanTransformer3DModel"
    refused = ("image_dim", "added_kv_proj_dim", "pos_embed_seq_len")
    lora_targets: ClassVar[tuple[str, ...]] = ("to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2")

    @classmethod
    def build(cls, base: Any, fit: Fit, folder: Path) -> Wan:
        """See `Backbone.build`."""
        config = base.config
        width = config.num_attention_heads * config.attention_head_dim
        shape = shape_of(config, fit, config.patch_size[1], config.ffn_dim / width)
        return cls(base, fit, shape, Own(config.in_channels, config.out_channels, config.text_dim, width))

    @property
    def ends(self) -> dict[str, nn.Module]:
        """See `Backbone.ends`."""
        base: Any = self.base
        return {"head": base.proj_out, "patches": base.patch_embedding}

    @property
    def blocks(self) -> nn.ModuleList:
        """See `Backbone.blocks`."""
        return cast("nn.ModuleList", self.base.blocks)

    def native(self, noisy_BCHW: Tensor, alpha: Tensor, sigma: Tensor) -> Native:
        """See `Backbone.native`: x_t = (1 - t) x0 + t noise."""
        scale = alpha + sigma
        t = sigma / scale
        return Native(noisy_BCHW / scale, 1 - t, t, t.flatten() * TIMES)

    def both(self, said: Tensor, at: Native) -> tuple[Tensor, Tensor]:
        """See `Backbone.both`: the velocity noise - x0 is said."""
        return at.latent_BCHW - at.sigma * said, at.latent_BCHW + at.alpha * said

    def tokens(self, frames_BCFHW: Tensor, text_BLE: Tensor, keep_BL: Tensor, time_B: Tensor, task_B: Tensor) -> Tensor:
        """See `Backbone.tokens`."""
        base: Any = self.base
        x_BDFhw = (self.patches or base.patch_embedding)(frames_BCFHW)
        rows, columns = x_BDFhw.shape[3:]
        x_BTD = (x_BDFhw + self.role[1:].T[:, :, None, None]).flatten(2).transpose(1, 2).contiguous()
        embed = base.condition_embedder
        time_BD = embed.time_embedder(embed.timesteps_proj(time_B)) + self.task(task_B)
        modulation = embed.time_proj(embed.act_fn(time_BD)).unflatten(1, (6, -1))
        text_BLE = padded_to(text_BLE * keep_BL[..., None], TEXT_TOKENS)
        text_BLD = embed.text_embedder(text_BLE) + self.role[0]
        rotary = self._rotary(rows, columns, x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD, text_BLD, modulation, rotary)
        shift, scale = (base.scale_shift_table + time_BD[:, None]).chunk(2, dim=1)
        target_BND = base.norm_out(x_BTD[:, -rows * columns :].float()) * (1 + scale) + shift
        target_BND = target_BND.type_as(x_BTD)
        if self.head is not None:
            return cast("Tensor", self.head(target_BND))
        said = base.proj_out(target_BND)
        # Its head orders a patch's values as (y, x, channel).
        return cast("Tensor", said.unflatten(2, (self.shape.patch**2, -1)).transpose(2, 3).flatten(2))

    def _rotary(self, rows: int, columns: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin (1, T, 1, head) of the tokens' places."""
        p = self.shape.patch
        video = like.new_empty(1, 1, self.frames[-1] + 1, rows * p, columns * p, device="meta")
        angles = cast("Any", self.base).rope(video)
        cos, sin = (a.unflatten(1, (-1, rows * columns))[:, list(self.frames)].flatten(1, 2) for a in angles)
        return cos, sin

    def block_inputs(self, samples: int, picture_tokens: int, text_tokens: int) -> tuple[Any, ...]:
        """See `Backbone.block_inputs`."""
        D, head = self.shape.width, self.shape.width // self.shape.heads
        angles = (torch.zeros(1, picture_tokens, 1, head), torch.zeros(1, picture_tokens, 1, head))
        text = torch.zeros(samples, max(text_tokens, TEXT_TOKENS), D)
        return torch.zeros(samples, picture_tokens, D), text, torch.zeros(samples, 6, D), angles

    def forward_flops(self, picture_tokens: int, text_tokens: int) -> float:
        """See `Backbone.forward_flops`."""
        T, L, D = picture_tokens, max(text_tokens, TEXT_TOKENS), self.shape.width
        crossed = linear_weights(self.blocks[0], "attn1", "ffn", "attn2.to_q", "attn2.to_out")
        block = 2 * T * (linear_weights(self.blocks[0]) - crossed) + 2 * L * crossed + 4 * T * (T + L) * D
        return float(self.shape.depth * block)
