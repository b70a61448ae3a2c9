"""Sweet Home 3D's furniture: real sizes, textures and authors, out of the catalogues as they are published."""

from __future__ import annotations

import math
import re
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
LICENSES = {"BlendSwap-CC-0": "CC0-1.0", "BlendSwap-CC-BY": "CC-BY-3.0", "KatorLegaz": "CC-BY-3.0-US",
            "Reallusion": "CC-BY-3.0-US", "Scopia": "CC-BY-3.0"}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """One piece: `key` is catalogue/name, sizes in metres, `elevation_m` where it hangs or stands above the floor."""

    key: str
    title: str
    category: str
    archive: str
    member: str
    width_m: float
    depth_m: float
    height_m: float
    elevation_m: float
    rotation: str
    author: str
    license: str


@cache
def models() -> dict[str, Model]:
    """All pieces by key, from the fetched `furniture` asset."""
    from uniser_core.assets import asset_path

    found = {}
    for archive in sorted(Path(asset_path("furniture")).glob("**/*.sh3f")):
        with zipfile.ZipFile(archive) as file:
            text = file.read("PluginFurnitureCatalog.properties").decode("latin-1")
        for values in _entries(text):
            model = _model(archive, values)
            found[model.key] = model
    return found


def _entries(text: str) -> list[dict[str, str]]:
    entries: dict[int, dict[str, str]] = {}
    for line in text.replace("\\\n", "").splitlines():
        match = re.match(r"(\w+)#(\d+)=(.*)", line)
        if match:
            entries.setdefault(int(match[2]), {})[match[1]] = match[3].strip()
    return [e for _, e in sorted(entries.items()) if "model" in e]


def _model(archive: Path, values: dict[str, str]) -> Model:
    catalogue = archive.stem
    width, depth, height = (float(values[k]) / 100 for k in ("width", "depth", "height"))
    name = PurePosixPath(values["model"]).stem
    return Model(
        key=f"{catalogue}/{name}",
        title=values.get("name", name),
        category=values.get("category", ""),
        archive=str(archive),
        member=values["model"].lstrip("/"),
        width_m=width,
        depth_m=depth,
        height_m=height,
        elevation_m=float(values.get("elevation", 0)) / 100,
        rotation=values.get("modelRotation", ""),
        author=values.get("creator", catalogue),
        license=LICENSES.get(catalogue, "unknown"),
    )


def furniture(stage: Stage, key: str, at_m: Vec3 = (0, 0, 0), turn_deg: float = 0.0, scale: float = 1.0) -> Any:
    """Put a piece into the scene, its base centre at `at_m`, its front towards -y before turning.

    Raises InputError on unknown keys.
    """
    found = models()
    if key not in found:
        near = [k for k in found if key.rpartition("/")[2].lower() in k.lower()][:6]
        raise InputError(f"furniture '{key}'", f"is not in the catalogue; like it: {', '.join(near) or 'none'}", "")
    model = found[key]
    made = _import(model)
    _fit(made, model, scale)
    made.location = at_m
    made.rotation_euler = (0, 0, math.radians(turn_deg))
    stage.credit(f"{model.title} ({key})", model.license, model.author)
    return stage.add(made, model.title, asset=key)


def _import(model: Model) -> Any:
    """Import the OBJ and join its parts into one mesh object with the transforms applied."""
    import bpy

    before = set(bpy.data.objects)
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(model.archive) as file:
            parent = str(PurePosixPath(model.member).parent) + "/"
            for name in file.namelist():
                # Flat names alone: an archive cannot write outside the folder.
                if name.startswith(parent) and not name.endswith("/"):
                    (Path(folder) / PurePosixPath(name).name).write_bytes(file.read(name))
        bpy.ops.wm.obj_import(filepath=str(Path(folder) / PurePosixPath(model.member).name))
        for image in bpy.data.images:  # the folder goes away: textures must be in memory
            if image.source == "FILE" and not image.packed_file and image.filepath.startswith(folder):
                if Path(image.filepath).is_file():
                    image.pack()
                else:  # some catalogues name a texture that they do not carry: plain cloth grey instead of black
                    image.source = "GENERATED"
                    image.generated_color = (0.42, 0.38, 0.33, 1.0)
    parts = [o for o in bpy.data.objects if o not in before]
    meshes = [o for o in parts if o.type == "MESH"]
    if not meshes:
        raise InputError(f"furniture '{model.key}'", "holds no mesh", "choose another")
    bpy.ops.object.select_all(action="DESELECT")
    for part in meshes:
        part.select_set(True)
    bpy.context.view_layer.objects.active = meshes[0]
    if len(meshes) > 1:
        bpy.ops.object.join()
    joined = bpy.context.view_layer.objects.active
    bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
    joined.name = model.title
    _mend_materials(joined)
    return joined


def _fit(thing: Any, model: Model, scale: float) -> None:
    """Turn as the catalogue says, scale to the catalogue's size, put the base centre at the origin."""
    import bpy
    from mathutils import Matrix, Vector

    if model.rotation:
        rows = [float(v) for v in model.rotation.split()]
        # Sweet Home's axes are x right, y up, z to the front; ours x right, y back, z up.
        ours = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
        thing.data.transform((ours @ Matrix((rows[0:3], rows[3:6], rows[6:9])) @ ours.inverted()).to_4x4())
    corners = [v.co for v in thing.data.vertices]
    low = Vector([min(c[i] for c in corners) for i in range(3)])
    high = Vector([max(c[i] for c in corners) for i in range(3)])
    size = high - low
    wanted = Vector((model.width_m, model.depth_m, model.height_m)) * scale
    factors = [w / s if s > 1e-6 else 1.0 for w, s in zip(wanted, size, strict=True)]
    centre = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))
    thing.data.transform(Matrix.Diagonal((*factors, 1)) @ Matrix.Translation(-centre))
    thing.data.update()
    bpy.context.view_layer.update()  # else `dimensions` still tells the file's size


def _mend_materials(thing: Any) -> None:
    """The old OBJ materials are shiny plastic or black: give them plausible roughness and real glass.

    Some glow a little, which no thing does that is not a lamp: lamps are made as lamps.
    """
    for slot in thing.material_slots:
        tree = slot.material.node_tree if slot.material else None
        principled = tree.nodes.get("Principled BSDF") if tree else None
        if principled is None:
            continue
        principled.inputs["Emission Strength"].default_value = 0.0
        roughness = principled.inputs["Roughness"]
        roughness.default_value = min(0.9, max(0.25, roughness.default_value))
        principled.inputs["Metallic"].default_value = min(1.0, principled.inputs["Metallic"].default_value)
        alpha = principled.inputs["Alpha"]
        if not alpha.links and alpha.default_value < 0.7:
            principled.inputs["Transmission Weight"].default_value = 1.0
            principled.inputs["Roughness"].default_value = 0.02
            alpha.default_value = 1.0
            color = principled.inputs["Base Color"]
            color.default_value = (*(0.5 + 0.5 * c for c in color.default_value[:3]), 1)
        color = principled.inputs["Base Color"]
        if not color.links:  # nothing real is whiter than snow or blacker than soot
            color.default_value = (*(min(0.85, max(0.012, c)) for c in color.default_value[:3]), 1)
