"""Every entry point of our groups, loaded, with what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_core.errors import UniserError
from uniser_core.registry import all_points, distribution, load_entry, points

if TYPE_CHECKING:
    from collections.abc import Iterable


def plugin_rows(groups: Iterable[str]) -> list[dict[str, str]]:
    """`plugin`, `group`, `package`, `object` and `state` ("ok", or the one line that says what is wrong)."""
    rows = []
    for group in groups:
        for point in all_points(group):
            state, used = "ok", points(group)[point.name]
            if (used.value, distribution(used)) != (point.value, distribution(point)):
                state = f"hidden: {distribution(used)} has one of the same name -> rename it"
            else:
                try:
                    load_entry(point)
                except UniserError as error:
                    state = str(error)
            rows.append(
                {
                    "plugin": point.name,
                    "group": group,
                    "package": distribution(point),
                    "object": point.value,
                    "state": state,
                }
            )
    return rows
