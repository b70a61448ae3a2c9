"""What a run tells while it trains: `log.jsonl`, TensorBoard, and a progress bar or, without a terminal, lines."""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from uniser_core.storage import storage_errors

from uniser_model.checkpoint import write_atomic

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

# Lines of progress where there is no terminal for a bar.
TOLD = 10


class Diary:
    """Of steps `done` to `total`. Lines of later steps in an old log are dropped: those steps are run again."""

    def __init__(self, out: Path, done: int, total: int, every: int, quiet: bool) -> None:
        self.out, self.first, self.total, self.every, self.quiet = out, done, total, every, quiet
        self.recent: list[dict[str, float]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Diary:
        from torch.utils.tensorboard import SummaryWriter
        from tqdm import tqdm

        path = self.out / "log.jsonl"
        if path.is_file():
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            write_atomic(path, "".join(line for line in lines if json.loads(line)["step"] <= self.first))
        with storage_errors(str(self.out)):
            self.log = self._stack.enter_context(path.open("a", buffering=1))
            board = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.first + 1)
            self.board = self._stack.enter_context(board)
        silent = self.quiet or not sys.stderr.isatty()
        self.bar = self._stack.enter_context(
            tqdm(total=self.total, initial=self.first, unit="step", disable=silent, leave=True)
        )
        self.started = self.began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def note(self, step: int, facts: dict[str, float]) -> None:
        """Step `step` (from 1) is done. Every so many steps their mean loss and the last facts are written."""
        self.recent.append(facts)
        self.bar.update()
        if self.bar.disable and not self.quiet and step * TOLD // self.total > (step - 1) * TOLD // self.total:
            left_s = (self.total - step) * (time.perf_counter() - self.started) / (step - self.first)
            line = f"step {step} of {self.total}, loss {facts['loss']:.4f}, {left_s:.0f} s left"
            print(line, file=sys.stderr, flush=True)
        if step % self.every and step != self.total:
            return
        now = time.perf_counter()
        means = {k: statistics.fmean(f[k] for f in self.recent) for k in ("loss", "data_wait_s")}
        values = {**facts, **means, "step_s": (now - self.began) / len(self.recent)}
        self.recent.clear()
        self.began = now
        self.bar.set_postfix(loss=f"{values['loss']:.4f}")
        with storage_errors(str(self.out)):
            self.log.write(json.dumps({"step": step, **values}) + "\n")
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
