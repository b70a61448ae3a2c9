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
from uniser_core.extension_points import extension_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from uniser_core.effect import Effect

EFFECTS: dict[str, type[Effect]] = {}
_FILES: dict[str, str] = {}  # of each plugin's module, as it was given
PLUGIN_PREFIX = "uniser_plugin_"
SHIPPED = "uniser"


def register_effect(cls: type[Effect]) -> None:
    """Called by `@effect`. A name can be taken again only by the same class (module reload).

    A file given with --plugin goes before an installed effect of its name: who names a file means it.
    """
    check_name(cls.name)
    known = EFFECTS.get(cls.name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        if _is_file(known) and not _is_file(cls):
            return
        if _is_file(known) or not _is_file(cls):
            raise InputError(
                f"effect '{cls.name}' of {cls.__module__}",
                f"the name belongs to {known.__module__}",
                "choose another name",
            )
    EFFECTS[cls.name] = cls


def check_name(name: str) -> None:
    """Raise InputError unless an effect can be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise InputError(
            f"effect name '{name}'", "must be lower-case letters, digits and dashes, a letter first", "rename it"
        )


def _is_file(cls: type) -> bool:
    return cls.__module__.startswith(PLUGIN_PREFIX)


def all_points(group: str) -> list[EntryPoint]:
    """Entry points of a group by name; of one name, what is shipped comes first."""
    return sorted(entry_points(group=group), key=lambda p: (p.name, distribution(p) != SHIPPED, p.value))


@cache
def points(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, in name order."""
    found: dict[str, EntryPoint] = {}
    for point in all_points(group):
        found.setdefault(point.name, point)
    return found


def distribution(point: EntryPoint) -> str:
    """Name of the package that an entry point is of."""
    return point.dist.name if point.dist is not None else ""


def load_point(group: str, name: str) -> Any:
    """Load one entry point. Raises InputError naming what is known, or what broke in a plugin."""
    found = points(group)
    if name not in found:
        raise InputError(
            f"unknown {_kind(group)} '{name}'", f"known: {', '.join(found) or 'none'}", "check the spelling"
        )
    return load_entry(found[name])


def _kind(group: str) -> str:
    last = group.rsplit(".", 1)[-1]
    return last.removesuffix("es") if last == "benches" else last.removesuffix("s")


def load_entry(point: EntryPoint) -> Any:
    """Load an entry point and see that it is what its group asks for. Raises InputError otherwise."""
    label, owner = f"'{point.name}' ({point.value})", distribution(point)
    plugin, remedy = f"plugin {label}", f"fix or uninstall {owner or 'it'}"
    try:
        found = point.load()
    except UniserError as error:
        raise type(error)(f"plugin {label}: {error.value}", error.rule, error.remedy) from error
    except ImportError as error:
        remedy = "install the extra it needs: uniser[all]" if owner == SHIPPED else remedy
        raise InputError(f"{label} cannot be loaded", str(error), remedy) from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{plugin} is broken", repr(error), remedy) from error
    needed = extension_point(point.group)
    fault = needed.fault(found)
    if fault:
        raise InputError(f"{plugin} {fault}", f"an entry of {point.group} is {needed.what}", remedy)
    return found


@cache
def working_points(group: str) -> dict[str, Any]:
    """Every entry of a group that loads, by name; a broken one is named in one line on stderr and passed over."""
    found = {}
    for name, point in points(group).items():
        try:
            found[name] = load_entry(point)
        except UniserError as error:
            print(f"uniser: {error}", file=sys.stderr)
    return found


def load_plugin(path: str) -> list[str]:
    """Run one plugin file (`--plugin path/to/rain.py`); returns the names of the effects it registers."""
    module = plugin_module(path)
    return [name for name, cls in EFFECTS.items() if cls.__module__ == module.__name__]


def plugin_module(path: str) -> ModuleType:
    """Run one plugin file, once a process. Raises InputError when it is no Python file, or breaks."""
    file = Path(path)
    if not file.is_file() or file.suffix != ".py":
        raise InputError(f"plugin '{path}'", "is not a Python file", "give the path of a .py file")
    digest = hashlib.blake2b(str(file.resolve()).encode(), digest_size=6).hexdigest()
    module_name = f"{PLUGIN_PREFIX}{file.stem}_{digest}".replace("-", "_")
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name], _FILES[module_name] = module, path
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            if isinstance(error, UniserError):
                raise
            raise InputError(f"plugin '{path}' is broken", repr(error), "fix it, see --debug") from error
    return sys.modules[module_name]


def load_plugins(paths: Iterable[str] | None) -> None:
    """Run each file of a command's --plugin options."""
    for path in paths or ():
        load_plugin(path)


def plugin_file(name: str) -> str:
    """The file that a registered effect was given in with --plugin; "" for an installed one."""
    found = EFFECTS.get(name)
    return _FILES.get(found.__module__, "") if found is not None else ""


def effect_names() -> list[str]:
    """Names of every effect that is registered or has an entry point."""
    return sorted(set(EFFECTS) | set(points("uniser.effects")))


def get_effect(name: str) -> Effect:
    """The instance of the effect `name` that serves this process. Raises InputError with the known names."""
    if name not in EFFECTS:
        if name not in points("uniser.effects"):
            known = ", ".join(effect_names())
            raise InputError(f"unknown effect '{name}'", f"known: {known}", "or give its file with --plugin")
        load_point("uniser.effects", name)
    if name not in EFFECTS:
        raise InputError(f"entry point '{name}'", "registers no effect of that name", "use @effect with the same name")
    try:
        return _made(EFFECTS[name])
    except UniserError:
        raise
    except Exception as error:
        raise InputError(f"effect '{name}' cannot be made", repr(error), "mend its __init__") from error


@cache
def _made(kind: type[Effect]) -> Effect:
    return kind()


def working_effects() -> Iterator[Effect]:
    """Every effect that loads, by name; a broken one is named in one line on stderr and passed over."""
    for name in effect_names():
        try:
            yield get_effect(name)
        except UniserError as error:
            print(f"uniser: {error}", file=sys.stderr)
