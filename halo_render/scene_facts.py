"""What is in a scene: its lamps and its licence, found by building it in Blender, not by rendering it.

Those of the bundled recipes are kept in `blender_scenes/facts.json` (written by `uniser halo scenes --survey`),
for building all 78 takes minutes; a user's own file is looked into when it is listed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halo_render.scenes import SceneRef

TABLE = "facts.json"
# A scene that takes longer to build is ended with its Blender.
TIME_CAP_S = 600
_MARK = "uniser-scene-facts\t"


@dataclass(frozen=True)
class SceneFacts:
    """`lights` counts lamps by kind in the scene's first draw of seed 0; another draw may light others."""

    lights: dict[str, int]
    license: str
    attribution: str


def lights_text(lights: dict[str, int] | None) -> str:
    """`6 bulb_60w, sun`, the many first; `?` for a scene that could not be opened."""
    if lights is None:
        return "?"
    ordered = sorted(lights.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in ordered) or "none"


def listing(scenes: Sequence[SceneRef]) -> list[dict[str, Any]]:
    """A row a scene for printing; a file that Blender cannot open says so in `about`, and has no lights."""
    rows = []
    for scene, found in zip(scenes, facts_of(scenes), strict=True):
        row: dict[str, Any] = {"scene": scene.scene_id, "archetype": scene.archetype}
        row["kind"] = "indoor" if scene.indoor else "outdoor"
        if isinstance(found, str):
            rows.append(row | {"lights": None, "license": "?", "about": found})
        else:
            rows.append(row | {"lights": found.lights, "license": found.license, "about": scene.about})
    return rows


def facts_of(scenes: Sequence[SceneRef]) -> list[SceneFacts | str]:
    """Facts of each scene, or the one line that says why Blender could not open it."""
    known = bundled()
    unknown = [s for s in scenes if s.path or s.scene_id not in known]
    looked_up = dict(zip([s.scene_id for s in unknown], survey(unknown), strict=True))
    return [looked_up[s.scene_id] if s.scene_id in looked_up else known[s.scene_id] for s in scenes]


@cache
def bundled() -> dict[str, SceneFacts]:
    """The committed facts of recipes, by scene id, those of other recipe versions left out."""
    from halo_render.scenes import recipes

    text = files("blender_scenes").joinpath(TABLE).read_text(encoding="utf-8")
    versions = {name: r.version for name, r in recipes().items()}
    rows = {n: r for n, r in json.loads(text).items() if versions.get(n) == r.pop("recipe_version")}
    return {n: SceneFacts(**r) for n, r in rows.items()}


def survey_recipes() -> str:
    """Build every recipe and write the committed table anew; returns its path. Raises InputError when one fails."""
    import blender_scenes

    from halo_render.scenes import all_scenes

    scenes = [s for s in all_scenes() if not s.path]
    rows: dict[str, Any] = {}
    for scene, found in zip(scenes, survey(scenes), strict=True):
        if isinstance(found, str):
            raise InputError(scene.scene_id, found, "mend the recipe")
        rows[scene.scene_id] = {"recipe_version": int(scene.version), **asdict(found)}
    path = Path(next(iter(blender_scenes.__path__))) / TABLE
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(path)


def survey(scenes: Sequence[SceneRef]) -> Iterator[SceneFacts | str]:
    """Build scenes in a Blender process of their own: its chatter stays there, its death costs one scene."""
    from tqdm import tqdm

    child: subprocess.Popen[str] | None = None
    try:
        for scene in tqdm(scenes, unit="scenes", desc="looking into scenes", leave=False, disable=None):
            if child is None or child.poll() is not None:
                child = _start()
            yield _ask(child, scene)
    finally:
        if child is not None:
            child.kill()
            child.communicate()


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "halo_render.scene_facts"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True)


def _ask(child: subprocess.Popen[str], scene: SceneRef) -> SceneFacts | str:
    assert child.stdin is not None
    assert child.stdout is not None
    clock = threading.Timer(TIME_CAP_S, child.kill)
    clock.start()
    try:
        child.stdin.write(json.dumps(asdict(scene)) + "\n")
        child.stdin.flush()
        line = next((text for text in child.stdout if text.startswith(_MARK)), None)
    except BrokenPipeError:
        line = None
    finally:
        clock.cancel()
    if line is None:
        child.wait()
        return str(InputError(scene.scene_id, "Blender died while it built this scene", "open it in Blender 5.0"))
    found = json.loads(line.removeprefix(_MARK))
    return found if isinstance(found, str) else SceneFacts(**found)


def _build(scene: SceneRef) -> SceneFacts:
    from halo_render.blender.build import build_scene
    from halo_render.blender.lights import light_kinds

    built = build_scene(scene, generator(derive_seed("halo frame", 0, scene.scene_id, 1, 0)), 1)
    return SceneFacts(light_kinds(built.scene), built.license, built.attribution)


def _serve() -> None:
    """One scene a line in, one line of facts (or why there are none) out."""
    from halo_render.scenes import SceneRef

    for line in sys.stdin:
        try:
            found: Any = asdict(_build(SceneRef(**json.loads(line))))
        except InputError as error:
            found = str(error)
        print("\n" + _MARK + json.dumps(found), flush=True)


if __name__ == "__main__":
    _serve()
