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
from lr_srd.cards import Disc
from lr_srd.draw_light import draw_light, draw_second_lamp, lights_there
from lr_srd.frame_light import frame_lights
from lr_srd.light import Horizon
from lr_srd.occluders import KINDS, kind_of
from lr_srd.off_screen import draw_occluder
from lr_srd.params import Pasted, ShadowParams
from lr_srd.paste import contact, harmonise, paste, place, view_elevation_deg
from lr_srd.paste import visibility as object_visibility
from lr_srd.placement import draw_contact, has_room, standing_places
from lr_srd.receivers import receivers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.cutout import Cutout, ObjectProvider
    from uniser_core.frame import Frame

    from lr_srd.frame_light import FrameLight
    from lr_srd.paste import Placed
    from lr_srd.receivers import Receivers

Float32 = npt.NDArray[np.float32]

# A shadow must change this share of the picture, by this much, or it is drawn again.
LEAST_SHARE, LEAST_CHANGE, TRIES = 0.01, 0.15, 12
MOST_SHARE = 0.85
# Places tried for one object before another is drawn.
PLACES = 6


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


@effect("shadow", version=5, dataset="LR-SRD", needs=("depth",), prompt="Remove shadow.")
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
        lights = cast.lights_of(frame, params, receivers)
        cards = cast.off_screen_cards(params, lights[0].disc)
        # A wall with a window keeps one light out: lamps are on this side of it.
        within = [card for card in cards if card.outside == 0]
        visibility = [
            cast.off_screen_visibility(within if k else cards, receivers, light.disc) for k, light in enumerate(lights)
        ]
        if params.pasted is None:
            return Shade(*cast.shade(frame, params, lights, visibility))
        cutout = self._cutout(params.pasted)
        placed = place(params.pasted, cutout, frame, receivers)
        visibility = [
            seen * object_visibility(params.pasted, cutout, light.disc, receivers)
            for light, seen in zip(lights, visibility, strict=True)
        ]
        open_HW = contact(params.pasted, cutout, params.contact_m, receivers) if params.contact_m > 0 else None
        # The object hides the ground behind it, and with it the shadow there.
        cover = placed.cover_HW(receivers.valid_HW.shape)
        return Shade(*cast.shade(frame, params, lights, visibility, open_HW, cover), placed)

    def _cutout(self, pasted: Pasted) -> Cutout:
        return self._objects.cutout(pasted.object_id, pasted.turn, pasted.elevation_deg)

    def _draw(self, rng: np.random.Generator, frame: Frame, receivers: Receivers) -> ShadowParams | str:
        """Parameters, or why there are none."""
        own = frame_lights(frame, receivers)
        values: dict[str, Any] = {} if own else draw_light(rng, frame, receivers)
        values |= {
            "focal_px": receivers.focal_px,
            "up": receivers.up,
            "ambient_ratio": round(float(rng.uniform(0.1, 0.45)), 4),
            "ambient_rgb": _tint(rng.uniform(0.0, 0.25)),
        }
        if not own and receivers.room is not None:
            values["more_lights"] = draw_second_lamp(rng, values["sun_azimuth_deg"])
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
            there = lights_there(own, pasted.contact_m, receivers) if own else {}
            if isinstance(there, str):
                return there
            values |= there
        if self._options.occluders:
            found = self._draw_occluder(rng, frame, receivers, values, own)
            if isinstance(found, str):
                return found
            values |= found
        return ShadowParams.model_validate(values)

    def _draw_object(self, rng: np.random.Generator, frame: Frame, receivers: Receivers) -> Pasted | str:
        """An object and its place, or why it has none."""
        names = self._objects.names()
        name = names[int(rng.integers(len(names)))]
        turn, flipped = int(rng.integers(64)), bool(rng.uniform() < 0.5)
        scale = rng.uniform(0.92, 1.08)
        height_m = self._objects.height_m(name) * scale
        wide_m, deep_m = (v * scale for v in self._objects.footprint_m(name, turn))
        reason = f"object '{name}' fits nowhere on its ground"
        places = standing_places(frame, receivers, height_m)
        for _ in range(PLACES):
            place_ = draw_contact(rng, places, receivers)
            if place_ is None:
                return reason
            contact_m, contact_px = place_
            if receivers.focal_px / -contact_m[2] * wide_m > frame.width:
                continue
            if not frame.depth.metric or has_room((wide_m, deep_m), height_m, contact_m, receivers):
                break
            reason = f"object '{name}' has no room there"
        else:
            return reason
        return Pasted(
            object_id=name,
            turn=turn,
            elevation_deg=round(view_elevation_deg(contact_m, receivers), 2),
            contact_m=contact_m,
            contact_px=contact_px,
            height_m=round(float(height_m), 4),
            thickness=round(deep_m / wide_m, 4),
            flipped=flipped,
            gain_rgb=harmonise(frame, receivers, contact_px),
        )

    def _draw_occluder(
        self,
        rng: np.random.Generator,
        frame: Frame,
        receivers: Receivers,
        values: dict[str, Any],
        own: Sequence[FrameLight],
    ) -> dict[str, Any] | str:
        """Parameters of what stands outside the picture before one of its lights, or why nothing can."""
        main = None
        if own:
            number = values.get("light_number", own[int(rng.integers(len(own)))].number)
            main = next(v for v in own if v.number == number)
            disc = main.disc(receivers.up)
        else:
            direction = Horizon.of(receivers.up).direction(values["sun_azimuth_deg"], values["sun_elevation_deg"])
            disc = Disc(direction, values["sun_size_deg"])
        occluder = draw_occluder(rng, frame, receivers, disc, self._options.occluders)
        if isinstance(occluder, str):
            return occluder
        found: dict[str, Any] = {"occluders": (occluder,)}
        if values.get("pasted"):
            return found
        found["variant"] = "occluder"
        if main is not None:
            there = lights_there(own, occluder.target_m, receivers, main)
            return there if isinstance(there, str) else found | there
        if occluder.kind in ("window", "hand"):  # indoors: a broader light, warm from the walls
            found["sun_size_deg"] = round(math.exp(rng.uniform(0, math.log(12.0))), 4)
            found["ambient_ratio"] = round(float(rng.uniform(0.12, 0.55)), 4)
            found["ambient_rgb"] = _tint(rng.uniform(-0.12, 0.05))
        if occluder.kind == "hand" and receivers.room is None:
            found["more_lights"] = draw_second_lamp(rng, values["sun_azimuth_deg"])
        return found


def _tint(blue: float) -> tuple[float, float, float]:
    """Colour of ambient light: sky-coloured above 0, warm from walls below."""
    return round(1 - blue, 4), 1.0, round(1 + blue, 4)
