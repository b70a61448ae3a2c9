"""Scenes for Blender: plain ones to mutate, and ones that try to run Python, each way that a .blend knows.

`python -m tests.hostile.blends FOLDER` writes them: Blender is not taken into the process that gives them out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cli import ROOT, environment
from tests.hostile.mutate import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable

# Run by whatever runs it, in the reader's working folder.
CODE = f"import pathlib\npathlib.Path('{CANARY}').write_text('x')\n"
EXPRESSION = f"__import__('pathlib').Path('{CANARY}').write_text('x')"


def blends(names: tuple[str, ...]) -> list[bytes]:
    """The scenes of these names (of `PLAIN` and `ARMED`), as files."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tests.hostile.blends", folder, *names]
        subprocess.run(words, check=True, cwd=ROOT, env=environment(), capture_output=True, timeout=300)
        return [Path(folder, f"{name}.blend").read_bytes() for name in names]


def _triangle(bpy: Any) -> tuple[Any, Any]:
    """An empty Blender with a triangle, a lamp and a camera that sees it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    mesh = bpy.data.meshes.new("triangle")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    thing = bpy.data.objects.new("triangle", mesh)
    camera.location = lamp.location = (0.3, 0.3, 3)
    for each in (thing, camera, lamp):
        scene.collection.objects.link(each)
    scene.camera = camera
    return scene, thing


def _material(bpy: Any, _: Any, thing: Any) -> None:
    """More kinds of blocks: nodes, a packed image, a modifier."""
    material = bpy.data.materials.new("m")
    material.node_tree.nodes.new("ShaderNodeTexNoise")
    image = bpy.data.images.new("i", 4, 4)
    image.pack()
    material.node_tree.nodes.new("ShaderNodeTexImage").image = image
    thing.data.materials.append(material)
    thing.modifiers.new("s", "SUBSURF").levels = 1


def _text(bpy: Any, *_: Any) -> None:
    """A text that registers itself when the file is loaded."""
    text = bpy.data.texts.new("startup.py")
    text.write(CODE)
    text.use_module = True


def _driver(_: Any, __: Any, thing: Any) -> None:
    """An expression that moves an object."""
    thing.driver_add("location", 0).driver.expression = EXPRESSION


def _material_driver(bpy: Any, _: Any, thing: Any) -> None:
    """The same inside a material's nodes."""
    material = bpy.data.materials.new("m")
    node = material.node_tree.nodes.new("ShaderNodeValue")
    node.outputs[0].driver_add("default_value").driver.expression = EXPRESSION
    thing.data.materials.append(material)


def _freestyle(bpy: Any, scene: Any, _: Any) -> None:
    """A style module: Python that Freestyle runs when it renders, whatever the settings of scripts say."""
    text = bpy.data.texts.new("style.py")
    text.write(CODE)
    scene.render.use_freestyle = scene.view_layers[0].use_freestyle = True
    settings = scene.view_layers[0].freestyle_settings
    settings.mode = "SCRIPT"
    module = settings.modules.new()
    module.script, module.use = text, True


def _file_output(bpy: Any, scene: Any, _: Any) -> None:
    """A compositor that writes a file of its own."""
    tree = bpy.data.node_groups.new("c", "CompositorNodeTree")
    scene.compositing_node_group = tree
    output = tree.nodes.new("CompositorNodeOutputFile")
    output.directory, output.file_name = "..", CANARY
    output.file_output_items.new("RGBA", "Image")
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], output.inputs[0])
    scene.render.use_compositing = True


PLAIN: dict[str, Callable[..., None]] = {"triangle": lambda *_: None, "material": _material}
ARMED: dict[str, Callable[..., None]] = {
    "text": _text, "driver": _driver, "material_driver": _material_driver, "freestyle": _freestyle,
    "file_output": _file_output,
}  # fmt: skip


def main(folder: str, *names: str) -> None:
    """Write them."""
    import bpy

    for name in names:
        scene, thing = _triangle(bpy)
        {**PLAIN, **ARMED}[name](bpy, scene, thing)
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, f"{name}.blend")), compress=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
