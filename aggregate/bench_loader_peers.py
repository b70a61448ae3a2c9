"""Other loaders of the same pictures, as `uniser bench loader` calls them: NumPy pictures of every pair, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURES = ("input", "target", "mask")
# Peer -> (module, package).
PACKAGES = {
    "webdataset": ("webdataset", "webdataset"),
    "HF datasets": ("datasets", "datasets"),
    "MDS": ("streaming", "mosaicml-streaming"),
}


def _counted(samples: Any, count: int) -> None:
    seen = sum(1 for _ in samples)
    if seen != count:
        raise AssertionError(f"the peer gave {seen} of {count} pairs")


def _tars(folder: Path) -> list[str]:
    return sorted(str(p) for p in folder.glob("*.tar"))


def webdataset_pairs(folder: Path, count: int) -> Callable[[], None]:
    """WebDataset's own decoder, in the order of the tars."""
    import webdataset

    return lambda: _counted(webdataset.WebDataset(_tars(folder), shardshuffle=False).decode("rgb8"), count)


def webdataset_bytes(folder: Path, count: int) -> Callable[[], None]:
    """WebDataset without decoding, in the order of the tars: it has no random access."""
    import webdataset

    return lambda: _counted(webdataset.WebDataset(_tars(folder), shardshuffle=False), count)


def huggingface_pairs(folder: Path, count: int) -> Callable[[], None]:
    """`datasets` from its own Arrow files, in a shuffled order."""
    import datasets

    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(folder / "cache")).with_format("numpy")
    order = np.random.default_rng(0).permutation(count)

    def run() -> None:
        _counted((_arrays(rows[int(i)]) for i in order), count)

    return run


def mds_pairs(folder: Path, count: int) -> Callable[[], None]:
    """StreamingDataset from local shards, in a shuffled order."""
    from streaming import StreamingDataset

    rows = StreamingDataset(local=str(folder), split="train", batch_size=1)
    order = np.random.default_rng(0).permutation(count)

    def run() -> None:
        _counted((_arrays(rows[int(i)]) for i in order), count)

    return run


def _arrays(sample: dict[str, Any]) -> list[Any]:
    return [np.asarray(sample[name]) for name in PICTURES]


# Peer -> (layout of `corpus export`, what makes its run).
PEERS: dict[str, tuple[str, Callable[[Path, int], Callable[[], None]]]] = {
    "webdataset": ("webdataset", webdataset_pairs),
    "HF datasets": ("huggingface", huggingface_pairs),
    "MDS": ("mds", mds_pairs),
}
