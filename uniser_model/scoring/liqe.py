"""LIQE (Zhang et al., CVPR 2023): a CLIP says which of 495 sentences on scene, distortion and quality fits."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from uniser_core.errors import InputError

from uniser_model.scoring.metrics import Metric
from uniser_model.scoring.weight_files import contents_stamp, files_of, tensors_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from uniser_model.scoring.benches import Pair, UInt8

OPTION = "--liqe"
QUALITIES = ("bad", "poor", "fair", "good", "perfect")
SCENES = ("animal", "cityscape", "human", "indoor", "landscape", "night", "plant", "still_life", "others")
DISTORTIONS = ("jpeg2000 compression", "jpeg compression", "noise", "blur", "color", "contrast", "overexposure",
               "underexposure", "spatial", "quantization", "other")  # fmt: skip
SENTENCES = tuple(
    f"a photo of a {scene} with {distortion} artifacts, which is of {quality} quality"
    for quality, scene, distortion in itertools.product(QUALITIES, SCENES, DISTORTIONS)
)
# Windows of the network's own size, so far apart, of which so many are looked at.
STEP_PX, WINDOWS = 32, 15
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_FIRST = "visual.conv1.weight"


class Liqe:
    """The judge: column `liqe`, the expected quality from 1 (bad) to 5 (perfect).

    `places`: a CLIP of transformers (hub id or folder, with its tokenizer), and, where that is not LIQE's own already,
    a file of LIQE's weights as its authors name them. Raises InputError.
    """

    metrics: Mapping[str, Metric] = {"liqe": Metric("", True, target=False)}

    def __init__(self, places: Sequence[str], device: str = "cpu") -> None:
        import transformers

        if not 1 <= len(places) <= 2:
            raise InputError(f"{OPTION} {' '.join(places)}", "takes a CLIP and a file of weights", "give one or two")
        where, self.device = places[0], torch.device(device)
        local = {"local_files_only": Path(where).is_dir()}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(where, **local)
            if len(places) == 2:  # the CLIP's own weights are not needed, nor fetched
                config: Any = transformers.CLIPConfig.from_pretrained(where, **local)
                self.model: Any = transformers.CLIPModel(config)
            else:
                self.model = transformers.CLIPModel.from_pretrained(where, use_safetensors=True, **local)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(f"{OPTION} {where}", reason, "give a CLIP's hub id or folder first") from error
        self.stamp = f"liqe-{where}"
        if len(places) == 2:
            self._take(places[1])
        self.model.to(self.device).eval().requires_grad_(False)
        self.window_px = int(self.model.config.vision_config.image_size)
        tokens = tokenizer(list(SENTENCES), padding=True, return_tensors="pt").to(self.device)
        with torch.no_grad():
            words = {k: tokens[k] for k in ("input_ids", "attention_mask")}
            self.sentences = _directions(self.model.get_text_features(**words).pooler_output)

    def _take(self, weights: str) -> None:
        files = files_of(weights, OPTION)
        try:
            self.model.load_state_dict(converted(tensors_of(files[0])))
        except (KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()[:160]
            rule = f"is not LIQE's state dict for this CLIP ({reason})"
            raise InputError(f"{OPTION} {weights}", rule, "give a ViT-B/32 and liqe_mix.pt") from error
        self.stamp += f"-{contents_stamp([weights], OPTION)}"

    @torch.no_grad()
    def scores(self, result_HWC: UInt8, pair: Pair) -> dict[str, float | None]:
        """See `Judge.scores`; nothing for a picture smaller than a window."""
        if min(result_HWC.shape[:2]) < self.window_px:
            return {}
        seen = _directions(self.model.get_image_features(pixel_values=self.windows(result_HWC)).pooler_output)
        logits = (self.model.logit_scale.exp() * seen @ self.sentences.T).mean(dim=0)
        of_quality = logits.double().softmax(dim=0).view(len(QUALITIES), -1).sum(dim=1)
        return {"liqe": float(sum((i + 1) * float(p) for i, p in enumerate(of_quality)))}

    def windows(self, rgb8_HWC: UInt8) -> Tensor:
        """At most 15 windows spread evenly over those in raster order, (N, 3, side, side), normalised as CLIP's are."""
        mean, deviation = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (MEAN, DEVIATION))
        pixels = (torch.from_numpy(rgb8_HWC).to(self.device).permute(2, 0, 1).float() / 255 - mean) / deviation
        side = self.window_px
        corners = [(y, x) for y in range(0, rgb8_HWC.shape[0] - side + 1, STEP_PX)
                   for x in range(0, rgb8_HWC.shape[1] - side + 1, STEP_PX)]  # fmt: skip
        count = min(WINDOWS, len(corners))
        chosen = corners[:: len(corners) // count][:count]
        return torch.stack([pixels[:, y : y + side, x : x + side] for y, x in chosen])


def _directions(features: Tensor) -> Tensor:
    return torch.nn.functional.normalize(features, dim=1)


def converted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of OpenAI's CLIP, whatever stands before their names, under transformers' names.

    Raises KeyError when they are none.
    """
    first = next((k for k in tensors if k.endswith(_FIRST)), None)
    if first is None:
        raise KeyError(f"no {_FIRST}")
    before = first.removesuffix(_FIRST)
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(before):
            made |= _converted(name.removeprefix(before), tensor)
    return made


_PLAIN = {
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "logit_scale": "logit_scale",
}
_NORMS = {"visual.ln_pre": "vision_model.pre_layrnorm", "visual.ln_post": "vision_model.post_layernorm",
          "ln_final": "text_model.final_layer_norm"}  # fmt: skip
_PROJECTIONS = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}
_BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")
_PARTS = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1",
          "mlp.c_proj": "mlp.fc2"}  # fmt: skip


def _converted(name: str, tensor: Tensor) -> dict[str, Tensor]:
    stem, _, last = name.rpartition(".")
    if name in _PLAIN:
        return {_PLAIN[name]: tensor}
    if stem in _NORMS:
        return {f"{_NORMS[stem]}.{last}": tensor}
    if name in _PROJECTIONS:
        return {_PROJECTIONS[name]: tensor.T.contiguous()}
    block = _BLOCK.fullmatch(name)
    if block is None:  # sizes that scripted models keep beside their weights
        return {}
    layer = f"{'vision' if block[1] else 'text'}_model.encoder.layers.{block[2]}"
    if block[3].startswith("attn.in_proj_"):
        kind = block[3].removeprefix("attn.in_proj_")
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{layer}.self_attn.{which}_proj.{kind}": part.contiguous() for which, part in parts}
    part, _, kind = block[3].rpartition(".")
    return {f"{layer}.{_PARTS[part]}.{kind}": tensor}
