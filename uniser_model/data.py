"""Samples of a corpus as a pure function of (seed, sample number): one integer resumes an epoch exactly.

Order: a keyed permutation of the epoch's rows, worked out row by row, with no list to keep. Every draw of a sample
(crop, flip, supervision, noise, timestep) comes from (seed, epoch, pair, repeat), whoever asks and in whatever order.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from uniser_core.color import linear_to_srgb, srgb_to_linear
from uniser_core.errors import InputError
from uniser_core.loader import BadRows
from uniser_core.order import EpochOrder
from uniser_core.seeding import derive_seed, generator

from uniser_model.buckets import BucketOrder, bucket_order
from uniser_model.model import TASKS
from uniser_model.objectives import Condition
from uniser_model.supervision import compose, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from torch import Tensor

    from uniser_model.config import DataConfig, TrainConfig
    from uniser_model.masks import Float32
    from uniser_model.text import PromptCache

    UInt8 = npt.NDArray[np.uint8]


class CorpusReader(Protocol):
    """What this package needs of `uniser_core.corpus.Corpus`."""

    index: Any

    def __len__(self) -> int: ...

    def rows(self, split: str) -> npt.NDArray[Any]:
        """Row numbers of a split."""
        ...

    def by_clean(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same rows, those of one clean picture side by side."""
        ...

    def sampling(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Weight of each row, or None."""
        ...

    def read(self, row: int) -> dict[str, Any]:
        """`input_HWC`, `target_HWC` uint8 (H, W, 3), `prompt`, `effect`, `pair_id`, `group_id`."""
        ...


@dataclass(frozen=True)
class Sample:
    """One training sample, float32: pictures (3, H, W) encoded sRGB, masks (1, H, W), noise (C, h, w)."""

    pair_id: str
    effect: str
    prompt: str
    task: str
    t: float
    input_CHW: Float32
    target_CHW: Float32
    mask_CHW: Float32
    blend_CHW: Float32
    noise_CHW: Float32


class Drawn(NamedTuple):
    """A rank's samples of one step, stacked, before their prompts are read: what a worker hands over."""

    input_B3HW: Tensor
    target_B3HW: Tensor
    mask_B1HW: Tensor
    blend_B1HW: Tensor
    noise_BCHW: Tensor
    t_B: Tensor
    task_B: Tensor
    prompts: tuple[str, ...]
    pair_ids: tuple[str, ...]
    effects: tuple[str, ...]
    bad_rows: dict[int, str]


@dataclass(frozen=True)
class Batch:
    """A rank's share of what one step trains on."""

    condition: Condition
    target_B3HW: Tensor
    noise_BCHW: Tensor
    t_B: Tensor
    pair_ids: tuple[str, ...]
    effects: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        tensors = (x.to(device, non_blocking=True) for x in (self.target_B3HW, self.noise_BCHW, self.t_B))
        target, noise, t_B = tensors
        return Batch(self.condition.to(device), target, noise, t_B, self.pair_ids, self.effects)

    def parts(self, count: int) -> Iterator[Batch]:
        """Micro-batches of equal size, in order; `count` divides the batch."""
        size = len(self.pair_ids) // count
        for i in range(count):
            cut = slice(i * size, (i + 1) * size)
            condition = Condition(**{f.name: getattr(self.condition, f.name)[cut] for f in fields(Condition)})
            yield Batch(
                condition, self.target_B3HW[cut], self.noise_BCHW[cut], self.t_B[cut],
                self.pair_ids[cut], self.effects[cut],
            )  # fmt: skip


class PictureCache:
    """Decoded pictures of rows, shrunk to a bound on the short side, in RAM up to a number of bytes.

    Clean pictures that several rows share are kept once. What does not fit is decoded again at each use.
    """

    def __init__(self, corpus: CorpusReader, short_side_px: int, limit_bytes: int) -> None:
        self.corpus, self.short_side_px, self.limit_bytes = corpus, short_side_px, limit_bytes
        self.used_bytes = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._shared: dict[bytes, UInt8] = {}
        self._lock = threading.Lock()

    def _shrunk(self, picture_HWC: UInt8) -> UInt8:
        height, width = picture_HWC.shape[:2]
        scale = self.short_side_px / min(height, width)
        if scale >= 1:
            return picture_HWC
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(cv2.resize(picture_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)

    def get(self, row: int) -> dict[str, Any]:
        """The row as `CorpusReader.read` gives it, pictures shrunk."""
        with self._lock:
            if row in self._rows:
                return self._rows[row]
        read = dict(self.corpus.read(row))
        if read["input_HWC"].shape != read["target_HWC"].shape:
            shapes = f"{read['input_HWC'].shape} and {read['target_HWC'].shape}"
            raise InputError(
                f"pair {read['pair_id']}", f"input and target differ in size: {shapes}", "check the corpus"
            )
        for name in ("input_HWC", "target_HWC"):
            read[name] = self._shrunk(read[name])
        with self._lock:
            digest = hashlib.blake2b(np.ascontiguousarray(read["target_HWC"]).data, digest_size=16).digest()
            read["target_HWC"] = self._shared.get(digest, read["target_HWC"])
            cost = read["input_HWC"].nbytes + (0 if digest in self._shared else read["target_HWC"].nbytes)
            if self.used_bytes + cost <= self.limit_bytes:
                self._shared[digest] = read["target_HWC"]
                self._rows[row] = read
                self.used_bytes += cost
        return read


def resized(picture_HWC: UInt8, width: int, height: int) -> UInt8:
    """Area-averaged when it shrinks, bicubic when it grows."""
    if picture_HWC.shape[:2] == (height, width):
        return picture_HWC
    shrinks = height * width < picture_HWC.shape[0] * picture_HWC.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture_HWC, (width, height), interpolation=how), np.uint8)


