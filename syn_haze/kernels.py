"""The inner loops: optical depth to haze, one picture row at a time, all in float32.

Every float32 step is written once and shared by the linear and the 8-bit path, without fastmath and with
multiply-adds fused by name alone, so both give the same bits. exp is our own polynomial: the same on every machine.
Arithmetic and table look-ups are separate loops: LLVM turns the first into vector code, never the second.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba.extending import intrinsic
from uniser_core.color_jit import HIGHEST, LOWEST, encode
from uniser_core.jit import inlined, kernel

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]

# No more halvings than this: the bits of 2^-127 come out as 0, so that what is opaque needs no branch.
HALVINGS_MOST = np.float32(127.0)
LOG2_E = np.float32(1.4426950408889634)
# Adding and subtracting 1.5 * 2^23 rounds a float32 to the nearest integer.
ROUND = np.float32(12582912.0)
# 2^f, f in [-0.5, 0.5], as 1 + f (P1 + f (P2 ...)): the least greatest relative error of its degree, 2.9e-6.
P1, P2, P3, P4 = (np.float32(v) for v in (0.6931241843, 0.2402403817, 0.0559066283, 0.0095853824))
# Optical depth taken for sky: all of its forward light is spread.
TAU_MAX = np.float32(8.0)
# Glow is divided by no less opacity than this.
CLEAREST = np.float32(1e-6)
ONE, ZERO, HALF, THIRD, WHITE = (np.float32(v) for v in (1, 0, 0.5, 1 / 3, 255))
MANTISSA_BITS = np.uint32(23)


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """The bits of a float32 as uint32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(numba.types.uint32))

    return numba.types.uint32(numba.types.float32), generate


@intrinsic
def float_of(typing_context: Any, x: Any) -> Any:
    """The float32 of these bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(numba.types.float32))

    return numba.types.float32(numba.types.uint32), generate


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once: one instruction, and the same bits wherever there is none."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    float32 = numba.types.float32
    return float32(float32, float32, float32), generate


@inlined
def exp2_32(y: np.float32) -> np.float32:
    """2^y for -127 <= y < 115, relative error 3e-6 (down to -126), exactly 1 at 0 and 0 at -127."""
    z = y + ROUND
    f = y - (z - ROUND)
    power = fma(f, fma(f, fma(f, fma(f, P4, P3), P2), P1), ONE)
    # The low bits of z hold the exponent: shifted in place they scale by a power of two.
    scaled: np.float32 = float_of(np.uint32(bits_of(power) + np.uint32(bits_of(z) << MANTISSA_BITS)))
    return scaled


@inlined
def exp32(x: np.float32) -> np.float32:
    """exp(x) for |x| < 80, relative error 3e-6, exactly 1 at 0."""
    power: np.float32 = exp2_32(x * LOG2_E)
    return power


@inlined
def transmit(halvings: np.float32) -> np.float32:
    """2^-halvings for halvings >= 0, exactly 0 from HALVINGS_MOST on."""
    through: np.float32 = exp2_32(-min(halvings, HALVINGS_MOST))
    return through


@inlined
def spread_share(tau: np.float32, share: np.float32) -> np.float32:
    """How much of a pixel's light the forward `share` of scattering has spread on its way."""
    spread: np.float32 = ONE - exp32(-share * min(tau, TAU_MAX))
    return spread


@kernel
def mix_srgb8(
    clean_CHW: Float32, path_HW: Float32, extinction_C: Float32, airlight_C: Float32, table: UInt32, out_HWC: UInt8
) -> None:
    """Koschmieder's law and sRGB encoding in one pass: A + exp(-path * extinction) * (clean - A) to 8 bits."""
    height, width = path_HW.shape
    light = np.empty((3, width), np.float32)
    bits = light.view(np.uint32)
    for y in range(height):
        for c in range(3):
            air, halvings = airlight_C[c], extinction_C[c] * LOG2_E
            for x in range(width):
                mixed = fma(transmit(path_HW[y, x] * halvings), clean_CHW[c, y, x] - air, air)
                light[c, x] = min(max(mixed, LOWEST), HIGHEST)
        for x in range(width):
            out_HWC[y, x, 0] = encode(bits[0, x], table)
            out_HWC[y, x, 1] = encode(bits[1, x], table)
            out_HWC[y, x, 2] = encode(bits[2, x], table)


