from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from uniser_core.errors import InputError
from uniser_model.build import build_model
from uniser_model.codec import PixelCodec, get_codec
from uniser_model.config import build_config
from uniser_model.fused import rotate
from uniser_model.model import (
    ROLE_FRAME,
    ROLES,
    Block,
    DiT,
    ModelShape,
    patchify,
    positions,
    rotary_angles,
    rotary_axes,
    unpatchify,
)  # fmt: skip
from uniser_model.presets import PRESETS, preset_values

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = ModelShape(width=32, depth=2, heads=2, patch=2, latent_channels=12, text_width=10, out_features=7)


def lively(shape: ModelShape = SHAPE) -> DiT:
    """A model whose zero-initialised layers have been moved, so that everything has a say."""
    torch.manual_seed(1)
    model = DiT(shape)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.2)
    return model.eval()


def inputs(batch: int = 2, rows: int = 4, columns: int = 6, text: int = 5) -> list[torch.Tensor]:
    dice = torch.Generator().manual_seed(2)
    frames = [torch.randn(batch, 12, rows * 2, columns * 2, generator=dice) for _ in range(3)]
    words = torch.randn(batch, text, 10, generator=dice)
    keep = torch.ones(batch, text, dtype=torch.bool)
    return [*frames, words, keep, torch.rand(batch, generator=dice), torch.tensor([0, 1])[:batch]]


def test_output_is_one_vector_for_each_target_token() -> None:
    assert DiT(SHAPE)(*inputs()).shape == (2, 24, 7)


def test_head_is_silent_and_blocks_are_the_identity_at_the_start() -> None:
    model = DiT(SHAPE)
    assert torch.count_nonzero(model(*inputs())) == 0
    x = torch.randn(2, 9, 32)
    cos, sin = rotary_angles(torch.zeros(9, 3), 16, 100.0)
    assert torch.equal(model.blocks[0](x, torch.randn(2, 32), cos, sin, None), x)


@pytest.mark.parametrize("changed", range(7), ids=["noisy", "input", "mask", "text", "keep", "t", "task"])
def test_every_input_reaches_the_output(changed: int) -> None:
    model, given = lively(), inputs()
    before = model(*given)
    other = [x.clone() for x in given]
    if changed == 4:
        other[4][:, -1] = False
    elif changed == 6:
        other[6] = 1 - other[6]
    else:
        other[changed][0] += 0.5
    assert (model(*other)[0] - before[0]).abs().max() > 1e-4


def test_padded_text_has_no_say() -> None:
    model, given = lively(), inputs(text=5)
    given[4][:, 3:] = False
    before = model(*given)
    given[3][:, 3:] += 100
    assert torch.equal(model(*given), before)
    short = [*given[:3], given[3][:, :3], given[4][:, :3], *given[5:]]
    assert torch.allclose(model(*short), before, atol=1e-5)


def test_frames_differ_by_role_alone() -> None:
    """Swapping two frames' pictures changes the output: the model knows which is which."""
    model, given = lively(), inputs()
    swapped = [given[0], given[2], given[1], *given[3:]]
    assert (model(*swapped) - model(*given)).abs().max() > 1e-3
    assert len(set(ROLE_FRAME.values())) == len(ROLES)


def test_same_pixel_of_three_frames_differs_on_the_frame_axis_alone() -> None:
    place = positions(3, 4, 5, torch.device("cpu"))
    assert place.shape == (3 + 3 * 20, 3)
    frames = place[3:].reshape(3, 20, 3)
    assert torch.equal(frames[0, :, 1:], frames[1, :, 1:])
    assert torch.equal(frames[0, :, 1:], frames[2, :, 1:])
    assert frames[:, 0, 0].unique().numel() == 3
    # Not consecutive: further apart than neighbouring pixels are.
    assert frames[:, 0, 0].diff().min() > 1


def test_rotation_keeps_length_and_depends_on_the_difference_of_places() -> None:
    q, k = torch.randn(1, 1, 1, 32), torch.randn(1, 1, 1, 32)

    def product(a: tuple[float, float, float], b: tuple[float, float, float]) -> torch.Tensor:
        turned = [rotate(x, *rotary_angles(torch.tensor([p]), 32, 100.0)) for x, p in ((q, a), (k, b))]
        assert turned[0].norm() == pytest.approx(q.norm().item(), rel=1e-5)
        return (turned[0] * turned[1]).sum()

    assert product((4, 2, 3), (8, 5, 1)) == pytest.approx(product((8, 7, 7), (12, 10, 5)).item(), abs=1e-4)
    assert abs(product((4, 2, 3), (8, 5, 1)) - product((4, 2, 3), (8, 6, 1))) > 1e-4


def test_same_place_of_another_frame_is_closest() -> None:
    """With equal queries and keys, attention across frames peaks at the same pixel."""
    place = positions(0, 8, 8, torch.device("cpu"))
    x = torch.ones(1, 1, len(place), 32)
    turned = rotate(x, *rotary_angles(place, 32, 100.0))[0, 0]
    score = turned[128:192] @ turned[:64].T
    assert torch.equal(score.argmax(dim=1), torch.arange(64))


