"""Objects that stand in the picture: where, how large, in what light; and what of them casts the shadow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import luminance
from uniser_core.jit import kernel

from lr_srd.cards import Card, card_visibility
from lr_srd.light import Horizon, lit_share
from lr_srd.mesh_shadow import mesh_visibility

if TYPE_CHECKING:
    from uniser_core.cutout import Cutout
    from uniser_core.frame import Frame

    from lr_srd.cards import Disc
    from lr_srd.params import Pasted
    from lr_srd.receivers import Receivers

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Vector = tuple[float, float, float]

# Something of the scene this much nearer than the object stands in front of it.
IN_FRONT = 0.9
# Footprints for contact shadows: texels across, and how dark the ambient light gets right at the foot.
FOOT_TEXELS, CONTACT_DARKNESS = 96, 0.75
# Texels of a cut-out seen from above.
PLAN_TEXELS = 96
# A matte pixel this opaque, in the lowest part of the object, stands on the ground.
FOOT_ALPHA, FOOT_SHARE = 0.5, 0.07
# Even light on the cut-outs gives white surfaces a radiance of 1; a picture's middle grey is this.
MIDDLE_GREY = 0.18


@dataclass(frozen=True)
class Placed:
    """An object in the picture, as the box of the picture that holds it.

    `rgb_hwC` (h, w, 3) linear light; `alpha_hw` (h, w) as far as the scene does not hide it; `window` the box's rows
    and columns.
    """

    rgb_hwC: Float32
    alpha_hw: Float32
    window: tuple[slice, slice]

    def cover_HW(self, shape: tuple[int, ...]) -> Float32:
        """The object's alpha on the whole picture, float32 (H, W)."""
        cover = np.zeros(shape, np.float32)
        cover[self.window] = self.alpha_hw
        return cover


def stand(pasted: Pasted, receivers: Receivers) -> tuple[Float64, Horizon]:
    """(foot, directions at the foot): up is the ground's normal, `ahead` leads away from the camera along it."""
    assert receivers.ground is not None
    return np.asarray(pasted.contact_m, np.float64), Horizon.of(receivers.ground.normal)


