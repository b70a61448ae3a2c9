"""Reading a corpus: pictures by row number, each blob by one read of its byte range. No Dask, no torch.

A corpus is a folder with `index.parquet` (a row per pair: every metadata column, and where each picture lies),
`manifest.json`, `recipe.yaml` and `rejected.parquet`; `uniser corpus build` writes it.
"""

from __future__ import annotations

import contextlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from uniser_core import SCHEMA_VERSION
from uniser_core.blob_cache import BlobCache
from uniser_core.blob_files import BlobFiles, shard_path
from uniser_core.cells import cell_reader
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame_cache import FrameCache
from uniser_core.order import weights_by
from uniser_core.pair import IMAGE_COLUMNS, LABEL, METADATA_COLUMNS, PAIR_SCHEMA, check_schema
from uniser_core.storage import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from uniser_core.frame import Frame

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

INDEX, MANIFEST = "index.parquet", "manifest.json"
# Text that many rows share: an index stores each value once in a row group, and it is held as numbers in memory.
REPEATING = (
    *("variant", "group_id", "split", "layer_kind", "prompt"),
    *("generator", "license", "attribution", "source_uri"),
)
# What `read` gives beside the pictures.
READ_COLUMNS = (
    *("pair_id", "group_id", "split", "effect", "variant", "dataset"),
    *("prompt", "params", "width", "height", "effect_version"),
)


def _index_schema() -> pa.Schema:
    fields = [PAIR_SCHEMA.field(name) for name in METADATA_COLUMNS]
    fields = [f.with_nullable(f.nullable and f.name != "split") for f in fields]
    fields.append(pa.field("clean_sha256", pa.binary(), nullable=False))  # of the decoded target pixels
    for column in IMAGE_COLUMNS:
        fields.append(pa.field(f"{column}_file", LABEL))
        fields.append(pa.field(f"{column}_offset", pa.int64()))
        fields.append(pa.field(f"{column}_length", pa.int64()))
    return pa.schema(fields, {"uniser.kind": "corpus", "uniser.schema_version": str(SCHEMA_VERSION)})


INDEX_SCHEMA = _index_schema()


