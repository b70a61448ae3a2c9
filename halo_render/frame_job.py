"""`uniser halo frames` as a job of the runner: one item a frame, one Blender in each worker process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.engine import Rendered
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.seeding import derive_seed, generator
from uniser_core.version import generator_name

from halo_render.scenes import SceneRef, find_scenes

if TYPE_CHECKING:
    import pyarrow as pa

    from halo_render.blender.session import RenderSettings

# Draws of one frame before its scene is refused: layout, camera and lamps are drawn anew each time.
MAX_DRAWS = 6


@dataclass
class FrameJob:
    """Frames of some scenes: `cameras` views of each, every one with its own seed."""

    scene: str
    cameras: int
    settings: RenderSettings
    seed: int = 0
    limit: int | None = None
    # Blender leaks, and a lost frame costs minutes: small shards, fresh processes.
    max_items_per_shard: int = 4
    isolated: bool = True
    unit: str = "frames"
    _scenes: list[SceneRef] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value in (("--cameras", self.cameras), ("--limit", self.limit)):
            if value is not None and value < 1:
                raise InputError(f"{name} {value}", "must be 1 or more", "")

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        return {
            "kind": "frames",
            "scenes": [[s.scene_id, s.version] for s in self._all()],
            "cameras": self.cameras,
            "seed": self.seed,
            "limit": self.limit,
            "render": self.settings.describe(),
            "generator": generator_name(),
        }

    def schema(self) -> pa.Schema:
        """Frame rows."""
        return FRAME_SCHEMA

    def item_keys(self) -> list[str]:
        """`scene/camera01`, a scene's cameras together."""
        return [f"{s.scene_id}/camera{c:02d}" for s in self._all() for c in range(1, self.cameras + 1)][: self.limit]

    def process(self, index: int) -> Rendered:
        """Render one frame. Raises RefusedError when no draw of the scene is worth a picture."""
        scene, camera = self._all()[index // self.cameras], index % self.cameras + 1
        return Rendered([self._frame(scene, camera)], [])

    def _all(self) -> list[SceneRef]:
        if not self._scenes:
            self._scenes = find_scenes(self.scene)
        return self._scenes

    def _frame(self, ref: SceneRef, camera: int) -> dict[str, Any]:
        from halo_render.blender import build, frame

        reasons = []
        for draw in range(MAX_DRAWS):
            seed = derive_seed("halo frame", self.seed, ref.scene_id, camera, draw)
            built = build.build_scene(ref, generator(seed), camera)
            # A scene of the user's without lights is his own choice; ours must show one.
            verdict = frame.judge(built.scene, self.settings, seed, wants_light=not ref.path)
            if not verdict.good:
                reasons.append(verdict.reason)
                continue
            row = frame.render_frame(built.scene, self.settings, seed)
            return {
                **row,
                "frame_id": f"{ref.scene_id}-camera{camera:02d}-s{self.seed}",
                "scene_id": ref.scene_id,
                "camera_id": f"camera{camera:02d}",
                "archetype": ref.archetype,
                "objects": built.objects_json(),
                "seed": seed,
                "license": built.license,
                "attribution": built.attribution,
                "recipe_version": int(ref.version) if not ref.path else 0,
            }
        raise RefusedError(f"{ref.scene_id}/camera{camera:02d}: no good view in {MAX_DRAWS} draws", "; ".join(reasons))
