"""Gradient noise in 3D (Perlin, "Improving Noise", SIGGRAPH 2002), a row of points at a time.

Gradients come from an integer hash of the lattice point, without branches or tables, in float32: LLVM
turns the loop into vector code, and the bits are the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Standard deviation of one octave over space (measured over 10^7 points).
OCTAVE_DEVIATION = 0.1911
# Odd constants that spread neighbouring lattice points over 32 bits.
SPREAD_X, SPREAD_Y, SPREAD_Z = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)
MIX_A, MIX_B = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
TEN_BITS, MIDDLE, UNIT = np.uint32(0x3FF), np.float32(511.5), np.float32(1 / 511.5)
ONE, SIX, TEN, FIFTEEN = np.float32(1), np.float32(6), np.float32(10), np.float32(15)


@inlined
def _corner(h: np.uint32, x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    """Dot product of a lattice point's gradient with the way to it; `h` is the point's unmixed hash."""
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * MIX_A)
    h = np.uint32(h ^ (h >> np.uint32(15)))
    h = np.uint32(h * MIX_B)
    h = np.uint32(h ^ (h >> np.uint32(16)))
    a = np.float32(np.int32(h & TEN_BITS)) - MIDDLE
    b = np.float32(np.int32((h >> np.uint32(10)) & TEN_BITS)) - MIDDLE
    c = np.float32(np.int32((h >> np.uint32(20)) & TEN_BITS)) - MIDDLE
    return np.float32((a * x + b * y + c * z) * UNIT)


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
    u = x * x * x * (x * (x * SIX - FIFTEEN) + TEN)
    v = y * y * y * (y * (y * SIX - FIFTEEN) + TEN)
    w = z * z * z * (z * (z * SIX - FIFTEEN) + TEN)
    x1, y1, z1 = x - ONE, y - ONE, z - ONE
    a, b = _corner(np.uint32(i ^ j ^ k), x, y, z), _corner(np.uint32(i1 ^ j ^ k), x1, y, z)
    c, d = _corner(np.uint32(i ^ j1 ^ k), x, y1, z), _corner(np.uint32(i1 ^ j1 ^ k), x1, y1, z)
    low, high = a + u * (b - a), c + u * (d - c)
    near = low + v * (high - low)
    a, b = _corner(np.uint32(i ^ j ^ k1), x, y, z1), _corner(np.uint32(i1 ^ j ^ k1), x1, y, z1)
    c, d = _corner(np.uint32(i ^ j1 ^ k1), x, y1, z1), _corner(np.uint32(i1 ^ j1 ^ k1), x1, y1, z1)
    low, high = a + u * (b - a), c + u * (d - c)
    far = low + v * (high - low)
    value: np.float32 = near + w * (far - near)
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
