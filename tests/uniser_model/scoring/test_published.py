"""Published benchmarks in their real layouts, scored by their protocols; figures that are known by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.uniser_model.scoring.test_eval import evaluate
from tests.uniser_model.small import hazy, picture, save
from uniser_core.metrics import psnr_db
from uniser_model.scoring.benches import open_bench
from uniser_model.scoring.metrics import METRICS, Compared, lab_mae, score
from uniser_model.scoring.protocols import benchmarks, protocols
from uniser_model.scoring.tables import interval

if TYPE_CHECKING:
    from pathlib import Path

# Where the real sets keep input and target of one test pair, and its mask.
LAYOUTS = {
    "flare7k-real": ("test_data/real/input/input_000000.png", "test_data/real/gt/gt_000000.png",
                     "test_data/real/mask/mask_000000.png"),
    "flare7k-synthetic": ("test_data/synthetic/input/input_000000.png", "test_data/synthetic/gt/gt_000000.png",
                          "test_data/synthetic/mask/mask_000000.png"),
    "srd": ("test/shadow/IMG_1.jpg", "test/shadow_free/IMG_1_free.jpg", None),
    "istd+": ("test/test_A/91-1.png", "test/test_C_fixed_official/91-1.png", "test/test_B/91-1.png"),
    "wsrd+": ("ntire24_shrem_valid_inp/0000.png", "ntire24_shrem_valid_gt/0000.png", None),
    "sots-indoor": ("SOTS/indoor/hazy/1400_1.png", "SOTS/indoor/gt/1400.png", None),
    "sots-outdoor": ("SOTS/outdoor/hazy/0001_0.8_0.2.jpg", "SOTS/outdoor/gt/0001.png", None),
    "hsts": ("HSTS/synthetic/synthetic/0586.jpg", "HSTS/synthetic/original/0586.jpg", None),
    "sir2": ("PostcardDataset/blended/a.png", "PostcardDataset/transmission_layer/a.png", None),
    "nature20": ("nature20/blended/1.jpg", "nature20/transmission_layer/1.jpg", None),
}  # fmt: skip


def miniature(root: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One test pair of a set; (input, target) as they decode."""
    clean = picture(name, 96, 128)
    mask = np.zeros(clean.shape, np.uint8)
    mask[:, :40] = (255, 255, 0) if name.startswith("flare") else 255
    dark = np.where(mask.any(axis=2, keepdims=True), clean // 2, clean).astype(np.uint8)
    source, target, where = LAYOUTS[name]
    save(root / source, dark if benchmarks()[name].effect == "shadow" else hazy(clean, 0.6, 0.9))
    save(root / target, clean)
    if where is not None:
        save(root / where, mask if name.startswith("flare") else mask[..., 0])
    return tuple(cv2.imread(str(root / p))[..., ::-1] for p in (source, target))  # type: ignore[return-value]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_published_set_is_read_in_its_own_layout(name: str, tmp_path: Path) -> None:
    source, target = miniature(tmp_path, name)
    bench = open_bench(name, str(tmp_path))
    assert bench.kind == "published set"
    items = list(bench.items())
    assert len(items) == 1
    pair = items[0].read()
    spec = benchmarks()[name]
    assert pair.effect == spec.effect
    assert np.abs(pair.input_HWC.astype(int) - source).max() <= 3  # JPEG decoders round differently
    compared = Compared(pair.input_HWC, pair.target_HWC, pair.mask_HW, pair.input_HWC, pair.colours_HWC)
    for protocol in bench.protocols:
        found = protocol.scores(compared)
        if spec.effect != "shadow":  # these have no mask to speak of
            assert all(v is not None for k, v in found.items() if "streak" not in k), protocol.name
        if protocol.size_px is None and protocol.multiple_px is None:
            own = found.get("psnr_db", found.get("psnr_channels_db"))
            expected = score(Compared(source, target), ["psnr_db", "psnr_channels_db"])
            assert own == pytest.approx(expected["psnr_db" if "psnr_db" in found else "psnr_channels_db"], abs=0.1)
    if name.startswith("flare"):
        # Haze is everywhere, the mask says glare: its error over its area.
        area = (pair.colours_HWC[..., 1] == 255).mean()
        error = ((pair.input_HWC / 255 - pair.target_HWC / 255)[:, :40] ** 2).sum() / target.size
        assert bench.protocols[0].scores(compared)["glare_psnr_db"] == pytest.approx(-10 * np.log10(error / area))


def test_every_name_is_told_and_every_metric_known() -> None:
    assert set(LAYOUTS) == set(benchmarks())
    for protocol in protocols().values():
        assert set(protocol.metrics) <= set(METRICS), protocol.name
        assert protocol.about


def test_shadow_protocol_is_at_256_and_by_pixel(tmp_path: Path) -> None:
    miniature(tmp_path, "istd+")
    bench = open_bench("istd+", str(tmp_path))
    pair = next(iter(bench.items())).read()
    found = protocols()["shadow-256"].scores(Compared(pair.input_HWC, pair.target_HWC, pair.mask_HW))
    small = [np.asarray(Image.fromarray(p).resize((256, 256), Image.Resampling.BICUBIC))
             for p in (pair.input_HWC, pair.target_HWC)]  # fmt: skip
    assert found["psnr_db"] == psnr_db(*small)
    inside = cv2.resize(pair.mask_HW, (256, 256), interpolation=cv2.INTER_NEAREST) > 0
    compared = Compared(small[0], small[1])
    assert found["lab_mae_shadow"] == lab_mae(compared.lab_difference_HWC, inside)
    assert found["pixels.shadow"] == inside.sum()
    # Two pictures of 1 and 3 units, the second nine times as large: the mean over pixels is 2.8.
    assert interval([1.0, 3.0], ["a", "b"], 0, weights=[100, 900]).mean == pytest.approx(2.8)


def test_the_table_has_protocols_subsets_and_what_papers_print(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("PostcardDataset", "SolidObjectDataset", "SolidObjectDataset"):
        number = len(list(tmp_path.rglob("*.png")))
        clean = picture(str(number), 70, 90)
        save(tmp_path / "sir" / folder / "blended" / f"{number}.png", hazy(clean, 0.6, 0.9))
        save(tmp_path / "sir" / folder / "transmission_layer" / f"{number}.png", clean)
    out = tmp_path / "out"
    assert evaluate(run, "--bench", f"sir2={tmp_path / 'sir'}", "--out", out) == 0
    found: dict[tuple[str, str], Any] = {}
    for line in json.loads((out / "table.json").read_text())["lines"]:
        found[line["bench"], line["method"]] = line
    benches = list(dict.fromkeys(b for b, _ in found))
    subsets = ("sir2 postcard", "sir2 solid", "sir2")
    assert benches == [*(f"{s} ({p})" for p in ("reflection", "reflection-32") for s in subsets), "sir2"]
    one, two, all_three = (found[f"{s} (reflection)", "identity"] for s in subsets)
    assert (one["pictures"], two["pictures"], all_three["pictures"]) == (1, 2, 3)
    means = [x["metrics"]["psnr_channels_db"]["mean"] for x in (one, two, all_three)]
    assert means[2] == pytest.approx((means[0] + 2 * means[1]) / 3)  # weighted by pictures
    printed = found["sir2", "UniSER (as printed)"]["metrics"]
    assert (printed["psnr_db"]["mean"], printed["ssim"]["mean"], printed["ssim"]["low"]) == (25.98, 0.911, None)
    assert "| sir2 | UniSER (as printed) |  |  |" in (out / "table.md").read_text()
    page = (out / "index.html").read_text()
    assert page.count("<figure>") == 3
    assert "worst" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    capsys.readouterr()


def test_a_wrong_root_says_what_was_expected(run: str, tmp_path: Path) -> None:
    from uniser_core.errors import InputError

    save(tmp_path / "x" / "a.png", picture("a"))
    with pytest.raises(InputError, match="expected SOTS/indoor"):
        open_bench("sots-indoor", str(tmp_path))


def test_photos_without_truth(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        save(tmp_path / "wild" / f"{name}.png", hazy(picture(name), 0.5, 0.9))
    out = tmp_path / "out"
    assert evaluate(run, "--bench", f"wild={tmp_path / 'wild'}", "--effect", "wild=haze", "--out", out) == 0
    lines = {x["method"]: x for x in json.loads((out / "table.json").read_text())["lines"]}
    assert list(lines["clahe"]["metrics"]) == ["contrast_gain"]
    assert lines["identity"]["metrics"]["contrast_gain"]["mean"] == 0
    assert lines["clahe"]["metrics"]["contrast_gain"]["mean"] > 0
    capsys.readouterr()
