"""Exports read back with the libraries that they are for, compared byte by byte with the corpus."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
from pair_runs import PHOTOS, rows_of, write_recipe, write_run
from PIL import Image
from typer.testing import CliRunner

from aggregate.build import build
from aggregate.cli import app
from aggregate.export import export
from aggregate.export_layouts import LAYOUTS
from uniser_core.corpus import Corpus
from uniser_core.errors import ConfigMismatchError, InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored PNG, stored JPEG and recipe rows, of two effects."""
    place = tmp_path_factory.mktemp("export")
    write_run(place / "png", [rows_of(n) for n in PHOTOS[:3]])
    write_run(place / "recipe", [rows_of(n, store="recipe") for n in PHOTOS[3:5]])
    write_run(place / "jpeg", [rows_of(n, "shade", encoder="jpeg") for n in (*PHOTOS[:2], *PHOTOS[5:7])])
    return place


@pytest.fixture(scope="module")
def corpus(runs: Path) -> Corpus:
    from aggregate.recipe import load_recipe

    sources = [str(runs / n) for n in ("png", "recipe", "jpeg")]
    build(load_recipe(write_recipe(runs / "recipe.yaml", sources=sources, test_fraction=0.3)), str(runs / "corpus"))
    return Corpus.open(runs / "corpus")


def by_id(corpus: Corpus) -> dict[str, int]:
    return {name: row for row, name in enumerate(corpus.index.column("pair_id").to_pylist())}


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


def agree(corpus: Corpus, row: int, pictures: dict[str, bytes]) -> None:
    """The pictures of an export are those of the corpus: the stored bytes, or the rendered pixels."""
    read = corpus.read(row)
    for column, data in pictures.items():
        if corpus.has(row, column):
            assert data == corpus.blob(row, column)
        else:
            assert column == "input"
            assert (pixels(data) == read["input_HWC"]).all()
    assert set(pictures) == {"input", "target", *(["mask"] if corpus.has(row, "mask") else [])}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_webdataset_as_tar(corpus: Corpus, tmp_path: Path) -> None:
    facts = export(corpus.uri, str(tmp_path / "out"), "webdataset", part_bytes=100_000)
    tars = sorted((tmp_path / "out").glob("*.tar"))
    assert (facts["samples"], facts["parts"], len(tars)) == (len(corpus), facts["written"], facts["parts"])
    assert len(tars) > 3
    found = {}
    for tar in tars:
        members: dict[str, dict[str, bytes]] = {}
        with tarfile.open(tar) as archive:
            for member in archive:
                key, _, end = member.name.partition(".")
                members.setdefault(key, {})[end] = archive.extractfile(member).read()
        for files in members.values():
            said = json.loads(files.pop("json"))
            row = by_id(corpus)[said["pair_id"]]
            agree(corpus, row, {end.split(".")[0]: data for end, data in files.items()})
            assert said["split"] == tar.name.split("-")[0] == corpus.metadata(row)["split"]
            assert said["params"] == corpus.metadata(row)["params"]
            found[row] = said
    assert sorted(found) == list(range(len(corpus)))


