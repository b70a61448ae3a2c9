"""How commands print: pretty tables on a terminal, plain lines with the name first when piped, JSON on request."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def print_json(value: Any) -> None:
    """Indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """A few named values."""
    if as_json:
        print_json(dict(facts))
    else:
        print_table([{"name": k, "value": v} for k, v in facts.items()], as_json=False)


def print_table(rows: Sequence[Mapping[str, Any]], as_json: bool, title: str = "") -> None:
    """Rows of equal keys; the first column is the item's name."""
    if as_json:
        print_json([dict(r) for r in rows])
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("  ".join(_cell(v) for v in row.values()))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None)
    for name in rows[0] if rows else ():
        table.add_column(str(name).replace("_", " "))
    for row in rows:
        table.add_row(*(_cell(v) for v in row.values()))
    Console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return str(value)
