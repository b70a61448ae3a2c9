"""Tags of an effect by its name, without importing it where its source says them."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from uniser_core import registry


@cache
def effect_tags(name: str) -> tuple[str, ...]:
    """Tags of a registered effect or of one with an entry point; effects import for up to seconds, their text does not.

    Raises InputError for an unknown name, or an effect that has to be imported to know and cannot be.
    """
    point = registry.points("uniser.effects").get(name)
    told = _written(point.module, name) if point is not None and name not in registry.EFFECTS else None
    return registry.get_effect(name).tags if told is None else told


def _written(module: str, name: str) -> tuple[str, ...] | None:
    """What `@effect("name", tags=(...))` in a module's source says; None where it does not say so literally."""
    try:
        spec = find_spec(module)
        tree = ast.parse(Path(str(spec and spec.origin)).read_bytes())
    except (ImportError, AttributeError, OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "effect"):
                continue
            named = {k.arg: k.value for k in call.keywords}
            first = call.args[0] if call.args else named.get("name")
            if isinstance(first, ast.Constant) and first.value == name and None not in named:
                try:
                    return tuple(str(tag) for tag in ast.literal_eval(named["tags"])) if "tags" in named else ()
                except ValueError:
                    return None
    return None
