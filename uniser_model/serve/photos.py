"""What happens to a picture when it arrives: it is checked, decoded once, and shown small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.color import encode_srgb8
from uniser_core.decode import decode_picture
from uniser_core.page import preview_jpeg

from uniser_model.serve.settings import VIEW_PX

if TYPE_CHECKING:
    from uniser_model.serve.worker import Action, Tell


def open_photo(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Decode `path`, at most `max_pixels` by its header, and write `view.jpg` into the folder `out`."""
    tell("reading the photo")
    picture = decode_picture(Path(call["path"]).read_bytes(), "the photo", max_pixels=call["max_pixels"])
    rgb8 = picture.rgb8_HWC
    if rgb8 is None:
        assert picture.linear_HWC is not None
        rgb8 = encode_srgb8(picture.linear_HWC)
    (Path(call["out"]) / "view.jpg").write_bytes(preview_jpeg(rgb8, VIEW_PX))
    return {"files": ["view.jpg"], "width": picture.width, "height": picture.height, "format": picture.facts["format"]}


ACTIONS: dict[str, Action] = {"open": open_photo}
