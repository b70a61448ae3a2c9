"""The settings file beside a user's scene: `my_scene.blend` may have a `my_scene.yaml`.

    license: CC-BY-4.0
    attribution: Jane Doe, my_scene
    archetype: street
    camera: {eye_m: [0, -5, 1.7], target_m: [0, 0, 1], focal_mm: 35}

Without it everything is found: cameras in the file are used in name order, further ones are placed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Vec3 = tuple[float, float, float]


class UserCamera(BaseModel):
    """A camera of the user's choice, instead of one that is placed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eye_m: Vec3
    target_m: Vec3
    focal_mm: float = Field(35.0, gt=1, lt=2000)


class UserSettings(BaseModel):
    """What a scene file cannot say of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    license: str = "LicenseRef-user-scene"
    attribution: str = ""
    archetype: str = "user"
    camera: UserCamera | None = None


def settings_path(scene: Path) -> Path:
    """Where the settings of a scene file lie."""
    return scene.with_suffix(".yaml")


def settings_of(scene: Path) -> UserSettings:
    """The settings beside a scene file, or defaults. Raises InputError naming the key that is wrong."""
    path = settings_path(scene)
    if not path.is_file():
        return UserSettings()
    try:
        return UserSettings.model_validate(read_yaml(path.read_bytes(), str(path)) or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"]) or "the file"
        known = ", ".join(UserSettings.model_fields)
        raise InputError(f"{path.name}: {key}", first["msg"], f"known keys: {known}") from error
