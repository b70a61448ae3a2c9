"""Depth providers: labelled, deterministic, on the picture's grid, and plain about what they cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syn_haze.depth import provider
from syn_haze.depth.disparity import BASELINE_M, FOCAL_PX, OFFSET_PX, DisparityDepth, depth_m, fill_holes
from syn_haze.depth.heuristic import HeuristicDepth
from syn_haze.depth.hub import HubDepth
from syn_haze.depth.marigold import MarigoldDepth
from syn_haze.depth.model import ModelDepth
from syn_haze.depth.refine import guided_upsample
from tests.syn_haze.common import photo, plane
from uniser_core.depth import DepthProvider
from uniser_core.errors import InputError
from uniser_core.frame import Frame

ROOT = Path(__file__).resolve().parents[2]


def test_heuristic_is_labelled_and_records_its_range() -> None:
    depth = HeuristicDepth().estimate(photo(depth=False), 7)
    told = depth.describe()
    assert (told["source"], told["metric"]) == ("heuristic", False)
    metres = depth.metres_HW()
    np.testing.assert_allclose([metres.min(), metres.max()], [told["near_m"], told["far_m"]], rtol=1e-3)


def test_heuristic_follows_its_seed_alone() -> None:
    a, b, c = (HeuristicDepth().estimate(photo(depth=False), s) for s in (7, 7, 8))
    assert a.describe() == b.describe() != c.describe()
    assert (a.code_HW == b.code_HW).all()


def test_heuristic_puts_the_top_behind_the_bottom_and_follows_edges() -> None:
    frame = photo("astronaut.png", depth=False)
    metres = HeuristicDepth().estimate(frame, 1).metres_HW()
    assert np.median(metres[:100]) > 3 * np.median(metres[-100:])
    # The black helmet against the white ring: depth steps with the picture, not across it.
    log_depth, light = np.log(metres), frame.rgb8_HWC.mean(axis=2)
    across = np.abs(np.diff(log_depth, axis=1)).ravel()
    edge = np.abs(np.diff(light, axis=1)).ravel() > 60
    assert across[edge].mean() > 4 * across[~edge].mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2000), (2000, 3)])
def test_heuristic_on_odd_sizes(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    depth = HeuristicDepth().estimate(plane(rgb, 1.0, size), 3)
    assert depth.code_HW.shape == size
    assert (depth.code_HW > 0).all()


@pytest.mark.parametrize("code", [0, 255])
def test_heuristic_on_flat_pictures(code: int) -> None:
    assert (HeuristicDepth().estimate(plane(code, 1.0, (40, 50)), 3).code_HW > 0).all()


def test_heuristic_on_hdr_frames() -> None:
    light = np.random.default_rng(0).random((40, 50, 3), np.float32) * 30
    frame = Frame("hdr", 50, 40, {"rgb": lambda: light})
    assert HeuristicDepth().estimate(frame, 3).code_HW.shape == (40, 50)


def test_guided_upsampling_puts_a_step_on_the_picture_edge() -> None:
    guide = np.zeros((200, 300), np.float32)
    guide[:, 143:] = 1
    blurred = np.clip((np.arange(30) - 10) / 9, 0, 1).astype(np.float32) * np.ones((20, 1), np.float32)
    refined = guided_upsample(blurred, guide, radius_share=1 / 16, epsilon=1e-4)
    step = np.abs(np.diff(refined[100]))
    assert step.argmax() == 142
    assert step[142] > 5 * np.delete(step, 142).max()


def test_disparity_is_the_calibrated_depth() -> None:
    frame = photo("motorcycle_left.png", depth=False)
    depth = DisparityDepth().estimate(frame, 0)
    assert (depth.source, depth.metric) == ("disparity", True)
    metres = depth.metres_HW()
    # The smallest disparity that the data set holds is 7.19 px, the back wall.
    assert metres.max() == pytest.approx(FOCAL_PX * BASELINE_M / (7.1913557 + OFFSET_PX), rel=1e-3)
    assert 2.0 < metres.min() < 2.3
    assert metres[250, 370] < metres[60, 250]  # the motorcycle stands before the wall
    assert depth.facts["hfov_deg"] == pytest.approx(40.85, abs=0.01)
    np.testing.assert_allclose(metres, depth_m(), rtol=2e-4)


def test_disparity_knows_its_picture_when_resized() -> None:
    rgb8 = np.ascontiguousarray(photo("motorcycle_left.png", depth=False).rgb8_HWC[::2, ::2])
    small = Frame("half", rgb8.shape[1], rgb8.shape[0], {"rgb8": lambda: rgb8})
    assert DisparityDepth().estimate(small, 0).code_HW.shape == rgb8.shape[:2]


def test_disparity_refuses_other_pictures() -> None:
    with pytest.raises(InputError, match="coffee has no measured disparity"):
        DisparityDepth().estimate(photo("coffee.png", depth=False), 0)


def test_holes_take_the_background() -> None:
    row = np.array([[np.inf, 9.0, np.nan, np.inf, 4.0, np.inf]])
    assert fill_holes(row).tolist() == [[9.0, 9.0, 4.0, 4.0, 4.0, 4.0]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's."""
    monkeypatch.setenv("UNISER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "depth"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny randomly initialised models, saved as a user's folders are."""
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTConfig
    from transformers import DPTForDepthEstimation as Dpt

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    shapes = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 8}
    tiny = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    for kind in ("relative", "metric"):
        backbone = Dinov2Config(
            **tiny,
            image_size=56,
            patch_size=14,
            reshape_hidden_states=False,
            out_features=[f"stage{i}" for i in (1, 2, 3, 4)],
        )
        config = DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=32,
            head_hidden_size=8,
            patch_size=14,
            depth_estimation_type=kind,
            max_depth=20 if kind == "metric" else 1,
            **shapes,
        )
        DepthAnythingForDepthEstimation(config).save_pretrained(folder / kind)
    config = DPTConfig(
        **tiny, intermediate_size=64, image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3], **shapes
    )
    Dpt(config).save_pretrained(folder / "dpt")
    return folder


