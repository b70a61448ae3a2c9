"""How published benchmarks are scored: their sizes, metrics and printed figures, read from two YAML files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from uniser_core.documents import read_yaml

from uniser_model.scoring.metrics import Compared, score

if TYPE_CHECKING:
    from collections.abc import Mapping

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Protocol:
    """What is done to a result and its target before they are compared, and by which metrics; see `protocols.yaml`."""

    name: str
    about: str
    metrics: tuple[str, ...]
    size_px: tuple[int, int] | None = None
    multiple_px: int | None = None
    filter: str = "sampled"

    def scores(self, pictures: Compared) -> dict[str, float | None]:
        """The metrics of one picture. Raises InputError when it is too small for one of them."""
        height, width = pictures.result_HWC.shape[:2]
        size = self.size_px
        if self.multiple_px is not None:
            size = (_multiple(width, self.multiple_px), _multiple(height, self.multiple_px))
        if size is not None and size != (width, height):
            pictures = pictures.each(lambda p: self._resized(p, size), lambda m: _nearest(m, size))
        return score(pictures, self.metrics)

    def _resized(self, rgb8_HWC: UInt8, size: tuple[int, int]) -> UInt8:
        if self.filter == "antialiased":
            return np.asarray(Image.fromarray(rgb8_HWC).resize(size, Image.Resampling.BICUBIC), np.uint8)
        return np.asarray(cv2.resize(rgb8_HWC, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _multiple(length: int, unit: int) -> int:
    return max(unit, length // unit * unit)


def _nearest(mask: UInt8, size: tuple[int, int]) -> UInt8:
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)


@dataclass(frozen=True)
class Published:
    """A published benchmark; see `benchmarks.yaml`. `published`: method -> metric -> figure, as printed."""

    name: str
    importer: str
    parts: tuple[str, ...]
    effect: str
    protocols: tuple[Protocol, ...]
    subsets: bool = False
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@cache
def protocols() -> dict[str, Protocol]:
    """Every protocol by name."""
    return {name: Protocol(name, **_with_tuples(values)) for name, values in _data("protocols.yaml").items()}


@cache
def benchmarks() -> dict[str, Published]:
    """Every published benchmark by the name that `--bench` gives it."""
    return {
        name: Published(
            name, **{**_with_tuples(values), "protocols": tuple(protocols()[p] for p in values["protocols"])}
        )
        for name, values in _data("benchmarks.yaml").items()
    }


def full_size() -> Protocol:
    """What pictures of one's own are scored by."""
    return protocols()["full"]


def _data(file: str) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml((files("uniser_model") / "scoring" / file).read_bytes(), file)
    return found


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