def test_rotary_axes_fill_the_head() -> None:
    for width in (16, 32, 64, 96, 128):
        axes = rotary_axes(width)
        assert sum(axes) == width // 2
        assert min(axes) > 0


def test_patchify_round_trip_keeps_neighbours_together() -> None:
    x = torch.randn(2, 12, 8, 12)
    tokens = patchify(x, 2)
    assert tokens.shape == (2, 24, 48)
    assert torch.equal(unpatchify(tokens, 2, 8, 12), x)
    assert set(tokens[0, 0].tolist()) == set(x[0, :, :2, :2].flatten().tolist())


def test_pixel_codec_loses_nothing() -> None:
    codec = PixelCodec()
    rgb = torch.arange(256).float().repeat(3 * 3)[: 3 * 24 * 32].reshape(1, 3, 24, 32) / 255
    latent = codec.encode(rgb)
    assert latent.shape == (1, 192, 3, 4)
    assert torch.equal((codec.decode(latent) * 255).round(), (rgb * 255).round())
    with pytest.raises(InputError, match="unknown codec 'vae'"):
        get_codec("vae")


@pytest.mark.parametrize(
    ("name", "millions"),
    [("demo", (1.0, 3.5)), ("S", (30, 36)), ("B", (120, 140)), ("L", (430, 490)), ("XL", (1200, 1400))],
)
def test_presets_have_the_size_they_say(name: str, millions: tuple[float, float]) -> None:
    config = build_config({**preset_values(name), "data_uri": "x", "steps": 1})
    with torch.device("meta"):
        model, _, _ = build_model(config, 384)
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert millions[0] < count < millions[1]


def test_a_file_of_ones_own_is_a_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("base: S\nmodel: {depth: 6}\nseed: 4\n")
    values = preset_values(str(tmp_path / "mine.yaml"))
    assert values["preset"] == "mine"
    assert values["model"] == {**PRESETS["S"]["model"], "depth": 6}
    assert (values["seed"], values["data"]) == (4, PRESETS["S"]["data"])
    for name, text, rule in (("bad", "base: Z", "unknown preset"), ("list", "- a", "must hold fields")):
        (tmp_path / f"{name}.yaml").write_text(text)
        with pytest.raises(InputError, match=rule):
            preset_values(str(tmp_path / f"{name}.yaml"))
    with pytest.raises(InputError, match="No such file"):
        preset_values(str(tmp_path / "none.yaml"))


def test_presets_cannot_be_changed_by_who_asks() -> None:
    preset_values("demo")["model"]["width"] = 1
    assert PRESETS["demo"]["model"]["width"] != 1
    with pytest.raises(InputError, match="unknown preset 'huge'"):
        preset_values("huge")


def test_weights_follow_from_the_seed() -> None:
    config = build_config({**preset_values("demo"), "data_uri": "x", "steps": 1})
    torch.manual_seed(1)
    a = build_model(config, 8)[0].state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    b = build_model(config, 8)[0].state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[k], b[k]) for k in a)
    other = build_model(config.model_copy(update={"seed": 1}), 8)[0].state_dict()
    assert not torch.equal(a["frame_in.input.weight"], other["frame_in.input.weight"])


def test_a_block_asked_for_the_last_tokens_says_of_them_what_it_says_of_all() -> None:
    block = Block(ModelShape(width=32, depth=1, heads=2, patch=2, latent_channels=4, text_width=8, out_features=16))
    torch.nn.init.normal_(block.modulation.weight, std=0.1)
    x, condition = torch.randn(2, 9, 32), torch.randn(2, 32)
    angles = rotary_angles(torch.rand(9, 3), 16, 100.0)
    assert torch.allclose(block(x, condition, *angles, None, 4), block(x, condition, *angles, None)[:, -4:], atol=1e-6)


def refined_demo(objective: str = "anchored") -> DiT:
    values = {**preset_values("demo"), "data_uri": "x", "steps": 1, "objective": objective}
    values["model"] = {"width": 32, "depth": 1, "heads": 2, "patch": 4, "refiner": 8}
    return build_model(build_config(values), 10)[0]


def test_refiner_says_nothing_at_first_and_what_each_part_holds_reaches_its_answer() -> None:
    model = refined_demo()
    frames = [torch.rand(1, 192, 8, 12) * 2 - 1 for _ in range(3)]
    asked = (*frames, torch.randn(1, 5, 10), torch.ones(1, 5, dtype=torch.bool), torch.ones(1), torch.zeros(1).long())
    said = model(*asked)
    assert said.shape == (1, 2 * 3, 6 * 64)
    assert not said.any()
    for parameter in model.parameters():
        if not parameter.any():  # layers that begin at zero hide what is before them
            torch.nn.init.normal_(parameter, std=0.1)
    model(*asked).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_refiner_is_of_the_anchored_objective_alone() -> None:
    assert not hasattr(refined_demo("flow"), "pyramid")


def test_refiner_refuses_tokens_that_halving_does_not_reach() -> None:
    with pytest.raises(InputError, match="power of two"):
        build_config({"data_uri": "x", "steps": 1, "model": {"patch": 3, "refiner": 8}})
