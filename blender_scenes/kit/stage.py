"""A Stage: one scene under construction. Recipes call it; every random choice comes from its generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from blender_scenes.kit import materials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

Vec3 = tuple[float, float, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """One of the 78 scenes: a name, its archetype, and what builds it."""

    scene_id: str
    archetype: str
    build: Callable[[Stage], None]
    indoor: bool
    version: int = 1

    @property
    def about(self) -> str:
        """First line of the builder's docstring."""
        return (self.build.__doc__ or "").strip().splitlines()[0]


RECIPES: dict[str, Recipe] = {}


def recipe(archetype: str, *, indoor: bool, version: int = 1) -> Callable[[Callable[[Stage], None]], Recipe]:
    """Decorator of a builder function; its name is the scene's id."""

    def decorate(build: Callable[[Stage], None]) -> Recipe:
        made = Recipe(build.__name__, archetype, build, indoor, version)
        RECIPES[made.scene_id] = made
        return made

    return decorate


@dataclass
class Credit:
    """Whose work is in the scene."""

    asset: str
    license: str
    author: str


@dataclass
class Stage:
    """The scene, its generator, and what has been put into it."""

    scene: Any
    rng: np.random.Generator
    objects: list[dict[str, Any]] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)

    def uniform(self, low: float, high: float) -> float:
        """A number drawn evenly."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.uniform() < probability)

    def choose(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def add(self, thing: Any, name: str, *, material: Any = None, asset: str = "", at: Vec3 | None = None,
            turn_deg: float | None = None) -> Any:  # fmt: skip
        """Put an object into the scene and give it an index (`object_index` of the frame).

        `material` is a name of the table or a Blender material; `at` moves it, `turn_deg` turns it about z.
        """
        if thing.name not in self.scene.collection.objects:
            self.scene.collection.objects.link(thing)
        if material is not None:
            found = materials.material(material) if isinstance(material, str) else material
            thing.data.materials.clear()
            thing.data.materials.append(found)
        if at is not None:
            thing.location = at
        if turn_deg is not None:
            thing.rotation_euler = (0, 0, math.radians(turn_deg))
        thing.pass_index = len(self.objects) + 1
        self.objects.append({"id": thing.pass_index, "name": name, "asset": asset or "procedural"})
        return thing

    def credit(self, asset: str, license_id: str, author: str) -> None:
        """Note whose work is used; each once."""
        made = Credit(asset, license_id, author)
        if made not in self.credits:
            self.credits.append(made)

    def camera(
        self, eye_m: Vec3, target_m: Vec3, focal_mm: float = 28.0, jitter_m: float = 0.0, f_number: float = 4.0
    ) -> Any:
        """Place the camera; `jitter_m` moves eye and target at random, so that every seed sees the scene anew."""
        import bpy
        from mathutils import Vector

        eye = Vector([e + self.uniform(-jitter_m, jitter_m) * k for e, k in zip(eye_m, (1, 1, 0.4), strict=True)])
        target = Vector([t + self.uniform(-jitter_m, jitter_m) * 0.7 for t in target_m])
        data = bpy.data.cameras.new("camera")
        data.lens, data.sensor_width, data.sensor_fit = focal_mm, 36.0, "AUTO"
        data.clip_start, data.clip_end = 0.01, 100_000.0
        data.dof.aperture_fstop = f_number
        made = bpy.data.objects.new("camera", data)
        made.location = eye
        made.rotation_mode = "QUATERNION"
        made.rotation_quaternion = (target - eye).to_track_quat("-Z", "Y")
        self.scene.collection.objects.link(made)
        self.scene.camera = made
        return made
