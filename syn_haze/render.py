"""One hazy picture from a frame and its parameters: which light, path and airlight meet at each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core import sky
from uniser_core.color import decode_table, encode_srgb8
from uniser_core.color_jit import encode_table
from uniser_core.depth import MAX_CODE, depth_of
from uniser_core.engine import strength8

from syn_haze import glow, kernels
from syn_haze.light import airlights, phase_HW
from syn_haze.noise import optical_depth
from syn_haze.path import ground_lengths, path_lengths

if TYPE_CHECKING:
    from uniser_core.frame import Frame
    from uniser_core.sky import Sky

    from syn_haze.params import HazeParams
    from syn_haze.view import View

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
THIRD = np.float32(1 / 3)
ROW_PX = 512
# From this size on planes of light are not shared between variants.
LARGE_PX = 4_000_000
NO_GRID, NO_PHASE, NO_MASK = (
    np.empty((0, 0, 0), np.float32),
    np.empty((0, 0), np.float32),
    np.empty((0, 0), np.uint8),
)


@dataclass(frozen=True)
class Air:
    """What the kernels mix: linear clean light in planes, path, extinction a unit of path, and airlight.

    `clean_CHW` float32 (3, H, W); `path_HW` float32 (H, W); `extinction_C`, `even_C`, `sunlit_C` float32 (3,);
    `phase_HW` float32 (H, W) or empty (airlight is `even_C` everywhere); `glow_CRW` as `glow.lamp_glow` or empty;
    `spread_CRW` as `glow.spread_light` for this `blur_share`, or empty: no blur; both on a grid of `cell_px` pixels.
    """

    clean_CHW: Float32
    path_HW: Float32
    extinction_C: Float32
    even_C: Float32
    sunlit_C: Float32
    phase_HW: Float32
    glow_CRW: Float32
    spread_CRW: Float32
    blur_share: float
    cell_px: int

    def linear(self) -> tuple[Float32, Float32]:
        """Hazy light and transmission: float32 (H, W, 3) each."""
        shape = (*self.path_HW.shape, 3)
        out, through = np.empty(shape, np.float32), np.empty(shape, np.float32)
        kernels.mix_lit_linear(*self._optics, out, through)
        return out, through

    def srgb8(self) -> UInt8:
        """Hazy picture in 8-bit sRGB: uint8 (H, W, 3), the bits of `encode_srgb8(linear()[0])`."""
        height, width = self.path_HW.shape
        if self.phase_HW.size or self.glow_CRW.size or self.spread_CRW.size:
            return self._lit_srgb8(NO_MASK)
        out = np.empty((height, width, 3), np.uint8)
        # The kernel looks at each pixel alone, and is quickest on rows that stay in the nearest cache.
        parts = next((n for n in range(1, 17) if width % n == 0 and width // n <= ROW_PX), 1)
        rows = height * parts, width // parts
        clean, path = self.clean_CHW.reshape(3, *rows), self.path_HW.reshape(rows)
        kernels.mix_srgb8(clean, path, self.extinction_C, self.even_C, encode_table(), out.reshape(*rows, 3))
        return out

    def srgb8_strength8(self) -> tuple[UInt8, UInt8]:
        """`srgb8`, and 1 - mean transmission in 8 bits: uint8 (H, W, 3), (H, W)."""
        mask = np.empty(self.path_HW.shape, np.uint8)
        return self._lit_srgb8(mask), mask

    @property
    def _optics(self) -> tuple[Any, ...]:
        sides = self.clean_CHW, self.path_HW, self.extinction_C, self.even_C
        grids = self.glow_CRW, self.spread_CRW, np.float32(self.blur_share), self.cell_px
        return *sides, self.sunlit_C, self.phase_HW, *grids

    def _lit_srgb8(self, mask_HW: UInt8) -> UInt8:
        out = np.empty((*self.path_HW.shape, 3), np.uint8)
        kernels.mix_lit_srgb8(*self._optics, encode_table(), out, mask_HW)
        return out

    def at(self, place: Int64, clean_C1n: Float32) -> Air:
        """The air at some pixels, with other light behind it: `place` int64 (n,) into the flat picture."""
        phase = self.phase_HW.reshape(-1)[place][None] if self.phase_HW.size else NO_PHASE
        path = self.path_HW.reshape(-1)[place][None]
        shine = glow.at(self.glow_CRW, self.cell_px, place, self.path_HW.shape[1])
        return Air(clean_C1n, path, self.extinction_C, self.even_C, self.sunlit_C, phase, shine, NO_GRID, 0.0, 1)

    def sides(self, border: Sky) -> tuple[Float32, Float32]:
        """Light behind the border of sky, near and far, float32 (3, 1, n) each: with what blur adds to its pixels."""
        if not self.spread_CRW.size:
            return border.near_C1n, border.far_C1n
        spread = glow.at(self.spread_CRW, self.cell_px, border.index, self.path_HW.shape[1])
        air = self.path_HW.reshape(-1), self.extinction_C[1], np.float32(self.blur_share)
        sides = border.near_C1n, border.far_C1n
        near, far = glow.blur_sides(self.clean_CHW.reshape(3, -1), *air, border.index, spread, *sides)
        return near, far


def render_linear(frame: Frame, params: HazeParams) -> tuple[Float32, Float32]:
    """Hazy linear light and transmission, float32 (H, W, 3) each."""
    air, border = _air(frame, params), sky_of(frame, params.sky_share)
    out, through = air.linear()
    if border.index.size:
        for whole, part in zip((out, through), _border(air, border), strict=True):
            kernels.put(part, border.index, whole.reshape(-1, 3))
    return out, through


def render_srgb8(frame: Frame, params: HazeParams) -> UInt8:
    """The same picture in 8-bit sRGB, bit for bit as `encode_srgb8(render_linear(...)[0])`."""
    air, border = _air(frame, params), sky_of(frame, params.sky_share)
    out = air.srgb8()
    if border.index.size:
        kernels.put(encode_srgb8(_border(air, border)[0]), border.index, out.reshape(-1, 3))
    return out


def render_srgb8_strength(frame: Frame, params: HazeParams) -> tuple[UInt8, UInt8]:
    """`render_srgb8`, and `strength_of` its transmission in 8 bits: (H, W, 3), (H, W)."""
    air, border = _air(frame, params), sky_of(frame, params.sky_share)
    out, mask = air.srgb8_strength8()
    if border.index.size:
        light, through = _border(air, border)
        kernels.put(encode_srgb8(light), border.index, out.reshape(-1, 3))
        mask.reshape(-1)[border.index] = strength8(strength_of(through))
    return out, mask


def strength_of(through: Float32) -> Float32:
    """1 - mean transmission: float32 (..., 3) to (...)."""
    mean = (through[..., 0] + through[..., 1] + through[..., 2]) * THIRD
    return np.asarray(np.maximum(1 - mean, 0), np.float32)


def _border(air: Air, border: Sky) -> tuple[Float32, Float32]:
    """Where sky and scene share pixels: each side hazed at its distance, mixed by the matte. float32 (n, 3) each."""
    near, far = air.sides(border)
    near_light, near_through = air.at(border.index, near).linear()
    sky_light, sky_through = air.at(border.sky_index, far).linear()
    light = kernels.blended(near_light[0], sky_light[0], border.alpha)
    return light, kernels.blended(near_through[0], sky_through[0], border.alpha)


def _air(frame: Frame, params: HazeParams) -> Air:
    view = params.view(frame.width, frame.height)
    clean, ratios = planes_of(frame), np.array(params.spectral_ratio_rgb)
    if params.noise_amount == 0:
        path = ground_lengths(path_of(frame, params.hfov_deg, params.sky_share), view, params.profile)
        extinction = (ratios * params.beta_per_m).astype(np.float32)
    else:
        path = _uneven_depth(frame, params, view)
        extinction = ratios.astype(np.float32)
    even, sunlit = airlights(params)
    phase, shine, spread, cell = NO_PHASE, NO_GRID, NO_GRID, glow.cell_px(view, frame.width)
    if params.sun_share > 0:
        phase = phase_HW(params, view, frame.width, frame.height)
    if params.lamp_gain > 0:
        shine = glow.lamp_glow(
            clean, _lamps_of(frame, clean), path * extinction[1], params.lamp_gain, params.apsf_q, cell
        )
    if params.blur_share > 0:
        spread = glow.spread_light(clean, path, extinction[1], params.blur_share, params.apsf_q, cell)
    return Air(clean, path, extinction, even, sunlit, phase, shine, spread, params.blur_share, cell)


def _lamps_of(frame: Frame, clean_CHW: Float32) -> Float32:
    def make() -> Float32:
        return glow.lamp_share(clean_CHW, frame.is_hdr)

    return make() if _is_large(frame) else frame.memo(("haze lamps",), make)


def _uneven_depth(frame: Frame, params: HazeParams, view: View) -> Float32:
    """Optical depth through the density field."""
    code = sky_of(frame, params.sky_share).code_HW
    return optical_depth(code, metres_of_code(frame), view, params.profile, params.beta_per_m, params.field)


def planes_of(frame: Frame) -> Float32:
    """Clean light, float32 (3, H, W): the table's values for 8-bit pictures, the scene's for HDR frames."""

    def make() -> Float32:
        if frame.is_hdr:
            return np.ascontiguousarray(frame.rgb_HWC.transpose(2, 0, 1), np.float32)
        planes: Float32 = kernels.planes_srgb8(frame.rgb8_HWC, decode_table())
        return planes

    return make() if _is_large(frame) else frame.memo(("haze clean planes",), make)


def _is_large(frame: Frame) -> bool:
    """Whether planes are made anew for each variant, to bound memory."""
    return frame.width * frame.height > LARGE_PX


def path_of(frame: Frame, hfov_deg: float, sky_share: float | None = None) -> Float32:
    """Length of the view ray to each pixel, metres, inf for sky: shared by all variants of a frame."""
    from syn_haze.params import HazeParams

    view = HazeParams(visibility_m=1, hfov_deg=hfov_deg).view(frame.width, frame.height)
    return frame.memo(
        ("haze path", hfov_deg),
        lambda: path_lengths(sky_of(frame, sky_share).code_HW, depth_of(frame).inverse_per_code_per_m, view),
    )


def sky_of(frame: Frame, share: float | None = None) -> Sky:
    """The frame's sky and its matte: `uniser_core.sky.sky_of`."""
    return sky.sky_of(frame, lambda: planes_of(frame), share)


def metres_of_code(frame: Frame) -> Float32:
    """Depth along the axis of each 16-bit code: float32 (65536,), inf for code 0."""

    def make() -> Float32:
        with np.errstate(divide="ignore"):
            return (1 / (np.arange(MAX_CODE + 1) * depth_of(frame).inverse_per_code_per_m)).astype(np.float32)

    return frame.memo(("haze metres of code",), make)
