"""Seeds that follow from names alone, never from a worker, a rank, a clock or `hash()`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def derive_seed(*parts: str | int) -> int:
    """64-bit seed of a tuple of names and numbers (blake2b, RFC 7693).

    Parts are length-prefixed, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = f"{type(part).__name__}:{part}".encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return int.from_bytes(digest.digest(), "little")


def pair_seed(run_seed: int, effect: str, effect_version: int, frame_id: str, variant_no: int) -> int:
    """Seed of one pair: what `sample()` draws from it is the same on every machine."""
    return derive_seed("pair", run_seed, effect, effect_version, frame_id, variant_no)


def frame_seed(run_seed: int, frame_id: str) -> int:
    """Seed of what is drawn once per clean picture (exposure, sensor noise)."""
    return derive_seed("frame", run_seed, frame_id)


def generator(seed: int) -> np.random.Generator:
    """Counter-based random generator (Philox 4x64, Salmon et al. 2011) keyed by `seed`."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=seed))
