"""What is measured while a run trains: losses by effect and noise level, speed and MFU, held-out pairs."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from uniser_core.metrics import psnr_db, ssim
from uniser_core.sheet import contact_sheet, write_picture

from uniser_model import checkpoint, cost
from uniser_model.build import build_model
from uniser_model.evaluate import held_out_rows, restored
from uniser_model.infer import Restorer
from uniser_model.parallel import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from uniser_model.data import CorpusReader
    from uniser_model.samples import Batch
    from uniser_model.trainer import Trainer

    UInt8 = npt.NDArray[np.uint8]

# Upper ends of the bins of t; the last bin is pure noise alone.
T_BINS = (0.25, 0.5, 0.75, 1.0)
# Columns of the held-out sums, after the number of pairs.
MEASURES = ("input_db", "output_db", "input_ssim", "output_ssim")


def effects_of(corpus: CorpusReader) -> list[str]:
    """The effects of a corpus, sorted: the same list on every rank."""
    return sorted({str(e) for e in corpus.index.column("effect").to_pylist()})


class Tally:
    """Sums since the last line of the log, over this rank's samples; `facts` puts all ranks' together."""

    def __init__(self, trainer: Trainer, effects: list[str]) -> None:
        self.trainer, self.effects = trainer, effects
        self.peak = cost.peak_flops(trainer.world.device, trainer.config.compute.peak_tflops)
        self._clear()

    def _clear(self) -> None:
        names = len(self.effects) + len(T_BINS) + 1
        self._sums = np.zeros((2, names))
        self._flops = self._waited_s = self._steps = self._samples = 0.0
        self._began = time.perf_counter()

    def add(self, batch: Batch, losses: Sequence[float], waited_s: float) -> None:
        """A step's samples and their losses."""
        shape = self.trainer.model.shape
        *_, height, width = batch.noise_BCHW.shape
        tokens = 3 * (height // shape.patch) * (width // shape.patch)
        text_tokens = batch.condition.text_BLE.shape[1]
        self._flops += cost.step_flops(self.trainer.model, tokens, text_tokens) * len(losses)
        self._waited_s += waited_s
        self._steps += 1
        self._samples += len(losses)
        bins = np.searchsorted(T_BINS, batch.t_B.numpy(), side="right")
        for effect, t_bin, loss in zip(batch.effects, bins, losses, strict=True):
            if np.isfinite(loss):
                for place in (self.effects.index(effect), len(self.effects) + t_bin):
                    self._sums[:, place] += loss, 1

    def facts(self) -> dict[str, float]:
        """Means since the last call; every rank asks together."""
        took_s = time.perf_counter() - self._began
        own = [self._flops, self._waited_s, self._samples, cost.memory_bytes(self.trainer.world.device)]
        values = torch.from_numpy(np.concatenate([self._sums.ravel(), own]))
        total = self.trainer.world.sum(values).numpy()
        ranks, (sums, counts) = self.trainer.world.size, total[: self._sums.size].reshape(2, -1)
        flops, waited_s, samples, memory = total[self._sums.size :]
        ends = (0.0, *T_BINS)
        names = [f"loss/{e}" for e in self.effects]
        names += [f"loss_t/{a:g}-{b:g}" for a, b in pairwise(ends)] + ["loss_t/1"]
        facts = {n: float(s / c) for n, s, c in zip(names, sums, counts, strict=True) if c}
        facts |= {
            "step_s": took_s / self._steps,
            "samples_per_s": float(samples / took_s),
            "data_wait_s": float(waited_s / ranks / self._steps),
            "data_wait_share": float(waited_s / ranks / took_s),
            "tflops": float(flops / took_s / 1e12),
            "memory_gb": float(memory / ranks / 1e9),
        }
        if self.peak:
            facts["mfu"] = float(flops / ranks / took_s / self.peak)
        self._clear()
        return facts


class HeldOut:
    """Fixed held-out pairs, restored with the averaged weights; the ranks share the work."""

    def __init__(self, trainer: Trainer, corpus: CorpusReader) -> None:
        self.trainer, self.corpus, self.world = trainer, corpus, trainer.world
        watch = trainer.config.watch
        self.rows = held_out_rows(corpus, watch.validation_pairs) if watch.validate_every else []
        self.shown = held_out_rows(corpus, watch.sheet_pairs) if watch.sheet_every else []
        self.effects = effects_of(corpus)

    def _measures(self, step: int) -> bool:
        return bool(self.rows) and step % self.trainer.config.watch.validate_every == 0

    def _shows(self, step: int) -> bool:
        return bool(self.shown) and step % self.trainer.config.watch.sheet_every == 0

    def due(self, step: int) -> bool:
        """Whether `look` has something to do after this step."""
        return self._measures(step) or self._shows(step)

    def look(self, step: int, out: Path) -> tuple[dict[str, float], UInt8 | None]:
        """PSNR and SSIM by effect after `step`, and the sheet (on the main rank), as the configuration asks for them.

        Every rank calls it. The sheet is written to `out/sheets/`.
        """
        trainer = self.trainer
        averages = {k: whole(v) for k, v in trainer.ema.state.items()}
        model, _, _ = build_model(trainer.config, trainer.prompts.width())
        checkpoint.load_weights(model, averages, "averages")
        restorer = Restorer(model, trainer.config, trainer.prompts, str(self.world.device))
        facts = self._measure(restorer) if self._measures(step) else {}
        sheet = None
        if self._shows(step) and self.world.main:
            sheet = self._draw(restorer, out / "sheets" / f"step_{step:08d}.png")
        self.world.barrier()
        return facts, sheet

    def _measure(self, restorer: Restorer) -> dict[str, float]:
        sums = np.zeros((len(self.effects), 1 + len(MEASURES)))
        for row in self.rows[self.world.rank :: self.world.size]:
            pair = self.corpus.read(row)
            both = (pair["input_HWC"], restored(restorer, pair))
            found = [measure(x, pair["target_HWC"]) for measure in (psnr_db, ssim) for x in both]
            sums[self.effects.index(str(pair["effect"]))] += (1, *found)
        total = self.world.sum(torch.from_numpy(sums)).numpy()
        facts: dict[str, float] = {}
        each = {e: s for e, s in zip(self.effects, total, strict=True) if s[0]}
        for name, (count, *values) in {**each, "all": total.sum(axis=0)}.items():
            if count:
                means = {m: v / count for m, v in zip(MEASURES, values, strict=True)}
                facts[f"held_out_psnr_db/{name}"] = float(means["output_db"])
                facts[f"held_out_gain_db/{name}"] = float(means["output_db"] - means["input_db"])
                facts[f"held_out_ssim/{name}"] = float(means["output_ssim"])
                facts[f"held_out_ssim_gain/{name}"] = float(means["output_ssim"] - means["input_ssim"])
        return facts

    def _draw(self, restorer: Restorer, path: Path) -> UInt8:
        cells: list[tuple[str, UInt8]] = []
        for row in self.shown:
            pair = self.corpus.read(row)
            clean, out = pair["target_HWC"], restored(restorer, pair)
            cells.append((f"{pair['effect']}, input {psnr_db(pair['input_HWC'], clean):.1f} dB", pair["input_HWC"]))
            cells += [(f"restored {psnr_db(out, clean):.1f} dB", out), ("clean", clean)]
        sheet = contact_sheet(cells, 256, columns=3, aspect=1.5)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(str(path), sheet)
        return sheet
