"""What the contract check looks at an effect through: recording frames, watched random state, digests of bits."""

from __future__ import annotations

import hashlib
import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core.check_scene import PHOTO_CHANNELS, RENDER_CHANNELS, Street
from uniser_core.depth import DepthMap
from uniser_core.errors import RefusedError, UniserError
from uniser_core.frame import Frame
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_core.effect import Effect, EffectParams, Layers

BASE_HW = (160, 240)
SEEDS_TRIED, DRAWS = 8, 2
PICTURE = ("rgb8", "rgb")


class BreachError(UniserError):
    """The contract is broken: value, rule, remedy."""

    exit_code = 1


class RecordingFrame(Frame):
    """A frame that remembers which channels were read, and which were asked for first with `has`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.facts = {**self.facts, "read": set(), "asked": set()}
        for name, make in list(self.channels.items()):
            self.channels[name] = self._recorded(name, make)

    def _recorded(self, name: str, make: Any) -> Any:
        def read() -> Any:
            self.facts["read"].add(name)
            return make()

        return read

    def has(self, name: str) -> bool:
        """As `Frame.has`."""
        self.facts["asked"].add(name)
        return super().has(name)


def recording(frame: Frame) -> RecordingFrame:
    """The same frame, nothing made yet, watched."""
    kept = {k: v for k, v in vars(frame).items() if not k.startswith("_")}
    return RecordingFrame(**{**kept, "channels": dict(frame.channels)})


@dataclass
class Probe:
    """One effect and the pictures that it is tried on."""

    effect: Effect
    largest_hw: tuple[int, int]
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of frame that have what the effect needs: a photo with sidecars, a render."""
        needs = set(self.effect.needs)
        return tuple(
            kind for kind, has in (("photo", PHOTO_CHANNELS), ("render", RENDER_CHANNELS)) if needs <= set(has)
        )

    def frame(self, kind: str, size_hw: tuple[int, int] = BASE_HW) -> Frame:
        """A fresh frame of the made-up street."""
        street = Street(*size_hw)
        return street.photo() if kind == "photo" else street.render()

    def seed(self, kind: str, number: int) -> int:
        """Seed of a draw."""
        return derive_seed("check", self.effect.name, kind, number)

    @cached_property
    def draws(self) -> list[tuple[str, int, EffectParams]]:
        """(kind, seed, params) of a few accepted draws of each kind. Raises BreachError when all is refused."""
        found: list[tuple[str, int, EffectParams]] = []
        why = ""
        for kind in self.kinds:
            taken = 0
            for number in range(SEEDS_TRIED):
                seed = self.seed(kind, number)
                try:
                    found.append((kind, seed, self.sample(self.frame(kind), seed)))
                    taken += 1
                except RefusedError as refusal:
                    why = str(refusal)
                if taken == DRAWS:
                    break
        if not found:
            raise BreachError(
                f"refused each of {SEEDS_TRIED} draws: {why}",
                "a street with floor, wall, sky, sun and lamp is taken at least once",
                "refuse only what cannot be done",
            )
        return found

    def sample(self, frame: Frame, seed: int) -> EffectParams:
        """Draw once."""
        params: EffectParams = self.effect.sample(generator(seed), frame)
        return params


def layer_arrays(layers: Layers) -> dict[str, Any]:
    """The layers that are there, by name."""
    return {name: value for name, value in vars(layers).items() if value is not None}


def layers_digest(layers: Layers) -> dict[str, str]:
    """Digest of the bits of each layer."""
    return {name: array_digest(value) for name, value in layer_arrays(layers).items()}


def array_digest(array: Any) -> str:
    """Digest of type, shape and bits."""
    held = np.ascontiguousarray(array)
    return hashlib.blake2b(f"{held.dtype}{held.shape}".encode() + held.tobytes(), digest_size=12).hexdigest()


def frame_digest(frame: Frame) -> dict[str, str]:
    """Digest of the channels that were made so far, and of the linear picture."""
    made = {"rgb_HWC": array_digest(frame.rgb_HWC)}
    for name in frame.channels:
        value = frame.get(name)
        if isinstance(value, DepthMap):
            made[name] = array_digest(value.code_HW)
        else:
            made[name] = array_digest(value) if isinstance(value, np.ndarray) else repr(value)
    return made


def random_states() -> tuple[Any, ...]:
    """What the global generators of `random` and NumPy stand at."""
    held: Any = np.random.get_state(legacy=True)
    return random.getstate(), held[1].tobytes(), held[2:]


@contextmanager
def global_random(seed: int) -> Iterator[None]:
    """Both global generators seeded otherwise, and put back. Raises BreachError when they were drawn from."""
    python, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.set_state(np.random.RandomState(seed).get_state())
    before = random_states()
    try:
        yield
        after = random_states()
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
    if after != before:
        library = "random" if after[0] != before[0] else "numpy.random"
        raise BreachError(
            f"the global generator of {library} was drawn from",
            "every random number comes from the rng that sample() is given",
            "draw with rng.uniform(…) in sample() and hand the number on in Params",
        )
