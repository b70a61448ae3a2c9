"""Finding a picture among the guard pictures: nearest local features, one map, then the pixels themselves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

from aggregate.guard_geometry import agreeing, axis_map, overlap
from aggregate.guard_plain import contrast_of, fits, plain_rms, worth_trying
from aggregate.guard_sketch import mirrored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from aggregate.guard_sketch import Sketch

UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

NEIGHBOURS = 4
# Squared distance of two RootSIFT vectors (length 512) beyond which they are not of one place.
FAR = 230.0**2
# Up to so many features every one is compared; beyond, those of the nearest PROBES lists.
FLAT_FEATURES, PROBES = 1 << 14, 4
CANDIDATES, VOTES, INLIERS = 8, 4, 5
# One picture must lie mostly within the other; and take half of it, or be sure: boards and bricks repeat themselves.
WITHIN, HALF, SURE_INLIERS = 0.6, 0.5, 30
# Share of the textured pixels that must correlate.
AGREEING = 0.85
# Guard pictures with fewer firm features than this are looked for by their thumbnails too.
PLAIN_FEATURES = 64


class Found(NamedTuple):
    """A guard picture that a picture matches.

    `inliers`: matched features, 0 where thumbnails alone decided; `agreement`: share of the textured pixels that
    correlate, or else the RMS difference of the thumbnails in levels.
    """

    guard: int
    inliers: int
    agreement: float


class GuardIndex:
    """Guard pictures, searchable; pickles, and threads may share it. About 51 KB a picture."""

    def __init__(self, sketches: Sequence[Sketch], group: UInt64) -> None:
        """`group` (N,): the group of each picture in the corpus, 0 for pictures from outside.

        Raises InputError when faiss is not installed.
        """
        self.group = group
        counts = [len(s.points) for s in sketches]
        self.owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)  # guard picture of each feature
        self.points = np.concatenate([s.points for s in sketches])
        self.sizes, self.thumbs = [s.size for s in sketches], [s.thumb_HWC for s in sketches]
        self.plain = np.flatnonzero(np.array([s.firm for s in sketches]) < PLAIN_FEATURES)
        means = [self.thumbs[i].reshape(-1, 3).mean(axis=0) for i in self.plain.tolist()]
        self.plain_means = np.array(means, np.float64).reshape(-1, 3)
        self.plain_contrasts = np.array([contrast_of(self.thumbs[i]) for i in self.plain.tolist()], np.float64)
        self.features = _indexed(np.concatenate([s.descriptors for s in sketches]))

    def __getstate__(self) -> dict[str, Any]:
        import faiss

        return {**self.__dict__, "features": faiss.serialize_index(self.features)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import faiss

        self.__dict__.update(state, features=faiss.deserialize_index(state["features"]))

    def match(self, picture: Sketch, own: Collection[int] = ()) -> list[Found]:
        """Guard pictures that show what `picture` shows, the surest first; none of the groups `own`."""
        allowed = ~np.isin(self.group, np.array(sorted(own), np.uint64)) | (self.group == 0)
        found = self._by_features(picture, allowed) or self._by_thumbnails(picture, allowed)
        return sorted(found, key=lambda f: (-f.inliers, f.guard))

    def _search(self, descriptors: UInt8) -> tuple[Float32, Int64]:
        with _one_thread():  # the tasks are what runs side by side
            found: tuple[Float32, Int64] = self.features.search(descriptors.astype(np.float32), NEIGHBOURS)
        return found

    def _by_features(self, picture: Sketch, allowed: Bool) -> list[Found]:
        if not len(picture.points) or not len(self.owner):
            return []
        count = len(picture.points)
        squared, near = self._search(np.concatenate([picture.descriptors, mirrored(picture.descriptors)]))
        good = (squared < FAR) & (near >= 0)
        good[good] = allowed[self.owner[near[good]]]
        nearest = np.argsort(squared[good], kind="stable")
        query, guard_point = np.nonzero(good)[0][nearest], near[good][nearest]
        guard, side = self.owner[guard_point].astype(np.int64), query // count
        # One vote for each feature of the picture, either way round, whatever the number of its neighbours.
        votes = np.unique(np.stack([guard, side, query]), axis=1)
        keys, number = np.unique(votes[:2], axis=1, return_counts=True)
        order = np.lexsort([keys[1], keys[0], -number])[:CANDIDATES]
        found = []
        for guard_no, mirror in keys[:, order[number[order] >= VOTES]].T.tolist():
            mine = (guard == guard_no) & (side == mirror)
            found.append(self._confirm(picture, guard_no, bool(mirror), query[mine] % count, guard_point[mine]))
        return [f for f in found if f is not None]

    def _confirm(self, picture: Sketch, guard: int, mirror: bool, ours: Int64, theirs: Int64) -> Found | None:
        source, target = picture.points[ours], self.points[theirs]
        if mirror:
            source = source * np.array([-1, 1], np.float32) + np.array([picture.size[0] - 1, 0], np.float32)
        mapped = axis_map(source, target)
        if mapped is None:
            return None
        scale, offset, inside = mapped
        # A repeated pattern maps many points on one: each counts once, on either side.
        inliers = min(len(np.unique(ours[inside])), len(np.unique(np.rint(target[inside]), axis=0)))
        if inliers < INLIERS:
            return None
        shares = overlap(scale, offset, picture.size, self.sizes[guard])
        if max(shares) < WITHIN or (min(shares) < HALF and inliers < SURE_INLIERS):
            return None
        thumb = picture.thumb_HWC[:, ::-1] if mirror else picture.thumb_HWC
        agreement = agreeing(thumb, self.thumbs[guard], scale, offset, picture.size, self.sizes[guard])
        return Found(guard, inliers, agreement) if agreement >= AGREEING else None

    def _by_thumbnails(self, picture: Sketch, allowed: Bool) -> list[Found]:
        found = []
        mean = picture.thumb_HWC.reshape(-1, 3).mean(axis=0)
        likely = worth_trying(mean, contrast_of(picture.thumb_HWC), self.plain_means, self.plain_contrasts)
        for place in np.flatnonzero(likely).tolist():
            guard = int(self.plain[place])
            if allowed[guard]:
                rms = plain_rms(picture.thumb_HWC, self.thumbs[guard])
                if fits(rms, picture.thumb_HWC, self.thumbs[guard]):
                    found.append(Found(guard, 0, rms))
        return found


def _indexed(descriptors: UInt8) -> Any:
    """Features as a faiss index: exact for few, inverted lists for many."""
    try:
        import faiss
    except ImportError as error:
        raise InputError("the leak guard", "needs faiss", "pip install 'uniser[aggregate]'") from error
    with _one_thread():  # sums in one order: the same lists everywhere
        return _filled(faiss, descriptors)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """OpenMP of this thread held to one core, and let go again: torch in the same process counts with it too."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _filled(faiss: Any, descriptors: UInt8) -> Any:
    kind, count = faiss.ScalarQuantizer.QT_8bit_direct, len(descriptors)
    index: Any
    if count < FLAT_FEATURES:
        index = faiss.IndexScalarQuantizer(128, kind, faiss.METRIC_L2)
        index.train(np.zeros((1, 128), np.float32))
    else:
        lists = int(2 * np.sqrt(count))
        index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(128), 128, lists, kind, faiss.METRIC_L2, False)
        index.nprobe = PROBES
        step = max(1, count // (40 * lists))
        index.train(descriptors[::step].astype(np.float32))
    for start in range(0, count, 1 << 16):
        index.add(descriptors[start : start + (1 << 16)].astype(np.float32))
    return index