@inlined
def rows_around(y: int, rows: int, cell_px: int) -> tuple[int, int, np.float32]:
    """The grid's rows above and below a row of the picture, and the share of the latter."""
    place = min(max((y + 0.5) / cell_px - 0.5, 0.0), rows - 1.0)
    above = int(place)
    return above, min(above + 1, rows - 1), np.float32(place - above)


@inlined
def _behind_row(
    y: int,
    clean_CHW: Float32,
    path_HW: Float32,
    extinction_C: Float32,
    spread_CRW: Float32,
    blur_share: np.float32,
    cell_px: int,
    scratch_W: Float32,
    light_CW: Float32,
) -> None:
    """Light that the haze is laid on: clean where haze is thin, the light spread around it where it is thick."""
    if spread_CRW.size == 0:
        for c in range(3):
            for x in range(path_HW.shape[1]):
                light_CW[c, x] = clean_CHW[c, y, x]
        return
    above, below, share = rows_around(y, spread_CRW.shape[1], cell_px)
    for x in range(path_HW.shape[1]):
        scratch_W[x] = spread_share(path_HW[y, x] * extinction_C[1], blur_share)
    for c in range(3):
        for x in range(path_HW.shape[1]):
            near = fma(share, spread_CRW[c, below, x] - spread_CRW[c, above, x], spread_CRW[c, above, x])
            light_CW[c, x] = fma(scratch_W[x], near - clean_CHW[c, y, x], clean_CHW[c, y, x])


@inlined
def _lit_row(
    y: int,
    clean_CHW: Float32,
    path_HW: Float32,
    extinction_C: Float32,
    airlight_C: Float32,
    sunlit_C: Float32,
    phase_HW: Float32,
    glow_CRW: Float32,
    spread_CRW: Float32,
    blur_share: np.float32,
    cell_px: int,
    light_CW: Float32,
    through_CW: Float32,
) -> None:
    """Light and transmission of one row, for both kernels alike; a fourth row of `through_CW` is scratch."""
    _behind_row(y, clean_CHW, path_HW, extinction_C, spread_CRW, blur_share, cell_px, through_CW[3], light_CW)
    for c in range(3):
        even, sunlit, halvings = airlight_C[c], sunlit_C[c], extinction_C[c] * LOG2_E
        if phase_HW.size > 0:
            for x in range(path_HW.shape[1]):
                air = fma(sunlit, phase_HW[y, x], even)
                through_CW[c, x] = transmit(path_HW[y, x] * halvings)
                light_CW[c, x] = fma(through_CW[c, x], light_CW[c, x] - air, air)
        else:
            for x in range(path_HW.shape[1]):
                through_CW[c, x] = transmit(path_HW[y, x] * halvings)
                light_CW[c, x] = fma(through_CW[c, x], light_CW[c, x] - even, even)
    if glow_CRW.size > 0:
        above, below, share = rows_around(y, glow_CRW.shape[1], cell_px)
        for x in range(path_HW.shape[1]):
            # Glow is told over the opacity before the pixel or the lamp, whichever is more.
            lamp = fma(share, glow_CRW[3, below, x] - glow_CRW[3, above, x], glow_CRW[3, above, x])
            through_CW[3, x] = ONE / max(ONE - through_CW[1, x], lamp, CLEAREST)
        for c in range(3):
            for x in range(path_HW.shape[1]):
                near = fma(share, glow_CRW[c, below, x] - glow_CRW[c, above, x], glow_CRW[c, above, x])
                light_CW[c, x] = fma((ONE - through_CW[c, x]) * through_CW[3, x], near, light_CW[c, x])


