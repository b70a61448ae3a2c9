"""Path-traced shadow pairs: a scene rendered twice, an object's shadow switched off in the clean picture.

Only the object's visibility to shadow rays differs: it is seen, reflected and lit the same in both pictures.
Found by `uniser shadow render --mode blender`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from uniser_core import engine
from uniser_core.color import luminance
from uniser_core.effect import EffectParams, Layers
from uniser_core.errors import RefusedError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.seeding import derive_seed, generator

from halo_render.frame_job import FrameJob

if TYPE_CHECKING:
    import pyarrow as pa

    from halo_render.blender.build import BuiltScene
    from halo_render.scenes import SceneRef

Float32 = npt.NDArray[np.float32]
# Candidates cover this share of a draft; so many of them lose their shadow at once; so many choices are tried.
OBJECT_SHARE, MOST_OBJECTS, MAX_DRAWS = (0.002, 0.3), 4, 6
DRAFT_PX, DRAFT_SAMPLES = 96, 24
# Light that changes less than this is the sampler's noise, not a shadow; a pair must change so much of the picture.
NOISE, LEAST_SHARE = 0.04, 0.008


class TracedParams(EffectParams):
    """Whose shadow it is."""

    variant: Literal["blender"] = "blender"
    objects: tuple[str, ...] = Field(description="objects whose shadow is in the input alone")
    samples: int = Field(gt=0, description="most samples a pixel")


class TracedShadow:
    """The effect of two renders: nothing is drawn, the renderer is the truth."""

    name, version, dataset, needs, fast = "shadow", 1, "LR-SRD", ("shadowed", "traced"), False
    tags, prompt, Params = (), "Remove shadow.", TracedParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> TracedParams:
        """What was rendered."""
        found: TracedParams = frame.get("traced")
        return found

    def apply(self, frame: Frame, params: TracedParams) -> Layers:
        """Clean and shadowed light differ by the ratio alone, which is 1 where the two renders agree up to noise."""
        clean = frame.rgb_HWC
        ratio = shadow_ratio(clean, frame.get("shadowed"))
        return Layers(
            np.asarray(clean * ratio, np.float32), ratio=ratio, strength=np.asarray(1 - ratio.mean(axis=2), np.float32)
        )


def shadow_ratio(clean_HWC: Float32, shadowed_HWC: Float32) -> Float32:
    """Shadowed over clean light, float32 (H, W, 3) in (0, 1]; exactly 1 where it is within the noise."""
    floor = np.float32(1e-4) * max(float(luminance(clean_HWC).mean()), 1e-6)
    ratio = np.clip((shadowed_HWC + floor) / (clean_HWC + floor), 1e-3, 1)
    change = cv2.GaussianBlur(np.asarray(1 - ratio.mean(axis=2), np.float32), (0, 0), 1.0)
    keep = np.clip(change / NOISE - 1, 0, 1)[..., None]
    return np.asarray(1 + (ratio - 1) * keep, np.float32)


@dataclass
class ShadowPairsJob(FrameJob):
    """Traced shadow pairs of some scenes: `cameras` views of each."""

    unit: str = "pairs"
    encoder: str = "png"

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        return {**super().config(), "kind": "traced shadows", "encoder": self.encoder}

    def schema(self) -> pa.Schema:
        """Pair rows."""
        return PAIR_SCHEMA

    def process(self, index: int) -> engine.Rendered:
        """Render one pair. Raises RefusedError when no object of the scene casts a shadow into the picture."""
        ref, camera = self._all()[index // self.cameras], index % self.cameras + 1
        frame = self._pair(ref, camera)
        options = engine.RenderOptions(self.seed, encoder=self.encoder)
        return engine.render_rows(TracedShadow(), frame, options)  # type: ignore[arg-type]

    def _pair(self, ref: SceneRef, camera: int) -> Frame:
        from halo_render.blender import build
        from halo_render.blender.frame import judge

        for draw in range(MAX_DRAWS):
            seed = derive_seed("traced shadow", self.seed, ref.scene_id, camera, draw)
            rng = generator(seed)
            built = build.build_scene(ref, rng, camera)
            if not judge(built.scene, self.settings, seed, wants_light=False).good:
                continue
            chosen = self._choose(built, rng, seed)
            if chosen:
                return self._render(ref, camera, built, chosen, seed)
        raise RefusedError(
            f"{ref.scene_id}/camera{camera:02d}", f"no object casts a shadow into the picture in {MAX_DRAWS} draws"
        )

    def _choose(self, built: BuiltScene, rng: np.random.Generator, seed: int) -> list[Any]:
        """Objects in sight whose shadow shows in a draft, or none."""
        from dataclasses import replace

        from halo_render.blender import session

        scale = DRAFT_PX / max(self.settings.width, self.settings.height)
        small = [max(8, round(v * scale)) for v in (self.settings.width, self.settings.height)]
        draft = replace(self.settings, width=small[0], height=small[1], samples=DRAFT_SAMPLES, denoise=False)
        session.configure(built.scene, draft, seed)
        seen = session.render(built.scene)
        numbers, counts = np.unique(seen.index_HW.astype(int), return_counts=True)
        share = dict(zip(numbers.tolist(), (counts / seen.index_HW.size).tolist(), strict=True))
        low, high = OBJECT_SHARE
        able = [o for o in built.scene.objects if o.type == "MESH" and low <= share.get(o.pass_index, 0.0) <= high]
        if not able:
            return []
        count = int(rng.integers(1, min(MOST_OBJECTS, len(able)) + 1))
        chosen = [able[int(i)] for i in rng.permutation(len(able))[:count]]
        set_shadows(chosen, False)
        without = session.render(built.scene)
        set_shadows(chosen, True)
        change = 1 - cv2.blur(luminance(seen.noisy_HWC), (5, 5)) / np.maximum(
            cv2.blur(luminance(without.noisy_HWC), (5, 5)), 1e-6
        )
        return chosen if float((change > 0.15).mean()) >= LEAST_SHARE else []

    def _render(self, ref: SceneRef, camera: int, built: BuiltScene, chosen: list[Any], seed: int) -> Frame:
        from halo_render.blender import session

        session.configure(built.scene, self.settings, seed)
        shadowed = self._picture(built)
        set_shadows(chosen, False)
        clean = self._picture(built)
        params = TracedParams(objects=tuple(sorted(o.name for o in chosen)), samples=self.settings.samples)
        name = f"{ref.scene_id}-camera{camera:02d}-s{self.seed}"
        return Frame(
            name,
            self.settings.width,
            self.settings.height,
            {"rgb": lambda: clean, "shadowed": lambda: shadowed, "traced": lambda: params},
            group_id=ref.scene_id,
            kind="render",
            license=built.license,
            attribution=built.attribution,
            source_uri=f"scenes/{ref.scene_id}",
            facts={
                "scene_id": ref.scene_id,
                "camera_id": f"camera{camera:02d}",
                "objects": json.loads(built.objects_json()),
            },
        )

    def _picture(self, built: BuiltScene) -> Float32:
        """Linear light of one render, denoised group by group as frames are."""
        from halo_render.blender import session
        from halo_render.denoise import denoise_groups

        passes = session.render(built.scene)
        if self.settings.denoise:
            passes.groups = denoise_groups(
                passes.groups, passes.direct_HWC, passes.albedo_HWC, passes.guide_normal_HWC, self.settings.threads
            )
        return passes.noisy_HWC


def set_shadows(things: list[Any], on: bool) -> None:
    """Whether these objects stop light on its way to others; all else about them stays."""
    for thing in things:
        thing.visible_shadow = on


def traced_job(
    *, scene: str, cameras: int, resolution: str, samples: int, seed: int, limit: int | None, encoder: str
) -> ShadowPairsJob:
    """The job of `uniser shadow render --mode blender`; one thread a Blender, so that workers share the cores."""
    from halo_render.blender.session import RenderSettings
    from halo_render.cli import parse_resolution

    width, height = parse_resolution(resolution)
    settings = RenderSettings(width, height, samples=samples, threads=1)
    return ShadowPairsJob(scene, cameras, settings, seed, limit, encoder=encoder)
