"""What a corpus is made of: a YAML file whose smallest form is `sources: [URI, …]`."""

from __future__ import annotations

import difflib
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

MULTIPLES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def parse_count(value: Any) -> Any:
    """`3.8M`, `120k` or a plain number as an int; anything else is left for pydantic to refuse."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKmMgG]?)", str(value).replace("_", ""))
    if isinstance(value, bool) or not found:
        return value
    count = Fraction(found[1]) * MULTIPLES[found[2].lower()]
    return int(count) if count.denominator == 1 else value


def parse_quota(value: Any) -> Any:
    """`50%` as 0.5; a whole number stays a count, a number with a point stays a share."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(Fraction(value.strip()[:-1]) / 100)
        except ValueError:
            return value
    return value if isinstance(value, float) else parse_count(value)


Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Rows = Annotated[int, Field(ge=0, strict=True)]
Quota = Annotated[Rows | Share, BeforeValidator(parse_quota)]


class Licenses(BaseModel):
    """SPDX ids or tags (`commercial-ok`, `share-alike`, …). An empty `allow` allows all that `deny` does not name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: list[str] = []
    deny: list[str] = []


class Balance(BaseModel):
    """How rows of one effect are chosen where there are more than its quota."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    by: list[Literal["dataset", "variant", "strength"]] = ["dataset", "variant"]
    """What makes a cell. Cells fill like vessels under one water level: small ones whole, large ones in part."""
    temperature: Annotated[float, Field(ge=0, le=1)] = 1.0
    """A cell of n rows weighs n^t: 1 keeps proportions, 0 makes cells equal. Effects without a quota likewise."""
    strength_edges_db: list[float] = [15.0, 20.0, 25.0, 30.0]
    """Edges of the strength bins, PSNR of input against target in dB, ascending."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """`dataset:HALO: 2` makes those cells weigh twice as much; 0 leaves them out of what a quota takes."""


class Recipe(BaseModel):
    """Every field but `sources` has a default. Nothing here depends on where or how a build runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sources: Annotated[list[str], Field(min_length=1)]
    """Run folders or shards of pairs, the preferred first: of equal clean pictures under one effect, its rows stay."""
    seed: int = 0
    """Keys every hash: another seed, another split and another choice."""
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """A group is test when its keyed hash, as a fraction of 1, is below this. Rows never leave test later."""
    min_test_groups: Annotated[int, Field(ge=0)] = 1
    """With few groups none may fall below the fraction: those with the smallest hashes are then taken."""
    keep_test_of: str | None = None
    """An earlier corpus: whatever it holds out stays held out here (needed only after `min_test_groups` stepped in)."""
    quotas: dict[str, Quota] = {}
    """Effect -> share of the corpus (0.25, 25%) or number of rows (2000). Effects without one share what is left."""
    target: Annotated[Annotated[int, Field(gt=0)] | None, BeforeValidator(parse_count)] = None
    """Rows of the whole corpus (`3.8M`). Without it: all rows, or as many as the shares allow."""
    balance: Balance = Balance()
    """How a quota is shared out among the data sets, variants and strengths of its effect."""
    max_per_clean: Annotated[int, Field(gt=0)] | None = None
    """At most so many rows of one clean picture under one effect: those with the smallest keyed hashes."""
    near_duplicates: bool = True
    """Whether re-encoded and resized copies count as the same clean picture (64-bit DCT hash, then thumbnails)."""
    licenses: Licenses = Licenses()
    """Rows whose licence does not pass are set aside."""
    sampling: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Effect -> how often training draws its rows, others 1. Weights are never rows: they stand in the manifest."""
    exclude_tags: list[str] = []
    """Tags of effects, or `name:value` of a column or parameter: `depth.source:heuristic`, `license:CC-BY-NC-4.0`."""
    keep_unseen: bool = False
    """Take rows of effects tagged `unseen` too: rain, snow, smudge, drops, the zero-shot benchmark, which by default
    no model sees in training."""
    psnr_db: tuple[float | None, float | None] | None = None
    """[lowest, highest] PSNR of input against target, dB: leaves out effects that are too strong or too weak."""
    validate_pictures: Literal["all", "sampled", "none"] = Field("all", alias="validate")
    """Decode every picture, or every target and a sixteenth of the rest, or none: rows are then taken at their word,
    and near-duplicates are not looked for."""
    guard: list[str] = []
    """Picture folders or pair sets of benchmarks: rows that show one of their pictures are set aside as leaks."""
    max_misalignment_px: float | dict[str, float] = {}
    """Leaves out pairs whose pictures are further apart than this (`alignment_px`, measured at import): one number for
    all sources, or one for each of some. Rows that were not measured stay."""

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        shares = sum(Fraction(str(q)) for q in self.quotas.values() if isinstance(q, float))
        if shares > 1:
            raise ValueError(f"quotas: they sum to {float(shares):.0%}|must be 100% at most")
        counts = sum(q for q in self.quotas.values() if isinstance(q, int))
        if self.target is not None and counts > self.target:
            raise ValueError(f"quotas: they ask for {counts} rows|more than 100% of the target {self.target}")
        if self.target is None and shares and counts:
            raise ValueError("quotas: shares beside counts|must have a target to be shares of")
        edges = self.balance.strength_edges_db
        if edges != sorted(set(edges)):
            raise ValueError(f"balance.strength_edges_db: {edges}|must ascend")
        for name in self.balance.weights:
            if name.partition(":")[0] not in ("dataset", "variant") or not name.partition(":")[2]:
                raise ValueError(f"balance.weights: '{name}'|must be dataset:NAME or variant:NAME")
        if isinstance(self.max_misalignment_px, dict):
            strange = [uri for uri in self.max_misalignment_px if uri not in self.sources]
            if strange:
                raise ValueError(f"max_misalignment_px: {strange[0]}|must be named as in sources")
        if self.psnr_db and None not in self.psnr_db and self.psnr_db[0] > self.psnr_db[1]:  # type: ignore[operator]
            raise ValueError(f"psnr_db: {list(self.psnr_db)}|must be [lowest, highest]")
        return self

    def misalignment_limits_px(self) -> tuple[float | None, ...]:
        """The limit of each source, in their order."""
        given = self.max_misalignment_px
        return tuple(given.get(uri) if isinstance(given, dict) else given for uri in self.sources)

    def dump(self) -> dict[str, Any]:
        """Plain values, defaults included, as they stand in the manifest."""
        return self.model_dump(mode="json", by_alias=True)

    def to_yaml(self) -> str:
        """The same as YAML: builds the same corpus again."""
        return yaml.safe_dump(self.dump(), sort_keys=False, allow_unicode=True)


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe. Relative sources are of the working folder, or else of the recipe's own folder.

    Raises InputError naming the file, the key and the rule.
    """
    file = Path(path)
    try:
        values = read_yaml(file.read_bytes(), f"recipe {path}")
    except FileNotFoundError:
        raise InputError(f"recipe {path}", "does not exist", "check the path") from None
    except OSError as error:
        raise InputError(f"recipe {path}", f"cannot be read ({error})", "give a YAML file") from error
    if not isinstance(values, dict):
        raise InputError(f"recipe {path}", "must hold keys", "the smallest is: sources: [URI]")
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise _explained(error, path) from None
    found = {s: _source(s, file.parent) for s in recipe.sources}
    limits = recipe.max_misalignment_px
    if isinstance(limits, dict):
        limits = {found[s]: limit for s, limit in limits.items()}
    places = {"sources": [found[s] for s in recipe.sources], "guard": [_source(g, file.parent) for g in recipe.guard]}
    return recipe.model_copy(update={**places, "max_misalignment_px": limits})


