"""Recipe rows are rendered again when a corpus is built: params must give the input that the row tells of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from pair_runs import photo, write_run

from aggregate.build import build
from syn_haze.depth.heuristic import HeuristicDepth
from tests.cli import uniser
from uniser_core.corpus import Corpus
from uniser_core.engine import RenderOptions, render_rows
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.frame_cache import FrameCache
from uniser_core.registry import get_effect

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = 4


def hazy(name: str) -> list[dict[str, Any]]:
    """Recipe rows of one photo under haze, with an estimated depth."""
    rgb8 = photo(name)
    frame = Frame(name, rgb8.shape[1], rgb8.shape[0], {"rgb8": lambda: rgb8}, group_id=name, license="CC0-1.0")
    frame.channels["depth"] = lambda: HeuristicDepth().estimate(frame, 11)
    return render_rows(get_effect("haze"), frame, RenderOptions(variants=VARIANTS, store="recipe")).rows


def with_params(row: dict[str, Any], **changed: Any) -> None:
    row["params"] = json.dumps({**json.loads(row["params"]), **changed})


def set_aside(folder: Path) -> dict[str, tuple[str, str]]:
    rows = pq.read_table(folder / "rejected.parquet").to_pylist()
    return {r["pair_id"]: (r["reason"], r["detail"]) for r in rows}


@pytest.fixture
def items() -> list[list[dict[str, Any]]]:
    return [hazy(name) for name in ("coffee", "rocket")]


def test_rows_whose_params_do_not_give_their_input_go(
    items: list[list[dict[str, Any]]], recipe_of: Any, tmp_path: Path
) -> None:
    rows = items[0]
    with_params(rows[1], visibility_m=json.loads(rows[1]["params"])["visibility_m"] * 1.2)
    with_params(rows[2], visibility_m=-5)
    rows[3]["effect_version"] += 1
    run = write_run(tmp_path / "run", items)
    build(recipe_of(run, test_fraction=0), str(tmp_path / "c"))
    found = set_aside(tmp_path / "c")
    assert found[rows[1]["pair_id"]] == ("wrong_recipe", "params render to other pixels than input_sha256 is of")
    assert [found[rows[n]["pair_id"]][0] for n in (2, 3)] == ["not_rendered"] * 2
    assert "visibility_m" in found[rows[2]["pair_id"]][1]
    assert f"haze version {rows[3]['effect_version']}" in found[rows[3]["pair_id"]][1]
    assert len(found) == 3
    corpus = Corpus.open(tmp_path / "c")
    assert len(corpus) == 2 * VARIANTS - 3
    assert all((p["input_HWC"] != p["target_HWC"]).any() for p in map(corpus.read, range(len(corpus))))


def test_a_depth_of_another_scale_or_picture_goes(
    items: list[list[dict[str, Any]]], recipe_of: Any, tmp_path: Path
) -> None:
    first, second = items
    described = json.loads(first[0]["params"])["depth"]
    scale = next(k for k, v in described.items() if isinstance(v, float) and v > 0)
    with_params(first[0], depth={**described, scale: described[scale] * 1.5})
    code_HW = cv2.imdecode(np.frombuffer(second[1]["depth"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
    blob = cv2.imencode(".png", np.ascontiguousarray(code_HW[::-1]))[1].tobytes()
    second[1]["depth"] = {**second[1]["depth"], "bytes": blob}
    build(recipe_of(write_run(tmp_path / "run", items), test_fraction=0), str(tmp_path / "c"))
    reasons = {name: reason for name, (reason, _) in set_aside(tmp_path / "c").items()}
    assert reasons == {row["pair_id"]: "wrong_recipe" for row in (first[0], second[1])}


def test_a_sample_is_rendered_or_nothing_as_the_recipe_asks(
    items: list[list[dict[str, Any]]], recipe_of: Any, tmp_path: Path
) -> None:
    """One of 16 rows by its keyed hash: over eight seeds each row's lot is drawn eight times."""
    for number, row in enumerate(items[0] + items[1]):
        row["input_sha256"] = bytes([number]) * 32
    run = write_run(tmp_path / "run", items)
    assert build(recipe_of(run, validate="none"), str(tmp_path / "none")).manifest["rejected"] == {}
    gone = 0
    for seed in range(8):
        options = {"validate": "sampled", "seed": seed, "near_duplicates": False}
        gone += build(recipe_of(run, **options), str(tmp_path / str(seed))).manifest["rejected"].get("wrong_recipe", 0)
    assert 0 < gone < 32


def test_variants_share_a_decoded_frame_within_the_bytes_allowed(
    items: list[list[dict[str, Any]]], recipe_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(recipe_of(write_run(tmp_path / "run", items), test_fraction=0), str(tmp_path / "c"))
    corpus = Corpus.open(tmp_path / "c")
    rows = corpus.by_clean(corpus.rows())
    read = [corpus.read(int(row)) for row in rows]
    assert len({pair["group_id"] for pair in read[:VARIANTS]}) == 1
    assert corpus.frames.made == 2
    held = corpus.frames.used_bytes
    assert held > 2 * 64 * 80 * (3 + 2 + 12)  # 8-bit and linear light, and depth, of two pictures
    with pytest.raises(ValueError, match="read-only"):
        read[0]["target_HWC"][:] = 0
    # Not both at once, whatever one of them weighs beside the other; and none.
    for limit, made in ((held - 1, 2), (0, len(rows))):
        corpus.frames = FrameCache(limit)
        for row, pair in zip(rows, read, strict=True):
            again = corpus.read(int(row))
            assert np.array_equal(again["input_HWC"], pair["input_HWC"])
            assert corpus.frames.used_bytes <= limit
        assert corpus.frames.made == made
    monkeypatch.setenv("UNISER_FRAME_CACHE_MB", "many")
    with pytest.raises(InputError, match="whole number of megabytes"):
        Corpus.open(tmp_path / "c")


PLUGIN = """
import numpy as np
from uniser_core.effect import EffectParams, Layers, effect

@effect("dusk", fast=True, tags=("unseen",))
class Dusk:
    class Params(EffectParams):
        share: float
    def sample(self, rng, frame):
        return self.Params(share=float(rng.uniform(0.2, 0.7)))
    def apply(self, frame, params):
        return Layers(frame.rgb_HWC * np.float32(params.share))
"""


def test_recipe_rows_of_a_plugin_need_its_file(tmp_path: Path) -> None:
    plugin, recipe = tmp_path / "dusk.py", tmp_path / "r.yaml"
    plugin.write_text(PLUGIN)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "coffee.png"), photo("coffee"))
    recipe.write_text("sources: [run]\nkeep_unseen: true\ntest_fraction: 0\n")
    where = ("--source", tmp_path / "photos", "--out", tmp_path / "run")
    uniser("synth", "dusk", "--plugin", plugin, "--store", "recipe", *where)
    without = uniser("corpus", "build", recipe, "--out", tmp_path / "none", "--workers", "1", code=None)
    assert "not_rendered" in without.stderr
    uniser("corpus", "build", recipe, "--out", tmp_path / "c", "--workers", "1", "--plugin", plugin)
    assert Corpus.open(tmp_path / "c").manifest["rejected"] == {}
