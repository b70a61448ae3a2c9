"""LPIPS (Zhang et al., CVPR 2018) with the published weights, in plain torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as nnf
from uniser_core.errors import InputError

from uniser_model.scoring.metrics import Metric
from uniser_model.scoring.weight_files import contents_stamp, pooled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from uniser_model.scoring.benches import Pair, UInt8

OPTION = "--lpips"
# What the published code takes from [-1, 1] pictures before the network.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10
# The deepest maps need this many pixels a side.
LEAST_PX = 32
# Layers of each stage: (side,) pools, (side, stride, padding) convolves and rectifies.
LAYERS: dict[str, list[list[tuple[int, ...]]]] = {
    "alex": [[(11, 4, 2)], [(3,), (5, 1, 2)], [(3,), (3, 1, 1)], [(3, 1, 1)], [(3, 1, 1)]],
    "vgg": [[(3, 1, 1)] * 2, *([(2,), *[(3, 1, 1)] * count] for count in (2, 3, 3, 3))],
}
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
# torchvision's `features.0.weight`, or lpips' own `net.slice1.0.weight`: the number is the layer's in both.
_FEATURE = re.compile(r"(?:^|\.)(?:features|slice\d+)\.(\d+)\.(weight|bias)$")
_LINEAR = re.compile(r"(?:^|\.)lin(\d)\.model\.1\.weight$")


class Network(nn.Module):
    """The convolutions of torchvision's AlexNet or VGG16 up to their last rectifier, tapped after each of 5 stages."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        # The layer's number in torchvision's `features` of each convolution.
        self.numbers: list[int] = []
        number, width = 0, 3
        for layers, out in zip(LAYERS[kind], WIDTHS[kind], strict=True):
            stage = nn.Sequential()
            for layer in layers:
                if len(layer) == 1:
                    stage.append(nn.MaxPool2d(layer[0], 2))
                    number += 1
                    continue
                side, stride, padding = layer
                stage.append(nn.Conv2d(width, out, side, stride, padding))
                stage.append(nn.ReLU())
                self.numbers.append(number)
                number, width = number + 2, out
            self.stages.append(stage)

    def load(self, tensors: Mapping[tuple[int, str], Tensor]) -> None:
        """Take the weights by (layer number, "weight" or "bias"). Raises KeyError, RuntimeError when one is amiss."""
        convolutions = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        for number, layer in zip(self.numbers, convolutions, strict=True):
            layer.load_state_dict({k: tensors[number, k] for k in ("weight", "bias")})

    def forward(self, x: Tensor) -> list[Tensor]:
        """Of (B, 3, H, W) the five maps, each position's channels scaled to unit length."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + EPSILON))
        return maps


class Lpips:
    """The judge: column `lpips_alex` or `lpips_vgg`, by whichever network the weights are of.

    `places`: files, folders or hub files that together hold the network (torchvision's names, or lpips' own) and the
    linear layers (`lin0.model.1.weight` …). Flare7K's script feeds [0, 1] where the network expects [-1, 1]; such
    pairs get that as a column of its own (`…_unscaled`). Raises InputError.
    """

    def __init__(self, places: Sequence[str], device: str = "cpu") -> None:
        features, linear = _chosen(places)
        self.kind = "alex" if features[0, "weight"].shape[-1] == 11 else "vgg"
        if [w.numel() for w in linear] != list(WIDTHS[self.kind]):
            rule = f"the linear layers are not of {self.kind}: {[w.numel() for w in linear]} channels"
            raise InputError(f"{OPTION} {' '.join(places)}", rule, "give those of one network")
        self.network = Network(self.kind)
        try:
            self.network.load(features)
        except (KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            rule = f"its layers are not those of {self.kind} ({reason})"
            raise InputError(f"{OPTION} {' '.join(places)}", rule, "give torchvision's alexnet or vgg16") from error
        self.device = torch.device(device)
        self.network.to(self.device).eval().requires_grad_(False)
        self.linear = [w.reshape(1, -1, 1, 1).to(self.device) for w in linear]
        self.name = f"lpips_{self.kind}"
        self.metrics: Mapping[str, Metric] = {n: Metric("", False) for n in (self.name, f"{self.name}_unscaled")}
        self.stamp = f"{self.name}-{contents_stamp(places, OPTION)}"

    def scores(self, result_HWC: UInt8, pair: Pair) -> dict[str, float | None]:
        """See `Judge.scores`: 0 for equal pictures; None without a target, or below 32 px a side."""
        if pair.target_HWC is None or min(result_HWC.shape[:2]) < LEAST_PX:
            return {}
        found = {self.name: self.distance(result_HWC, pair.target_HWC)}
        if pair.colours_HWC is not None:
            found[f"{self.name}_unscaled"] = self.distance(result_HWC, pair.target_HWC, scaled=False)
        return dict(found)

    @torch.no_grad()
    def distance(self, a_HWC: UInt8, b_HWC: UInt8, scaled: bool = True) -> float:
        """Mean over positions of the weighted squared differences, summed over the stages; uint8 (H, W, 3)."""
        first, second = (self.network(self._given(x, scaled)) for x in (a_HWC, b_HWC))
        stages = [nnf.conv2d((x - y).square(), w).mean() for x, y, w in zip(first, second, self.linear, strict=True)]
        return float(torch.stack(stages).sum())

    def _given(self, rgb8_HWC: UInt8, scaled: bool) -> Tensor:
        x = torch.from_numpy(rgb8_HWC).to(self.device).permute(2, 0, 1)[None].float() / 255
        shift, scale = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (SHIFT, SCALE))
        return ((2 * x - 1 if scaled else x) - shift) / scale


def _chosen(places: Sequence[str]) -> tuple[dict[tuple[int, str], Tensor], list[Tensor]]:
    """The network's layers and the linear ones among all files. Raises InputError unless there is one of each."""
    features: list[dict[tuple[int, str], Tensor]] = []
    linear: list[dict[int, Tensor]] = []
    for _, tensors in pooled(places, OPTION):
        layers = {(int(m[1]), m[2]): v for k, v in tensors.items() if (m := _FEATURE.search(k))}
        weights = {int(m[1]): v for k, v in tensors.items() if (m := _LINEAR.search(k))}
        features += [layers] if layers else []
        linear += [weights] if weights else []
    asked = f"{OPTION} {' '.join(places)}"
    for found, what, example in (
        (features, "network (features.0.weight …)", "torchvision's alexnet or vgg16"),
        (linear, "linear layers (lin0.model.1.weight …)", "weights/v0.1/alex.pth of the package lpips"),
    ):
        if len(found) != 1:
            rule = f"{'no' if not found else 'more than one'} file has the {what}"
            raise InputError(asked, rule, f"add {example}" if not found else "name the files, one of each")
    if sorted(linear[0]) != list(range(5)) or (0, "weight") not in features[0]:
        raise InputError(asked, "has only some of the layers", "give whole files")
    return features[0], [linear[0][i] for i in range(5)]
