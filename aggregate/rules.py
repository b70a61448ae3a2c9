"""What a recipe says of rows one at a time, judged over whole columns: which rows are set aside, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from uniser_core.pair import METADATA_COLUMNS, PAIR_SCHEMA

from aggregate.licenses import permitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregate.recipe import Recipe
    from aggregate.rows import Bool

REQUIRED = tuple(n for n in METADATA_COLUMNS if not PAIR_SCHEMA.field(n).nullable)
NOT_PUBLISHED, PUBLISHED_TRAIN, PUBLISHED_TEST = 0, 1, 2
SPLIT_WORDS: dict[str | None, int] = {
    None: NOT_PUBLISHED,
    **dict.fromkeys(("train", "training"), PUBLISHED_TRAIN),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation", "dev"), PUBLISHED_TEST),
}
INCOMPLETE = "incomplete"
# The tag of effects that no model is to see in training, and the reason their rows are set aside for.
UNSEEN = "unseen"
LEAK = "leak"


@dataclass(frozen=True)
class Rules:
    """The part of a recipe that rows are judged by one at a time. `effect_tags`: effect -> its tags."""

    seed: int
    decode: str  # all | sampled | none (a dry run reads no picture)
    psnr_db: tuple[float | None, float | None]
    exclude: tuple[tuple[str, str], ...]  # (column or parameter, value)
    exclude_effects: tuple[tuple[str, str], ...]  # (effect, the tag it has)
    allow: tuple[str, ...]  # licences or their tags; none: all
    deny: tuple[str, ...]
    unseen_effects: tuple[str, ...] = ()
    misalignment_limits_px: tuple[float | None, ...] = ()  # of each source
    plugins: tuple[str, ...] = ()  # files of effects, run where rows are rendered

    @classmethod
    def of(cls, recipe: Recipe, dry_run: bool, effect_tags: dict[str, tuple[str, ...]]) -> Rules:
        """The rules of a recipe."""
        pairs = [t.split(":", 1) for t in recipe.exclude_tags if ":" in t]
        plain = [t for t in recipe.exclude_tags if ":" not in t]
        tagged = [(e, t) for e, tags in sorted(effect_tags.items()) for t in plain if t in tags]
        decode = "none" if dry_run else recipe.validate_pictures
        exclude = tuple((k.strip(), v.strip()) for k, v in pairs)
        licenses = tuple(recipe.licenses.allow), tuple(recipe.licenses.deny)
        limits = recipe.misalignment_limits_px()
        unseen = () if recipe.keep_unseen else tuple(e for e, tags in sorted(effect_tags.items()) if UNSEEN in tags)
        return cls(
            recipe.seed, decode, recipe.psnr_db or (None, None), exclude, tuple(tagged), *licenses, unseen, limits
        )

    def columns(self) -> set[str]:
        """Columns that the rules look at, beside those that every row is known by."""
        named = {name for name, _ in self.exclude if name in METADATA_COLUMNS and name != "params"}
        by_params = len(named) < len({n for n, _ in self.exclude}) or any(
            v is not None for v in self.misalignment_limits_px
        )
        named |= {"params"} if by_params else set()
        return named | ({"license"} if self.allow or self.deny else set())


class Verdicts:
    """A reason and its detail for each row of a table, None for those that pass; the first reason stays."""

    def __init__(self, count: int) -> None:
        self.reason: list[str | None] = [None] * count
        self.detail: list[str | None] = [None] * count

    def set(self, row: int, reason: str, detail: str) -> None:
        """Set a row aside, whatever was said of it."""
        self.reason[row], self.detail[row] = reason, detail

    def mark(self, wrong: Bool, reason: str, detail: str | Callable[[int], str]) -> None:
        """Set aside those of the rows in `wrong` that still pass."""
        for row in np.flatnonzero(wrong).tolist():
            if self.reason[row] is None:
                self.set(row, reason, detail if isinstance(detail, str) else detail(row))


def judge(rows: pa.Table, rules: Rules, source: int) -> Verdicts:
    """Judge rows of a source by their metadata: `rows` has what the rules look at, and all that may hold a null."""
    verdicts = Verdicts(len(rows))
    for name in sorted(set(REQUIRED) & set(rows.column_names)):
        if rows.column(name).null_count:
            verdicts.mark(_array(pc.is_null(rows.column(name))), INCOMPLETE, f"{name} is null")
    split = rows.column("split")
    known = pc.or_kleene(pc.is_null(split), pc.is_in(split, value_set=pa.array([w for w in SPLIT_WORDS if w])))
    verdicts.mark(
        ~_array(known), "unknown_split", lambda row: f"split '{split[row].as_py()}', must be train, test or null"
    )
    for effect in rules.unseen_effects:
        told = f"{effect} is tagged {UNSEEN}: the recipe's keep_unseen takes it in"
        verdicts.mark(_among(rows.column("effect"), [effect]), UNSEEN, told)
    low, high = rules.psnr_db
    psnr_db = rows.column("psnr_db").fill_null(np.nan).to_numpy()
    # A NaN is on no side of a bound.
    outside = np.zeros(len(rows), np.bool_)
    outside |= False if low is None else ~(psnr_db >= low)
    outside |= False if high is None else ~(psnr_db <= high)
    verdicts.mark(outside, "strength", lambda row: f"psnr_db {psnr_db[row]:.2f} outside {[low, high]}")
    if rules.allow or rules.deny:
        license_ = rows.column("license")
        closed = [e for e in pc.unique(license_).to_pylist() if not permitted(e or "", rules.allow, rules.deny)]
        verdicts.mark(_among(license_, closed), "license", lambda row: f"{license_[row].as_py()} does not pass")
    limits = rules.misalignment_limits_px
    limit_px = limits[source] if source < len(limits) else None
    if limit_px is not None:
        moved = tag_values(rows, "alignment_px")
        wrong = np.array([v is not None and float(v) > limit_px for v in moved], np.bool_)
        verdicts.mark(wrong, "misaligned", lambda row: f"by {moved[row]} px, more than {limit_px:g}")
    for effect, tag in rules.exclude_effects:
        verdicts.mark(_among(rows.column("effect"), [effect]), "excluded_tag", tag)
    for name, value in rules.exclude:
        wrong = np.array([v == value for v in tag_values(rows, name)], np.bool_)
        verdicts.mark(wrong, "excluded_tag", f"{name}:{value}")
    return verdicts


def published(rows: pa.Table) -> Any:
    """NOT_PUBLISHED, PUBLISHED_TRAIN or PUBLISHED_TEST of each row, int8; unknown words are not published."""
    words = [w for w in SPLIT_WORDS if w]
    codes = pc.fill_null(pc.index_in(rows.column("split"), value_set=pa.array(words)), -1).to_numpy()
    return np.array([*(SPLIT_WORDS[w] for w in words), NOT_PUBLISHED], np.int8)[codes]


def _array(column: Any) -> Bool:
    return np.asarray(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(), np.bool_
    )


def _among(column: Any, values: list[str]) -> Bool:
    plain = pc.cast(column, pa.string())
    return _array(pc.is_in(plain, value_set=pa.array(values, pa.string())))


def tag_values(rows: pa.Table, name: str) -> list[str | None]:
    """Value of a column, or of a parameter by its dotted name, as text; None where the row has neither."""
    if name in METADATA_COLUMNS and name != "params":
        return [None if v is None else str(v) for v in rows.column(name).to_pylist()]
    return [_parameter(text, name) for text in rows.column("params").to_pylist()]


def _parameter(params: str | None, name: str) -> str | None:
    try:
        value: Any = json.loads(params or "null")
    except (ValueError, RecursionError):
        return None
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)
