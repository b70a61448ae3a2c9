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

OWNED = ("frames", "pairs", "corpus", "checkpoint", "heldout")
EFFECTS = ("haze", "flare", "shadow", "reflection")
HELD_OUT_PER_PICTURE = 4
# Cheap scenes with lamps, screens or a sun in sight; one frame of each is rendered.
SCENES = "corridor_02,petrol_station_01,bedroom_02,street_03,stage_01,harbour_01"
STEPS = 7 + 2 + len(EFFECTS)
# Too faint an effect teaches nothing, and too strong a one cannot be learnt in minutes.
STRENGTHS_DB = (12, 32)


@dataclass
class DemoOptions:
    """What the demo makes; small enough for two cores and a few minutes. `variants` are haze's of each photo."""

    out: str
    source: str = "photos"
    scenes: str = SCENES
    variants: int = 18
    size_px: int = 512
    minutes: float = 2.5
    seed: int = 7


@dataclass
class Crop:
    """One held-out pair and what the model made of it."""

    pair_id: str
    effect: str
    picture: str
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

    def of(self, effect: str) -> list[Crop]:
        """The held-out crops of one effect."""
        return [c for c in self.crops if c.effect == effect]

    @property
    def mean_gain_db(self) -> float:
        """Mean PSNR gain over the held-out pairs."""
        return statistics.mean(c.gain_db for c in self.crops)


def run_demo(options: DemoOptions) -> DemoResult:
    """Run every step; raises UniserError when a step fails. Run again, it goes on where it stopped."""
    out = Path(options.out)
    _forget_other_runs(out, options)
    result = DemoResult(options)
    generators = _generators(options, out)
    for command in generators.values():
        _step(result, command)
    recipe = {"sources": [str((out / name).resolve()) for name in generators if name.startswith("pairs/")]}
    (out / "recipe.yaml").write_text(json.dumps({**recipe, "psnr_db": STRENGTHS_DB, "test_fraction": 0.15}) + "\n")
    _step(result, ["corpus", "build", str(out / "recipe.yaml"), "--out", str(out / "corpus")])
    # A run has ten steps at least: logged each fifth, its curve has two points on the busiest machine.
    train = ["train", "demo", "--data", str(out / "corpus"), "--out", str(out / "checkpoint"), "--set", "log_every=5"]
    _step(result, [*train, "--minutes", f"{options.minutes:g}", "--seed", str(options.seed)])
    shutil.rmtree(out / "heldout", ignore_errors=True)
    for effect in EFFECTS:
        _remove(result, out, effect)
    if not result.crops:
        raise UniserError("the demo corpus", "has no held-out picture", "give more photos: --source FOLDER")
    (out / "results.json").write_text(json.dumps(_as_json(result), indent=1) + "\n")
    return result


