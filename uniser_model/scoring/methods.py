"""Whatever is scored: a checkpoint, a baseline, another method's pictures, or the checkpoint's controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from uniser_core.errors import InputError
from uniser_core.shard import file_sha256

from uniser_model import checkpoint, pictures
from uniser_model.infer import Restorer
from uniser_model.scoring.baselines import BASELINES
from uniser_model.scoring.control import control_scores
from uniser_model.scoring.metrics import score
from uniser_model.scoring.protocols import file_stamp, named_pictures

if TYPE_CHECKING:
    from uniser_model.scoring.protocols import Pair, UInt8

MODEL, CONTROL = "uniser", "control"


class Method(Protocol):
    """A column of scores. `stamp` changes when what it would give changes."""

    name: str

    def stamp(self, bench: str, key: str) -> str:
        """Of one picture; told without reading it."""
        ...

    def scores(self, bench: str, key: str, pair: Pair) -> dict[str, float | None]:
        """Metrics of one picture. Raises InputError when there is no result to score."""
        ...


class Model:
    """A checkpoint asked with each pair's own prompt, over the whole picture."""

    name = MODEL

    def __init__(self, where: str, device: str, seed: int) -> None:
        self.restorer, self.seed = Restorer.load(where, device), seed
        self.digest = f"{file_sha256(checkpoint.find(where) / 'ema.safetensors')[:16]}-{seed}"

    def stamp(self, bench: str, key: str) -> str:
        """See `Method.stamp`."""
        return self.digest

    def scores(self, bench: str, key: str, pair: Pair) -> dict[str, float | None]:
        """See `Method.scores`."""
        result = self.restorer.run(pair.input_HWC, effect=pair.effect, prompt=pair.prompt, seed=self.seed)
        return score(result, pair.target_HWC, pair.mask_HW)


class Controls(Model):
    """The same checkpoint: does it keep to the mask, follow the strength, and leave clean pictures alone?"""

    name = CONTROL

    def __init__(self, model: Model) -> None:
        self.restorer, self.seed, self.digest = model.restorer, model.seed, model.digest

    def scores(self, bench: str, key: str, pair: Pair) -> dict[str, float | None]:
        """See `Method.scores`; the metrics are those of `control`."""

        def run(rgb8_HWC: UInt8, **asked: object) -> UInt8:
            return self.restorer.run(rgb8_HWC, effect=pair.effect, prompt=pair.prompt, seed=self.seed, **asked)  # type: ignore[arg-type]

        return control_scores(run, pair.input_HWC, pair.target_HWC, pair.mask_HW)


class Baseline:
    """One of `BASELINES`."""

    def __init__(self, name: str) -> None:
        self.name, self.method = name, BASELINES[name]

    def stamp(self, bench: str, key: str) -> str:
        """See `Method.stamp`."""
        return ""

    def scores(self, bench: str, key: str, pair: Pair) -> dict[str, float | None]:
        """See `Method.scores`."""
        return score(self.method(pair.input_HWC), pair.target_HWC, pair.mask_HW)


class OtherPictures:
    """Another method's results: ROOT/BENCH/KEY, or ROOT/KEY where there is no folder of the benchmark's name."""

    def __init__(self, name: str, root: str) -> None:
        if not Path(root).is_dir():
            raise InputError(f"--also {name}={root}", "is no folder", "check the path")
        self.name, self.root = name, Path(root)
        self._found: dict[str, dict[str, Path]] = {}

    def _file(self, bench: str, key: str) -> Path | None:
        if bench not in self._found:
            own = self.root / bench
            self._found[bench] = named_pictures(own if own.is_dir() else self.root)
        return self._found[bench].get(key)

    def stamp(self, bench: str, key: str) -> str:
        """See `Method.stamp`."""
        path = self._file(bench, key)
        return "" if path is None else file_stamp([path])

    def scores(self, bench: str, key: str, pair: Pair) -> dict[str, float | None]:
        """See `Method.scores`."""
        path = self._file(bench, key)
        if path is None:
            raise InputError(f"{self.root}", f"has no picture {key}", "add it")
        result = pictures.read(path)[0]
        if result.shape != pair.target_HWC.shape:
            (h, w), (height, width) = result.shape[:2], pair.target_HWC.shape[:2]
            raise InputError(f"{path} is {w}x{h}", f"its target is {width}x{height}", "save it at the target's size")
        return score(result, pair.target_HWC, pair.mask_HW)
