"""What a depth network said of a picture, kept: asked once, then read, whatever is rendered from it later.

Kept is the network's own output, before it is fitted to a range or to the picture's edges, so runs of any
seed share it. The key is the picture's pixels and the model's files: neither names nor places count.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.assets import cache_folder

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
WEIGHTS = (".safetensors", ".bin", ".json", ".pt")


def default_folder() -> Path:
    """`depth` in the user's cache."""
    return cache_folder() / "depth"


class RawCache:
    """Network outputs in a folder, float32 (h, w) each, written whole or not at all; safe for several processes."""

    def __init__(self, folder: Path, model_digest: str) -> None:
        self.folder, self._model = folder, model_digest

    def path_of(self, frame: Frame) -> Path:
        """Where the output for a picture is, or would be."""
        digest = hashlib.blake2b(self._model.encode(), digest_size=20)
        pixels = frame.rgb_HWC if frame.is_hdr else frame.rgb8_HWC
        digest.update(f"{pixels.dtype}{pixels.shape}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
        name = digest.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.npy"

    def get(self, frame: Frame) -> Float32 | None:
        """The kept output, or None: where there is none, or it is damaged."""
        try:
            found = np.load(self.path_of(frame), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found if found.ndim == 2 and found.dtype == np.float32 else None

    def put(self, frame: Frame, raw_hw: Float32) -> None:
        """Keep an output; a folder that cannot be written is no reason to fail."""
        path = self.path_of(frame)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    np.save(stream, np.ascontiguousarray(raw_hw, np.float32), allow_pickle=False)
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)


def folder_digest(folder: Path) -> str:
    """Digest of a model folder's weights and configuration, hex."""
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(p for p in folder.rglob("*") if p.suffix in WEIGHTS and p.is_file()):
        digest.update(f"{path.relative_to(folder)}:{path.stat().st_size}".encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()
