"""The effect `shadow`: what stands between a light and the picture's own surfaces, in linear light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.cutout import open_objects
from uniser_core.effect import Layers, effect
from uniser_core.errors import RefusedError

from lr_srd import cast
from lr_srd.frame_light import LEAST_LIGHT, LOWEST_DEG, strongest_light
from lr_srd.light import find_light
from lr_srd.occluders import KINDS, kind_of
from lr_srd.off_screen import draw_occluder
from lr_srd.params import Pasted, ShadowParams
from lr_srd.paste import contact, draw_contact, harmonise, has_room, paste, place, view_elevation_deg, width_px
from lr_srd.paste import visibility as object_visibility
from lr_srd.receivers import receivers_of

if TYPE_CHECKING:
    from uniser_core.cutout import Cutout, ObjectProvider
    from uniser_core.frame import Frame

    from lr_srd.frame_light import FrameLight
    from lr_srd.paste import Placed
    from lr_srd.receivers import Receivers, Vector

Float32 = npt.NDArray[np.float32]

# The drawn light keeps within this of a direction found in the picture.
FOUND_TOLERANCE_DEG = 15.0
# A shadow must change this share of the picture, by this much, or it is drawn again.
LEAST_SHARE, LEAST_CHANGE, TRIES = 0.01, 0.15, 12
MOST_SHARE = 0.85


@dataclass(frozen=True)
class Options:
    """What the command line chooses: kinds of off-screen occluders, and where objects to paste come from."""

    occluders: tuple[str, ...] = tuple(KINDS)
    objects: str | None = None


@dataclass(frozen=True)
class Shade:
    """Ratio (H, W, 3) and strength (H, W) of one shadow, float32, and the object that casts it, if one is pasted."""

    ratio_HWC: Float32
    strength_HW: Float32
    placed: Placed | None = None


@effect("shadow", version=4, dataset="LR-SRD", needs=("depth",), prompt="Remove shadow.")
class Shadow:
    """Shadows of things outside the picture, or of objects pasted into it."""

    Params = ShadowParams

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def with_options(self, occluders: str | None = None, objects: str | None = None) -> Shadow:
        """The same effect with these occluders (names joined by commas) or objects (a folder, or furniture).

        Raises InputError on unknown names.
        """
        names = tuple(n.strip() for n in (occluders or ",".join(KINDS)).split(",") if n.strip())
        for name in names:
            kind_of(name)
        if objects is not None:
            open_objects(objects)
            names = names if occluders else ()
        return Shadow(Options(names, objects))

    @cached_property
    def _objects(self) -> ObjectProvider:
        assert self._options.objects is not None
        return open_objects(self._options.objects)

    def sample(self, rng: np.random.Generator, frame: Frame) -> ShadowParams:
        """Draw light and occluders until a shadow shows. Raises RefusedError when none does in 12 tries."""
        receivers = receivers_of(frame)
        if not receivers.valid_HW.any():
            raise RefusedError(f"{frame.frame_id} has no surface within reach", "a shadow needs something to fall on")
        if self._options.objects is not None and receivers.ground is None:
            raise RefusedError(f"{frame.frame_id} has no ground plane", "an object needs something to stand on")
        for _ in range(TRIES):
            params = self._draw(rng, frame, receivers)
            if isinstance(params, str):
                reason = params
                continue
            share = float((self._shadow(frame, params).strength_HW > LEAST_CHANGE).mean())
            if LEAST_SHARE <= share <= MOST_SHARE:
                return params
            reason = "its surfaces are dark or face away" if share < LEAST_SHARE else "all of it would be dark"
        raise RefusedError(frame.frame_id, f"no shadow shows in {TRIES} tries: {reason}")

    def apply(self, frame: Frame, params: ShadowParams) -> Layers:
        """Shadowed picture (H, W, 3), ratio (H, W, 3) and strength (H, W) = 1 - mean ratio; linear float32.

        A pasted object is in both pictures: `clean` is the picture with the object and without its shadow.
        """
        shadow = self._shadow(frame, params)
        clean = None if shadow.placed is None else paste(frame.rgb_HWC, shadow.placed)
        degraded = (frame.rgb_HWC if clean is None else clean) * shadow.ratio_HWC
        return Layers(degraded, clean=clean, ratio=shadow.ratio_HWC, strength=shadow.strength_HW)

    def _shadow(self, frame: Frame, params: ShadowParams) -> Shade:
        """What `sample` judged is what `apply` uses next: the last result stays with the frame."""
        return frame.latest("shadow", (self._options, params), lambda: self._cast(frame, params))

    def _cast(self, frame: Frame, params: ShadowParams) -> Shade:
        receivers = receivers_of(frame, params.focal_px, params.up)
        disc = cast.disc_of(params, receivers)
        visibility = cast.off_screen_visibility(params, receivers, disc)
        if params.pasted is None:
            return Shade(*cast.shade(frame, params, visibility, disc))
        cutout = self._cutout(params.pasted)
        placed = place(params.pasted, cutout, frame, receivers)
        visibility *= object_visibility(params.pasted, cutout, disc, receivers)
        open_HW = contact(params.pasted, cutout, params.contact_m, receivers) if params.contact_m > 0 else None
        # The object hides the ground behind it, and with it the shadow there.
        return Shade(*cast.shade(frame, params, visibility, disc, open_HW, placed.cover_HW(visibility.shape)), placed)

    def _cutout(self, pasted: Pasted) -> Cutout:
        return self._objects.cutout(pasted.object_id, pasted.turn, pasted.elevation_deg)

    def _draw(self, rng: np.random.Generator, frame: Frame, receivers: Receivers) -> ShadowParams | str:
        """Parameters, or why there are none."""
        own = strongest_light(frame, receivers)
        values: dict[str, Any] = draw_light(rng, frame, receivers, own) | {
            "focal_px": receivers.focal_px,
            "up": receivers.up,
            "ambient_ratio": round(float(rng.uniform(0.1, 0.45)), 4),
            "ambient_rgb": _tint(rng.uniform(0.0, 0.25)),
        }
        if self._options.objects is not None:
            pasted = self._draw_object(rng, frame, receivers)
            if isinstance(pasted, str):
                return pasted
            assert receivers.ground is not None
            plane = (*receivers.ground.normal, receivers.ground.offset_m)
            values |= {
                "variant": "paste",
                "pasted": pasted,
                "contact_m": round(0.12 * pasted.height_m, 4),
                "plane": tuple(round(v, 6) for v in plane),
            }
            aimed = aim(own, pasted.contact_m, receivers)
            if isinstance(aimed, str):
                return aimed
            values |= aimed
        if self._options.occluders:
            found = self._draw_occluder(rng, frame, receivers, values, own)
            if isinstance(found, str) and own is not None and self._options.objects is None:
                # The frame's own light shows itself in the picture, and so would what hides it: another is assumed.
                values |= any_light(rng) | {"light_kind": None}
                found = self._draw_occluder(rng, frame, receivers, values, None)
            if isinstance(found, str):
                return found
            values |= found
        return ShadowParams.model_validate(values)

    def _draw_object(self, rng: np.random.Generator, frame: Frame, receivers: Receivers) -> Pasted | str:
        """An object and its place, or why it has none."""
        names = self._objects.names()
        name = names[int(rng.integers(len(names)))]
        turn, flipped = int(rng.integers(64)), bool(rng.uniform() < 0.5)
        height_m = self._objects.height_m(name) * rng.uniform(0.92, 1.08)
        place_ = draw_contact(rng, frame, receivers, height_m)
        nowhere = f"object '{name}' fits nowhere on its ground"
        if place_ is None:
            return nowhere
        contact_m, contact_px = place_
        elevation_deg = round(view_elevation_deg(contact_m, receivers), 2)
        cutout = self._objects.cutout(name, turn, elevation_deg)
        if width_px(cutout, height_m, contact_m, receivers) > frame.width:
            return nowhere
        if frame.depth.metric and not has_room(cutout, height_m, contact_m, receivers):
            return f"object '{name}' has no room there"
        return Pasted(
            object_id=name,
            turn=turn,
            elevation_deg=elevation_deg,
            contact_m=contact_m,
            contact_px=contact_px,
            height_m=round(float(height_m), 4),
            thickness=round(cutout.thickness, 4),
            flipped=flipped,
            gain_rgb=harmonise(frame, receivers, contact_px),
        )

    def _draw_occluder(
        self,
        rng: np.random.Generator,
        frame: Frame,
        receivers: Receivers,
        values: dict[str, Any],
        own: FrameLight | None,
    ) -> dict[str, Any] | str:
        """Parameters of what stands outside the picture, or why nothing can."""
        away_m = None if own is None else float(np.linalg.norm(np.subtract(own.position_m, own.middle_m)))
        light = values["sun_azimuth_deg"], values["sun_elevation_deg"], away_m
        occluder = draw_occluder(rng, frame, receivers, light, self._options.occluders)
        if isinstance(occluder, str):
            return occluder
        found: dict[str, Any] = {"occluders": (occluder,)}
        if not values.get("pasted"):
            found["variant"] = "occluder"
        if occluder.kind in ("window", "hand") and own is None:  # indoors: a broader light, warm from the walls
            found["sun_size_deg"] = round(math.exp(rng.uniform(0, math.log(12.0))), 4)
            found["ambient_ratio"] = round(float(rng.uniform(0.12, 0.55)), 4)
            found["ambient_rgb"] = _tint(rng.uniform(-0.12, 0.05))
        aimed = {} if values.get("pasted") else aim(own, occluder.target_m, receivers)
        return aimed if isinstance(aimed, str) else found | aimed


def _tint(blue: float) -> tuple[float, float, float]:
    """Colour of ambient light: sky-coloured above 0, warm from walls below."""
    return round(1 - blue, 4), 1.0, round(1 + blue, 4)


def draw_light(
    rng: np.random.Generator, frame: Frame, receivers: Receivers, own: FrameLight | None = None
) -> dict[str, Any]:
    """Parameters of the light: a frame's own, else near the one that the picture's shading tells of, else any."""
    if own is not None:
        azimuth, elevation, size_deg = own.seen_from(own.middle_m, receivers.up)
        return _light_values(azimuth, elevation, size_deg, "frame") | {"light_kind": own.kind}
    found = find_light(frame, receivers)
    if found is None:
        return any_light(rng)
    spread = rng.uniform(-FOUND_TOLERANCE_DEG, FOUND_TOLERANCE_DEG, 2)
    elevation = float(np.clip(found.elevation_deg + spread[1], 12, 80))
    return _light_values(found.azimuth_deg + float(spread[0]), elevation, _size_deg(rng), "estimated")


def any_light(rng: np.random.Generator) -> dict[str, Any]:
    """Parameters of a light that nothing tells of."""
    azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(18, 70))
    return _light_values(azimuth, elevation, _size_deg(rng), "assumed")


def _size_deg(rng: np.random.Generator) -> float:
    """A sun's angular size, sometimes behind thin cloud."""
    return min(0.53 * math.exp(rng.exponential(0.6)), 30.0)


def aim(own: FrameLight | None, target_m: Vector, receivers: Receivers) -> dict[str, Any] | str:
    """Parameters of a frame's light as a place sees it, or why it casts no shadow there; none to change without one."""
    if own is None:
        return {}
    azimuth, elevation, size_deg = own.seen_from(target_m, receivers.up)
    height, width = receivers.valid_HW.shape
    share = own.share_at(*receivers.project(np.asarray(target_m)), width, height)
    if elevation < LOWEST_DEG or share < LEAST_LIGHT:
        return f"its {own.kind} hardly reaches the place"
    return _light_values(azimuth, elevation, size_deg, "frame")


def _light_values(azimuth_deg: float, elevation_deg: float, size_deg: float, source: str) -> dict[str, Any]:
    return {
        "sun_azimuth_deg": round(azimuth_deg % 360, 3) % 360,
        "sun_elevation_deg": round(elevation_deg, 3),
        "sun_size_deg": round(size_deg, 4),
        "light_source": source,
    }
