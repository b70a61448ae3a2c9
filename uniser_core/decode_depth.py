"""Depth that lies beside a picture: `.npy` and `.exr` in metres, 16-bit `.png` in millimetres."""

from __future__ import annotations

import ast
import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core import decode_deep
from uniser_core.decode_checks import MAX_PIXELS, check_size, check_whole, damaged, sniff
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.errors import InputError

Float32 = npt.NDArray[np.float32]
ASPECT_TOLERANCE = 0.01


def decode_depth_sidecar(
    depth: bytes | Path,
    name: str,
    size_hw: tuple[int, int],
    *,
    target_hw: tuple[int, int] | None = None,
    source: str = "sidecar",
) -> DepthMap:
    """Depth of a picture of `size_hw` (H, W), upright, on the grid `target_hw` (default: the same).

    `.npy`: (H, W) numbers in metres, inf = sky; never pickled objects. `.exr`: one channel (Z, depth, Y, R or the
    only one) in metres, inf = sky. `.png`: 16-bit grey in millimetres (1 to 65535), 0 = sky or no measurement, taken
    as infinitely far. One rule for sizes: depth of another size is taken when its aspect is the picture's
    within 1 %, each pixel by its nearest neighbour (kept in the facts as `resized_from_px`), else refused.

    Raises InputError on NaN, zero or negative metres, another aspect, a damaged or other file.
    """
    data = depth.read_bytes() if isinstance(depth, Path) else depth
    if not data:
        raise InputError(f"{name} is empty", "depth has more than 0 bytes", "write it again, or remove it")
    metres = _read(data, name)
    height, width = metres.shape
    if abs((width / height) / (size_hw[1] / size_hw[0]) - 1) > ASPECT_TOLERANCE:
        raise InputError(
            f"{name} is {width}x{height}, its picture {size_hw[1]}x{size_hw[0]}",
            "depth must have the picture's size, or its aspect within 1 %",
            "render or resample it on the picture's grid",
        )
    facts: dict[str, Any] = {} if metres.shape == size_hw else {"resized_from_px": [width, height]}
    try:
        # All of it is checked, also what a smaller grid would skip.
        return nearest_depth(quantize_metres(metres, source, **facts), target_hw or size_hw)
    except InputError as error:
        raise InputError(f"{name}: {error.value}", error.rule, error.remedy) from error


def nearest(pixels_HW: npt.NDArray[Any], target_hw: tuple[int, int]) -> npt.NDArray[Any]:
    """(H, W) to `target_hw`, each pixel by the one under its centre."""
    if pixels_HW.shape[:2] == target_hw:
        return pixels_HW
    rows, columns = ((np.arange(n) * 2 + 1) * m // (2 * n) for n, m in zip(target_hw, pixels_HW.shape, strict=False))
    return np.ascontiguousarray(pixels_HW[rows[:, None], columns[None]])


def nearest_depth(depth: DepthMap, target_hw: tuple[int, int]) -> DepthMap:
    """The same depth on another grid, nearest neighbour: no depth that is not in the map appears at an edge."""
    if depth.code_HW.shape == target_hw:
        return depth
    code_HW = nearest(depth.code_HW, target_hw)
    return DepthMap(code_HW, depth.inverse_per_code_per_m, depth.source, depth.metric, depth.facts)


def _read(data: bytes, name: str) -> Float32:
    if data[:6] == b"\x93NUMPY":
        return _read_npy(data, name)
    if name.lower().endswith(".npy"):
        raise damaged(name, "it is no NumPy array")
    kind = sniff(data, name)
    if kind == "exr":
        return _read_exr(data, name)
    if kind == "png":
        return _read_png(data, name)
    raise InputError(
        f"{name} is {kind}", "depth is .npy or .exr in metres, or 16-bit .png in millimetres", "convert it"
    )


def _read_npy(data: bytes, name: str) -> Float32:
    try:
        # The header alone first: it may announce more than the file holds, or pickled objects.
        start = 10 if data[6] == 1 else 12
        length = struct.unpack_from("<H" if data[6] == 1 else "<I", data, 8)[0]
        header = ast.literal_eval(data[start : start + min(length, 10_000)].decode("latin1"))
        dtype, shape = np.dtype(header["descr"]), tuple(header["shape"])
    except (
        ValueError,
        SyntaxError,
        KeyError,
        TypeError,
        IndexError,
        struct.error,
        MemoryError,
        RecursionError,
    ) as error:
        raise damaged(name, "the .npy header is damaged") from error
    if dtype.hasobject:
        raise InputError(name, "holds pickled Python objects, which are never loaded", "save a float32 (H, W) array")
    if dtype.kind not in "fiu" or len(shape) != 2:
        raise InputError(f"{name} is {dtype}{list(shape)}", "depth is a (height, width) map of metres", "save float32")
    check_size(shape[1], shape[0], name, MAX_PIXELS)
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise damaged(name, "the .npy data ends too early") from error


def _read_exr(data: bytes, name: str) -> Float32:
    channels = decode_deep.read_exr(data, name, MAX_PIXELS)
    if len(channels) == 1:
        return next(iter(channels.values()))
    for wanted in ("z", "depth", "v", "y", "r"):
        for key in sorted(channels):
            if key.lower().rpartition(".")[2] == wanted:
                return channels[key]
    raise InputError(f"{name} has the channels {', '.join(channels) or 'none'}", "depth is Z, Y or R", "rename it")


def _read_png(data: bytes, name: str) -> Float32:
    if len(data) < 33:
        raise damaged(name, "the png data ends too early")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    check_size(width, height, name, MAX_PIXELS)
    check_whole(data, "png", name)
    if (bits, colour) != (16, 0):
        raise InputError(
            f"{name} has {bits} bits a channel", "depth is a 16-bit grey PNG in millimetres", "or use .npy"
        )
    code = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if code is None:
        raise damaged(name, "the png data is damaged")
    return np.where(code > 0, code.astype(np.float32) / np.float32(1000), np.float32(np.inf)).astype(np.float32)
