"""What a package can plug in: the entry point groups, and what an entry of each must be."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ExtensionPoint:
    """One group: `what` an entry is, for messages; the `attributes` it has; whether it is `called`."""

    group: str
    what: str
    attributes: tuple[str, ...] = ()
    called: bool = True

    def fault(self, found: Any) -> str:
        """What `found` lacks to be an entry of this group; "" when it fits."""
        if inspect.ismodule(found):
            return "is a module"
        if self.called and not callable(found):
            return f"is of type {type(found).__name__}, which cannot be called"
        # A function that makes the object is as good as its class: what it makes is not known before it is called.
        if not self.called or inspect.isclass(found):
            missing = [name for name in self.attributes if not hasattr(found, name)]
            if missing:
                return f"is {_named(found)} without {', '.join(missing)}"
        return ""


def _named(found: Any) -> str:
    return f"the class {found.__name__}" if inspect.isclass(found) else f"of type {type(found).__name__}"


EXTENSION_POINTS = {
    point.group: point
    for point in (
        ExtensionPoint("uniser.commands", "a typer.Typer", ("registered_commands",), called=False),
        ExtensionPoint("uniser.effects", "a class under @effect", ("name", "Params", "sample", "apply")),
        ExtensionPoint("uniser.sources", "a Source class, called with (place, spec, options)", ("items", "load")),
        ExtensionPoint("uniser.importers", "an importer, called with (root, options)", ("expected", "license"), False),
        ExtensionPoint("uniser.depth", "a DepthProvider class", ("estimate",)),
        ExtensionPoint("uniser.codecs", "a uniser_core.codecs.Codec", ("encode", "extension", "lossless"), False),
        ExtensionPoint("uniser.metrics", "a function of two uint8 pictures (input, target) that gives a float"),
        ExtensionPoint("uniser.objects", "an ObjectProvider class", ("names", "cutout")),
        ExtensionPoint("uniser.layouts", "a function (uri, out) that gives a dict of facts"),
        ExtensionPoint("uniser.benches", "a function that gives BenchLines"),
        ExtensionPoint("uniser.shadow_jobs", "a function that makes a Job"),
    )
}


def extension_point(group: str) -> ExtensionPoint:
    """The description of a group; a group that is not listed takes anything that can be called."""
    return EXTENSION_POINTS.get(group) or ExtensionPoint(group, "something that can be called")
