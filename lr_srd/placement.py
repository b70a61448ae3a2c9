"""Where in the picture an object may stand: on its ground, free of what is there already, and not on water."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import luminance

from lr_srd.light import Horizon
from lr_srd.paste import IN_FRONT, towards

if TYPE_CHECKING:
    from uniser_core.frame import Frame

    from lr_srd.receivers import Receivers

Float64 = npt.NDArray[np.float64]
Vector = tuple[float, float, float]

# The object's height in the picture, as a share of the picture's.
HEIGHT_SHARE = (0.14, 0.6)
FEWEST_PLACES = 50
# An object's height as a share of the room's; points across its foot, how many must show ground that is level to so
# much, metres and a share of the distance; how deep things are at least, over their width.
UNDER_CEILING, FOOT_GRID, MOST_FREE = 0.92, 11, 0.95
FREE_M, FREE_SHARE, LEAST_DEPTH = 0.06, 0.01, 0.3
# Free ground around a thing: metres, and a share of its height.
CLEARANCE = (0.15, 0.1)
# Of the pixels that an object's box covers, how many may lie in it, and how many before it.
MOST_INSIDE, MOST_HIDDEN = 0.002, 0.15
# The box is looked at on every so many pixels of a row and column.
BODY_STEP = 3
# Words in the names of a frame's objects that nothing stands on.
WATER = ("water", "sea", "pond", "pool", "river")
# With drawn depth: objects stand below this share of the height, where gradients are at most so strong.
LOWER_PART, MOST_BUSY = 0.55, 0.2


def standing_places(frame: Frame, receivers: Receivers, height_m: float) -> npt.NDArray[np.int64]:
    """Pixels, counted row by row, of ground at which an object of that height fits the picture; few are none."""
    assert receivers.ground is not None
    height, width = frame.height, frame.width
    normal = np.asarray(receivers.ground.normal, np.float32)
    off = np.abs(receivers.points_HWC @ normal - np.float32(receivers.ground.offset_m))
    near = -receivers.points_HWC[..., 2]
    # Drawn depth is rough; measured depth tells a pavement from the road.
    level = FREE_M + FREE_SHARE * near if frame.depth.metric else 0.05 * near
    on_ground = receivers.valid_HW & (off < level) & (receivers.normals_HWC @ normal > 0.85)
    tall = receivers.focal_px * np.float32(height_m) / near / height
    fits = on_ground & (tall > HEIGHT_SHARE[0]) & (tall < HEIGHT_SHARE[1])
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height
    fits &= (rows[:, None] > tall * 0.85) & (rows[:, None] < 0.97)
    fits &= _ground_like(frame)
    margin = max(1, width // 12)
    fits[:, :margin] = fits[:, -margin:] = False
    places = np.flatnonzero(fits.reshape(-1))
    return places if len(places) >= FEWEST_PLACES else places[:0]


def draw_contact(
    rng: np.random.Generator, places: npt.NDArray[np.int64], receivers: Receivers
) -> tuple[Vector, tuple[float, float]] | None:
    """The ground point at one of the places, and its pixel; None when there is none."""
    assert receivers.ground is not None
    if not len(places):
        return None
    y, x = divmod(int(places[rng.integers(len(places))]), receivers.valid_HW.shape[1])
    point = receivers.ground.hit(receivers.ray(x + 0.5, y + 0.5))
    if point is None:
        return None
    a, b, c = (round(float(v), 5) for v in point)
    return (a, b, c), (x + 0.5, y + 0.5)


def has_room(footprint_m: tuple[float, float], height_m: float, contact_m: Vector, receivers: Receivers) -> bool:
    """Whether an object of that width and depth fits there.

    Under the ceiling, on free level ground, with nothing of the scene in its body.
    For metric depth. Ground that something hides from the camera is not free: a wall stands there, or another
    thing, and neither is a kerb's lower side; what lies outside the picture is. All around as much is left free as
    `clearance_m` says, and what stands before the object hides little of it.
    """
    assert receivers.ground is not None
    ceiling_m = np.inf if receivers.room is None else receivers.room.ceiling_m + receivers.ground.camera_height_m
    if height_m > UNDER_CEILING * ceiling_m:
        return False
    half_m, deep_m = footprint_m[0] / 2, max(footprint_m[1], LEAST_DEPTH * footprint_m[0]) / 2
    around_m, body = clearance_m(height_m), _Body.of(contact_m, half_m, deep_m, height_m, receivers)
    return body.ground_is_free(around_m) and body.is_empty(around_m) and body.is_in_sight()


def clearance_m(height_m: float) -> float:
    """Free ground around a thing of that height: 0.2 m around a chair, 0.35 around a wardrobe."""
    return CLEARANCE[0] + CLEARANCE[1] * height_m


@dataclass(frozen=True)
class _Body:
    """An upright box on the ground: half its width and depth, its height, and its foot's middle and directions."""

    half_m: float
    deep_m: float
    height_m: float
    foot: Float64
    axes: Float64  # rows: right, away from the camera, up
    receivers: Receivers

    @classmethod
    def of(cls, contact_m: Vector, half_m: float, deep_m: float, height_m: float, receivers: Receivers) -> _Body:
        assert receivers.ground is not None
        foot, ground = np.asarray(contact_m, np.float64), Horizon.of(receivers.ground.normal)
        ahead, right = towards(foot, ground)
        return cls(half_m, deep_m, height_m, foot, np.stack([right, ahead, ground.up]), receivers)

    def ground_is_free(self, around_m: float) -> bool:
        """Whether the picture shows level ground wherever the foot stands, and so far around it."""
        across = np.linspace(-1, 1, FOOT_GRID)
        x, y = (v.reshape(-1) for v in np.meshgrid(across, across))
        inside = x**2 + y**2 <= 1.01
        places = self.foot + np.stack([x * (self.half_m + around_m), y * (self.deep_m + around_m)], 1) @ self.axes[:2]
        places = places[inside & (places[:, 2] < -0.1)]
        height, width = self.receivers.valid_HW.shape
        scale = self.receivers.focal_px / -places[:, 2]
        column, row = width / 2 + places[:, 0] * scale, height / 2 - places[:, 1] * scale
        seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        column, row, places = column[seen].astype(int), row[seen].astype(int), places[seen]
        if not len(places):
            return False
        rises = (self.receivers.points_HWC[row, column] - places) @ self.axes[2]
        level = np.abs(rises) < FREE_M - FREE_SHARE * places[:, 2]
        return float((level & self.receivers.valid_HW[row, column]).mean()) >= MOST_FREE

    def is_empty(self, around_m: float) -> bool:
        """Whether hardly any surface of the scene lies in the box, widened so far."""
        points = self.receivers.points_HWC[self._window(around_m)][::BODY_STEP, ::BODY_STEP].reshape(-1, 3)
        right, ahead, up = ((points - self.foot.astype(np.float32)) @ self.axes.T.astype(np.float32)).T
        slack_m = FREE_M - FREE_SHARE * self.foot[2]
        within = (np.abs(right) < self.half_m + around_m) & (np.abs(ahead) < self.deep_m + around_m)
        within &= (up > slack_m) & (up < self.height_m + around_m)
        return float(within.mean()) <= MOST_INSIDE

    def is_in_sight(self) -> bool:
        """Whether things before the box hide at most a small part of it."""
        window = self._window(0.0)
        depth = self.receivers.points_HWC[window][::BODY_STEP, ::BODY_STEP, 2]
        nearer = depth > (self.foot[2] + self.deep_m) * IN_FRONT
        return float((nearer & self.receivers.valid_HW[window][::BODY_STEP, ::BODY_STEP]).mean()) <= MOST_HIDDEN

    def _window(self, around_m: float) -> tuple[slice, slice]:
        """Rows and columns of the picture that the box, widened so far, covers; all when it reaches the camera."""
        height, width = self.receivers.valid_HW.shape
        sides = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 1)], np.float64)
        corners = self.foot + sides * (self.half_m + around_m, self.deep_m + around_m, self.height_m) @ self.axes
        if corners[:, 2].max() > -0.1:
            return slice(0, height), slice(0, width)
        x, y = np.array([self.receivers.project(corner) for corner in corners]).T
        return _part(y, height), _part(x, width)


