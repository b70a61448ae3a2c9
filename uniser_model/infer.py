"""Removing and adding effects with a checkpoint, at the picture's own resolution."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from uniser_model.restore import folder
from uniser_model.restore.ask import Ask
from uniser_model.restore.blend import Blend, Region
from uniser_model.restore.change import carry
from uniser_model.restore.network import Network, View
from uniser_model.restore.photo import Photo, from_image, to_image
from uniser_model.restore.tiles import Tiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image
    from torch import Tensor

    from uniser_model.config import TrainConfig
    from uniser_model.masks import Float32
    from uniser_model.model import DiT
    from uniser_model.restore.folder import Habits
    from uniser_model.text import PromptCache

UInt8 = npt.NDArray[np.uint8]


class Restorer:
    """A trained model and what it needs to be asked. Make one by `Restorer.from_pretrained`."""

    def __init__(
        self, model: DiT, config: TrainConfig, prompts: PromptCache, device: str = "cpu", precision: str = "fp32",
        habits: Habits | None = None,
    ) -> None:  # fmt: skip
        self.network = Network(model, config, prompts, device, precision)
        self.config, self.prompts, self.habits = config, prompts, habits or folder.Habits()
        # The smallest of the training: a crop was then the whole picture. Larger was worse on held-out photos.
        self.short_side_px = config.data.short_side_px[0]

    @classmethod
    def load(cls, where: str | Path, device: str = "cpu", precision: str = "fp32") -> Restorer:
        """From a run folder, a checkpoint folder (the averaged weights) or an exported folder. Raises InputError."""
        found = folder.load(where)
        return cls(found.model, found.config, found.prompts, device, precision, found.habits)

    @classmethod
    def from_pretrained(cls, folder_or_hub_id: str | Path, device: str = "cpu", precision: str = "fp32") -> Restorer:
        """As `load`, or from a repository of the hub by its id (OWNER/NAME). Raises InputError."""
        return cls.load(folder.local(folder_or_hub_id), device, precision)

    def save_pretrained(self, out: str | Path, text_encoder: bool = False) -> None:
        """Write the folder that `from_pretrained` reads; `text_encoder`: with the encoder of prompts not seen yet.

        Raises StorageError.
        """
        parts = folder.Loaded(self.network.model, self.config, self.prompts, self.habits)
        folder.save(parts, out, text_encoder)

    def push_to_hub(self, repository: str, private: bool = False) -> str:
        """Write that folder to the hub, by its own client and the user's own token; the commit's address."""
        return folder.push(folder.Loaded(self.network.model, self.config, self.prompts, self.habits),
                           repository, private)  # fmt: skip

    def __call__(
        self, image: Image.Image, effect: str = "haze", mask: Image.Image | Float32 | None = None,
        strength: float = 1.0, task: str = "remove", prompt: str | None = None, seed: int = 0,
        steps: int | None = None,
    ) -> Image.Image:  # fmt: skip
        """Remove (or add) an effect: a picture of the size, mode, profile and EXIF of the given one.

        `effect` names one, or is `auto`; `mask` (float32 in [0, 1], or grey) says where, at any size of the picture's
        aspect; `strength` in [0, 1] says how much. Raises InputError.
        """
        regions = () if mask is None else (Region(_mask_of(mask)),)
        ask = Ask(effect, task, strength, prompt, seed, steps, regions=regions)
        return to_image(self.restore([from_image(image)], [ask])[0])

    def run(
        self, rgb8_HWC: UInt8, *, effect: str = "haze", task: str = "remove", mask_HW: Float32 | None = None,
        strength: float = 1.0, prompt: str | None = None, seed: int = 0, steps: int | None = None,
        control: str | None = None, fidelity: str | None = None, guidance: float = 1.0,
    ) -> UInt8:  # fmt: skip
        """Remove (or add) an effect; uint8 (H, W, 3) sRGB in and out, any size.

        `mask_HW` float32 in [0, 1] says where (None: everywhere), `strength` in [0, 1] how much. Outside
        the support of the mask's soft edge the output is the input, bit for bit. Raises InputError.
        """
        regions = () if mask_HW is None else (Region(np.asarray(mask_HW, np.float32)),)
        ask = Ask(effect, task, strength, prompt, seed, steps, guidance=guidance, control=control, fidelity=fidelity,
                  regions=regions)  # fmt: skip
        return np.asarray(self.restore([Photo(rgb8_HWC)], [ask])[0].codes_HWC, np.uint8)

    def batch(
        self, images_B3HW: Tensor, effect: str = "haze", mask_B1HW: Tensor | None = None, strength: float = 1.0,
        task: str = "remove", prompt: str | None = None, seed: int = 0, steps: int | None = None,
    ) -> Tensor:  # fmt: skip
        """Remove (or add) an effect of many pictures at once: float32 in [0, 1] encoded sRGB in and out.

        Each comes out as it would alone. Raises InputError.
        """
        pictures = images_B3HW.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        masks = None if mask_B1HW is None else mask_B1HW.detach().float().cpu().numpy()[:, 0]
        asks = [
            Ask(effect, task, strength, prompt, seed, steps, regions=() if masks is None else (Region(masks[i]),))
            for i in range(len(pictures))
        ]
        done = self.restore([Photo(np.ascontiguousarray(p)) for p in pictures], asks)
        stacked = torch.from_numpy(np.stack([p.codes_HWC for p in done])).permute(0, 3, 1, 2)
        return stacked.clamp(0, 1).contiguous().to(images_B3HW.device)

    def restore(self, photos: Sequence[Photo], asks: Sequence[Ask], batch: int | None = None) -> list[Photo]:
        """Photos as they are asked for; those that the model sees at one size are looked at together.

        `batch`: how many at most (default: all). Raises InputError.
        """
        blends = [Blend(p.size_hw, a.regions, a.strength, a.feather_px) for p, a in zip(photos, asks, strict=True)]
        groups: dict[object, list[int]] = defaultdict(list)
        done = [replace(p, codes_HWC=p.codes_HWC.copy()) if b.nothing else p
                for p, b in zip(photos, blends, strict=True)]  # fmt: skip
        for i, (photo, ask, blend) in enumerate(zip(photos, asks, blends, strict=True)):
            if not blend.nothing:
                how = (ask.steps, ask.sampler, ask.guidance, self._control(ask))
                groups[self._model_size(*photo.size_hw), how].append(i)
        for members in groups.values():
            most = batch or len(members)
            for some in (members[i : i + most] for i in range(0, len(members), most)):
                for i, photo in zip(some, self._group(photos, asks, blends, some, most), strict=True):
                    done[i] = photo
        return done

    def _group(
        self, photos: Sequence[Photo], asks: Sequence[Ask], blends: Sequence[Blend], some: Sequence[int], batch: int
    ) -> list[Photo]:
        views = [self._view(photos[i], blends[i]) for i in some]
        control = self._control(asks[some[0]])
        answers = self.network.answer(views, [asks[i] for i in some], control)
        done = []
        for i, view, answer in zip(some, views, answers, strict=True):
            if self._tiled(asks[i], photos[i]):
                tiles = Tiles(self.network, photos[i], blends[i], asks[i].tile_px or self._tile_px())
                change = tiles.change(asks[i], control, answer, view, batch)
            else:
                change = answer.change(view, photos[i].size_hw)
            done.append(carry(photos[i], change, blends[i]))
        return done

    def _control(self, ask: Ask) -> str:
        return ask.control or self.habits.control

    def _tile_px(self) -> int:
        """The largest picture that training showed, of a side."""
        return max(self.config.data.crop_px, self.config.data.short_side_px[1])

    def _tiled(self, ask: Ask, photo: Photo) -> bool:
        return (ask.fidelity or self.habits.fidelity) == "tiles" and self._model_size(*photo.size_hw) != photo.size_hw

    def _view(self, photo: Photo, blend: Blend) -> View:
        height, width = self._model_size(*photo.size_hw)
        return View(photo.small(width, height), *blend.small(width, height))

    def _model_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at which the model looks: multiples of a token, near the crops' scale."""
        unit = self.network.unit_px
        scale = self.short_side_px / min(height, width)
        # Long panoramas: the token count grows with the aspect, so it is held.
        scale = min(scale, 4 * self.short_side_px / max(height, width))
        return max(1, round(height * scale / unit)) * unit, max(1, round(width * scale / unit)) * unit


def _mask_of(mask: Image.Image | Float32) -> Float32:
    if isinstance(mask, np.ndarray):
        return np.asarray(mask, np.float32)
    return np.asarray(mask.convert("L"), np.float32) / np.float32(255)
