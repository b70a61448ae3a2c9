"""What every importer of paired files is: a matching rule as data, and the few facts that are true of its set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from uniser_core.engine import Rendered
from uniser_core.errors import InputError

from aggregate.importers.align import alignment
from aggregate.importers.counts import count_warnings
from aggregate.importers.matching import Item, Layout, Rule, as_value, join
from aggregate.importers.published import PublishedPair, PublishedPicture, mask_png, published_row
from aggregate.importers.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_STATED = "LicenseRef-not-stated"
# Options that say where things lie, and so are no part of what a run is.
ALSO, BACKGROUND = "also", "background"


@dataclass(frozen=True)
class Part:
    """A piece of a set with its published split, such as its training pairs.

    The first of `layouts` under which pairs are found is taken. `inputs` and `targets` are the published numbers;
    several where circulating copies differ. What is left empty is the set's.
    """

    name: str
    layouts: tuple[Rule, ...]
    split: str | None = None
    inputs: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    variant: str = ""
    origin: str = ""
    numbers: range | None = None


@dataclass(frozen=True)
class PublishedSet:
    """One published set as data. Called with a root and options it becomes its importer.

    `group`: what must never straddle train and test, of `{key}`, `{part}` and the groups of the rule. `skip`: parts of
    paths that belong to another set. `align`: partners may be shifted, so each row says by how much. `centre_crop`:
    targets have a border more. `tree`: what a root should hold, in a line.
    """

    name: str
    dataset: str
    effect: str
    license: str
    tree: str
    parts: tuple[Part, ...]
    prompt: str = ""
    origin: str = "photo"
    group: str = "{dataset}/{part}/{key}"
    skip: tuple[str, ...] = ()
    align: bool = False
    centre_crop: bool = False
    attribution: str = ""
    options: tuple[str, ...] = (ALSO,)

    def __call__(self, root: str, options: Mapping[str, Any]) -> PairTree:
        """The importer of one root."""
        return PairTree(self, root, options)

    def facts(self, tree: Tree, path: str, known: Mapping[str, str], params: dict[str, Any]) -> dict[str, Any]:
        """Fields of PublishedPair beyond what the set itself says, of the input at `path`.

        `known`: dataset, part, key, and the groups of the rule that are not the key. `params` may be added to.
        """
        return {"variant": known["variant"].lower()} if "variant" in known else {}

    def expected(self) -> dict[str, str]:
        """Published numbers of each part, for people: `1330 pairs`, `13990 or 110000 of 1399 or 11000 pictures`."""
        return {part.name: count_text(part) for part in self.parts}


def count_text(part: Part) -> str:
    """The published numbers of a part in words, empty where none is known."""
    inputs, targets = (" or ".join(map(str, n)) for n in (part.inputs, part.targets))
    if not targets or inputs == targets:
        return f"{inputs or targets} pairs" if inputs or targets else ""
    return f"{inputs} of {targets} clean pictures" if inputs else f"{targets} clean pictures"


@dataclass
class Entry:
    """An item in its part."""

    part: Part
    rule: Rule
    key: str
    item: Item


class PairTree:
    """The importer of a PublishedSet. Items are clean pictures; `entries` maps an item's name to it.

    Raises InputError, with what was expected and what was found, when the root holds no pair of the set.
    """

    def __init__(self, spec: PublishedSet, root: str, options: Mapping[str, Any]) -> None:
        self.spec, self.root, self.options = spec, root, options
        self.tree = Tree([root, *options.get(ALSO, ())])
        names = [n for n in self.tree.files if not any(f"/{s}/" in f"/{n}" for s in spec.skip)]
        self.entries: dict[str, Entry] = {}
        for part in spec.parts:
            # Of equals, the first.
            rule, items = max(((rule, join(names, rule)) for rule in part.layouts), key=lambda found: _worth(found[1]))
            self.entries |= {f"{part.name}/{key}": Entry(part, rule, key, item) for key, item in items.items()}
        self._check_root()

    def _check_root(self) -> None:
        if any(e.item.inputs and e.item.targets for e in self.entries.values()):
            return
        some = [f"{sum(bool(getattr(e.item, r)) for e in self.entries.values())} {r}" for r in ("inputs", "targets")]
        partners = f" ({' and '.join(some)} by their names, none with its partner)" if self.entries else ""
        raise self.tree.wrong_root(
            self.root, f"holds no pair of {self.spec.dataset}{partners}: expected {self.spec.tree}"
        )

    def item_keys(self) -> list[str]:
        """Names of the clean pictures, sorted."""
        return sorted(self.entries)

    def pair_count(self) -> int:
        """How many pairs there are by their names."""
        return sum(len(e.item.inputs) for e in self.entries.values() if e.item.targets)

    def byte_count(self, key: str) -> int:
        """Size of an item's files, as far as they go into rows."""
        item = self.entries[key].item
        paths = [*item.targets[:1], *item.masks[:1], *(p[0] for p in item.inputs.values())]
        return sum(self.tree.files[p].size for p in paths)

    @cached_property
    def warnings(self) -> list[str]:
        """What the numbers say: counts that are not the published ones, partners and numbers that are missing."""
        return [*self.tree.notes, *count_warnings(self.spec.parts, self.entries.values())]

    def process(self, key: str) -> Rendered:
        """All pairs of one clean picture; a pair that cannot be made is named, and takes no other with it."""
        entry = self.entries[key]
        done = Rendered([], [])
        inputs = dict(sorted(entry.item.inputs.items()))
        if not inputs:
            done.failed.append((entry.item.targets[0], "has no input: its partner is missing"))
        try:
            target = self._target(entry) if inputs else None
        except InputError as error:
            done.failed += [(paths[0], f"{paths[0]}: {error}") for paths in inputs.values()]
            return done
        cropped: dict[str, PublishedPicture] = {}
        for label, paths in inputs.items():
            try:
                assert target is not None
                done.rows.append(self._row(entry, label, paths, target, cropped))
            except InputError as error:
                done.failed.append((paths[0], str(error)))
        return done

    def mask_bytes(self, key: str) -> bytes | None:
        """The published mask of an item as it is, colours included; None where there is none."""
        masks = self.entries[key].item.masks
        return self.tree.read(masks[0]) if masks else None

    def _target(self, entry: Entry) -> PublishedPicture:
        if not entry.item.targets:
            raise InputError("has no target", "its partner is missing", "fetch it again")
        return self._picture(entry.item.targets)

    def _picture(self, paths: Sequence[str]) -> PublishedPicture:
        data = self.tree.read(paths[0])
        for other in paths[1:]:
            if self.tree.read(other) != data:
                raise InputError(paths[0], f"has the same key as {other}, and other bytes", "remove one")
        return PublishedPicture.read(data, paths[0])

    def _row(
        self, entry: Entry, label: str, paths: list[str], target: PublishedPicture, cropped: dict[str, PublishedPicture]
    ) -> dict[str, Any]:
        spec, part = self.spec, entry.part
        found = entry.rule.match("input", paths[0])
        assert found is not None
        extra = found.extra
        picture = self._picture(paths)
        params: dict[str, Any] = {k: as_value(v) for k, v in extra.items() if k != "variant"}
        if spec.centre_crop and target.size != picture.size:
            params["target_cropped_from"] = target.size
            if picture.size not in cropped:
                height, width = picture.rgb8_HWC.shape[:2]
                cropped[picture.size] = target.centre(width, height)
            target = cropped[picture.size]
        if spec.align and target.size == picture.size:
            params |= alignment(picture.rgb8_HWC, target.rgb8_HWC).params()
        mask = self._mask(entry, picture, params)
        known = {"dataset": spec.dataset, "part": part.name, "key": entry.key, **extra}
        pair = PublishedPair(
            **{
                "key": f"{part.name}/{entry.key}/{spec.effect}" + (f"-{label}" if label else ""),
                "effect": spec.effect,
                "variant": part.variant or spec.effect,
                "dataset": spec.dataset,
                "group_id": spec.group.format(**known, head=entry.key.partition("-")[0]),
                "input": picture,
                "target": target,
                "origin": part.origin or spec.origin,
                "split": part.split,
                "prompt": spec.prompt,
                "license": spec.license,
                "attribution": spec.attribution,
                "params": params,
                "mask": mask,
                "source_uri": paths[0],
                **spec.facts(self.tree, paths[0], known, params),
            }
        )
        return published_row(pair)

    def _mask(self, entry: Entry, picture: PublishedPicture, params: dict[str, Any]) -> bytes | None:
        if not entry.item.masks:
            return None
        try:
            return mask_png(self.tree.read(entry.item.masks[0]), entry.item.masks[0], picture.rgb8_HWC.shape)
        except InputError as error:  # a pair is a pair without its mask
            params["mask_left_out"] = str(error)
            return None


def _worth(items: dict[str, Item]) -> tuple[bool, bool]:
    return any(i.inputs and i.targets for i in items.values()), bool(items)


def part(name: str, *layouts: tuple[str, ...], **facts: Any) -> Part:
    """A Part whose layouts are given as (input, target[, mask]) expressions."""
    return Part(name, tuple(Layout(*layout) for layout in layouts), **facts)
