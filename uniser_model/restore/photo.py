"""A photo as its file holds it: own codes, own colour space, and all that must come out as it went in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from uniser_core.decode import decoder_errors
from uniser_core.decode_deep import upright
from uniser_core.errors import InputError

from uniser_model.restore.space import EncodedSpace, Space, rounded, share_of, space_of

Float32 = npt.NDArray[np.float32]
Codes = npt.NDArray[Any]
# An orientation that turns a quarter is undone by the other quarter.
_UNDONE = {6: 8, 8: 6}
LUMA_RGB = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class ExrChannels:
    """Names of the three colours (grey: one, thrice), float types of all channels, pixels of the others."""

    colours: tuple[str, str, str]
    kinds: dict[str, np.dtype[Any]]
    others: dict[str, Codes]


@dataclass(frozen=True, eq=False)
class Photo:
    """`codes_HWC` (H, W, 3) uint8, uint16 or float32, upright; `alpha_HW` of the same type or None.

    `grey`: the file has one colour channel. `orientation`: how the file's rows lie (EXIF 1..8). `profile`, `exif`,
    `xmp`: the file's own bytes. `exr`: what else an EXR holds.
    """

    codes_HWC: Codes
    alpha_HW: Codes | None = None
    space: Space = field(default_factory=EncodedSpace)
    grey: bool = False
    orientation: int = 1
    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    exr: ExrChannels | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) in pixels, upright."""
        return self.codes_HWC.shape[0], self.codes_HWC.shape[1]

    def small(self, width: int, height: int) -> Float32:
        """At a size of its own, area-averaged or bicubic: float32 (h, w, 3) display-encoded sRGB in [0, 1]."""
        codes = self.codes_HWC
        if self.size_hw != (height, width):
            how = cv2.INTER_AREA if height * width < codes.shape[0] * codes.shape[1] else cv2.INTER_CUBIC
            codes = cv2.resize(codes, (width, height), interpolation=how)
        return np.clip(self.space.encoded(codes), 0, 1).astype(np.float32)

    def turned(self, orientation: int) -> Photo:
        """Upright, from rows that lie as EXIF says."""
        alpha = None if self.alpha_HW is None else upright(self.alpha_HW, orientation)
        return replace(self, codes_HWC=upright(self.codes_HWC, orientation), alpha_HW=alpha, orientation=orientation)

    def stored(self) -> tuple[Codes, Codes | None]:
        """Colours, (H, W) grey or (H, W, 3), and alpha, with rows as the file has them."""
        codes = grey_of(self.codes_HWC) if self.grey else self.codes_HWC
        back = _UNDONE.get(self.orientation, self.orientation)
        return upright(codes, back), None if self.alpha_HW is None else upright(self.alpha_HW, back)


def grey_of(codes_HWC: Codes) -> Codes:
    """Rec. 601 luma (H, W) of codes, of their own type; exactly the code where the channels are equal."""
    if codes_HWC.dtype.kind == "f":
        return np.asarray(codes_HWC @ LUMA_RGB, codes_HWC.dtype)
    return np.asarray(np.rint(codes_HWC @ LUMA_RGB), codes_HWC.dtype)


def from_image(image: Image.Image, name: str = "picture") -> Photo:
    """A Pillow picture as it lies, with its profile and EXIF. Raises InputError when it cannot be decoded."""
    profile, exif, xmp = (image.info.get(k) for k in ("icc_profile", "exif", "xmp"))
    with decoder_errors(name):
        image.load()
        if image.mode.startswith("I"):
            codes = np.asarray(image).clip(0, 65535).astype(np.uint16)
            return Photo(np.repeat(codes[..., None], 3, axis=2), grey=True)
        if "transparency" in image.info or image.mode in ("PA", "RGBa", "La"):
            image = image.convert("RGBA")
        elif image.mode not in ("L", "LA", "RGB", "RGBA"):
            image = image.convert("RGB")
        grey = image.mode in ("L", "LA")
        alpha = np.array(image.getchannel("A"), np.uint8) if image.mode in ("LA", "RGBA") else None
        # Alpha is left out, never multiplied in.
        codes = np.array((image.getchannel("L") if grey else image).convert("RGB"), np.uint8)
    return Photo(codes, alpha, space_of(profile), grey, profile=profile, exif=exif, xmp=xmp)


def to_image(photo: Photo) -> Image.Image:
    """A Pillow picture of mode L, LA, RGB or RGBA (16-bit grey: I;16), with profile and EXIF in its `info`."""
    codes, alpha = photo.stored()
    if codes.dtype != np.uint8 and not (photo.grey and codes.dtype == np.uint16):
        codes = rounded(share_of(codes), np.dtype(np.uint8))
    image = Image.fromarray(codes)
    if alpha is not None:
        image.putalpha(Image.fromarray(rounded(share_of(alpha), np.dtype(np.uint8))))
    image.info |= {k: v for k, v in (("icc_profile", photo.profile), ("exif", photo.exif)) if v}
    return image


def refuse_not_finite(light: Codes, name: str) -> None:
    """Raise InputError when light has NaN or infinity in it."""
    bad = light.size - int(np.count_nonzero(np.isfinite(light)))
    if bad:
        rule = "light is finite"
        raise InputError(f"{name} has {bad} NaN or infinite values", rule, "mend it: replace them by their neighbours")
