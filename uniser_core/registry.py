"""Everything that can be plugged in, found by name: decorators, entry points, and `--plugin` files."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError, UniserError

if TYPE_CHECKING:
    from types import ModuleType

    from uniser_core.effect import Effect

EFFECTS: dict[str, type[Effect]] = {}


def register_effect(cls: type[Effect]) -> None:
    """Called by `@effect`. A name can be taken again only by the same class (module reload)."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", cls.name):
        raise InputError(f"effect name '{cls.name}'", "must be lower-case letters, digits and dashes", "rename it")
    known = EFFECTS.get(cls.name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise InputError(
            f"effect '{cls.name}' of {cls.__module__}", f"the name belongs to {known.__module__}", "choose another name"
        )
    EFFECTS[cls.name] = cls


@cache
def points(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, in name order."""
    return {p.name: p for p in sorted(entry_points(group=group), key=lambda p: p.name)}


def load_point(group: str, name: str) -> Any:
    """Load one entry point. Raises InputError naming what is known, or what broke in a plugin."""
    found = points(group)
    if name not in found:
        kind = group.rsplit(".", 1)[-1].rstrip("s")
        raise InputError(f"unknown {kind} '{name}'", f"known: {', '.join(found) or 'none'}", "check the spelling")
    try:
        return found[name].load()
    except UniserError:
        raise
    except ImportError as error:
        raise InputError(
            f"'{name}' ({found[name].value}) cannot be loaded", str(error), "install the extra it needs: uniser[all]"
        ) from error
    except Exception as error:
        raise InputError(
            f"plugin '{name}' ({found[name].value}) is broken", repr(error), "fix or uninstall it"
        ) from error


def load_plugin(path: str) -> ModuleType:
    """Run one plugin file (`--plugin path/to/rain.py`), which registers what it defines; once a process."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"plugin '{path}'", "is not a file", "give the path of a .py file")
    digest = hashlib.blake2b(str(file.resolve()).encode(), digest_size=6).hexdigest()
    module_name = f"uniser_plugin_{file.stem}_{digest}".replace("-", "_")
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin '{path}'", "is not a Python file", "give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        if isinstance(error, UniserError):
            raise
        raise InputError(f"plugin '{path}' is broken", repr(error), "fix it, see --debug") from error
    return module


def effect_names() -> list[str]:
    """Names of every effect that is registered or has an entry point."""
    return sorted(set(EFFECTS) | set(points("uniser.effects")))


def get_effect(name: str) -> Effect:
    """An instance of the effect `name`. Raises InputError with the known names."""
    if name not in EFFECTS:
        if name not in points("uniser.effects"):
            known = ", ".join(effect_names())
            raise InputError(f"unknown effect '{name}'", f"known: {known}", "or give its file with --plugin")
        load_point("uniser.effects", name)
    if name not in EFFECTS:
        raise InputError(f"entry point '{name}'", "registers no effect of that name", "use @effect with the same name")
    return EFFECTS[name]()