def chw(picture_HWC: Float32) -> Float32:
    """(H, W, C) or (H, W) to contiguous (C, H, W)."""
    return np.ascontiguousarray(np.atleast_3d(picture_HWC).transpose(2, 0, 1), np.float32)


class PairStream:
    """Endless samples of one split. `latent` is (channels, factor) of the codec, for the noise's shape.

    Step s takes samples s * batch to (s + 1) * batch - 1, whatever the number of ranks: each takes its part of them.
    """

    def __init__(
        self, corpus: CorpusReader, config: TrainConfig, latent: tuple[int, int], part: tuple[int, int] = (0, 1)
    ) -> None:
        """`part` is (rank, ranks); ranks divide the batch. Raises InputError for a split without rows."""
        self.config, self.latent, self.part = config, latent, part
        rows = np.asarray(corpus.rows(split=config.split))
        if not len(rows):
            raise InputError(
                f"corpus {config.data_uri}", f"has no rows in split '{config.split}'", "build it with more groups"
            )
        data = config.data
        if data.shuffle_window:
            rows = corpus.by_clean(rows)
        weights, window = corpus.sampling(rows), data.shuffle_window
        self.order: EpochOrder | BucketOrder = EpochOrder(rows, config.seed, weights, window)
        if data.buckets_px:
            self.order = bucket_order(corpus, rows, config.seed, weights, data.buckets_px, data.batch, window)
        self.bad = BadRows(data.most_bad_rows, len(rows))
        self.cache = PictureCache(corpus, data.short_side_px[1], data.cache_mb << 20)

    def crop(self, number: int) -> tuple[int, int]:
        """(width, height) in pixels of a sample, the same for all of a step."""
        if isinstance(self.order, BucketOrder):
            return self.config.data.buckets_px[self.order.bucket(number)]
        return self.config.data.crop_px, self.config.data.crop_px

    def sample(self, number: int) -> Sample:
        """The sample of that number, always the same one; a row that cannot be read is noted, and the next one taken.

        Raises InputError when too many rows cannot be read.
        """
        config, read, place = self.config, None, self.order.where(number)
        crop_w, crop_h = self.crop(number)
        while read is None:
            try:
                read = self.cache.get(place.row)
            except InputError as error:
                self.bad.add(place.row, error)
                number += 1
                place = self.order.where(number)
        # A row that an epoch has more than once, for its weight, is cropped and masked anew each time.
        key = derive_seed("train-draw", config.seed, place.epoch, str(read["pair_id"]), place.repeat)
        rng = generator(key)
        low, high = config.data.short_side_px
        height, width = read["input_HWC"].shape[:2]
        short = min(height, width)
        # Log-uniform over what the picture can give without growing; a small picture grows to the crop.
        top = max(low, min(high, short))
        side = low * (top / low) ** rng.random()
        grow = max(side / short, crop_h / height, crop_w / width)
        height, width = max(crop_h, round(height * grow)), max(crop_w, round(width * grow))
        y, x = int(rng.integers(0, height - crop_h + 1)), int(rng.integers(0, width - crop_w + 1))
        mirrored = bool(rng.random() < 0.5) and config.data.flip
        cut = (slice(y, y + crop_h), slice(x, x + crop_w))
        pictures = []
        for name in ("input_HWC", "target_HWC"):
            picture = resized(read[name], width, height)[cut]
            picture = picture[:, ::-1] if mirrored else picture
            pictures.append(picture.astype(np.float32) / np.float32(255))
        degraded, clean = augmented(pictures[0], pictures[1], rng, config.data)
        asked = draw(rng, crop_h, crop_w, str(read["prompt"]), config.supervision)
        example = compose(degraded, clean, asked, max(height, width))
        pure, t = rng.random(2)
        channels, factor = self.latent
        noise = rng.standard_normal((channels, crop_h // factor, crop_w // factor), np.float32)
        return Sample(
            pair_id=str(read["pair_id"]),
            effect=str(read["effect"]),
            prompt=asked.prompt,
            task=asked.task,
            t=1.0 if pure < config.pure_noise else float(t),
            input_CHW=chw(example.input_HWC),
            target_CHW=chw(example.target_HWC),
            mask_CHW=chw(example.mask_HW),
            blend_CHW=chw(example.blend_HW),
            noise_CHW=noise,
        )

    def drawn(self, step: int) -> Drawn:
        """This rank's samples of step `step` (from 0)."""
        rank, ranks = self.part
        size = self.config.data.batch // ranks
        first = step * self.config.data.batch + rank * size
        samples = [self.sample(first + i) for i in range(size)]

        def stack(pick: Callable[[Sample], Float32]) -> Tensor:
            return torch.from_numpy(np.stack([pick(s) for s in samples]))

        return Drawn(
            stack(lambda s: s.input_CHW), stack(lambda s: s.target_CHW), stack(lambda s: s.mask_CHW),
            stack(lambda s: s.blend_CHW), stack(lambda s: s.noise_CHW),
            torch.tensor([s.t for s in samples], dtype=torch.float32),
            torch.tensor([TASKS.index(s.task) for s in samples]),
            tuple(s.prompt for s in samples), tuple(s.pair_id for s in samples), tuple(s.effect for s in samples),
            dict(self.bad.reasons),
        )  # fmt: skip

    def batch(self, step: int, prompts: PromptCache) -> Batch:
        """This rank's share of what step `step` (from 0) trains on."""
        return with_prompts(self.drawn(step), prompts)


def with_prompts(drawn: Drawn, prompts: PromptCache) -> Batch:
    """The samples with the token states of their prompts."""
    text, keep = prompts.batch(drawn.prompts)
    condition = Condition(drawn.input_B3HW, drawn.mask_B1HW, drawn.blend_B1HW, text, keep, drawn.task_B)
    return Batch(condition, drawn.target_B3HW, drawn.noise_BCHW, drawn.t_B, drawn.pair_ids, drawn.effects)


def augmented(
    degraded: Float32, clean: Float32, rng: np.random.Generator, config: DataConfig
) -> tuple[Float32, Float32]:
    """The pair under another light, and its effect thinner; encoded sRGB (H, W, 3) in and out.

    In linear light I = T J + L, so J + s (I - J) is the same effect with transmission 1 - s (1 - T): as
    physical as the pair itself. Light that scales both pictures alike scales their airlight with them.
    """
    thin, part, stops, *tint = rng.random(6)
    part = part if thin < config.thin else 1.0
    gain = np.exp(config.tint * (2 * np.array(tint) - 1) - np.log(2) * stops * config.exposure_ev)
    if part == 1.0 and not config.tint and not config.exposure_ev:
        return degraded, clean
    light, clean_light = srgb_to_linear(degraded), srgb_to_linear(clean)
    light = clean_light + part * (light - clean_light)
    return tuple(linear_to_srgb(x * gain).astype(np.float32) for x in (light, clean_light))  # type: ignore[return-value]
