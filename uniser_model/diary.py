"""What a run tells while it trains: `log.jsonl`, TensorBoard, W&B, and a progress bar or, without a terminal, lines."""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TextIO

from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

from uniser_model.checkpoint import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from uniser_model.config import RunConfig

# Lines of progress where there is no terminal for a bar.
TOLD = 10


def _board(out: Path, first: int) -> Any:
    """TensorBoard's writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=first)


def _wandb(out: Path, config: RunConfig) -> Any:
    """The run at Weights & Biases, gone on with when the folder is. Raises InputError when it is not installed."""
    if config.watch.wandb is None:
        return None
    try:
        import wandb
    except ImportError:
        raise InputError("watch.wandb", "needs the package wandb", "pip install wandb, or leave it out") from None
    return wandb.init(
        project=config.watch.wandb, dir=str(out), id=f"{out.name}-{config.seed}", resume="allow",
        config=config.model_dump(mode="json"),
    )  # fmt: skip


class Diary:
    """Of the steps after `done`. Lines of later steps in an old log are dropped: those steps are run again."""

    def __init__(self, out: Path, done: int, config: RunConfig, quiet: bool) -> None:
        self.out, self.first, self.config, self.quiet = out, done, config, quiet
        self.total = config.steps or 0
        self.recent: list[float] = []
        self._stack = ExitStack()

    def __enter__(self) -> Diary:
        from tqdm import tqdm

        with storage_errors(str(self.out)):
            self.log, self.held_out = (self._open(name) for name in ("log.jsonl", "held_out.jsonl"))
            self.board = _board(self.out, self.first + 1)
            if self.board is not None:
                self._stack.callback(self.board.close)
            self.wandb = _wandb(self.out, self.config)
            if self.wandb is not None:
                self._stack.callback(self.wandb.finish)
        silent = self.quiet or not sys.stderr.isatty()
        self.bar = self._stack.enter_context(
            tqdm(total=self.total, initial=self.first, unit="step", disable=silent, leave=True)
        )
        self.started = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def _open(self, name: str) -> TextIO:
        path = self.out / name
        if path.is_file():
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            write_atomic(path, "".join(line for line in lines if json.loads(line)["step"] <= self.first))
        return self._stack.enter_context(path.open("a", buffering=1))

    def note(self, step: int, loss: float) -> None:
        """Step `step` (from 1) is done."""
        if math.isfinite(loss):
            self.recent.append(loss)
        self.bar.update()
        if self.bar.disable and not self.quiet and step * TOLD // self.total > (step - 1) * TOLD // self.total:
            left_s = (self.total - step) * (time.perf_counter() - self.started) / (step - self.first)
            print(f"step {step} of {self.total}, loss {loss:.4f}, {left_s:.0f} s left", file=sys.stderr, flush=True)

    def write(self, step: int, facts: Mapping[str, float]) -> None:
        """A line of the log: the mean loss since the last one, and these facts."""
        values = {**({"loss": statistics.fmean(self.recent)} if self.recent else {}), **facts}
        self.recent.clear()
        self.bar.set_postfix({k: f"{v:.4g}" for k, v in values.items() if k in ("loss", "samples_per_s", "mfu")})
        self._tell(step, values, self.log)

    def write_held_out(self, step: int, facts: Mapping[str, float], sheet: npt.NDArray[np.uint8] | None) -> None:
        """What held-out pairs said after a step, and the sheet of pictures."""
        if facts:
            self._tell(step, facts, self.held_out)
            if self.bar.disable and not self.quiet:
                gain = facts["held_out_gain_db/all"]
                print(f"step {step} of {self.total}, held-out gain {gain:+.2f} dB", file=sys.stderr, flush=True)
        if sheet is not None and self.board is not None:
            self.board.add_image("held_out", sheet, step, dataformats="HWC")

    def _tell(self, step: int, values: Mapping[str, float], log: TextIO) -> None:
        with storage_errors(str(self.out)):
            log.write(json.dumps({"step": step, **values}) + "\n")
            if self.board is not None:
                for name, value in values.items():
                    self.board.add_scalar(name, value, step)
        if self.wandb is not None:
            self.wandb.log(dict(values), step=step)
