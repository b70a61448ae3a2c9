"""Contact sheets of frames: what scenes look like, at a glance."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import codecs
from uniser_core.camera import Camera
from uniser_core.errors import InputError
from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.shard import PairSet

if TYPE_CHECKING:
    from collections.abc import Iterable

UInt8 = npt.NDArray[np.uint8]
LABEL_PX = 16
QUALITY = 88


def develop_row(row: dict[str, Any]) -> UInt8:
    """A frame row as an 8-bit picture, exposed as its camera metered it."""
    exposure_ev = float(json.loads(row["camera"])["exposure_ev"])
    rgb = np.asarray(codecs.decode_exr(row["rgb"]), np.float32)
    return Camera(exposure_ev, "filmic").develop(rgb)


def contact_sheet(pictures: Iterable[tuple[str, UInt8]], cell_px: int, columns: int = 0) -> UInt8:
    """Labelled pictures in a grid, each fitted into `cell_px` squares."""
    cells = [_cell(name, picture, cell_px) for name, picture in pictures]
    if not cells:
        raise InputError("the sheet", "has no picture", "render some frames first")
    columns = columns or max(1, math.ceil(math.sqrt(len(cells) * 1.3)))
    cells += [np.full_like(cells[0], 24)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows, axis=0)


def _cell(name: str, picture: UInt8, cell_px: int) -> UInt8:
    scale = cell_px / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cell = np.full((cell_px + LABEL_PX, cell_px, 3), 24, np.uint8)
    y, x = (cell_px - size[1]) // 2, (cell_px - size[0]) // 2
    cell[y : y + size[1], x : x + size[0]] = small
    cv2.putText(cell, name[:40], (3, cell_px + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (225, 225, 225), 1, cv2.LINE_AA)
    return cell


def write_sheet(scene: str, path: str, size_px: int, seed: int, workers: int = 1) -> None:
    """Render one small frame of each scene and write the sheet; the pictures are kept nowhere else."""
    from uniser_core.runner import RunOptions, run_job

    from halo_render.blender.session import RenderSettings
    from halo_render.frame_job import FrameJob

    job = FrameJob(scene, 1, RenderSettings(size_px, size_px, samples=96, noise_threshold=0.05), seed)
    with tempfile.TemporaryDirectory() as folder:
        summary = run_job(job, folder, RunOptions(workers=workers))
        sheet_of_frames(folder, path, size_px)
        for line in summary.lines()[:1]:
            print(line.replace(folder, path))


def sheet_of_frames(uri: str, path: str, cell_px: int = 256) -> None:
    """Write a sheet (PNG or JPEG by the file's ending) of every frame in a run folder."""
    rows = PairSet(uri, FRAME_SCHEMA).rows(["scene_id", "camera_id", "rgb", "camera"])
    sheet = contact_sheet(((f"{r['scene_id']} {r['camera_id'][-2:]}", develop_row(r)) for r in rows), cell_px)
    done, data = cv2.imencode(Path(path).suffix or ".png", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise InputError(f"--sheet {path}", "must end in .png, .jpg or .webp", "rename it")
    Path(path).write_bytes(data.tobytes())
