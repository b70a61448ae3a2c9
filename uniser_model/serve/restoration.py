"""Removing and adding with a checkpoint. Everything that knows how the model is called is here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.decode import decode_picture
from uniser_core.decode_checks import sniff
from uniser_core.errors import InputError
from uniser_core.page import preview_jpeg

from uniser_model.serve.settings import VIEW_PX

if TYPE_CHECKING:
    from uniser_model.infer import Restorer
    from uniser_model.restore.photo import Photo
    from uniser_model.serve.worker import Action, Tell

UInt8 = npt.NDArray[np.uint8]
# Of an uploaded mask: a page paints at the size of its view.
MAX_MASK_PIXELS = 4 * VIEW_PX**2
# What is written as it came, by `sniff`'s name of the format.
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif", "exr": ".exr", "bmp": ".bmp"}


def checkpoint_labels(folders: tuple[str, ...]) -> dict[str, str]:
    """Folder of each checkpoint by the label that the page shows. Raises InputError when one holds none."""
    from uniser_model.restore.folder import locate
    from uniser_model.weights import BUNDLED

    found: dict[str, str] = {}
    for folder in folders:
        locate(folder)
        label = Path(folder).resolve().name
        found[label if label not in found else folder] = folder
    return {**found, "bundled": str(BUNDLED)}


@lru_cache(maxsize=1)
def _restorer(folder: str, device: str) -> Restorer:
    from uniser_model.commands import check_device
    from uniser_model.infer import Restorer
    from uniser_model.world import pick_device

    device = pick_device(device)
    check_device(device)
    return Restorer.load(folder, device)


def restore(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Remove or add on `path`, as `uniser remove` does; the result and views of both pictures go into the folder `out`.

    The result keeps the photo's format, depth, alpha, profile and EXIF; of formats that are not written it is a PNG.
    """
    from uniser_model.restore import files
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.blend import Region

    path, out = Path(call["path"]), Path(call["out"])
    tell("reading the photo")
    photo = files.read(path, "the photo")
    height, width = photo.size_hw
    regions = () if call["mask"] is None else (Region(painted_mask(Path(call["mask"]), height, width)),)
    tell("loading the model")
    restorer = _restorer(call["checkpoint"], call["device"])
    tell("removing" if call["task"] == "remove" else "adding")
    asked = {k: call[k] for k in ("effect", "task", "strength", "prompt", "seed", "steps")}
    result = restorer.restore([photo], [Ask(**asked, regions=regions)])[0]
    tell("writing the result")
    name = "result" + SUFFIXES.get(sniff(files.read_bytes(path), "the photo"), ".png")
    files.write(out / name, result)
    for view, shown in (("before.jpg", photo), ("after.jpg", result)):
        (out / view).write_bytes(preview_jpeg(_view(shown), VIEW_PX))
    return {"files": [name, "before.jpg", "after.jpg"], "result": name, "width": width, "height": height}


def _view(photo: Photo) -> UInt8:
    """uint8 sRGB of at most `VIEW_PX` a side, whatever the photo's own space is."""
    height, width = photo.size_hw
    scale = min(1.0, VIEW_PX / max(height, width))
    shown = photo.small(max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(np.rint(shown * 255), np.uint8)


def painted_mask(path: Path, height: int, width: int) -> npt.NDArray[np.float32]:
    """A grey picture of any size as float32 (H, W) in [0, 1] on the photo's grid. Raises InputError."""
    picture = decode_picture(path.read_bytes(), "the mask", max_pixels=MAX_MASK_PIXELS)
    if picture.rgb8_HWC is None:
        raise InputError("the mask", "is an 8-bit picture", "paint it on the page")
    grey = picture.rgb8_HWC[..., 0].astype(np.float32) / np.float32(255)
    # Bilinear keeps within [0, 1], and 0 stays 0 away from the paint.
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


ACTIONS: dict[str, Action] = {"restore": restore}
