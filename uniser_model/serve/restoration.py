"""Removing and adding with a checkpoint. Everything that knows how the model is called is here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.decode import decode_picture
from uniser_core.errors import InputError
from uniser_core.page import preview_jpeg
from uniser_core.png import encode_png

from uniser_model.serve.settings import VIEW_PX

if TYPE_CHECKING:
    from uniser_model.infer import Restorer
    from uniser_model.serve.worker import Action, Tell

UInt8 = npt.NDArray[np.uint8]
# Of an uploaded mask: a page paints at the size of its view.
MAX_MASK_PIXELS = 4 * VIEW_PX**2


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


def _run_model(folder: str, device: str, rgb8_HWC: UInt8, **asked: Any) -> UInt8:
    """uint8 (H, W, 3) in and out; `asked`: effect, task, mask_HW, strength, prompt, seed, steps."""
    return _restorer(folder, device).run(rgb8_HWC, **asked)


def restore(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Remove or add on `path`; `result.png` at full size and views of both pictures go into the folder `out`."""
    from uniser_model import pictures

    out = Path(call["out"])
    tell("reading the photo")
    rgb8, alpha = pictures.read(Path(call["path"]))
    mask = None if call["mask"] is None else painted_mask(Path(call["mask"]), rgb8.shape[0], rgb8.shape[1])
    tell("loading the model")
    _restorer(call["checkpoint"], call["device"])
    tell("removing" if call["task"] == "remove" else "adding")
    asked = {k: call[k] for k in ("effect", "task", "strength", "prompt", "seed", "steps")}
    result = _run_model(call["checkpoint"], call["device"], rgb8, mask_HW=mask, **asked)
    tell("writing the result")
    (out / "result.png").write_bytes(encode_png(result if alpha is None else np.dstack([result, alpha])))
    for name, pixels in (("before.jpg", rgb8), ("after.jpg", result)):
        (out / name).write_bytes(preview_jpeg(pixels, VIEW_PX))
    return {"files": ["result.png", "before.jpg", "after.jpg"], "width": rgb8.shape[1], "height": rgb8.shape[0]}


def painted_mask(path: Path, height: int, width: int) -> npt.NDArray[np.float32]:
    """A grey picture of any size as float32 (H, W) in [0, 1] on the photo's grid. Raises InputError."""
    picture = decode_picture(path.read_bytes(), "the mask", max_pixels=MAX_MASK_PIXELS)
    if picture.rgb8_HWC is None:
        raise InputError("the mask", "is an 8-bit picture", "paint it on the page")
    grey = picture.rgb8_HWC[..., 0].astype(np.float32) / np.float32(255)
    # Bilinear keeps within [0, 1], and 0 stays 0 away from the paint.
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


ACTIONS: dict[str, Action] = {"restore": restore}
