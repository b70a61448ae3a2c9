"""Where one picture lies in another: an axis-aligned map from point matches, and whether the pixels there agree."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Pairs of the nearest matches propose maps; every match votes on each.
PROPOSING, APART_PX, CLOSE_PX = 32, 10.0, 3.5
SCALES, STRETCH = (0.3, 3.3), 1.6
# Against points along one line: as if every point also held to the even scale, this many pixels from the centre.
HOLD_PX = 6.0
WINDOW_PX, BLUR_PX, TEXTURED_STD, CORRELATED = 9, 1.2, 2.5, 0.6


def axis_map(source: Float32, target: Float32) -> tuple[Float64, Float64, Bool] | None:
    """(scale, offset, inliers) of the best `target = scale * source + offset`, an axis each; None without one.

    Points float32 (N, 2), in pixels, nearest matches first. Scales are both positive, or both negative (half a turn).
    Every pair of the first matches proposes a map, so the result needs no random sampling.
    """
    a, b = source.astype(np.float64), target.astype(np.float64)
    i, j = np.triu_indices(min(PROPOSING, len(a)), 1)
    da, db = a[i] - a[j], b[i] - b[j]
    length = np.linalg.norm(da, axis=1)
    along = (da * db).sum(axis=1)
    even = np.sign(along) * np.linalg.norm(db, axis=1) / np.maximum(length, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        uneven = db / da
    both_apart = (np.abs(da) >= APART_PX).all(axis=1)
    scales = np.concatenate([np.stack([even, even], axis=1)[length >= APART_PX], uneven[both_apart]])
    first = np.concatenate([i[length >= APART_PX], i[both_apart]])
    size = np.abs(scales)
    likely = (np.sign(scales[:, 0]) == np.sign(scales[:, 1])) & (size.max(axis=1) <= STRETCH * size.min(axis=1))
    likely &= (size.min(axis=1) >= SCALES[0]) & (size.max(axis=1) <= SCALES[1])
    scales, first = scales[likely], first[likely]
    if not len(scales):
        return None
    offsets = b[first] - scales * a[first]
    missed = np.abs(a * scales[:, None] + offsets[:, None] - b).max(axis=2)
    best = int((missed <= 1.5 * CLOSE_PX).sum(axis=1).argmax())
    scale, offset = scales[best], offsets[best]
    inside = missed[best] <= 1.5 * CLOSE_PX
    for _ in range(3):
        centre_a, centre_b = a[inside].mean(axis=0), b[inside].mean(axis=0)
        ya, yb = a[inside] - centre_a, b[inside] - centre_b
        even_scale = (ya * yb).sum() / max(1e-9, (ya * ya).sum())
        hold = HOLD_PX**2 * len(ya)
        scale = ((ya * yb).sum(axis=0) + hold * even_scale) / ((ya * ya).sum(axis=0) + hold)
        offset = centre_b - scale * centre_a
        inside = np.abs(a * scale + offset - b).max(axis=1) <= CLOSE_PX
        if inside.sum() < 2:
            return None
    return scale, offset, inside


def overlap(scale: Float64, offset: Float64, size: tuple[int, int], guard_size: tuple[int, int]) -> tuple[float, float]:
    """Area common to the mapped picture and the guard picture, as a share of either."""
    ends = np.stack([offset, scale * size + offset])
    low, high = ends.min(axis=0), ends.max(axis=0)
    common = np.maximum(0, np.minimum(high, guard_size) - np.maximum(low, 0))
    area = float(np.prod(common))
    return area / max(1e-9, float(np.prod(high - low))), area / (guard_size[0] * guard_size[1])


def agreeing(
    thumb_HWC: UInt8,
    guard_HWC: UInt8,
    scale: Float64,
    offset: Float64,
    size: tuple[int, int],
    guard_size: tuple[int, int],
) -> float:
    """Share of the textured pixels, where the pictures overlap, whose surroundings correlate.

    Correlation of small windows does not see brightness and contrast, which haze, shadow and veils change.
    """
    shape = guard_HWC.shape[1], guard_HWC.shape[0]
    to_thumb = np.array(shape) / guard_size
    linear = to_thumb * scale * (np.array(size) / (thumb_HWC.shape[1], thumb_HWC.shape[0]))
    # Pixel centres lie at half pixels in both grids.
    shift = to_thumb * offset + 0.5 * linear - 0.5
    matrix = np.array([[linear[0], 0, shift[0]], [0, linear[1], shift[1]]])
    ours, theirs = (
        cv2.GaussianBlur(cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), BLUR_PX)
        for p in (thumb_HWC, guard_HWC)
    )
    warped = cv2.warpAffine(ours, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = cv2.warpAffine(np.ones_like(ours), matrix, shape, flags=cv2.INTER_NEAREST) > 0
    correlation, textured = local_correlation(warped, theirs)
    chosen = textured & valid
    if chosen.sum() < 0.05 * valid.sum():
        chosen = valid
    return float((correlation[chosen] > CORRELATED).mean()) if chosen.any() else 0.0


def local_correlation(a_HW: Float32, b_HW: Float32) -> tuple[Float32, Bool]:
    """(correlation of the windows about each pixel, whether either window has texture)."""

    def mean(values: Float32) -> Float32:
        return np.asarray(cv2.boxFilter(values, cv2.CV_32F, (WINDOW_PX, WINDOW_PX)))

    mean_a, mean_b = mean(a_HW), mean(b_HW)
    var_a = np.maximum(mean(a_HW * a_HW) - mean_a**2, 0)
    var_b = np.maximum(mean(b_HW * b_HW) - mean_b**2, 0)
    covariance = mean(a_HW * b_HW) - mean_a * mean_b
    textured: Bool = np.maximum(var_a, var_b) > TEXTURED_STD**2
    return covariance / np.sqrt(var_a * var_b + 0.25), textured
