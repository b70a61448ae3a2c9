"""Open Image Denoise on our own terms: the library that the bpy wheel carries, one light group at a time.

Cycles denoises the finished beauty alone, and alters suns and lamps in it. Here each light group is
denoised by itself (so groups still sum to the picture), and light that is seen directly never is.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

Float32 = npt.NDArray[np.float32]
OIDN_DEVICE_CPU = 1
OIDN_FORMAT_FLOAT3 = 3
LIBRARY = "lib/libOpenImageDenoise.so.2"


@cache
def _library() -> Any:
    found = importlib.util.find_spec("bpy")
    if found is None or found.origin is None:
        raise InputError("Open Image Denoise", "comes with Blender", "pip install 'uniser[halo]'")
    library = ctypes.CDLL(str(Path(found.origin).parent / LIBRARY))
    for name in ("oidnNewDevice", "oidnNewFilter"):
        getattr(library, name).restype = ctypes.c_void_p
    library.oidnNewDevice.argtypes = [ctypes.c_int]
    library.oidnCommitDevice.argtypes = [ctypes.c_void_p]
    library.oidnSetDeviceInt.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.oidnNewFilter.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.oidnSetSharedFilterImage.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, *[ctypes.c_size_t] * 5,
    ]  # fmt: skip
    library.oidnSetFilterBool.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool]
    for name in ("oidnCommitFilter", "oidnExecuteFilter", "oidnReleaseFilter"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.oidnGetDeviceError.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p)]
    library.oidnGetDeviceError.restype = ctypes.c_int
    return library


@cache
def _device(threads: int) -> Any:
    library = _library()
    device = library.oidnNewDevice(OIDN_DEVICE_CPU)
    library.oidnSetDeviceInt(device, b"numThreads", threads)
    library.oidnCommitDevice(device)
    return device


def denoise(color_HWC: Float32, albedo_HWC: Float32, normal_HWC: Float32, threads: int = 2) -> Float32:
    """Denoise linear HDR radiance, float32 (H, W, 3), guided by albedo and normals of the same size.

    The ray-tracing filter of Open Image Denoise 2 (Áfra 2019). Raises InputError when the library fails.
    """
    library, device = _library(), _device(threads)
    height, width = color_HWC.shape[:2]
    output = np.empty((height, width, 3), np.float32)
    images = {
        b"color": np.ascontiguousarray(color_HWC, np.float32),
        b"albedo": np.ascontiguousarray(np.clip(albedo_HWC, 0, 1), np.float32),
        b"normal": np.ascontiguousarray(normal_HWC, np.float32),
        b"output": output,
    }
    filter_ = library.oidnNewFilter(device, b"RT")
    try:
        for name, pixels in images.items():
            library.oidnSetSharedFilterImage(
                filter_, name, pixels.ctypes.data, OIDN_FORMAT_FLOAT3, width, height, 0, 0, 0
            )
        library.oidnSetFilterBool(filter_, b"hdr", True)
        library.oidnCommitFilter(filter_)
        library.oidnExecuteFilter(filter_)
        message = ctypes.c_char_p()
        if library.oidnGetDeviceError(device, ctypes.byref(message)):
            raise InputError("Open Image Denoise", (message.value or b"failed").decode(), "render with --no-denoise")
    finally:
        library.oidnReleaseFilter(filter_)
    return output


def denoise_groups(
    groups: dict[str, Float32], direct_HWC: Float32, albedo_HWC: Float32, normal_HWC: Float32, threads: int = 2
) -> dict[str, Float32]:
    """Denoise each light group's picture, leaving light that is seen directly (lamps, sun, sky) untouched.

    `groups` maps names to noisy radiance (H, W, 3) whose sum is the noisy picture; `direct_HWC` is
    Emission + Environment, which carries no sampling noise. Where it makes up the pixel, the pixel stays.
    """
    total = np.sum(list(groups.values()), axis=0).sum(axis=2)
    share = np.clip(direct_HWC.sum(axis=2) / np.maximum(total, 1e-9), 0, 1)
    keep = (share * share * (3 - 2 * share))[..., None].astype(np.float32)
    return {
        name: np.asarray(noisy * keep + denoise(noisy, albedo_HWC, normal_HWC, threads) * (1 - keep), np.float32)
        for name, noisy in groups.items()
    }