@pytest.mark.parametrize("kind", ["relative", "dpt"])
def test_relative_models_are_fitted_to_a_drawn_range(models: Path, kind: str) -> None:
    frame, hub = photo("coffee.png", depth=False), provider(f"hf:{models / kind}")
    depth, again, other = (hub.estimate(frame, s) for s in (4, 4, 5))
    assert depth.code_HW.shape == (400, 600)
    assert (depth.source, depth.metric, depth.facts["model"]) == (f"hf:{kind}", False, kind)
    assert (depth.code_HW == again.code_HW).all()
    assert depth.facts["near_m"] != other.facts["near_m"]
    metres = depth.metres_HW()
    assert depth.facts["near_m"] * 0.999 <= metres.min() < metres.max() <= depth.facts["far_m"] * 1.001
    assert metres.std() > 0


def test_metric_models_give_metres(models: Path) -> None:
    depth = provider(f"hf:{models / 'metric'}").estimate(photo("coffee.png", depth=False), 4)
    assert depth.metric
    assert "near_m" not in depth.facts
    assert 0.09 < depth.metres_HW().min() <= depth.metres_HW().max() <= 20


def test_a_batch_gives_what_single_pictures_give(models: Path) -> None:
    frames = [photo(name, depth=False) for name in ("coffee.png", "astronaut.png", "coffee.png")]
    hub = HubDepth(str(models / "relative"))
    for alone, together in zip(
        [hub.estimate(f, s) for s, f in enumerate(frames)], hub.estimate_batch(frames, [0, 1, 2]), strict=True
    ):
        assert alone.facts == together.facts
        apart = alone.inverse_per_m_HW() - together.inverse_per_m_HW()
        assert np.abs(apart).max() < 1e-3 * alone.inverse_per_m_HW().max()


def test_preprocessor_config_is_obeyed(models: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(models / "relative", tmp_path / "prepared")
    facts = {
        "size": {"height": 112, "width": 112},
        "ensure_multiple_of": 28,
        "image_mean": [0, 0, 0],
        "image_std": [2, 2, 2],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    prepared = HubDepth(str(folder))._prepare(photo("coffee.png", depth=False))
    assert prepared.shape == (3, 112, 168)
    assert 0 <= prepared.min() < prepared.max() <= 0.5


def test_torchvision_is_never_imported(models: Path) -> None:
    code = (
        "import sys; from syn_haze.depth import provider; from tests.syn_haze.common import photo;"
        f"provider('hf:{models / 'relative'}').estimate(photo('coffee.png', depth=False), 1);"
        "assert 'torchvision' not in sys.modules; assert 'transformers' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("frogs", "unknown depth 'frogs'.*heuristic"),
        ("hf", "needs a model"),
        ("hf:/no/such/folder", "is not a folder"),
        ("heuristic:7", "takes no argument"),
    ],
)
def test_unknown_depth_says_what_is_known(spec: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        provider(spec)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        provider(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="depth model"):
        provider(f"hf:{tmp_path}").estimate(photo("coffee.png", depth=False), 0)


def test_every_provider_that_the_project_names_is_there() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["uniser.depth"]
    assert {"disparity", "heuristic", "hf"} <= set(named)
    for value in named.values():
        module, _, name = value.partition(":")
        kind = getattr(import_module(module), name)
        assert isinstance(kind("OWNER/NAME") if issubclass(kind, ModelDepth) else kind(), DepthProvider)


class Counting(HubDepth):
    """The real network, counting what it is asked."""

    asked = 0

    def infer(self, frames: Any) -> Any:
        Counting.asked += len(frames)
        return super().infer(frames)


def test_a_network_is_asked_once_a_picture(models: Path, own_cache: Path) -> None:
    Counting.asked = 0
    frames = [photo(name, depth=False) for name in ("coffee.png", "astronaut.png")]
    first = Counting(str(models / "relative")).estimate_batch(frames, [1, 2])
    again = Counting(str(models / "relative"))
    kept = [again.estimate(frame, seed) for seed, frame in enumerate(frames, 1)]
    assert Counting.asked == 2
    assert len(list(own_cache.rglob("*.npy"))) == 2
    for a, b in zip(first, kept, strict=True):
        assert (a.code_HW == b.code_HW).all()
        assert a.describe() == b.describe()
    # Another seed draws another range from the same output.
    assert again.estimate(frames[0], 9).facts["near_m"] != kept[0].facts["near_m"]
    assert Counting.asked == 2


def test_other_weights_and_other_pixels_are_asked_again(models: Path, tmp_path: Path) -> None:
    import shutil

    Counting.asked = 0
    frame = photo("coffee.png", depth=False)
    Counting(str(models / "relative")).estimate(frame, 1)
    retrained = shutil.copytree(models / "metric", tmp_path / "relative")  # the same label, other weights
    Counting(str(retrained)).estimate(frame, 1)
    pixels = frame.rgb8_HWC.copy()
    pixels[0, 0, 0] ^= 1
    Counting(str(models / "relative")).estimate(Frame("coffee", 600, 400, {"rgb8": lambda: pixels}), 1)
    assert Counting.asked == 3


def test_a_damaged_or_read_only_cache_does_no_harm(models: Path, own_cache: Path) -> None:
    hub, frame = HubDepth(str(models / "relative")), photo("coffee.png", depth=False)
    right = hub.estimate(frame, 1)
    (path,) = own_cache.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:200])
    assert (hub.estimate(frame, 1).code_HW == right.code_HW).all()
    hub.cache_folder = Path("/proc/no/such/place")
    assert (hub.estimate(frame, 1).code_HW == right.code_HW).all()