def _generators(options: DemoOptions, out: Path) -> dict[str, list[str]]:
    """Folder under `out` -> the command that fills it: all generators, on photos and on rendered frames."""
    seed = ["--seed", str(options.seed)]
    photos = ["--source", options.source, "--max-size", str(options.size_px), *seed]
    frames = str(out / "frames")
    third, sixth = (str(max(1, options.variants // n)) for n in (3, 6))
    render = ["--resolution", "320x208", "--samples", "48", "--noise-threshold", "0.1", "--threads", "1"]
    commands = {
        "frames": ["halo", "frames", "--scene", options.scenes, *render, "--workers", "2", *seed],
        "pairs/haze": ["haze", "render", *photos, "--variants", str(options.variants)],
        "pairs/flare": ["halo", "render", *photos, "--variants", third],
        "pairs/flare-frames": ["halo", "render", "--frames", frames, "--variants", str(options.variants), *seed],
        "pairs/shadow": ["shadow", "render", *photos, "--occluders", "foliage,window,person", "--variants", third],
        "pairs/reflection": ["synth", "reflection", *photos, "--variants", third],
        "pairs/occlude": ["synth", "occlude", *photos, "--variants", sixth],
    }
    return {name: [*command, "--out", str(out / name)] for name, command in commands.items()}


def _remove(result: DemoResult, out: Path, effect: str) -> None:
    """Remove one effect from what the corpus holds out, by the command line, and score it."""
    held_out = _write_held_out(out, effect)
    if not held_out:
        return
    folder = out / "heldout" / effect
    inputs = sorted(str(p) for p in (folder / "input").glob("*.png"))
    options = ["--checkpoint", str(out / "checkpoint"), "--effect", effect, "--out", str(folder / "output")]
    _step(
        result, ["remove", *inputs, *options, "--force"], shlex.join(["uniser", "remove", f"{folder}/input", *options])
    )
    result.crops += [_score(out, effect, *row) for row in held_out]


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
    print(f"\n[{len(result.steps) + 1}/{STEPS}] {shown}", flush=True)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "uniser_core.cli", *arguments], env=dict(os.environ), check=False)
    if done.returncode:
        raise UniserError(f"step '{shown}'", f"ended with exit code {done.returncode}", "see its message above")
    result.steps.append((shown, time.monotonic() - start))


def _write_held_out(out: Path, effect: str) -> list[tuple[str, str, str, str]]:
    """Write inputs and targets of the corpus' test split as PNG; returns (name, pair_id, group_id, variant) of each."""
    corpus = Corpus.open(str(out / "corpus"))
    rows = [corpus.read(int(r)) for r in corpus.rows(split="test", effect=effect)]
    for kind in ("input", "target", "output"):
        (out / "heldout" / effect / kind).mkdir(parents=True)
    taken: dict[str, int] = {}
    held_out = []
    for row in sorted(rows, key=lambda r: str(r["pair_id"])):
        group = str(row["group_id"])
        taken[group] = taken.get(group, 0) + 1
        if taken[group] > HELD_OUT_PER_PICTURE:
            continue
        name = f"{group.replace('/', '_')}-{taken[group]}"
        for kind in ("input", "target"):
            path = out / "heldout" / effect / kind / f"{name}.png"
            path.write_bytes(codecs.encode_picture(row[f"{kind}_HWC"]))
        held_out.append((name, str(row["pair_id"]), group, str(row["variant"])))
    return held_out


def _score(out: Path, effect: str, name: str, pair_id: str, group: str, variant: str) -> Crop:
    paths = {k: out / "heldout" / effect / k / f"{name}.png" for k in ("input", "output", "target")}
    pictures = {k: codecs.decode_rgb8(p.read_bytes()) for k, p in paths.items()}
    before = metrics.psnr_db(pictures["input"], pictures["target"])
    after = metrics.psnr_db(pictures["output"], pictures["target"])
    files = [str(paths[k].relative_to(out)) for k in ("input", "output", "target")]
    return Crop(pair_id, effect, group.rsplit("-", 1)[0], variant, round(before, 3), round(after, 3), *files)


def _as_json(result: DemoResult) -> dict[str, Any]:
    return {
        **gains(result.crops),
        "effects": {e: gains(found) for e in EFFECTS if (found := result.of(e))},
        "held_out_pictures": len({c.picture for c in result.crops}),
        "crops": [asdict(c) for c in result.crops],
        "steps": [{"command": c, "seconds": round(s, 1)} for c, s in result.steps],
        "options": asdict(result.options),
        "generator": generator_name(),
    }


def gains(crops: list[Crop]) -> dict[str, float]:
    """Mean and median PSNR gain, dB; the share that became better; the number of crops."""
    values = np.array([c.gain_db for c in crops])
    return {
        "mean_gain_db": round(float(values.mean()), 3),
        "median_gain_db": round(float(np.median(values)), 3),
        "share_improved": round(float((values > 0).mean()), 3),
        "held_out_crops": len(crops),
    }
