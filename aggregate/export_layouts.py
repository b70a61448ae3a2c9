"""The layouts of `uniser corpus export`: webdataset, mds, huggingface, folder."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from uniser_core.codecs import extension_of
from uniser_core.pair import IMAGE, PAIR_SCHEMA, hugging_face_schema, image_cell
from uniser_core.run_folder import to_json
from uniser_core.shard import ShardWriter
from uniser_core.tar import write_tar

from aggregate.export import FACTS, PICTURES, Part, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from uniser_core.storage import Store

    from aggregate.export import Layout


class WebDataset:
    """`{split}-00000.tar`: members `{key}.input.png`, `{key}.target.png`, `{key}.mask.png`, `{key}.json`."""

    part_bytes = 256 << 20

    def __init__(self, has_masks: bool, encoder: str | None) -> None:
        pass

    def name(self, part: Part) -> str:  # noqa: D102
        return f"{part.split}-{part.number:05d}.tar"

    def write(self, path: Path, samples: Iterable[Sample], store: Store) -> None:  # noqa: D102
        write_tar(path, (member for each in samples for member in _members(each)))

    def finish(self, store: Store, parts: Sequence[Part]) -> None:  # noqa: D102
        pass


def _members(sample: Sample) -> Iterator[tuple[str, bytes]]:
    for column, data in sample.pictures.items():
        yield f"{sample.key}.{column}.{extension_of(data)}", data
    facts = {**sample.facts, "params": json.loads(sample.facts["params"])}
    yield f"{sample.key}.json", json.dumps(facts, ensure_ascii=False).encode()


# Encodings of a fixed size, eight bytes all.
MDS_FIXED = {"uint64": "<u8", "int": "<i8", "float64": "<f8"}


class Mds:
    """MosaicML Streaming shards, format version 2: `{split}/shard.00000.mds` and `{split}/index.json`.

    Written here, because the library pins a torchvision and a transformers that our own torch excludes. A shard is
    uint32 count, uint32 offsets (count + 1), its columns as JSON, then samples: uint32 sizes of the columns without
    a fixed one, and the values, columns in the order of their names.
    """

    part_bytes = 64 << 20

    def __init__(self, has_masks: bool, encoder: str | None) -> None:
        # `png` and `jpeg` give a PIL picture, whatever the bytes are; a mask that some pairs lack is empty bytes.
        picture = encoder or "png"
        kinds = {"input": picture, "target": picture, "mask": "png" if has_masks else "bytes"}
        kinds |= {name: _mds_kind(name) for name in FACTS}
        self.kinds = dict(sorted(kinds.items()))
        self.config = {
            **{"version": 2, "format": "mds", "compression": None, "hashes": [], "size_limit": None},
            "column_names": list(self.kinds),
            "column_encodings": list(self.kinds.values()),
            "column_sizes": [8 if kind in MDS_FIXED else None for kind in self.kinds.values()],
        }

    def name(self, part: Part) -> str:  # noqa: D102
        return f"{part.split}/shard.{part.number:05d}.mds"

    def write(self, path: Path, samples: Iterable[Sample], store: Store) -> None:  # noqa: D102
        config = json.dumps(self.config, sort_keys=True).encode()
        encoded = [self._encode(each) for each in samples]
        offsets = np.cumsum([0, *map(len, encoded)]) + 4 + 4 * (len(encoded) + 1) + len(config)
        with path.open("wb") as file:
            file.write(np.uint32(len(encoded)).tobytes() + offsets.astype("<u4").tobytes() + config)
            file.writelines(encoded)

    def _encode(self, sample: Sample) -> bytes:
        values = {**sample.facts, **{c: sample.pictures.get(c, b"") for c in PICTURES}}
        data = [_mds_value(kind, values[name]) for name, kind in self.kinds.items()]
        free = [len(d) for d, kind in zip(data, self.kinds.values(), strict=True) if kind not in MDS_FIXED]
        return np.asarray(free, "<u4").tobytes() + b"".join(data)

    def finish(self, store: Store, parts: Sequence[Part]) -> None:  # noqa: D102
        for split in sorted({p.split for p in parts}):
            shards = []
            for part in (p for p in parts if p.split == split):
                name = self.name(part)
                raw = {"basename": name.rpartition("/")[2], "bytes": store.size(name), "hashes": {}}
                shards.append({**self.config, "samples": len(part.rows), "raw_data": raw, "zip_data": None})
            store.write(f"{split}/index.json", to_json({"version": 2, "shards": shards}))


def _mds_kind(name: str) -> str:
    kind = PAIR_SCHEMA.field(name).type
    if name == "params":
        return "json"
    if pa.types.is_unsigned_integer(kind):
        return "uint64"
    if pa.types.is_integer(kind):
        return "int"
    return "float64" if pa.types.is_floating(kind) else "str"


def _mds_value(kind: str, value: Any) -> bytes:
    if kind in MDS_FIXED:
        return np.asarray(value, MDS_FIXED[kind]).tobytes()
    if isinstance(value, bytes):
        return value
    return ("" if value is None else str(value)).encode()


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class HuggingFace:
    """`data/{split}-00000.parquet` with Image columns, and the card that `datasets.load_dataset` reads splits from."""

    part_bytes = 256 << 20
    group_bytes = 32 << 20
    # Labels as text: some readers know no dictionaries.
    schema = hugging_face_schema(
        tuple((c, IMAGE, True) for c in PICTURES) + tuple((n, _plain(PAIR_SCHEMA.field(n).type), True) for n in FACTS),
        "export",
    )

    def __init__(self, has_masks: bool, encoder: str | None) -> None:
        pass

    def name(self, part: Part) -> str:  # noqa: D102
        return f"data/{part.split}-{part.number:05d}.parquet"

    def write(self, path: Path, samples: Iterable[Sample], store: Store) -> None:  # noqa: D102
        writer = ShardWriter(path, self.schema)
        try:
            for group in self._groups(samples):
                writer.write_item([self._row(each) for each in group])
            writer.close()
        except BaseException:
            writer.abandon()
            raise

    def _groups(self, samples: Iterable[Sample]) -> Iterator[list[Sample]]:
        group: list[Sample] = []
        for each in samples:
            group.append(each)
            if sum(len(data) for s in group for data in s.pictures.values()) >= self.group_bytes:
                yield group
                group = []
        if group:
            yield group

    def _row(self, sample: Sample) -> dict[str, Any]:
        cells = {}
        for column in PICTURES:
            data = sample.pictures.get(column)
            cells[column] = image_cell(data, f"{sample.key}-{column}.{extension_of(data or b'')}")
        return {**cells, **sample.facts}

    def finish(self, store: Store, parts: Sequence[Part]) -> None:  # noqa: D102
        lines = [f"  - split: {s}\n    path: data/{s}-*.parquet\n" for s in sorted({p.split for p in parts})]
        card = f"---\nconfigs:\n- config_name: default\n  data_files:\n{''.join(lines)}---\n\n"
        store.write("README.md", f"{card}Pairs of a picture with a soft effect and the picture without.\n".encode())


class Folder:
    """`input/{key}.png`, `target/`, `mask/`, and `metadata.csv` with a line a pair.

    A part is its lines of the table, written after its pictures: an interrupted part is written again.
    """

    part_bytes = 256 << 20

    def __init__(self, has_masks: bool, encoder: str | None) -> None:
        pass

    def name(self, part: Part) -> str:  # noqa: D102
        return f"_parts/{part.split}-{part.number:05d}.csv"

    def write(self, path: Path, samples: Iterable[Sample], store: Store) -> None:  # noqa: D102
        for column in PICTURES:
            store.make_folder(column)
        with path.open("w", newline="", encoding="utf8") as file:
            lines = csv.writer(file)
            for each in samples:
                names = {c: f"{c}/{each.key}.{extension_of(data)}" for c, data in each.pictures.items()}
                for column, name in names.items():
                    with store.fs.open_output_stream(store.path(name)) as sink:
                        sink.write(each.pictures[column])
                lines.writerow([*(names.get(c, "") for c in PICTURES), *each.facts.values()])

    def finish(self, store: Store, parts: Sequence[Part]) -> None:  # noqa: D102
        head = io.StringIO()
        csv.writer(head).writerow([*PICTURES, *FACTS])
        table = store.spool("metadata.csv")
        with table.open("wb") as file:
            file.write(head.getvalue().encode())
            for part in parts:
                file.write(store.read(self.name(part)))
        store.publish(table, "metadata.csv")
        store.fs.delete_dir(store.path("_parts"))


LAYOUTS: dict[str, type[Layout]] = {"webdataset": WebDataset, "mds": Mds, "huggingface": HuggingFace, "folder": Folder}
