"""The frame row, schema version 1: clean HDR pictures with everything known about them.

`rgb`, `emission` and light groups are half-float EXR blobs, linear and scene-referred; `depth` (metres
along the optical axis) and `object_index` are float32 EXR, `normal` is in camera space.
"""

from __future__ import annotations

import pyarrow as pa

from uniser_core.pair import hugging_face_schema

_FIELDS: tuple[tuple[str, pa.DataType, bool], ...] = (
    ("frame_id", pa.string(), False),
    ("scene_id", pa.string(), False),
    ("camera_id", pa.string(), False),
    ("archetype", pa.string(), False),
    ("rgb", pa.binary(), False),
    ("emission", pa.binary(), True),
    ("light_groups", pa.list_(pa.struct([("name", pa.string()), ("blob", pa.binary())])), True),
    ("depth", pa.binary(), True),
    ("normal", pa.binary(), True),
    ("object_index", pa.binary(), True),
    ("lights", pa.string(), False),
    ("objects", pa.string(), False),
    ("camera", pa.string(), False),
    ("render", pa.string(), False),
    ("width", pa.int32(), False),
    ("height", pa.int32(), False),
    ("seed", pa.uint64(), False),
    ("license", pa.string(), False),
    ("attribution", pa.string(), False),
    ("recipe_version", pa.int32(), False),
    ("sha256", pa.binary(), False),
)

FRAME_SCHEMA = hugging_face_schema(_FIELDS, "frames")
