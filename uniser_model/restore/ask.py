"""What a restorer is asked, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

from uniser_model.model import TASKS
from uniser_model.restore.samplers import SAMPLERS
from uniser_model.supervision import GENERIC_PROMPT, check_strength, prompt_for

if TYPE_CHECKING:
    from collections.abc import Collection

    from uniser_model.restore.blend import Region

AUTO = "auto"
CONTROLS = ("composite", "network")
FIDELITIES = ("transfer", "tiles")


@dataclass(frozen=True)
class Ask:
    """`effect` names one, or is `auto` (the prompt that names none); `prompt` goes before it.

    `control`: `composite` restores all and lays that over the input by alpha M_blur, `network` tells the model alpha M.
    `fidelity`: `transfer` looks at the picture at the model's own size, `tiles` also at parts of it at full size.
    None: as the checkpoint does best. `regions` say where (none: everywhere), `feather_px` how soft their edges are.
    """

    effect: str = "haze"
    task: str = "remove"
    strength: float = 1.0
    prompt: str | None = None
    seed: int = 0
    steps: int | None = None
    sampler: str = "ddim"
    guidance: float = 1.0
    control: str | None = None
    fidelity: str | None = None
    tile_px: int | None = None
    regions: tuple[Region, ...] = ()
    feather_px: float | None = None

    def __post_init__(self) -> None:
        check_strength(self.strength)
        for name, value, known in (
            ("task", self.task, TASKS),
            ("sampler", self.sampler, tuple(SAMPLERS)),
            ("control", self.control, (None, *CONTROLS)),
            ("fidelity", self.fidelity, (None, *FIDELITIES)),
        ):
            if value not in known:
                names = ", ".join(k for k in known if k)
                raise InputError(f"{name} '{value}'", f"known: {names}", "check the spelling")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps {self.steps}", "must be 1 or more", "leave it out")
        if not 0 <= self.guidance <= 100:
            raise InputError(f"guidance {self.guidance}", "must be from 0 to 100", "leave it out")
        if self.task == "add" and self.effect == AUTO and not self.prompt:
            raise InputError("effect 'auto'", "names nothing that could be added", "name an effect, or give a prompt")

    def words(self, known: Collection[str] = ()) -> str:
        """The prompt. Of an effect that training called otherwise ("Remove lens flare."), the shortest `known` one."""
        if self.prompt:
            return self.prompt
        plain = GENERIC_PROMPT if self.effect == AUTO else prompt_for(self.task, self.effect)
        wanted = {self.task, self.effect.lower()}
        alike = [p for p in known if wanted <= set(p.lower().rstrip(".").split())]
        return plain if plain in known or not alike else min(alike, key=lambda p: (len(p), p))
