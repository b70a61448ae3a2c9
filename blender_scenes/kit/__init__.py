"""What scene recipes are built from: meshes, materials, lamps, skies, furniture, and the Stage that holds them."""

from blender_scenes.kit import light, mesh, sky
from blender_scenes.kit.catalog import furniture, models
from blender_scenes.kit.rooms import Opening, Room, curtain, room
from blender_scenes.kit.stage import RECIPES, Recipe, Stage, recipe

__all__ = [
    "RECIPES",
    "Opening",
    "Recipe",
    "Room",
    "Stage",
    "curtain",
    "furniture",
    "light",
    "mesh",
    "models",
    "recipe",
    "room",
    "sky",
]
