"""Contact sheets of frames: what scenes look like, at a glance."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt
from uniser_core import codecs
from uniser_core.camera import ADAPTATION, Camera, balance_rgb, meter_ev
from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.shard import PairSet
from uniser_core.sheet import contact_sheet, write_picture

UInt8 = npt.NDArray[np.uint8]
MEAN_ADAPTATION = sum(ADAPTATION) / 2


def develop_row(row: dict[str, Any]) -> UInt8:
    """A frame row as an 8-bit picture, metered and balanced as cameras do on the average."""
    rgb = np.asarray(codecs.decode_exr(row["rgb"]), np.float32)
    exposure_ev = meter_ev(rgb)
    return Camera(exposure_ev, "filmic", balance_rgb=balance_rgb(rgb, exposure_ev, MEAN_ADAPTATION)).develop(rgb)


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
    rows = PairSet(uri, FRAME_SCHEMA).rows(["scene_id", "camera_id", "rgb"])
    sheet = contact_sheet(((f"{r['scene_id']} {r['camera_id'][-2:]}", develop_row(r)) for r in rows), cell_px)
    write_picture(path, sheet)
