"""What the page may ask for, field by field; anything else is refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from uniser_core.effect import Seed, Unit  # noqa: TC002 (pydantic reads them)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SynthesisAsked(_Asked):
    """An effect on a photo; `changes` are parameters that the user set."""

    do: Literal["preview", "pair"]
    picture: str = Field(max_length=64)
    effect: str = Field(max_length=64)
    seed: Seed = 0
    changes: dict[str, Any] = {}


class RestorationAsked(_Asked):
    """Removing or adding; no mask: everywhere; a prompt goes before the effect's own."""

    picture: str = Field(max_length=64)
    mask: str | None = Field(None, max_length=64)
    checkpoint: str = Field(max_length=200)
    task: Literal["remove", "add"] = "remove"
    effect: str = Field("haze", max_length=64)
    prompt: str | None = Field(None, max_length=200)
    strength: Unit = 1.0
    seed: Seed = 0
    steps: int | None = Field(None, ge=1, le=200)
