"""`table:URI`: rows of a Parquet table with a picture each, as Hugging Face data sets have them."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from uniser_core.errors import InputError
from uniser_core.shard import UNREADABLE
from uniser_core.sources.base import Clean, Source, SourceItem, SourceOptions
from uniser_core.storage import Store

if TYPE_CHECKING:
    from uniser_core.frame import Frame

NAMES = ("image", "img", "jpg", "jpeg", "png", "picture", "photo")
FACTS = ("license", "attribution", "source_uri")


class ImageTable(Source):
    """A .parquet file or a folder of them. Keys are `file#row`.

    The image column is struct{bytes, path} or binary: option `image_column`, else the one that the Hugging
    Face metadata calls an Image, else one called image, img, jpg, png …. Columns license, attribution
    and source_uri are used where they are.
    """

    expected = "a .parquet file with an image column, or a folder of them"

    def __init__(self, place: str, spec: str, options: SourceOptions) -> None:
        super().__init__(spec, options)
        folder, name = (place.rpartition("/")[::2]) if place.lower().endswith(".parquet") else (place, "")
        self.store = Store(folder or ("/" if place.startswith("/") else "."))
        if name and not self.store.exists(name):
            raise InputError(f"--source {spec}", "does not exist", "check the path")
        self.files = [name] if name else self.store.names(suffix=".parquet")
        self._group: tuple[str, int, pa.Table] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_group": None}

    def list_items(self) -> list[SourceItem]:
        """One item a row, out of the files' footers alone."""
        items = []
        for name in self.files:
            try:
                with self.store.open(name) as stream:
                    file = pq.ParquetFile(stream)
                    self._column(file.schema_arrow, name)
                    first = 0
                    for group in range(file.num_row_groups):
                        count = file.metadata.row_group(group).num_rows
                        items += [SourceItem(f"{name}#{first + i:08d}", 0, (name, group, i)) for i in range(count)]
                        first += count
            except UNREADABLE as error:
                raise InputError(f"{name} of --source {self.spec}", _first_line(error), "check the file") from error
        return items

    def _column(self, schema: pa.Schema, name: str) -> str:
        metadata = {k.decode(): v for k, v in (schema.metadata or {}).items()}
        if metadata.get("uniser.kind") == b"pairs":
            raise InputError(f"{name} of --source {self.spec}", "holds pairs", "use pairs:… for their clean pictures")
        usable = [field.name for field in schema if _is_image(field.type)]
        wanted = self.options.image_column
        if wanted is not None:
            if wanted in usable:
                return wanted
            found = ", ".join(usable) or "none"
            raise InputError(f"image_column={wanted}", f"{name} has the image columns: {found}", "choose one of them")
        named = _hugging_face_images(metadata.get("huggingface"), usable) or usable
        if len(named) == 1 and (named is not usable or named[0].lower() in NAMES):
            return named[0]
        for known in NAMES:
            for column in named:
                if column.lower() == known:
                    return column
        raise InputError(
            f"{name} of --source {self.spec}",
            f"has no column that is clearly its picture (columns: {', '.join(schema.names)})",
            f"call it image (struct{{bytes, path}} or binary){', or set image_column' if usable else ''}",
        )

    def load(self, item: SourceItem) -> Frame:
        """See `Source.load`."""
        name, group, row = item.where
        try:
            table, column = self._read(name, group)
        except UNREADABLE as error:
            raise InputError(f"{item.key} of {self.spec}", _first_line(error), "check the file") from error
        values = {field: table[field][row].as_py() for field in table.column_names}
        cell = values[column]
        data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
        if not data:
            rule = f"the row points at {path} and holds no bytes" if path else "the row holds no picture"
            raise InputError(f"{item.key} of {self.spec}", rule, "embed the pictures in the table")
        stem = PurePosixPath(path or "").stem or f"{PurePosixPath(name).stem}-{item.key.rpartition('#')[2]}"
        known = {fact: str(values.get(fact) or "") for fact in FACTS}
        return Clean(
            data,
            item.key,
            stem,
            known["license"],
            known["attribution"],
            known["source_uri"] or item.key,
        ).frame(self.options)

    def _read(self, name: str, group: int) -> tuple[pa.Table, str]:
        # Neighbouring items share a row group: reading it once a row would be quadratic.
        if self._group is None or self._group[:2] != (name, group):
            with self.store.open(name) as stream:
                file = pq.ParquetFile(stream)
                column = self._column(file.schema_arrow, name)
                columns = [column, *(c for c in FACTS if c in file.schema_arrow.names)]
                self._group = (name, group, file.read_row_group(group, columns=columns))
        table = self._group[2]
        return table, table.column_names[0]


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        return "bytes" in names and _is_binary(names["bytes"])
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _hugging_face_images(metadata: bytes | None, usable: list[str]) -> list[str]:
    try:
        features = json.loads(metadata or b"{}")["info"]["features"]
        return [name for name in usable if features.get(name, {}).get("_type") == "Image"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
