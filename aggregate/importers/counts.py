"""Whether a set is whole: the published numbers beside what is there, and which files are missing where names tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregate.importers.matching import gaps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aggregate.importers.base import Entry, Part

SHOWN = 8


def count_warnings(parts: Iterable[Part], entries: Iterable[Entry]) -> list[str]:
    """One line a part whose numbers are not the published ones, or where partners are missing."""
    by_part: dict[str, list[Entry]] = {}
    for entry in entries:
        by_part.setdefault(entry.part.name, []).append(entry)
    lines = [_of_part(p, by_part.get(p.name, [])) for p in parts]
    return [line for line in lines if line]


def _of_part(part: Part, entries: list[Entry]) -> str:
    inputs = sum(len(e.item.inputs) for e in entries)
    targets = sum(bool(e.item.targets) for e in entries)
    counted = [("inputs", inputs, part.inputs), ("clean pictures", targets, part.targets)]
    if part.inputs == part.targets and all(e.item.inputs and e.item.targets for e in entries):
        counted = [("pairs", inputs, part.inputs)]
    said = [
        f"{found} {what}, expected {' or '.join(map(str, expected))}"
        for what, found, expected in counted
        if expected and found not in expected
    ]
    wrong_count = bool(said)
    said += _listed(
        "no target for", sorted(p[0] for e in entries if not e.item.targets for p in e.item.inputs.values())
    )
    said += _listed("no input for", sorted(e.item.targets[0] for e in entries if not e.item.inputs))
    if wrong_count and entries:
        keys = {e.key for e in entries}
        missing = list(gaps(keys)) if part.numbers is None else [n for n in part.numbers if str(n) not in keys]
        said += _listed("numbers missing:", [str(n) for n in missing])
    return f"{part.name}: {'; '.join(said)}" if said else ""


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {', '.join(names[:SHOWN])}{more}"]