@kernel
def mix_lit_srgb8(
    clean_CHW: Float32,
    path_HW: Float32,
    extinction_C: Float32,
    airlight_C: Float32,
    sunlit_C: Float32,
    phase_HW: Float32,
    glow_CRW: Float32,
    spread_CRW: Float32,
    blur_share: np.float32,
    cell_px: int,
    table: UInt32,
    out_HWC: UInt8,
    mask_HW: UInt8,
) -> None:
    """As `mix_srgb8` under airlight_C + sunlit_C * phase_HW, the glow of lamps, and blur (each empty: none).

    `glow_CRW` is `syn_haze.glow.lamp_glow` and `spread_CRW` `spread_light`, of which a pixel takes the more the more
    air is before it: one row for each `cell_px` of the picture's, between which they are linear.
    `mask_HW` (empty: none) takes 1 - mean transmission in 8 bits, as `uniser_core.engine.strength8` rounds.
    """
    height, width = path_HW.shape
    light, through = np.empty((3, width), np.float32), np.empty((4, width), np.float32)
    bits = light.view(np.uint32)
    for y in range(height):
        _lit_row(
            *(y, clean_CHW, path_HW, extinction_C, airlight_C, sunlit_C, phase_HW),
            *(glow_CRW, spread_CRW, blur_share, cell_px, light, through),
        )
        for c in range(3):
            for x in range(width):
                light[c, x] = min(max(light[c, x], LOWEST), HIGHEST)
        for x in range(width):
            out_HWC[y, x, 0] = encode(bits[0, x], table)
            out_HWC[y, x, 1] = encode(bits[1, x], table)
            out_HWC[y, x, 2] = encode(bits[2, x], table)
        if mask_HW.size > 0:
            for x in range(width):
                strength = max(ONE - (through[0, x] + through[1, x] + through[2, x]) * THIRD, ZERO)
                mask_HW[y, x] = np.uint8(min(strength * WHITE + HALF, WHITE))


@kernel
def mix_lit_linear(
    clean_CHW: Float32,
    path_HW: Float32,
    extinction_C: Float32,
    airlight_C: Float32,
    sunlit_C: Float32,
    phase_HW: Float32,
    glow_CRW: Float32,
    spread_CRW: Float32,
    blur_share: np.float32,
    cell_px: int,
    out_HWC: Float32,
    transmission_HWC: Float32,
) -> None:
    """As `mix_lit_srgb8`, leaving linear light, and with it transmission."""
    height, width = path_HW.shape
    light, through = np.empty((3, width), np.float32), np.empty((4, width), np.float32)
    for y in range(height):
        _lit_row(
            *(y, clean_CHW, path_HW, extinction_C, airlight_C, sunlit_C, phase_HW),
            *(glow_CRW, spread_CRW, blur_share, cell_px, light, through),
        )
        for x in range(width):
            for c in range(3):
                out_HWC[y, x, c], transmission_HWC[y, x, c] = light[c, x], through[c, x]


@kernel
def planes_srgb8(rgb8_HWC: UInt8, table: Float32) -> Float32:
    """8-bit sRGB to linear light in planes, float32 (3, H, W), by the 256-entry decode table."""
    height, width = rgb8_HWC.shape[:2]
    out = np.empty((3, height, width), np.float32)
    for y in range(height):
        for x in range(width):
            out[0, y, x] = table[rgb8_HWC[y, x, 0]]
            out[1, y, x] = table[rgb8_HWC[y, x, 1]]
            out[2, y, x] = table[rgb8_HWC[y, x, 2]]
    return out


@kernel
def blended(near_N3: Float32, far_N3: Float32, share_N: Float32) -> Float32:
    """near + share (far - near): float32 (N, 3)."""
    out = np.empty_like(near_N3)
    for n in range(share_N.size):
        for c in range(3):
            out[n, c] = near_N3[n, c] + share_N[n] * (far_N3[n, c] - near_N3[n, c])
    return out


@kernel
def put(pixels_N3: npt.NDArray[Any], index_N: npt.NDArray[np.int64], out_P3: npt.NDArray[Any]) -> None:
    """out_P3[index_N] = pixels_N3, of any type."""
    for n in range(index_N.size):
        for c in range(3):
            out_P3[index_N[n], c] = pixels_N3[n, c]
