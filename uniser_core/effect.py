"""The effect contract: `sample` draws every random number, `apply` is pure and works in linear light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# Kinds of parameters that many effects have: a share, and the seed of a generator that `apply` makes for itself.
Unit = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

# Keys that the engine writes beside an effect's own parameters in a row's `params`.
ENGINE_KEYS = ("depth", "camera", "frame")


class EffectParams(BaseModel):
    """Drawn parameters of one pair: ranges as pydantic fields, units in the names, JSON in and out."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def variant_name(self) -> str | None:
        """The row's `variant`: the field of that name, where an effect has kinds."""
        return getattr(self, "variant", None)

    def replace(self, overrides: dict[str, Any]) -> EffectParams:
        """The same parameters with some fields set by the user, validated again."""
        return parse_params(type(self), {**self.model_dump(mode="json"), **overrides})


P = TypeVar("P", bound=EffectParams)


def parse_params(kind: type[P], values: dict[str, Any]) -> P:
    """Validate parameters; raises InputError naming the field, its value and the rule it breaks."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = error.errors()
        # A name that does not exist goes before those that are missing for it.
        first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
        name = ".".join(str(p) for p in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            raise InputError(f"unknown parameter '{name}'", f"{kind.__qualname__} has {known}", "") from None
        value = first.get("input")
        rule = first["msg"].replace("Input should be", "must be")
        raise InputError(f"{name}={value!r}", rule, "choose a value in the range") from None


@dataclass
class Layers:
    """What an effect makes, all linear light, float32.

    `degraded` (H, W, 3); `clean` (H, W, 3) when the effect itself makes the clean picture;
    `additive` (H, W, 3) = degraded - clean; `ratio` (H, W, 3) = degraded / clean (shadows);
    `transmission` (H, W) or (H, W, 3) in [0, 1]; `strength` (H, W) in [0, 1].
    """

    degraded: Float32
    clean: Float32 | None = None
    additive: Float32 | None = None
    ratio: Float32 | None = None
    transmission: Float32 | None = None
    strength: Float32 | None = None


class Effect(Protocol):
    """What `@effect` makes of a class. One instance serves a whole process; it keeps no state."""

    name: ClassVar[str]
    version: ClassVar[int]
    dataset: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    wants: ClassVar[tuple[str, ...]]
    fast: ClassVar[bool]
    tags: ClassVar[tuple[str, ...]]
    prompt: ClassVar[str]
    Params: ClassVar[type[EffectParams]]

    def sample(self, rng: np.random.Generator, frame: Frame) -> Any:
        """Draw every random number of one variant from `rng`. Raises RefusedError on unsuitable frames."""
        ...

    def apply(self, frame: Frame, params: Any) -> Layers:
        """Make the degraded picture: same frame and params, same bits."""
        ...


def effect(
    name: str,
    *,
    version: int = 1,
    dataset: str = "",
    needs: Iterable[str] = (),
    wants: Iterable[str] = (),
    fast: bool = False,
    tags: Iterable[str] = (),
    prompt: str = "",
) -> Callable[[type], type[Effect]]:
    """Class decorator that registers an effect under `name` (a-z, digits, dashes).

    `needs` are the frame channels it cannot do without (`depth`, `lights`, …), `wants` those that it uses where the
    frame has them; `fast` promises that rendering is quick enough to do at load time (recipe mode); `version` is bumped
    when pixels change. The tag `unseen` keeps an effect's pairs out of corpora unless a recipe asks for them.
    """

    def decorate(cls: type) -> type[Effect]:
        from uniser_core import registry

        params = getattr(cls, "Params", None)
        if not (isinstance(params, type) and issubclass(params, EffectParams)):
            raise InputError(f"effect '{name}'", "needs an inner class Params(EffectParams)", "add one")
        clash = [k for k in ENGINE_KEYS if k in params.model_fields]
        if clash:
            raise InputError(f"effect '{name}' has a parameter '{clash[0]}'", "the engine keeps that name", "rename it")
        for method in ("sample", "apply"):
            if not callable(getattr(cls, method, None)):
                raise InputError(f"effect '{name}'", f"needs a method {method}", "add one")
        made: Any = cls
        made.name, made.version, made.needs, made.fast = name, version, tuple(needs), fast
        made.wants, made.dataset = tuple(wants), dataset or name.upper()
        made.tags, made.prompt = tuple(tags), prompt or f"Remove {name}."
        registry.register_effect(made)
        done: type[Effect] = made
        return done

    return decorate
