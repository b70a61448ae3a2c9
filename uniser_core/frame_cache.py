"""Frames that recipe rows are rendered from, kept in RAM: a clean picture is decoded once for variants that come near
each other, and what effects find out about it (sky, paths, planes of light) is found once.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from uniser_core.frame import Frame

DEFAULT_MB = 256


class FrameCache:
    """Frames by key, the least recently used go first, up to a number of bytes. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes, self.used_bytes, self.made = limit_bytes, 0, 0
        self._kept: OrderedDict[Hashable, tuple[Frame, int]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def of_user(cls) -> FrameCache:
        """As large as `$UNISER_FRAME_CACHE_MB` says. Raises InputError when that is no number."""
        text = os.environ.get("UNISER_FRAME_CACHE_MB", str(DEFAULT_MB))
        if not text.isdigit():
            raise InputError(f"UNISER_FRAME_CACHE_MB={text}", "must be a whole number of megabytes", "set it to one")
        return cls(int(text) << 20)

    @contextlib.contextmanager
    def frame(self, key: Hashable, make: Callable[[], Frame]) -> Iterator[Frame]:
        """The frame of that key, or a new one; it is measured when its user is done, for effects add to it."""
        with self._lock:
            found = self._kept.get(key)
        frame = found[0] if found else make()
        try:
            yield frame
        finally:
            self._keep(key, frame, is_new=found is None)

    def _keep(self, key: Hashable, frame: Frame, *, is_new: bool) -> None:
        size = held_bytes(vars(frame))
        with self._lock:
            self.made += is_new
            self.used_bytes += size - self._kept.get(key, (frame, 0))[1]
            self._kept[key] = frame, size
            self._kept.move_to_end(key)
            while self.used_bytes > self.limit_bytes and self._kept:
                self.used_bytes -= self._kept.popitem(last=False)[1][1]


def held_bytes(value: Any) -> int:
    """Bytes of all arrays in a value: in tuples, lists, dictionaries and dataclasses; one array twice counts once."""
    return sum({id(a): a.nbytes for a in _arrays(value)}.values())


def _arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value if value.base is None or not isinstance(value.base, np.ndarray) else value.base
    elif isinstance(value, dict):
        for part in value.values():
            yield from _arrays(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _arrays(part)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _arrays(getattr(value, field.name))
