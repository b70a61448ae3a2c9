"""`uniser demo`: the whole story in minutes, each step the very command that a user would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uniser_core import codecs, metrics
from uniser_core.corpus import Corpus
from uniser_core.errors import UniserError
from uniser_core.version import generator_name

OWNED = ("pairs", "corpus", "checkpoint", "heldout")
HELD_OUT_PER_PHOTO = 6


@dataclass
class DemoOptions:
    """What the demo makes; small enough for two cores and a few minutes."""

    out: str
    source: str = "photos"
    variants: int = 24
    size_px: int = 512
    minutes: float = 3.5
    seed: int = 7


@dataclass
class Crop:
    """One held-out pair and what the model made of it."""

    pair_id: str
    photo: str
    variant: str
    input_psnr_db: float
    output_psnr_db: float
    input_path: str
    output_path: str
    target_path: str

    @property
    def gain_db(self) -> float:
        """Gain of the output over the input, in dB."""
        return self.output_psnr_db - self.input_psnr_db


@dataclass
class DemoResult:
    """Everything the page shows."""

    options: DemoOptions
    steps: list[tuple[str, float]] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)

    @property
    def mean_gain_db(self) -> float:
        """Mean PSNR gain over the held-out pairs."""
        return statistics.mean(c.gain_db for c in self.crops)


def run_demo(options: DemoOptions) -> DemoResult:
    """Run every step; raises UniserError when a step fails. Run again, it goes on where it stopped."""
    out = Path(options.out)
    _forget_other_runs(out, options)
    result = DemoResult(options)
    common = ["--source", options.source, "--seed", str(options.seed), "--max-size", str(options.size_px)]
    haze, occlude = str(out / "pairs/haze"), str(out / "pairs/occlude")
    few = str(max(1, options.variants // 6))
    _step(result, ["haze", "render", *common, "--variants", str(options.variants), "--out", haze])
    _step(result, ["synth", "occlude", *common, "--variants", few, "--out", occlude])
    recipe = out / "recipe.yaml"
    recipe.write_text(json.dumps({"sources": [str(Path(p).resolve()) for p in (haze, occlude)]}) + "\n")
    _step(result, ["corpus", "build", str(recipe), "--out", str(out / "corpus")])
    train = ["train", "demo", "--data", str(out / "corpus"), "--out", str(out / "checkpoint")]
    _step(result, [*train, "--minutes", f"{options.minutes:g}", "--seed", str(options.seed)])
    held_out = _write_held_out(out)
    inputs = sorted(str(p) for p in (out / "heldout/input").glob("*.png"))
    remove = ["remove", *inputs, "--checkpoint", str(out / "checkpoint"), "--effect", "haze"]
    options_shown = f"--checkpoint {out}/checkpoint --effect haze --out {out}/heldout/output"
    shown = f"uniser remove {out}/heldout/input/*.png {options_shown}"
    _step(result, [*remove, "--out", str(out / "heldout/output"), "--force"], shown)
    result.crops = [_score(out, *row) for row in held_out]
    (out / "results.json").write_text(json.dumps(_as_json(result), indent=1) + "\n")
    return result


def _forget_other_runs(out: Path, options: DemoOptions) -> None:
    """The demo owns its folder: what another version or other options made there is made anew."""
    out.mkdir(parents=True, exist_ok=True)
    marker, wanted = out / "demo.json", json.dumps({**asdict(options), "generator": generator_name()}, indent=1)
    if marker.exists() and marker.read_text() != wanted:
        print(f"{out} was made by another version or with other options: making it anew")
        for name in OWNED:
            shutil.rmtree(out / name, ignore_errors=True)
    marker.write_text(wanted)


def _step(result: DemoResult, arguments: list[str], shown: str = "") -> None:
    shown = shown or shlex.join(["uniser", *arguments])
    print(f"\n[{len(result.steps) + 1}/5] {shown}", flush=True)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "uniser_core.cli", *arguments], env=dict(os.environ), check=False)
    if done.returncode:
        raise UniserError(f"step '{shown}'", f"ended with exit code {done.returncode}", "see its message above")
    result.steps.append((shown, time.monotonic() - start))


def _write_held_out(out: Path) -> list[tuple[str, str, str, str]]:
    """Write inputs and targets of the corpus' test split as PNG; returns (name, pair_id, group_id, variant) of each."""
    corpus = Corpus.open(str(out / "corpus"))
    rows = [corpus.read(int(r)) for r in corpus.rows(split="test", effect="haze")]
    if not rows:
        raise UniserError("the demo corpus", "has no held-out photo", "give more photos: --source FOLDER")
    for kind in ("input", "target", "output"):
        shutil.rmtree(out / "heldout" / kind, ignore_errors=True)
        (out / "heldout" / kind).mkdir(parents=True)
    taken: dict[str, int] = {}
    held_out = []
    for row in sorted(rows, key=lambda r: str(r["pair_id"])):
        group = str(row["group_id"])
        taken[group] = taken.get(group, 0) + 1
        if taken[group] > HELD_OUT_PER_PHOTO:
            continue
        name = f"{group}-{taken[group]}"
        for kind in ("input", "target"):
            (out / "heldout" / kind / f"{name}.png").write_bytes(codecs.encode_picture(row[f"{kind}_HWC"]))
        held_out.append((name, str(row["pair_id"]), group, str(row["variant"])))
    return held_out


def _score(out: Path, name: str, pair_id: str, group: str, variant: str) -> Crop:
    paths = {k: out / "heldout" / k / f"{name}.png" for k in ("input", "output", "target")}
    pictures = {k: codecs.decode_rgb8(p.read_bytes()) for k, p in paths.items()}
    before = metrics.psnr_db(pictures["input"], pictures["target"])
    after = metrics.psnr_db(pictures["output"], pictures["target"])
    files = [str(paths[k].relative_to(out)) for k in ("input", "output", "target")]
    return Crop(pair_id, group.rsplit("-", 1)[0], variant, round(before, 3), round(after, 3), *files)


def _as_json(result: DemoResult) -> dict[str, Any]:
    gains = np.array([c.gain_db for c in result.crops])
    return {
        "mean_gain_db": round(result.mean_gain_db, 3),
        "median_gain_db": round(float(np.median(gains)), 3),
        "share_improved": round(float((gains > 0).mean()), 3),
        "held_out_photos": len({c.photo for c in result.crops}),
        "crops": [asdict(c) for c in result.crops],
        "steps": [{"command": c, "seconds": round(s, 1)} for c, s in result.steps],
        "options": asdict(result.options),
        "generator": generator_name(),
    }
