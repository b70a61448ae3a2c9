"""What `uniser codec train` is told: the autoencoder's size, the crops, and how it is fitted."""

from __future__ import annotations

from pydantic import Field, model_validator

from uniser_model.config import DataConfig, OptimConfig, RunConfig


class CodecConfig(RunConfig):
    """An AutoencoderKL of `channels` at 1 / `factor` of the side; `width` channels at full size, then 2, 4, 4 times."""

    channels: int = Field(4, gt=0)
    factor: int = Field(8, gt=1)
    width: int = Field(32, gt=0)
    layers: int = Field(1, gt=0, description="residual blocks at each size")
    squared: float = Field(1.0, ge=0, description="weight of the squared error beside the absolute one")
    edges: float = Field(0.5, ge=0, description="weight of the error of differences between neighbours")
    kl: float = Field(1e-5, ge=0, description="weight of the latents' divergence from a unit normal, per value")
    data: DataConfig = DataConfig(batch=8)
    optim: OptimConfig = OptimConfig(lr=2e-3, ema=0.99, weight_decay=0.0)

    @model_validator(mode="after")
    def _sizes_fit(self) -> CodecConfig:
        if self.factor & (self.factor - 1):
            raise ValueError(f"factor {self.factor} must be a power of 2")
        if self.width % 16 and self.width != 8:
            raise ValueError(f"width {self.width} must be 8 or a multiple of 16")
        if self.data.crop_px % self.factor:
            raise ValueError(f"data.crop_px {self.data.crop_px} must be a multiple of factor {self.factor}")
        return self