class Corpus:
    """A corpus opened for reading. Threads and forked or spawned workers may share it (it pickles as its URI)."""

    def __init__(self, uri: str | Path, cache: BlobCache | None = None, manifest: dict[str, Any] | None = None) -> None:
        """`cache` keeps blobs of object stores (default: the user's). `manifest` is given while it is not written yet.

        Raises InputError for what is no corpus.
        """
        self.uri = str(uri)
        self.store = Store(self.uri)
        self.manifest = read_manifest(self.store) if manifest is None else manifest
        where = self.store.path(INDEX)
        try:
            with self.store.open(INDEX) as stream:
                schema = pq.read_schema(stream)
                self.index: Any = pq.read_table(stream, read_dictionary=list(REPEATING))
        except FileNotFoundError as error:
            raise InputError(where, "is missing from the corpus", "build it again") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(where, f"is damaged ({str(error).splitlines()[0]})", "build the corpus again") from error
        check_schema(schema, INDEX_SCHEMA, where)
        if len(self.index) != self.manifest["rows"]:
            rule = f"the manifest says {self.manifest['rows']}"
            raise InputError(f"{where} has {len(self.index)} rows", rule, "build the corpus again")
        self._places = {c: self._place(c) for c in IMAGE_COLUMNS}
        # The index' digest is part of a kept blob's name: a corpus that was built anew finds nothing of the old one.
        self._files = BlobFiles(self.store, cache, self.manifest["files"][INDEX]["sha256"])
        self.frames = FrameCache.of_user()

    @classmethod
    def open(cls, uri: str | Path) -> Corpus:
        """Open the corpus at a path or `pyarrow.fs` URI."""
        return cls(uri)

    def __reduce__(self) -> tuple[Any, ...]:
        cache = self._files.cache
        kept = (cache.folder, cache.limit_bytes) if cache else None
        return _reopen, (self.uri, kept)

    def __len__(self) -> int:
        return len(self.index)

    def _place(self, column: str) -> tuple[list[str], Int64, Int64, Int64]:
        names = self.index.column(f"{column}_file").unify_dictionaries()
        codes = [np.asarray(pc.fill_null(chunk.indices, -1), np.int64) for chunk in names.chunks]
        files = names.chunk(0).dictionary.to_pylist() if names.num_chunks else []
        offset = self.index.column(f"{column}_offset").fill_null(-1).to_numpy()
        length = self.index.column(f"{column}_length").fill_null(-1).to_numpy()
        return files, np.concatenate([*codes, np.empty(0, np.int64)]), offset, length

    def rows(self, split: str | None = None, effect: str | Sequence[str] | None = None) -> Int64:
        """Row numbers, ascending, of a split and of one or more effects (None: all); int64 (N,)."""
        chosen = np.ones(len(self), np.bool_)
        for column, wanted in (("split", split), ("effect", effect)):
            if wanted is not None:
                values = [wanted] if isinstance(wanted, str) else list(wanted)
                plain = pc.cast(self.index.column(column), pa.string())
                chosen &= pc.is_in(plain, value_set=pa.array(values, pa.string())).to_numpy()
        return np.flatnonzero(chosen).astype(np.int64)

    def has(self, row: int, column: str) -> bool:
        """Whether the row stores a picture in that image column."""
        return bool(self._places[column][2][self._checked(row)] >= 0)

    def places(self, column: str) -> tuple[list[str], Int64, Int64, Int64]:
        """(files, file number, byte offset, length) of a column's blobs in all rows; int64 (N,), -1 where none."""
        return self._places[column]

    def place(self, row: int, column: str) -> tuple[str, int, int]:
        """(file as the index names it, byte offset, length) of a blob. Raises InputError where there is none."""
        files, codes, offset, length = self._places[column]
        row = self._checked(row)
        if offset[row] < 0:
            rule = "has no picture there" + (": its input is rendered" if column == "input" else "")
            raise InputError(f"row {row} of {self.uri}, column '{column}'", rule, "see has()")
        return files[codes[row]], int(offset[row]), int(length[row])

    def blob(self, row: int, column: str) -> bytes:
        """The encoded picture of an image column, by one read. Raises InputError when it is not (wholly) there."""
        return self._files.read(*self.place(row, column), f"the {column} of row {row} of {self.uri}")

    def by_clean(self, rows: Int64) -> Int64:
        """The same rows with all of one clean picture side by side, pictures in the order of their digests."""
        digests = self.index.column("clean_sha256").take(pa.array(rows))
        return rows[pc.sort_indices(digests).to_numpy()] if len(rows) else rows

    def sampling(self, rows: Int64, weights: dict[str, float] | None = None) -> Float64 | None:
        """Weight of each row by its effect, float64 (N,): `weights`, or else the recipe's `sampling`; None for even."""
        factors = self.manifest["recipe"].get("sampling", {}) if weights is None else weights
        return weights_by(pc.cast(self.index.column("effect").take(rows), pa.string()).to_pylist(), factors)

    def file_path(self, name: str) -> tuple[Any, str]:
        """(file system, path) of a file that the index names: relative to the corpus, or absolute."""
        return shard_path(self.store, name)

    def metadata(self, row: int) -> dict[str, Any]:
        """The metadata of `read`, without pictures; `params` is parsed from its JSON."""
        row = self._checked(row)
        values = {name: cell(row) for name, cell in self._cells.items()}
        values["params"] = json.loads(values["params"])
        return values

    @cached_property
    def _cells(self) -> dict[str, Callable[[int], Any]]:
        return {name: cell_reader(self.index.column(name)) for name in READ_COLUMNS}

    def read(self, row: int, fresh: int | None = None) -> dict[str, Any]:
        """One pair, decoded.

        `input_HWC`, `target_HWC`: uint8 (H, W, 3) sRGB; `mask_HW`: uint8 (H, W), 0 untouched .. 255 strongest, where
        the row has one; `row`; and metadata: pair_id, group_id, split, effect, variant, dataset, prompt, params
        (dict), width, height, effect_version. A recipe row's input is rendered; with a seed `fresh`, its effect's
        params are drawn anew by that seed first (unless the draw is refused), and `redrawn` is true.
        Raises InputError on a missing or damaged blob.
        """
        from uniser_core import codecs

        pair: dict[str, Any] = {"row": int(row), **self.metadata(row)}
        with named(f"{pair['pair_id']} (row {row} of {self.uri})"):
            if self.has(row, "input"):
                target = self.blob(row, "target")
                pair["input_HWC"] = codecs.decode_rgb8(self.blob(row, "input"))
                pair["target_HWC"] = codecs.decode_rgb8(target)
            else:
                pair["input_HWC"], pair["target_HWC"] = self._render(row, pair, fresh)
            if self.has(row, "mask"):
                pair["mask_HW"] = codecs.decode_blob(self.blob(row, "mask"))
            for name in ("input_HWC", "target_HWC", "mask_HW"):
                if name in pair:
                    _check_size(pair[name], pair, name)
        return pair

    def _render(self, row: int, pair: dict[str, Any], fresh: int | None) -> tuple[UInt8, UInt8]:
        """(input, target) of a recipe row, whose input pixels follow from its target, depth and params.

        With `fresh`, `pair` gets other params.
        """
        from uniser_core import engine

        # Variants of one picture render from one frame; relative depth may be scaled anew for some of them.
        places = tuple(self.place(row, c) for c in ("target", "depth") if self.has(row, c))
        key = (places, json.dumps(pair["params"].get("depth")))

        def make() -> Frame:
            depth = {"bytes": self.blob(row, "depth")} if self.has(row, "depth") else None
            return engine.frame_of_row({**pair, "target": {"bytes": self.blob(row, "target")}, "depth": depth})

        with self.frames.frame(key, make) as frame:
            target = frame.rgb8_HWC.view()
            # Other rows start from the same pixels.
            target.flags.writeable = False
            if fresh is not None:
                with contextlib.suppress(RefusedError):
                    pair["params"] = engine.redrawn(pair, frame, fresh)
                pair["redrawn"] = True
            return engine.render_row(pair, frame), target

    def _checked(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise InputError(f"row {row}", f"the corpus has rows 0 to {len(self) - 1}", "see rows()")
        return int(row)


def _reopen(uri: str, kept: tuple[Path, int] | None) -> Corpus:
    return Corpus(uri, BlobCache(*kept) if kept else None)


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """Puts a row's name before an InputError of what is done inside."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error.value}", error.rule, error.remedy) from error


def _check_size(pixels: UInt8, pair: dict[str, Any], name: str) -> None:
    if pixels.shape[:2] != (pair["height"], pair["width"]):
        size = f"{pair['width']}x{pair['height']}"
        raise InputError(f"{name} is {pixels.shape[1]}x{pixels.shape[0]}", f"its row says {size}", "build it again")


def read_manifest(store: Store) -> dict[str, Any]:
    """The manifest of a corpus. Raises InputError when the folder holds none that this version reads."""
    where = store.path()
    if not store.exists(MANIFEST):
        raise InputError(where, f"is no corpus: it has no {MANIFEST}", "make one: uniser corpus build RECIPE --out URI")
    try:
        manifest = json.loads(store.read(MANIFEST))
    except ValueError as error:
        raise InputError(store.path(MANIFEST), f"is damaged ({error})", "build the corpus again") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != "corpus":
        raise InputError(
            where, "is no corpus (its manifest is of something else)", "give a folder that corpus build made"
        )
    if manifest.get("schema_version") != SCHEMA_VERSION:
        found = manifest.get("schema_version")
        raise InputError(
            f"{where} has schema version {found}", f"this version reads {SCHEMA_VERSION}", "build the corpus again"
        )
    return manifest