def test_webdataset_with_its_library(corpus: Corpus, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    export(corpus.uri, str(tmp_path / "out"), "webdataset")
    tars = sorted(map(str, (tmp_path / "out").glob("*.tar")))
    raw = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(raw) == len(corpus)
    for each in raw:
        row = by_id(corpus)[json.loads(each["json"])["pair_id"]]
        pictures = {k.split(".")[0]: v for k, v in each.items() if k.split(".")[0] in ("input", "target", "mask")}
        agree(corpus, row, pictures)
    decoded = next(iter(webdataset.WebDataset(tars, shardshuffle=False).decode("rgb8")))
    row = by_id(corpus)[decoded["json"]["pair_id"]]
    degraded = next(v for k, v in decoded.items() if k.startswith("input."))
    assert np.abs(degraded.astype(int) - corpus.read(row)["input_HWC"]).max() <= 1  # JPEG decoders may round apart


def read_mds(folder: Path) -> list[dict[str, bytes]]:
    """A reading of its own, from the description of the format."""
    samples = []
    for shard in json.loads((folder / "index.json").read_text())["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        count = int.from_bytes(data[:4], "little")
        assert count == shard["samples"]
        offsets = np.frombuffer(data[4 : 8 + 4 * count], "<u4")
        assert json.loads(data[8 + 4 * count : offsets[0]])["column_names"] == shard["column_names"]
        for start, end in itertools.pairwise(offsets):
            sample, at = data[start:end], 0
            lengths = []
            for size in shard["column_sizes"]:
                lengths.append(size or int.from_bytes(sample[at : at + 4], "little"))
                at += 0 if size else 4
            values = {}
            for name, length in zip(shard["column_names"], lengths, strict=True):
                values[name] = sample[at : at + length]
                at += length
            assert at == len(sample)
            samples.append(values)
    return samples


def test_mds(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus.uri, str(tmp_path), "mds", part_bytes=100_000)
    rows = []
    for split in ("train", "test"):
        for values in read_mds(tmp_path / split):
            row = by_id(corpus)[values["pair_id"].decode()]
            agree(corpus, row, {c: values[c] for c in ("input", "target", "mask") if values[c]})
            assert int.from_bytes(values["seed"], "little") == corpus.index.column("seed")[row].as_py()
            assert np.frombuffer(values["psnr_db"])[0] == corpus.index.column("psnr_db")[row].as_py()
            assert corpus.metadata(row)["split"] == split
            rows.append(row)
    assert sorted(rows) == list(range(len(corpus)))


def test_mds_with_its_library(corpus: Corpus, tmp_path: Path) -> None:
    reader = pytest.importorskip("streaming.base.format.mds.reader", exc_type=ImportError)
    export(corpus.uri, str(tmp_path), "mds", part_bytes=100_000)
    rows = []
    for split in ("train", "test"):
        for shard in json.loads((tmp_path / split / "index.json").read_text())["shards"]:
            read = reader.MDSReader.from_json(str(tmp_path), split, shard)
            read.validate(False)
            for number in range(shard["samples"]):
                values = read[number]
                row = by_id(corpus)[values["pair_id"]]
                assert (np.asarray(values["target"]) == pixels(corpus.blob(row, "target"))).all()
                assert (values["params"], values["width"]) == (corpus.metadata(row)["params"], values["input"].size[0])
                rows.append(row)
    assert sorted(rows) == list(range(len(corpus)))


def test_huggingface(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(corpus.uri, str(out), "huggingface", part_bytes=100_000)
    assert len(list((out / "data").glob("train-*.parquet"))) > 1
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "test"}
    rows = []
    for split, part in loaded.items():
        assert isinstance(part.features["input"], datasets.Image)
        decoded = part[0]
        row = by_id(corpus)[decoded["pair_id"]]
        assert (np.asarray(decoded["target"]) == pixels(corpus.blob(row, "target"))).all()
        raw = part
        for column in ("input", "target", "mask"):
            raw = raw.cast_column(column, datasets.Image(decode=False))
        for values in raw:
            row = by_id(corpus)[values["pair_id"]]
            cells = {c: values[c] for c in ("input", "target", "mask")}
            agree(corpus, row, {c: v["bytes"] for c, v in cells.items() if v and v["bytes"]})
            assert values["split"] == split
            rows.append(row)
    assert sorted(rows) == list(range(len(corpus)))


def test_folder(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus.uri, str(tmp_path), "folder", part_bytes=100_000)
    with (tmp_path / "metadata.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        row = by_id(corpus)[line["pair_id"]]
        names = {c: line[c] for c in ("input", "target", "mask") if line[c]}
        agree(corpus, row, {c: (tmp_path / name).read_bytes() for c, name in names.items()})
        assert json.loads(line["params"]) == corpus.metadata(row)["params"]
    assert sorted(by_id(corpus)[line["pair_id"]] for line in lines) == list(range(len(corpus)))
    files = {line[c] for line in lines for c in ("input", "target", "mask") if line[c]}
    assert set(bytes_of(tmp_path)) == {*files, "metadata.csv", "export.json"}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_an_export_that_broke_off_is_finished_by_the_same_command(
    corpus: Corpus, runs: Path, tmp_path: Path, layout: str
) -> None:
    whole = export(corpus.uri, str(tmp_path / "whole"), layout, part_bytes=100_000, workers=1)
    shard = runs / "recipe/shard-00000.parquet"
    shutil.move(shard, tmp_path / "away")
    try:
        with pytest.raises(InputError, match="is not there any more"):
            export(corpus.uri, str(tmp_path / "out"), layout, part_bytes=100_000, workers=1)
    finally:
        shutil.move(tmp_path / "away", shard)
    again = export(corpus.uri, str(tmp_path / "out"), layout, part_bytes=100_000, workers=2)
    assert again["parts"] == whole["parts"]
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")
    assert export(corpus.uri, str(tmp_path / "out"), layout, part_bytes=100_000)["written"] == 0
    with pytest.raises(ConfigMismatchError, match="limit was None, now 3"):
        export(corpus.uri, str(tmp_path / "out"), layout, limit=3, part_bytes=100_000)


def test_finished_parts_are_not_written_again(corpus: Corpus, tmp_path: Path) -> None:
    first = export(corpus.uri, str(tmp_path), "webdataset", part_bytes=100_000)
    (tmp_path / "train-00001.tar").unlink()
    state = json.loads((tmp_path / "export.json").read_text())
    (tmp_path / "export.json").write_text(json.dumps({**state, "finished": False}))
    stamps = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.tar")}
    assert export(corpus.uri, str(tmp_path), "webdataset", part_bytes=100_000)["written"] == 1
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.tar") if p.name in stamps} == stamps
    assert len(list(tmp_path.glob("*.tar"))) == first["parts"]


def test_split_effect_limit(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    facts = export(corpus.uri, str(out), "huggingface", split="train", effects=["shade"], limit=2)
    assert facts["samples"] == 2
    rows = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert set(rows) == {"train"}
    wanted = corpus.rows("train", "shade")[:2]
    assert rows["train"]["pair_id"][:] == [corpus.metadata(int(r))["pair_id"] for r in wanted]


@pytest.mark.parametrize(("encoder", "kind"), [("png", "PNG"), ("jpeg", "JPEG")])
def test_one_encoder_for_all(corpus: Corpus, tmp_path: Path, encoder: str, kind: str) -> None:
    export(corpus.uri, str(tmp_path), "folder", encoder=encoder)
    for column, wanted in (("input", kind), ("target", kind), ("mask", "PNG")):
        files = list((tmp_path / column).iterdir())
        assert files
        assert {Image.open(f).format for f in files} == {wanted}
    for file in (tmp_path / "input").iterdir():
        row = int(file.name.split("-")[0])
        apart = np.abs(pixels(file.read_bytes()).astype(int) - corpus.read(row)["input_HWC"])
        assert apart.max() <= (1 if encoder == "png" else 40)
        assert apart.mean() <= (0.5 if encoder == "png" else 2)


def test_what_no_reader_opens_becomes_png(recipe_of: Any, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    run = write_run(tmp_path / "jxl", [rows_of(n, encoder="jxl") for n in PHOTOS[:2]])
    build(recipe_of(run), str(tmp_path / "c"))
    stored = Corpus.open(tmp_path / "c")
    export(stored.uri, str(tmp_path / "out"), "folder")
    files = sorted((tmp_path / "out/input").iterdir())
    assert [f.suffix for f in files] == [".png"] * len(stored)
    assert all((pixels(f.read_bytes()) == stored.read(row)["input_HWC"]).all() for row, f in enumerate(files))


def test_bad_input_is_one_clear_line(corpus: Corpus, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    for match, options in (
        ("must be one of webdataset", {"layout": "tfrecord"}),
        ("must be png or jpeg", {"layout": "folder", "encoder": "webp"}),
        ("the corpus has shade, veil", {"layout": "folder", "effects": ["rain"]}),
        ("has no pair of that split", {"layout": "folder", "split": "validation"}),
    ):
        with pytest.raises(InputError, match=match):
            export(corpus.uri, out, **options)
    assert not (tmp_path / "out").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes\.txt: exports are not mixed"):
        export(corpus.uri, str(tmp_path), "folder")


def test_a_picture_that_is_none_is_named(recipe_of: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [rows_of(n) for n in PHOTOS[:2]])
    build(recipe_of(run), str(tmp_path / "c"))
    broken = Corpus.open(tmp_path / "c")
    name, offset, _ = broken.place(3, "input")
    with open(name, "r+b") as file:
        file.seek(offset)
        file.write(b"never a picture")
    with pytest.raises(InputError, match=rf"{broken.metadata(3)['pair_id']} \(row 3 of .*does not decode"):
        export(broken.uri, str(tmp_path / "out"), "folder")


def test_the_command(corpus: Corpus, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    options = ["export", corpus.uri, "--format", "webdataset", "--out", out, "--limit", "5", "--json"]
    planned = CliRunner().invoke(app, [*options, "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    said, made = json.loads(planned.stdout), json.loads(done.stdout)
    assert (made["samples"], made["parts"]) == (5, said["parts"])
    assert said["samples"] == 5
    written = sum(p.stat().st_size for p in (tmp_path / "out").glob("*.tar")) / 1e6
    assert 0.3 * written < said["megabytes"] < 1.3 * written  # a rendered input counts as its target; tars have heads