def place(pasted: Pasted, cutout: Cutout, frame: Frame, receivers: Receivers) -> Placed:
    """The cut-out scaled to its distance, its foot on the contact point, resampled by area when it shrinks."""
    height, width = frame.height, frame.width
    rgba = cutout.rgba_HWC[:, ::-1] if pasted.flipped else cutout.rgba_HWC
    foot_x = cutout.rgba_HWC.shape[1] - cutout.foot_px[0] if pasted.flipped else cutout.foot_px[0]
    scale = receivers.focal_px / -pasted.contact_m[2] / cutout.px_per_m * pasted.height_m / cutout.height_m
    weighted = np.dstack([rgba[..., :3] * rgba[..., 3:], rgba[..., 3]])
    if scale < 0.5:  # averaged before it is moved: a warp alone would skip pixels
        halved = cv2.resize(weighted, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        ratio_x, ratio_y = halved.shape[1] / weighted.shape[1], halved.shape[0] / weighted.shape[0]
    else:
        halved, ratio_x, ratio_y = weighted, 1.0, 1.0
    sx, sy = scale / ratio_x, scale / ratio_y
    left = pasted.contact_px[0] - foot_x * ratio_x * sx
    top = pasted.contact_px[1] - cutout.foot_px[1] * ratio_y * sy
    window = _box(top, height, halved.shape[0] * sy), _box(left, width, halved.shape[1] * sx)
    shift_x, shift_y = left + (sx - 1) / 2 - window[1].start, top + (sy - 1) / 2 - window[0].start
    matrix = np.array([[sx, 0, shift_x], [0, sy, shift_y]])
    size = window[1].stop - window[1].start, window[0].stop - window[0].start
    warped = cv2.warpAffine(halved, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    alpha = np.clip(warped[..., 3], 0, 1)
    rgb = warped[..., :3] / np.maximum(alpha, 1e-4)[..., None] * np.asarray(pasted.gain_rgb, np.float32)
    if frame.depth.metric:  # drawn depth is too rough to hide anything by
        nearer = receivers.valid_HW[window] & (receivers.points_HWC[window][..., 2] > pasted.contact_m[2] * IN_FRONT)
        alpha = alpha * (1 - cv2.blur(nearer.astype(np.float32), (3, 3)))
    return Placed(np.asarray(rgb, np.float32), np.asarray(alpha, np.float32), window)


def _box(start: float, length_px: int, extent: float) -> slice:
    """Pixels of one side of the picture that `extent` pixels from `start` on touch; one at least."""
    first = min(max(math.floor(start) - 2, 0), length_px - 1)
    return slice(first, max(first + 1, min(length_px, math.ceil(start + extent) + 2)))


def paste(clean_HWC: Float32, placed: Placed) -> Float32:
    """The picture with the object over it, linear light."""
    pasted, behind = clean_HWC.copy(), clean_HWC[placed.window]
    pasted[placed.window] = behind + placed.alpha_hw[..., None] * (placed.rgb_hwC - behind)
    return pasted


def visibility(pasted: Pasted, cutout: Cutout, disc: Disc, receivers: Receivers) -> Float32:
    """Share of the light that passes the object: by its mesh where there is one, else by an upright card."""
    foot, ground = stand(pasted, receivers)
    scale = pasted.height_m / cutout.height_m
    if cutout.mesh is not None:
        vertices = cutout.mesh.vertices.astype(np.float64) * scale
        x = -vertices[:, 0] if pasted.flipped else vertices[:, 0]
        # The mesh's z leads to the viewer: against `ahead`, turned to where the object stands.
        ahead, right = towards(foot, ground)
        world = foot + x[:, None] * right + vertices[:, 1:2] * ground.up - vertices[:, 2:3] * ahead
        return mesh_visibility(
            world.astype(np.float32), cutout.mesh.faces, disc, receivers.points_HWC, receivers.valid_HW
        )
    cards = upright_card(pasted, cutout, disc, receivers), level_card(pasted, cutout, receivers)
    seen = [card_visibility(card, disc, receivers.points_HWC, receivers.valid_HW) for card in cards]
    return np.asarray(np.minimum(*seen), np.float32)


def towards(foot: Float64, ground: Horizon) -> tuple[Float64, Float64]:
    """(ahead, right) along the ground as seen at the foot: ahead continues the line from the camera to it."""
    ahead = foot - (foot @ ground.up) * ground.up
    ahead /= np.linalg.norm(ahead)
    return ahead, np.cross(ahead, ground.up)


def upright_card(pasted: Pasted, cutout: Cutout, disc: Disc, receivers: Receivers) -> Card:
    """The cut-out as a card that stands on its foot and is turned to the light.

    A body seen as wide as w and thought d = thickness w deep shows the light a width of
    sqrt((w cos)^2 + (d sin)^2): an ellipse's silhouette, so that no light finds the card edge-on.
    """
    foot, ground = stand(pasted, receivers)
    light = np.asarray(disc.direction, np.float64)
    flat = light - (light @ ground.up) * ground.up
    ahead, right = towards(foot, ground)
    if np.linalg.norm(flat) < 1e-3:  # straight above: any way will do
        flat = -ahead
    flat /= np.linalg.norm(flat)
    cosine, sine = abs(float(flat @ ahead)), abs(float(flat @ right))
    apparent = math.hypot(cosine, pasted.thickness * sine)
    across = np.cross(ground.up, flat)
    across = across if across @ right > 0 else -across
    metres_a_pixel = pasted.height_m / cutout.height_m / cutout.px_per_m
    rows, columns = cutout.rgba_HWC.shape[:2]
    alpha = cutout.rgba_HWC[..., 3]
    alpha = alpha[:, ::-1] if pasted.flipped else alpha
    foot_x = columns - cutout.foot_px[0] if pasted.flipped else cutout.foot_px[0]
    size = columns * metres_a_pixel * apparent, rows * metres_a_pixel
    origin = (
        foot - across * foot_x * metres_a_pixel * apparent - ground.up * (rows - cutout.foot_px[1]) * metres_a_pixel
    )
    return Card(np.ascontiguousarray(alpha), origin, across, ground.up, size)


def level_card(pasted: Pasted, cutout: Cutout, receivers: Receivers) -> Card:
    """The body as seen from above, at the height where most of it is: what a high light sees of it.

    Each row's opaque stretches are taken as ellipses, `thickness` times as deep as wide.
    """
    foot, ground = stand(pasted, receivers)
    ahead, right = towards(foot, ground)
    rows, columns = cutout.rgba_HWC.shape[:2]
    alpha = cv2.resize(cutout.rgba_HWC[..., 3], (PLAN_TEXELS, PLAN_TEXELS), interpolation=cv2.INTER_AREA)
    solid = np.pad(alpha > FOOT_ALPHA, ((0, 0), (1, 1))).astype(np.int8)
    row_N, first_N = np.nonzero(np.diff(solid, axis=1) == 1)
    last_N = np.nonzero(np.diff(solid, axis=1) == -1)[1]
    width_m, height_m = (v / cutout.px_per_m * pasted.height_m / cutout.height_m for v in (columns, rows))
    half_N, middle_N = (last_N - first_N) / 2, (last_N + first_N) / 2
    across = (np.arange(PLAN_TEXELS) + 0.5)[:, None] - middle_N
    deep = (pasted.thickness * np.sqrt(np.maximum(half_N**2 - across**2, 0))).max(axis=1, initial=0)
    reach = max(float(deep.max()), 0.5)
    lines = np.abs(np.linspace(-reach, reach, PLAN_TEXELS))
    plan = np.clip((deep - lines[:, None]) * PLAN_TEXELS / (2 * reach) + 0.5, 0, 1).astype(np.float32)
    plan = plan[:, ::-1] if pasted.flipped else plan
    above = 1 - float((half_N * (row_N + 0.5)).sum() / max(half_N.sum(), 1e-9)) / PLAN_TEXELS
    deep_m = 2 * reach / PLAN_TEXELS * width_m
    foot_share = cutout.foot_px[0] / columns
    foot_share = 1 - foot_share if pasted.flipped else foot_share
    origin = foot + ground.up * above * height_m - right * foot_share * width_m - ahead * deep_m / 2
    return Card(np.ascontiguousarray(plan), origin, right, ahead, (width_m, deep_m))


def contact(pasted: Pasted, cutout: Cutout, reach_m: float, receivers: Receivers) -> Float32:
    """Ambient light that is left around the foot, float32 (H, W) in (0, 1]: less the nearer to where it stands.

    A wall hides half of the sky from the ground at its foot and less with distance, as 1 / (1 + (d/r)^2) does
    closely enough; under the object itself it is darkest.
    """
    foot, ground = stand(pasted, receivers)
    ahead, right = towards(foot, ground)
    mask, texel_m = _footprint(pasted, cutout, reach_m)
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5).astype(np.float32) * np.float32(texel_m)
    near = np.minimum(distance / np.float32(reach_m), 100)
    left = np.asarray(1 - CONTACT_DARKNESS / (1 + near**2) ** 2, np.float32)
    grid = np.stack([right / texel_m, -ahead / texel_m, ground.up / max(reach_m, 1e-3)])
    open_HW = np.ones(receivers.valid_HW.shape, np.float32)
    _read_contact(
        left, receivers.points_HWC, receivers.valid_HW, foot.astype(np.float32), grid.astype(np.float32), open_HW
    )
    return open_HW


@kernel
def _read_contact(
    left_hw: Float32, points_HWC: Float32, valid_HW: Bool, foot_3: Float32, grid_33: Float32, open_HW: Float32
) -> None:
    """`left_hw` around the foot on each surface point, fading with height over the ground: a wall there is no ground.

    Rows of `grid_33` take an offset in metres to texels right, texels towards the viewer, and shares of the reach up.
    """
    height, width = left_hw.shape
    for y in range(points_HWC.shape[0]):
        for x in range(points_HWC.shape[1]):
            dx, dy, dz = (
                points_HWC[y, x, 0] - foot_3[0],
                points_HWC[y, x, 1] - foot_3[1],
                points_HWC[y, x, 2] - foot_3[2],
            )
            above = abs(dx * grid_33[2, 0] + dy * grid_33[2, 1] + dz * grid_33[2, 2])
            column = dx * grid_33[0, 0] + dy * grid_33[0, 1] + dz * grid_33[0, 2] + np.float32(width / 2 - 0.5)
            row = dx * grid_33[1, 0] + dy * grid_33[1, 1] + dz * grid_33[1, 2] + np.float32(height / 2 - 0.5)
            inside = 0 <= column < width - 1 and 0 <= row < height - 1
            if not (inside and above < 1 and valid_HW[y, x]):
                continue
            j, i = int(row), int(column)
            fy, fx = row - np.float32(j), column - np.float32(i)
            upper = left_hw[j, i] + fx * (left_hw[j, i + 1] - left_hw[j, i])
            lower = left_hw[j + 1, i] + fx * (left_hw[j + 1, i + 1] - left_hw[j + 1, i])
            open_HW[y, x] = 1 - (1 - (upper + fy * (lower - upper))) * (1 - above)


def _footprint(pasted: Pasted, cutout: Cutout, reach_m: float) -> tuple[npt.NDArray[np.uint8], float]:
    """(what touches the ground on a grid around the foot, x right, y towards the viewer; metres a texel)."""
    scale = pasted.height_m / cutout.height_m
    mask = np.zeros((FOOT_TEXELS, FOOT_TEXELS), np.uint8)
    if cutout.mesh is not None:
        vertices = cutout.mesh.vertices * np.float32(scale)
        low = vertices[:, 1] < FOOT_SHARE * pasted.height_m
        xz = vertices[:, [0, 2]] * np.array([-1 if pasted.flipped else 1, 1], np.float32)
        half = float(np.abs(xz).max()) + 3 * reach_m
        texel_m = 2 * half / FOOT_TEXELS
        corners = np.rint(xz / texel_m + FOOT_TEXELS / 2 - 0.5).astype(np.int32)
        for face in cutout.mesh.faces[low[cutout.mesh.faces].all(axis=1)]:
            cv2.fillConvexPoly(mask, corners[face], 1)
    else:
        metres_a_pixel = scale / cutout.px_per_m
        rows = cutout.rgba_HWC[-max(1, round(FOOT_SHARE * len(cutout.rgba_HWC))) :, :, 3]
        touching = np.flatnonzero((rows > FOOT_ALPHA).any(axis=0))
        x = (touching + 0.5 - cutout.foot_px[0]) * metres_a_pixel * (-1 if pasted.flipped else 1)
        width = cutout.rgba_HWC.shape[1] * metres_a_pixel
        half = width / 2 + abs(width / 2 - cutout.foot_px[0] * metres_a_pixel) + 3 * reach_m
        texel_m = 2 * half / FOOT_TEXELS
        deep = max(1, round(pasted.thickness * width / 4 / texel_m))
        for column in np.clip(np.rint(x / texel_m + FOOT_TEXELS / 2 - 0.5), 0, FOOT_TEXELS - 1).astype(int):
            mask[FOOT_TEXELS // 2 - deep : FOOT_TEXELS // 2 + deep + 1, column] = 1
    return mask, texel_m


def view_elevation_deg(contact_m: Vector, receivers: Receivers) -> float:
    """How far above the ground the camera sees the contact point from."""
    assert receivers.ground is not None
    point = np.asarray(contact_m)
    return math.degrees(math.asin(min(1.0, receivers.ground.camera_height_m / float(np.linalg.norm(point)))))


def harmonise(frame: Frame, receivers: Receivers, at_px: tuple[float, float]) -> Vector:
    """Gains that bring an evenly lit object into the picture's light: its level and half of its colour cast.

    Level and colour are those of the lit surfaces around the place, taken as grey on the average.
    """
    radius = max(8, max(frame.height, frame.width) // 4)
    x, y = int(at_px[0]), int(at_px[1])
    window = slice(max(0, y - radius), y + radius), slice(max(0, x - radius), x + radius)
    weight = (lit_share(frame, receivers)[window] + 1e-3)[..., None]
    light = np.maximum(frame.rgb_HWC[window], 0) * weight
    mean = light.sum(axis=(0, 1), dtype=np.float64) / float(weight.sum(dtype=np.float64))
    level = float(luminance(mean.astype(np.float32)[None])[0])
    cast = np.sqrt(np.clip(mean / max(level, 1e-6), 0.4, 2.0))
    # A render's light has no display white: a dim room may be at any level.
    least, most = (1e-4, 1e6) if frame.is_scene_referred else (0.25, 1.6)
    r, g, b = cast * float(np.clip(level / MIDDLE_GREY, least, most))
    return float(f"{r:.4g}"), float(f"{g:.4g}"), float(f"{b:.4g}")
