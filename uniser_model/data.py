"""Samples of a corpus as a pure function of (seed, sample number): one integer resumes an epoch exactly.

Order: a keyed permutation of the epoch's rows, worked out row by row, with no list to keep. Every draw of a sample
(crop, flip, supervision, noise, timestep) comes from (seed, epoch, pair, repeat), whoever asks and in whatever order.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np
from uniser_core.color import linear_to_srgb, srgb_to_linear
from uniser_core.errors import InputError
from uniser_core.loader import BadRows
from uniser_core.order import EpochOrder
from uniser_core.seeding import derive_seed, generator

from uniser_model.buckets import BucketOrder, bucket_order
from uniser_model.latents import LatentCache
from uniser_model.samples import Batch, Drawn, Sample, View, stacked, with_prompts
from uniser_model.supervision import compose, draw

if TYPE_CHECKING:
    import numpy.typing as npt
    from uniser_core.order import Place

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

    def has(self, row: int, column: str) -> bool:
        """Whether a row stores that picture; the inputs of recipe rows are rendered."""
        ...

    def by_clean(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same rows, those of one clean picture side by side."""
        ...

    def sampling(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Weight of each row, or None."""
        ...

    def read(self, row: int, fresh: int | None = None) -> dict[str, Any]:
        """`input_HWC`, `target_HWC` uint8 (H, W, 3), `prompt`, `effect`, `pair_id`, `group_id`.

        `fresh`: a seed by which recipe rows are drawn anew; those say `redrawn`.
        """
        ...


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

    def get(self, row: int, fresh: int | None = None) -> dict[str, Any]:
        """The row as `CorpusReader.read` gives it, pictures shrunk; rows that were drawn anew are not kept."""
        with self._lock:
            if row in self._rows:
                return self._rows[row]
        read = dict(self.corpus.read(row) if fresh is None else self.corpus.read(row, fresh))
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
            if read.get("redrawn"):
                return read
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


class Cut(NamedTuple):
    """A part of a picture that is resized to `width` x `height` first, its upper left corner at (x, y), maybe mirrored.

    All in pixels; `crop` is (width, height) of the part.
    """

    width: int
    height: int
    x: int
    y: int
    crop: tuple[int, int]
    mirrored: bool

    def of(self, picture_HWC: UInt8) -> Float32:
        """The part as float32 in [0, 1]."""
        part = resized(picture_HWC, self.width, self.height)
        part = part[self.y : self.y + self.crop[1], self.x : self.x + self.crop[0]]
        return (part[:, ::-1] if self.mirrored else part).astype(np.float32) / np.float32(255)


def draw_cut(rng: np.random.Generator, size: tuple[int, int], crop: tuple[int, int], data: DataConfig) -> Cut:
    """A random part of a picture of `size` (height, width): its scale within `data.short_side_px`, place, and flip."""
    low, high = data.short_side_px
    (height, width), (crop_w, crop_h) = size, crop
    short = min(height, width)
    # Log-uniform over what the picture can give without growing; a small picture grows to the crop.
    top = max(low, min(high, short))
    side = low * (top / low) ** rng.random()
    grow = max(side / short, crop_h / height, crop_w / width)
    height, width = max(crop_h, round(height * grow)), max(crop_w, round(width * grow))
    y, x = int(rng.integers(0, height - crop_h + 1)), int(rng.integers(0, width - crop_w + 1))
    return Cut(width, height, x, y, crop, bool(rng.random() < 0.5) and data.flip)


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
        self.latents = LatentCache(data.latent_cache, config) if data.latent_cache else None

    def crop(self, number: int) -> tuple[int, int]:
        """(width, height) in pixels of a sample, the same for all of a step."""
        if isinstance(self.order, BucketOrder):
            return self.config.data.buckets_px[self.order.bucket(number)]
        return self.config.data.crop_px, self.config.data.crop_px

    def view(self, place: Place, crop: tuple[int, int]) -> View:
        """The view of a row that an epoch shows, cropped to (width, height); always the same one.

        A row that an epoch has more than once, for its weight, is cropped and masked anew each time. Raises InputError
        for a row that cannot be read.
        """
        config, fresh = self.config, None
        if config.data.fresh:
            fresh = derive_seed("fresh-row", config.seed, place.epoch, place.row, place.repeat)
        read = self.cache.get(place.row, fresh)
        pair_id, effect = str(read["pair_id"]), str(read["effect"])
        rng = generator(derive_seed("train-draw", config.seed, place.epoch, pair_id, place.repeat))
        cut = draw_cut(rng, read["input_HWC"].shape[:2], crop, config.data)
        degraded, clean = augmented(cut.of(read["input_HWC"]), cut.of(read["target_HWC"]), rng, config.data)
        asked = draw(rng, crop[1], crop[0], str(read["prompt"]), config.supervision, effect)
        example = compose(degraded, clean, asked, max(cut.width, cut.height), soft=config.supervision.soft)
        return View(
            pair_id=pair_id, effect=effect, prompt=asked.prompt, task=asked.task,
            input_CHW=chw(example.input_HWC), target_CHW=chw(example.target_HWC),
            mask_CHW=chw(example.mask_HW), blend_CHW=chw(example.blend_HW),
        )  # fmt: skip

    def sample(self, number: int) -> Sample:
        """The sample of that number, always the same one; a row that cannot be read is noted, and the next one taken.

        Raises InputError when too many rows cannot be read.
        """
        crop, config, view = self.crop(number), self.config, None
        while view is None:
            place = self.order.where(number)
            try:
                view = self.latents.view(place) if self.latents else self.view(place, crop)
            except InputError as error:
                self.bad.add(place.row, error)
                number += 1
        # Of its own generator: views out of a cache come again, their noise does not.
        rng = generator(derive_seed("train-noise", config.seed, place.epoch, view.pair_id, place.repeat))
        pure, t = rng.random(2)
        channels, factor = self.latent
        noise = rng.standard_normal((channels, crop[1] // factor, crop[0] // factor), np.float32)
        if config.data.latent_draw and view.deviation_CHW is not None:
            drawn = view.deviation_CHW * rng.standard_normal(noise.shape, np.float32)
            view = replace(view, target_CHW=view.target_CHW + drawn)
        return Sample(**vars(view), t=1.0 if pure < config.pure_noise else float(t), noise_CHW=noise)

    def drawn(self, step: int) -> Drawn:
        """This rank's samples of step `step` (from 0)."""
        rank, ranks = self.part
        size = self.config.data.batch // ranks
        first = step * self.config.data.batch + rank * size
        return stacked([self.sample(first + i) for i in range(size)], self.bad.reasons)

    def batch(self, step: int, prompts: PromptCache) -> Batch:
        """This rank's share of what step `step` (from 0) trains on."""
        return with_prompts(self.drawn(step), prompts)


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
