"""The freshly initialised model of a configuration, with its codec and objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

from uniser_model.codec import Codec, get_codec
from uniser_model.model import DiT, ModelShape
from uniser_model.objectives import Objective, get_objective
from uniser_model.objectives.anchored import Anchored
from uniser_model.refine import RefinedDiT

if TYPE_CHECKING:
    from uniser_model.config import TrainConfig


def codec_and_objective(config: TrainConfig) -> tuple[Codec, Objective]:
    """What the model works in and is trained for. Raises InputError for names unknown or that do not go together."""
    codec, objective = get_codec(config.codec), get_objective(config.objective)
    objective.out_features(codec, config.model.patch)
    return codec, objective


def build_model(config: TrainConfig, text_width: int) -> tuple[DiT, Codec, Objective]:
    """Weights that are not pretrained follow from the seed alone. A backbone is called as a DiT is, and typed as one.

    Raises InputError for crops that are no whole number of tokens, or a backbone that is not there.
    """
    codec, objective = codec_and_objective(config)
    step = codec.factor * config.model.patch
    if config.data.crop_px % step:
        raise InputError(f"data.crop_px={config.data.crop_px}", f"must be a multiple of {step}", "choose another crop")
    for size in config.data.buckets_px:
        if size[0] % step or size[1] % step or min(size) < step:
            raise InputError(f"data.buckets_px {size[0]}x{size[1]}", f"must be multiples of {step}", "choose another")
    out_features = objective.out_features(codec, config.model.patch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", config.seed) >> 1)
        if config.model.backbone:
            from uniser_model.backbones import Fit, load_backbone

            fit = Fit(codec.channels, text_width, out_features, objective)
            return cast("DiT", load_backbone(config.model, fit)), codec, objective
        shape = ModelShape(
            **config.model.model_dump(include={"width", "depth", "heads", "patch", "refiner"}),
            latent_channels=codec.channels,
            text_width=text_width,
            out_features=out_features,
        )
        refined = shape.refiner and objective.name == Anchored.name
        return (RefinedDiT if refined else DiT)(shape), codec, objective