def with_guards(recipe: Recipe, guards: Sequence[str]) -> Recipe:
    """The recipe with further guards, of the working folder; each counts once."""
    places = dict.fromkeys([*recipe.guard, *(_source(g, Path()) for g in guards)])
    return recipe.model_copy(update={"guard": list(places)})


def _source(uri: str, folder: Path) -> str:
    if "://" in uri:
        return uri.rstrip("/")
    here, beside = Path(uri).expanduser().absolute(), (folder / uri).absolute()
    return str(beside if beside.exists() and not here.exists() else here)


def _explained(error: ValidationError, path: str | Path) -> InputError:
    first = error.errors()[0]
    name = ".".join(str(p) for p in first["loc"] if p not in ("int", "float", "constrained-int"))
    known = [f.alias or n for n, f in Recipe.model_fields.items()]
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"did you mean '{near[0]}'?" if near else "drop it"
        return InputError(f"recipe {path}: unknown key '{name}'", f"a recipe has {', '.join(known)}", remedy)
    if first["type"] == "missing":
        return InputError(f"recipe {path}", f"has no key '{name}'", "the smallest recipe is: sources: [URI]")
    if first["type"] == "value_error":
        value, _, rule = str(first["ctx"]["error"]).partition("|")
        return InputError(f"recipe {path}: {value}", rule, "mend the recipe")
    if name.startswith("quotas."):
        rule = "must be a share (0.25, 25%) or a number of rows (2000)"
        return InputError(f"recipe {path}: {name}={first['input']!r}", rule, "mend the recipe")
    rule = first["msg"].replace("Input should be", "must be")
    return InputError(f"recipe {path}: {name}={first['input']!r}", rule, "mend the recipe")
