"""How the files of a set find their partners: by what regular expressions capture, never by sorted position."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROLES = ("input", "target", "mask")
EXTENSION = re.compile(r"\.(?:png|jpe?g|bmp|tiff?|webp|gif|jp2)$", re.IGNORECASE)


class Match(NamedTuple):
    """What a name says: `key` is the clean picture it belongs to, `extra` tells inputs of one picture apart."""

    key: str
    extra: dict[str, str]


class Rule(Protocol):
    """A matching rule."""

    def match(self, role: str, name: str) -> Match | None:
        """What the path of a file says if it is of that role."""
        ...


@dataclass(frozen=True)
class Layout:
    """One way in which a part lies on disk: an expression a role, for the end of a path without its extension.

    Groups named in both `input` and `target` are the key; other groups of `input` tell inputs of one clean
    picture apart, and become parameters of the row (`variant`: its variant). Capitals do not matter.
    """

    input: str
    target: str
    mask: str = ""

    @cached_property
    def _compiled(self) -> dict[str, re.Pattern[str]]:
        texts = {"input": self.input, "target": self.target, "mask": self.mask}
        return {role: re.compile(f"(?:^|/)(?:{text})$", re.IGNORECASE) for role, text in texts.items() if text}

    @cached_property
    def _shared(self) -> tuple[str, ...]:
        named = {role: pattern.groupindex for role, pattern in self._compiled.items()}
        return tuple(sorted(set(named["input"]) & set(named["target"]), key=lambda g: named["target"][g]))

    def match(self, role: str, name: str) -> Match | None:
        """See `Rule`."""
        pattern = self._compiled.get(role)
        found = pattern.search(EXTENSION.sub("", name)) if pattern else None
        if found is None:
            return None
        groups = {group: value for group, value in found.groupdict().items() if value is not None}
        key = (groups.pop(group, "").strip("-/") for group in self._shared)
        return Match("-".join(k for k in key if k) or "only", groups)


@dataclass
class Item:
    """One clean picture and all that belongs to it; more than one file in a place are copies, or a quarrel."""

    targets: list[str] = field(default_factory=list)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    masks: list[str] = field(default_factory=list)


def join(names: Iterable[str], rule: Rule) -> dict[str, Item]:
    """Items of one rule by key. Names that the rule says nothing of are passed over."""
    items: dict[str, Item] = {}
    for name in names:
        if not EXTENSION.search(name):
            continue
        for role in ROLES:
            found = rule.match(role, name)
            if found is None:
                continue
            item = items.setdefault(found.key, Item())
            if role == "input":
                item.inputs.setdefault("_".join(found.extra.values()), []).append(name)
            else:
                (item.targets if role == "target" else item.masks).append(name)
            break
    # A mask alone is no picture.
    return {key: item for key, item in items.items() if item.inputs or item.targets}


def as_value(text: str) -> Any:
    """A captured group as a number where it is one."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if str(value) == text else text
    return text


def gaps(keys: Iterable[str], most: int = 100_000) -> Iterator[int]:
    """Numbers that are missing in a set of whole-number keys, between its first and last; nothing for other keys."""
    numbers = {int(key) if key.isdecimal() and key.isascii() else -1 for key in keys}
    if numbers and -1 not in numbers and max(numbers) - min(numbers) < most:
        yield from (n for n in range(min(numbers), max(numbers)) if n not in numbers)
