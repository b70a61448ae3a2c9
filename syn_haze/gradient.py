"""Gradient noise in 3D (Perlin, "Improving Noise", SIGGRAPH 2002), a row of points at a time.

Gradients come from an integer hash of the lattice point, without branches or tables, in float32: LLVM
turns the loop into vector code, and the bits are the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

from syn_haze.kernels import fma

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Standard deviation of one octave over space (measured over 10^7 points).
OCTAVE_DEVIATION = 0.1911
# Odd constants that spread neighbouring lattice points over 32 bits.
SPREAD_X, SPREAD_Y, SPREAD_Z = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)
MIX = np.uint32(0x7FEB352D)
TEN_BITS, MIDDLE, UNIT = np.uint32(0x3FF), np.float32(511.5), np.float32(1 / 511.5)
TWO_MIDDLES, THREE_MIDDLES = np.float32(1023.0), np.float32(1534.5)
ONE, SIX, TEN, FIFTEEN = np.float32(1), np.float32(6), np.float32(10), np.float32(15)


@inlined
def _corner(h: np.uint32, x: np.float32, y: np.float32, z: np.float32, middle: np.float32) -> np.float32:
    """Dot product of a lattice point's gradient with the way to it, times 511.5.

    `h` is the point's unmixed hash, `middle` 511.5 (x + y + z), which centres the gradient's three ten-bit parts.
    """
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * MIX)
    h = np.uint32(h ^ (h >> np.uint32(15)))
    a = np.float32(np.int32(h & TEN_BITS))
    b = np.float32(np.int32((h >> np.uint32(10)) & TEN_BITS))
    c = np.float32(np.int32((h >> np.uint32(20)) & TEN_BITS))
    dot: np.float32 = fma(a, x, fma(b, y, fma(c, z, -middle)))
    return dot


@inlined
def _mix(near: np.float32, far: np.float32, share: np.float32) -> np.float32:
    between: np.float32 = fma(share, far - near, near)
    return between


@inlined
def _fade(t: np.float32) -> np.float32:
    smooth: np.float32 = t * t * t * fma(t, fma(t, SIX, -FIFTEEN), TEN)
    return smooth


@inlined
def noise(x: np.float32, y: np.float32, z: np.float32, seed: np.uint32) -> np.float32:
    """One octave at lattice spacing 1: mean 0, second derivatives continuous."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i = np.uint32(np.uint32(np.int32(fx)) * SPREAD_X)
    j = np.uint32(np.uint32(np.int32(fy)) * SPREAD_Y)
    k = np.uint32(np.uint32(np.int32(fz)) * SPREAD_Z)
    i1, j1, k1 = np.uint32(i + SPREAD_X), np.uint32(j + SPREAD_Y), np.uint32(k + SPREAD_Z)
    k, k1 = np.uint32(k ^ seed), np.uint32(k1 ^ seed)
    x, y, z = x - fx, y - fy, z - fz
    u, v, w = _fade(x), _fade(y), _fade(z)
    x1, y1, z1 = x - ONE, y - ONE, z - ONE
    m0 = MIDDLE * (x + y + z)
    m1, m2, m3 = m0 - MIDDLE, m0 - TWO_MIDDLES, m0 - THREE_MIDDLES
    a, b = _corner(np.uint32(i ^ j ^ k), x, y, z, m0), _corner(np.uint32(i1 ^ j ^ k), x1, y, z, m1)
    c, d = _corner(np.uint32(i ^ j1 ^ k), x, y1, z, m1), _corner(np.uint32(i1 ^ j1 ^ k), x1, y1, z, m2)
    near = _mix(_mix(a, b, u), _mix(c, d, u), v)
    a, b = _corner(np.uint32(i ^ j ^ k1), x, y, z1, m1), _corner(np.uint32(i1 ^ j ^ k1), x1, y, z1, m2)
    c, d = _corner(np.uint32(i ^ j1 ^ k1), x, y1, z1, m2), _corner(np.uint32(i1 ^ j1 ^ k1), x1, y1, z1, m3)
    far = _mix(_mix(a, b, u), _mix(c, d, u), v)
    value: np.float32 = _mix(near, far, w) * UNIT
    return value


@kernel
def add_noise_row(
    x_W: Float64,
    ax: float,
    ay: float,
    az: float,
    bx: float,
    by: float,
    bz: float,
    seed: np.uint32,
    weight: np.float32,
    out_W: Float32,
) -> None:
    """out += weight * noise at the points b + x * a, in units of the lattice."""
    for n in range(x_W.size):
        x = x_W[n]
        out_W[n] += weight * noise(np.float32(bx + ax * x), np.float32(by + ay * x), np.float32(bz + az * x), seed)