def _part(values_px: Float64, length_px: int) -> slice:
    """Pixels of a side between the least and the greatest, one at least."""
    first = min(max(math.floor(values_px.min()), 0), length_px - 1)
    return slice(first, max(first + 1, min(math.ceil(values_px.max()) + 1, length_px)))


def _ground_like(frame: Frame) -> npt.NDArray[np.bool_]:
    """Where the picture itself could be ground, bool (H, W): all but a frame's water when depth was measured.

    Drawn depth calls everything a slope. Then a place must lie in the lower 45% and be no busier than half
    of the picture: leaves and crowds are not stood on.
    """

    def make() -> npt.NDArray[np.bool_]:
        height, width = frame.height, frame.width
        if frame.depth.metric:
            return ~_water(frame)
        light = np.sqrt(luminance(np.clip(frame.rgb_HWC, 0, 1)))
        busy = np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1))
        radius = max(2, max(height, width) // 40)
        busy = cv2.blur(busy, (2 * radius + 1, 2 * radius + 1))
        low = np.arange(height)[:, None] > LOWER_PART * height
        return np.asarray(low & (busy <= np.median(busy)) & (busy < MOST_BUSY))

    return frame.memo(("shadow ground-like",), make)


def _water(frame: Frame) -> npt.NDArray[np.bool_]:
    """Where a Blender frame's table of objects says water, bool (H, W)."""
    none = np.zeros((frame.height, frame.width), bool)
    if not (frame.has("object_index") and frame.has("objects")):
        return none
    wet = [o["id"] for o in frame.get("objects") if any(word in o["name"].lower().split() for word in WATER)]
    index = np.rint(np.asarray(frame.get("object_index"), np.float32).reshape(none.shape))
    return np.asarray(np.isin(index, wet)) if wet else none