def test_the_command_keeps_what_a_render_reads(models: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from syn_haze.cli import app
    from uniser_core.synth import SynthJob

    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("coffee.png", "astronaut.png", "chelsea.png"):
        (photos / name).write_bytes((files("skimage") / "data" / name).read_bytes())
    spec, kept = f"hf:{models / 'relative'}", tmp_path / "kept"
    options = ["--source", str(photos), "--depth", spec, "--batch", "2", "--max-size", "200"]
    done = CliRunner().invoke(app, ["depth", *options, "--depth-cache", str(kept)])
    assert done.exit_code == 0, done.output
    assert "depth of 3 pictures" in done.output
    stamps = {path: path.stat().st_mtime_ns for path in kept.rglob("*.npy")}
    assert len(stamps) == 3
    job = SynthJob("haze", str(photos), depth=spec, max_size_px=200, depth_cache=str(kept))
    assert len(job.process(0).rows) == 1
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.npy")} == stamps


def test_marigold_is_explained_where_diffusers_is_missing(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(InputError, match=r"marigold.*needs a model"):
        MarigoldDepth("")
    if find_spec("diffusers") is None:
        with pytest.raises(InputError, match="pip install diffusers"):
            MarigoldDepth(str(tmp_path)).estimate(photo("coffee.png", depth=False), 1)


@pytest.mark.skipif(find_spec("diffusers") is None, reason="diffusers, which Marigold needs, is not installed")
def test_marigold_gives_depth_on_a_drawn_range(tmp_path: Path) -> None:
    folder = tiny_marigold(tmp_path / "tiny")
    frame = photo("coffee.png", depth=False)
    depth, again, other = (MarigoldDepth(str(folder)).estimate(frame, seed) for seed in (4, 4, 5))
    assert depth.code_HW.shape == (400, 600)
    assert (depth.source, depth.metric) == ("marigold:tiny", False)
    assert (depth.code_HW == again.code_HW).all()
    assert depth.facts["near_m"] != other.facts["near_m"]
    metres = depth.metres_HW()
    assert depth.facts["near_m"] * 0.999 <= metres.min() < metres.max() <= depth.facts["far_m"] * 1.001


def tiny_marigold(folder: Path) -> Path:
    """A Marigold pipeline of a few thousand random weights, saved as the hub's are."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, MarigoldDepthPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=(2, 4),
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
    )
    sizes = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 2}
    text = CLIPTextModel(CLIPTextConfig(**sizes, vocab_size=1000, bos_token_id=0, eos_token_id=2, pad_token_id=1))
    folder.mkdir()
    words = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    MarigoldDepthPipeline(
        unet=unet,
        vae=vae,
        scheduler=DDIMScheduler(prediction_type="v_prediction", clip_sample=False),
        text_encoder=text,
        tokenizer=tokenizer,
        prediction_type="depth",
        scale_invariant=True,
        shift_invariant=True,
        default_denoising_steps=1,
        default_processing_resolution=64,
    ).save_pretrained(folder)
    return folder
