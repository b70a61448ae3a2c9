"""Whatever is scored: a checkpoint, a baseline, another method's pictures, or the checkpoint's controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from uniser_core.errors import InputError

from uniser_model import pictures
from uniser_model.infer import Restorer
from uniser_model.restore.job import identity
from uniser_model.restore.measure import asked_psnr_db
from uniser_model.restore.speaker import check_guidance
from uniser_model.scoring.baselines import BASELINES
from uniser_model.scoring.benches import file_stamp, named_pictures
from uniser_model.scoring.control import control_scores
from uniser_model.scoring.metrics import Compared
from uniser_model.supervision import GENERIC_PROMPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_model.scoring.benches import Bench, Pair, UInt8
    from uniser_model.scoring.judges import Judge

MODEL = "uniser"
Scores = dict[str, float | None]


class Method(Protocol):
    """A column of scores. `stamp` changes when what it would give changes."""

    name: str

    def stamp(self, bench: str, key: str) -> str:
        """Of one picture; told without reading it."""
        ...

    def scores(self, bench: Bench, key: str, pair: Pair) -> dict[str, Scores]:
        """Metrics of one picture by the name of the protocol. Raises InputError when there is no result to score."""
        ...


class PictureMethod:
    """A method that makes a picture, which every protocol of the benchmark scores; judges look at it once."""

    name: str

    def __init__(self, judges: Sequence[Judge] = ()) -> None:
        self.judges = judges

    def own_stamp(self, bench: str, key: str) -> str:
        """Of the picture alone."""
        return ""

    def result(self, bench: str, key: str, pair: Pair) -> UInt8:
        """uint8 (H, W, 3) sRGB of the pair's size. Raises InputError."""
        raise NotImplementedError

    def stamp(self, bench: str, key: str) -> str:
        """See `Method.stamp`."""
        return "|".join([self.own_stamp(bench, key), *(j.stamp for j in self.judges)])

    def scores(self, bench: Bench, key: str, pair: Pair) -> dict[str, Scores]:
        """See `Method.scores`."""
        result = self.result(bench.name, key, pair)
        compared = Compared(result, pair.target_HWC, pair.mask_HW, pair.input_HWC, pair.colours_HWC)
        found = {p.name: p.scores(compared) for p in bench.protocols}
        for judge in self.judges:
            found[bench.protocols[0].name] |= judge.scores(result, pair)
        return found


class Model(PictureMethod):
    """A checkpoint asked by each pair's own prompt, over the whole picture; its name tells a `guidance` not 1."""

    def __init__(self, where: str, device: str, seed: int, judges: Sequence[Judge] = (), guidance: float = 1.0) -> None:
        super().__init__(judges)
        self.restorer, self.seed, self.guidance = Restorer.load(where, device), seed, guidance
        check_guidance(self.restorer.config, guidance)
        self.name = MODEL if guidance == 1 else f"{MODEL}, guidance {guidance:g}"
        self.digest = f"{identity(where)}-{seed}"

    def own_stamp(self, bench: str, key: str) -> str:
        """See `PictureMethod.own_stamp`."""
        return self.digest

    def result(self, bench: str, key: str, pair: Pair) -> UInt8:
        """See `PictureMethod.result`."""
        return self.restorer.run(
            pair.input_HWC, effect=pair.effect, prompt=pair.prompt, seed=self.seed, guidance=self.guidance
        )


class Controls:
    """The same checkpoint by one control: does it keep to the mask, follow the strength, leave clean pictures alone?"""

    def __init__(self, model: Model, control: str) -> None:
        self.model, self.name = model, control

    def stamp(self, bench: str, key: str) -> str:
        """See `Method.stamp`."""
        return self.model.digest

    def scores(self, bench: Bench, key: str, pair: Pair) -> dict[str, Scores]:
        """See `Method.scores`; the metrics are those of `control`. Raises InputError for a picture without truth."""
        if pair.target_HWC is None:
            raise InputError(key, "has no target, which the controls need", "leave --control out")
        restorer = self.model.restorer

        def run(rgb8_HWC: UInt8, *, task: str = "remove", generic: bool = False, **asked: object) -> UInt8 | None:
            if task == "add" and not pair.effect:
                return None
            prompt = GENERIC_PROMPT if generic else pair.prompt if task == "remove" else None
            return restorer.run(
                rgb8_HWC, effect=pair.effect, task=task, prompt=prompt, seed=self.model.seed, control=self.name,
                **asked,  # type: ignore[arg-type]
            )  # fmt: skip

        asked = asked_psnr_db(restorer, pair.input_HWC, pair.target_HWC, pair.effect, pair.prompt, self.name)
        return {"": {"asked_psnr_db": asked, **control_scores(run, pair.input_HWC, pair.target_HWC, pair.mask_HW)}}


class Baseline(PictureMethod):
    """One of `BASELINES`."""

    def __init__(self, name: str, judges: Sequence[Judge] = ()) -> None:
        super().__init__(judges)
        self.name, self.method = name, BASELINES[name]

    def result(self, bench: str, key: str, pair: Pair) -> UInt8:
        """See `PictureMethod.result`."""
        return self.method(pair.input_HWC)


class OtherPictures(PictureMethod):
    """Another method's results: ROOT/BENCH/KEY, or ROOT/KEY where there is no folder of the benchmark's name."""

    def __init__(self, name: str, root: str, judges: Sequence[Judge] = ()) -> None:
        super().__init__(judges)
        if not Path(root).is_dir():
            raise InputError(f"--also {name}={root}", "is no folder", "check the path")
        self.name, self.root = name, Path(root)
        self._found: dict[str, dict[str, Path]] = {}

    def _file(self, bench: str, key: str) -> Path | None:
        if bench not in self._found:
            own = self.root / bench
            self._found[bench] = named_pictures(own if own.is_dir() else self.root)
        return self._found[bench].get(key)

    def own_stamp(self, bench: str, key: str) -> str:
        """See `PictureMethod.own_stamp`."""
        path = self._file(bench, key)
        return "" if path is None else file_stamp([path])

    def result(self, bench: str, key: str, pair: Pair) -> UInt8:
        """See `PictureMethod.result`."""
        path = self._file(bench, key)
        if path is None:
            raise InputError(f"{self.root}", f"has no picture {key}", "add it")
        result = pictures.read(path)[0]
        if result.shape != pair.input_HWC.shape:
            (h, w), (height, width) = result.shape[:2], pair.input_HWC.shape[:2]
            raise InputError(f"{path} is {w}x{h}", f"its target is {width}x{height}", "save it at the target's size")
        return result
