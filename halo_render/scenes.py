"""Which scenes there are: the recipes of `blender_scenes`, and files that a user names or drops in its folder."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

from halo_render.user_scene import settings_of, settings_path

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Recipe

FILE_KINDS = (".blend", ".glb", ".gltf", ".usd", ".usda", ".usdc", ".usdz", ".obj")


@dataclass(frozen=True)
class SceneRef:
    """A scene by name: a recipe (`path` empty) or a user's file. `version` changes with what is drawn."""

    scene_id: str
    archetype: str
    path: str = ""
    version: str = "1"
    indoor: bool = False
    about: str = ""


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by id, in order. Importing them needs no Blender."""
    import blender_scenes.recipes as folder
    from blender_scenes.kit.stage import RECIPES

    for module in sorted(m.name for m in pkgutil.iter_modules(folder.__path__)):
        importlib.import_module(f"blender_scenes.recipes.{module}")
    return dict(sorted(RECIPES.items()))


def all_scenes() -> list[SceneRef]:
    """Every recipe, then every file that was dropped into `blender_scenes/`."""
    import blender_scenes

    known = [SceneRef(r.scene_id, r.archetype, "", str(r.version), r.indoor, r.about) for r in recipes().values()]
    folder = Path(next(iter(blender_scenes.__path__)))
    dropped = sorted(p for p in folder.iterdir() if p.suffix.lower() in FILE_KINDS)
    return known + [_file(p) for p in dropped]


def find_scenes(names: str) -> list[SceneRef]:
    """Scenes of `--scene`: NAME[,NAME…], `all`, an archetype, or a path. Raises InputError on what is none."""
    if names == "all":
        return all_scenes()
    chosen = []
    for name in [names] if Path(names).suffix.lower() in FILE_KINDS else names.split(","):
        if Path(name).suffix.lower() in FILE_KINDS:
            chosen.append(_file(Path(name)))
            continue
        matches = [s for s in all_scenes() if name.strip() in (s.scene_id, s.archetype)]
        if not matches:
            kinds = sorted({s.archetype for s in all_scenes()})
            raise InputError(
                f"--scene {name}", f"is no scene, archetype ({', '.join(kinds)}) or file", "see: uniser halo scenes"
            )
        chosen += matches
    return chosen


def _file(path: Path) -> SceneRef:
    if not path.is_file():
        raise InputError(f"--scene {path}", "does not exist", "check the path")
    settings = settings_of(path)
    digest = hashlib.sha256(path.read_bytes())
    if settings_path(path).is_file():
        digest.update(settings_path(path).read_bytes())
    version = digest.hexdigest()
    return SceneRef(f"{path.stem}-{version[:10]}", settings.archetype, str(path.resolve()), version, about=path.name)
