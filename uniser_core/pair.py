"""The pair row, schema version 1: the only thing generators write and the aggregator reads.

Image columns are struct{bytes: binary, path: string} with Hugging Face `Image` metadata, so that
`datasets`, DuckDB and polars open a shard with no glue code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from uniser_core import SCHEMA_VERSION
from uniser_core.documents import read_json_object
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
LABEL = pa.dictionary(pa.int32(), pa.string())
IMAGE_COLUMNS = ("input", "target", "layer", "mask", "depth")
# One clean picture with all its variants is a row group, so these repeat within it and are stored once.
SHARED_BLOBS = ("target.bytes", "depth.bytes")

_FIELDS: tuple[tuple[str, pa.DataType, bool], ...] = (
    ("pair_id", pa.string(), False),
    ("effect", LABEL, False),
    ("variant", pa.string(), False),
    ("dataset", LABEL, False),
    ("origin", LABEL, False),
    ("group_id", pa.string(), False),
    ("split", pa.string(), True),
    ("input", IMAGE, True),
    ("target", IMAGE, True),  # never null, but `datasets` takes a field for a picture only when it is nullable
    ("layer", IMAGE, True),
    ("layer_kind", pa.string(), True),
    ("mask", IMAGE, True),
    ("depth", IMAGE, True),
    ("width", pa.int32(), False),
    ("height", pa.int32(), False),
    ("prompt", pa.string(), False),
    ("params", pa.string(), False),
    ("seed", pa.uint64(), False),
    ("effect_version", pa.int32(), False),
    ("generator", pa.string(), False),
    ("input_sha256", pa.binary(), False),
    ("target_sha256", pa.binary(), False),
    ("input_phash", pa.uint64(), False),
    ("target_phash", pa.uint64(), False),
    ("psnr_db", pa.float32(), False),
    ("ssim", pa.float32(), False),
    ("license", pa.string(), False),
    ("attribution", pa.string(), False),
    ("source_uri", pa.string(), False),
)

ORIGINS = ("photo", "synthesis_2d", "render_3d")
METADATA_COLUMNS = tuple(name for name, kind, _ in _FIELDS if kind != IMAGE)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if kind == IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        fields = kind.value_type
        return {"feature": {f.name: _feature(f.type) for f in fields}, "_type": "List"}
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return {"dtype": str(kind), "_type": "Value"}


def hugging_face_schema(
    fields: tuple[tuple[str, pa.DataType, bool], ...], kind: str, version: int = SCHEMA_VERSION
) -> pa.Schema:
    """An Arrow schema with the metadata that `datasets` reads its features from, and our own version."""
    features = {name: _feature(t) for name, t, _ in fields}
    return pa.schema(
        [pa.field(n, t, nullable=nullable) for n, t, nullable in fields],
        metadata={
            "huggingface": json.dumps({"info": {"features": features}}),
            "uniser.kind": kind,
            "uniser.schema_version": str(version),
        },
    )


PAIR_SCHEMA = hugging_face_schema(_FIELDS, "pairs")


def image_cell(data: bytes | None, path: str) -> dict[str, Any] | None:
    """A value of an image column, or None where there is no picture."""
    return None if data is None else {"bytes": data, "path": path}


def params_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's `params` as values, parsed unless they are already. Raises InputError when they are no JSON object."""
    if isinstance(row["params"], dict):
        return row["params"]
    return read_json_object(row["params"], f"params of {row.get('pair_id', 'a pair')}")


def check_schema(schema: pa.Schema, expected: pa.Schema, where: str) -> None:
    """Raise InputError unless `schema` is of our kind and version and holds the expected columns."""
    metadata = {k.decode("utf8", "replace"): v.decode("utf8", "replace") for k, v in (schema.metadata or {}).items()}
    wanted = {k.decode(): v.decode() for k, v in (expected.metadata or {}).items()}
    kind, version = metadata.get("uniser.kind"), metadata.get("uniser.schema_version")
    if kind != wanted["uniser.kind"]:
        raise InputError(
            where, f"is not a shard of {wanted['uniser.kind']} (uniser.kind is {kind!r})", "give a run folder of ours"
        )
    if version != wanted["uniser.schema_version"]:
        raise InputError(
            f"{where} has schema version {version}",
            f"this version reads {wanted['uniser.schema_version']}",
            "write it again with this version, or install the version that wrote it",
        )
    for field in expected:
        index = schema.get_field_index(field.name)
        if index < 0 or not _same_storage(schema.field(index).type, field.type):
            found = "missing" if index < 0 else str(schema.field(index).type)
            raise InputError(f"{where}: column '{field.name}' is {found}", f"must be {field.type}", "write it again")


def _same_storage(found: pa.DataType, expected: pa.DataType) -> bool:
    plain = expected.value_type if pa.types.is_dictionary(expected) else expected
    return bool(found in (expected, plain))
