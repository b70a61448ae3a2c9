"""Verify pair shards: what they say of themselves must be true, and their inputs must render again."""

from __future__ import annotations

import hashlib
import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core import codecs, metrics
from uniser_core.engine import frame_of_row, input_pixels, render_row
from uniser_core.errors import UniserError
from uniser_core.pair import params_of
from uniser_core.shard import UNREADABLE, PairSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame


@dataclass
class CheckReport:
    """Counts, and one line for each thing that is wrong."""

    pairs: int = 0
    replayed: int = 0
    worst_difference: int = 0
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return vars(self)

    def lines(self) -> list[str]:
        """For people."""
        text = f"{self.pairs} pairs, {self.replayed} rendered again (largest difference {self.worst_difference}/255)"
        return [*self.problems, f"{text}, {len(self.problems)} problems"]


def check_pairs(uri: str, replay_every: int = 10, tolerance: int = 0) -> CheckReport:
    """Check every row of a pair set; every `replay_every`th row (and every recipe row) is rendered again."""
    report = CheckReport()
    pairs = PairSet(uri)
    report.problems += _changed_shards(pairs)
    seen: set[str] = set()
    shared: tuple[bytes, Frame] | None = None  # the variants of one picture share its decoded frame
    try:
        for shard, row in pairs.located_rows():
            report.pairs += 1
            if row["pair_id"] in seen:
                report.problems.append(f"{shard}: {row['pair_id']}: appears twice")
            seen.add(row["pair_id"])
            due = replay_every > 0 and (report.pairs - 1) % replay_every == 0
            try:
                if shared is None or shared[0] != row["target_sha256"]:
                    if hashlib.sha256(row["target"]["bytes"]).digest() != row["target_sha256"]:
                        raise UniserError("target", "does not match its SHA-256")
                    shared = (row["target_sha256"], frame_of_row(row))
                _check_row(row, shared[1], due, tolerance, report)
            except UniserError as error:
                report.problems.append(f"{shard}: {row['pair_id']}: {error}")
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                what = f"holds what no run writes ({type(error).__name__}: {error})"
                report.problems.append(f"{shard}: {row['pair_id']}: {what}")
    except UniserError as error:
        report.problems.append(str(error))
    except UNREADABLE as error:
        report.problems.append(f"{uri}: cannot be read to its end: {str(error).splitlines()[0]}")
    return report


def _changed_shards(pairs: PairSet) -> list[str]:
    """A line for each shard that is not the file its run's manifest lists: columns without a hash of their own too."""
    if not pairs.store.exists("manifest.json"):
        return []
    manifest = json.loads(pairs.store.read("manifest.json"))
    # A corpus lists the shards that it was built from by their footers, and its own packs by all of their bytes.
    files = [*manifest["shards"], *manifest.get("packs", ())]
    listed = {file["file"]: file["sha256"] for file in files if "sha256" in file}
    return [
        f"{name}: is not what manifest.json lists (SHA-256) -> run its command again with --verify"
        for name in pairs.shards
        if name in listed and pairs.store.sha256(name) != listed[name]
    ]


def _check_row(row: dict[str, Any], frame: Frame, due: bool, tolerance: int, report: CheckReport) -> None:
    recipe = row["input"]["bytes"] is None
    # Only pictures of 8 bits re-render from their row: deeper light is not in it.
    replayable = _replays(row)
    rendered = render_row(row, frame) if recipe or (due and replayable) else None
    if rendered is not None:
        report.replayed += 1
    if recipe:
        if rendered is None or hashlib.sha256(rendered.tobytes()).digest() != row["input_sha256"]:
            raise UniserError("recipe", "renders to other pixels than it was made with")
        pixels = rendered
    else:
        if hashlib.sha256(row["input"]["bytes"]).digest() != row["input_sha256"]:
            raise UniserError("input", "does not match its SHA-256")
        pixels = codecs.decode_rgb8(row["input"]["bytes"])
        lossless = codecs.stored_lossless(row["input"]["path"])
        if rendered is not None and lossless:
            difference = int(np.abs(pixels.astype(np.int16) - rendered.astype(np.int16)).max(initial=0))
            report.worst_difference = max(report.worst_difference, difference)
            if difference > tolerance:
                raise UniserError("replay", f"differs by {difference}/255")
    if pixels.shape != (row["height"], row["width"], 3) or frame.rgb8_HWC.shape != pixels.shape:
        raise UniserError("size", f"input {pixels.shape}, target {frame.rgb8_HWC.shape}, row says otherwise")
    if abs(metrics.psnr_db(pixels, frame.rgb8_HWC) - row["psnr_db"]) > 0.01:
        raise UniserError("psnr_db", f"is {metrics.psnr_db(pixels, frame.rgb8_HWC):.3f}, row says {row['psnr_db']:.3f}")


def _replays(row: dict[str, Any]) -> bool:
    camera = params_of(row).get("camera", {})
    return bool(isinstance(camera, dict) and camera.get("replays", False))


def pair_stats(uri: str, metric_names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row for each (effect, variant): pairs, pictures, PSNR and SSIM, and the median of each metric asked for.

    Metrics are measured on the pixels, rows without input pixels rendered; see `metrics.metric_named`.
    """
    measures = {name: metrics.metric_named(name) for name in metric_names}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    columns = ["effect", "variant", "group_id", "psnr_db", "ssim", "width", "height"]
    for row in PairSet(uri).rows(None if measures else columns):
        kept = {k: row[k] for k in columns}
        if measures:
            pixels = input_pixels(row), codecs.decode_rgb8(row["target"]["bytes"])
            kept |= {name: measure(*pixels) for name, measure in measures.items()}
        groups.setdefault((row["effect"], row["variant"]), []).append(kept)
    table = []
    for (effect, variant), rows in sorted(groups.items()):
        psnr = sorted(r["psnr_db"] for r in rows)
        table.append(
            {
                "effect": effect,
                "variant": variant,
                "pairs": len(rows),
                "pictures": len({r["group_id"] for r in rows}),
                "psnr_db_median": round(statistics.median(psnr), 2),
                "psnr_db_min": round(psnr[0], 2),
                "psnr_db_max": round(psnr[-1], 2),
                "ssim_median": round(statistics.median(r["ssim"] for r in rows), 4),
                **{f"{name}_median": round(statistics.median(r[name] for r in rows), 4) for name in measures},
                "megapixels": round(statistics.mean(r["width"] * r["height"] for r in rows) / 1e6, 3),
            }
        )
    return table
