"""What ends a run early, and how: signals, and losses or gradients that are no numbers."""

from __future__ import annotations

import json
import math
import signal
import threading
from typing import TYPE_CHECKING, Any

from uniser_core.errors import EXIT_INTERRUPTED, EXIT_OK, UniserError
from uniser_core.storage import storage_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType

    from uniser_model.samples import Batch
    from uniser_model.world import World

# Clusters announce the end of an allocation by either of the last two.
HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
DUMPS = "not_finite"


class TrainingError(UniserError):
    """Training cannot go on: losses or gradients are not numbers. The last checkpoint stays."""

    exit_code = 1


class StoppedError(UniserError):
    """Ctrl-C (exit 130) or SIGTERM (exit 0, a pre-empted node): the run is saved, the same command resumes it."""


class Stop:
    """SIGINT, SIGTERM and SIGUSR1 ask for a stop after the current step, in the main thread only."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in HEARD:
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def error(self, step: int, total: int) -> StoppedError:
        """What to raise once the run is saved."""
        stopped = StoppedError(f"stopped at step {step} of {total}", "saved", "the same command resumes it")
        stopped.exit_code = EXIT_INTERRUPTED if self.asked == signal.SIGINT else EXIT_OK
        return stopped


class Skips:
    """Steps whose loss or gradient is not finite change nothing; `most` of them in a row end the run."""

    def __init__(self, most: int, folder: Path | None, world: World) -> None:
        """What is known of each such step is written under `folder`, by every rank of its own samples."""
        self.most, self.folder, self.world = most, folder, world
        self.in_a_row = self.total = 0

    def finite(self, step: int, loss: float, norm: float, batch: Batch, losses: Sequence[float]) -> bool:
        """Whether the step may be taken. `losses` are of this rank's samples. Raises TrainingError at the last."""
        if math.isfinite(loss) and math.isfinite(norm):
            self.in_a_row = 0
            return True
        self.in_a_row += 1
        self.total += 1
        bad = [p for p, value in zip(batch.pair_ids, losses, strict=True) if not math.isfinite(value)]
        self._dump(step, loss, norm, batch, losses)
        if self.in_a_row >= self.most:
            names = ", ".join(bad or batch.pair_ids) + (f", see {self.folder / DUMPS}" if self.folder else "")
            raise TrainingError(
                f"step {step}: loss {loss:.4g}, gradient norm {norm:.4g}",
                f"must be finite, and was not in {self.in_a_row} steps; pairs {names}",
                "look at those pairs, or lower it: --set optim.lr=...; the last checkpoint stays",
            )
        return False

    def _dump(self, step: int, loss: float, norm: float, batch: Batch, losses: Sequence[float]) -> None:
        if self.folder is None:
            return
        samples = [
            {"pair_id": pair, "effect": effect, "t": t, "loss": repr(value), "finite_pixels": bool(finite)}
            for pair, effect, t, value, finite in zip(
                batch.pair_ids, batch.effects, batch.t_B.tolist(), losses,
                batch.finite(), strict=True,
            )
        ]  # fmt: skip
        told = {"step": step, "loss": repr(loss), "grad_norm": repr(norm), "samples": samples}
        with storage_errors(str(self.folder)):
            (self.folder / DUMPS).mkdir(exist_ok=True)
            name = f"step_{step:08d}_rank{self.world.rank}.json"
            (self.folder / DUMPS / name).write_text(json.dumps(told, indent=2))
