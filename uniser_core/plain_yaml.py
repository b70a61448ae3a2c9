"""YAML of plain values whose cost is bounded: PyYAML's safe loader, which small texts can make work for hours."""

from __future__ import annotations

from typing import Any

import yaml

# PyYAML reads some 100 kB a second; no text that a person writes for us comes near these.
MOST_BYTES = 256 << 10
MOST_DEPTH = 64
MOST_VALUES = 1_000_000


class PlainLoader(yaml.SafeLoader):
    """Builds text, numbers, dates, lists and maps alone; refuses deep nesting, and aliases that grow without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth, self.values = 0, dict[yaml.Node, int]()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node. Raises YAMLError where it is nested too deep, or would be too large written out."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, "it is nested too deep", None)
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and not alias:
            self.values[node] = self._values(node)
        elif node is not None and node not in self.values:
            raise yaml.composer.ComposerError(None, None, "an alias holds itself", node.start_mark)
        return node

    def _values(self, node: yaml.Node) -> int:
        """How many values a node is when each alias is written out; those inside it are known already."""
        inner = node.value if isinstance(node, yaml.SequenceNode) else ()
        if isinstance(node, yaml.MappingNode):
            inner = [n for pair in node.value for n in pair]
        total = 1 + sum(self.values[n] for n in inner)
        if total > MOST_VALUES:
            raise yaml.composer.ComposerError(None, None, "its aliases make it too large", node.start_mark)
        return total


def load_plain(text: str) -> Any:
    """The value of a YAML text. Raises YAMLError, RecursionError, ValueError or TypeError as PyYAML does."""
    loader = PlainLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
