"""Codecs on small, freshly initialised autoencoders of diffusers' real classes, saved and loaded as folders."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest
import torch

from tests.uniser_model.small import picture, small_config, tiny_kl
from uniser_core.errors import InputError
from uniser_model import codec_kl
from uniser_model.build import build_model
from uniser_model.codec import get_codec
from uniser_model.codec_kl import KLCodec, load_kl
from uniser_model.objectives import Condition, get_objective


def rgb(height: int = 64, width: int = 96, count: int = 2) -> torch.Tensor:
    pictures = [torch.from_numpy(picture(str(i), height, width)).permute(2, 0, 1) / 255 for i in range(count)]
    return torch.stack(pictures)


@pytest.fixture(scope="module")
def kl(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_kl(tmp_path_factory.mktemp("kl"), scaling_factor=0.5, shift_factor=0.25)


def test_pixel_loses_nothing_and_says_its_range() -> None:
    codec = get_codec("pixel")
    latent = codec.encode(rgb())
    assert latent.shape == (2, 192, 8, 12)
    assert codec.range == (-1.0, 1.0)
    assert torch.allclose(codec.decode(latent), rgb(), atol=1e-6)


def test_latents_are_the_autoencoders_scaled_and_shifted(kl: str) -> None:
    codec = get_codec(f"kl:{kl}")
    assert isinstance(codec, KLCodec)
    assert (codec.channels, codec.factor) == (6, 4)
    vae = diffusers.AutoencoderKL.from_pretrained(kl)
    with torch.no_grad():
        plain = vae.encode(rgb() * 2 - 1).latent_dist.mode()
        back = (vae.decode(plain).sample + 1) / 2
    latent = codec.encode(rgb())
    assert torch.allclose(latent, (plain - 0.25) * 0.5, atol=1e-5)
    assert torch.allclose(codec.decode(latent), back, atol=1e-5)
    assert torch.equal(codec.encode(rgb()), latent)


def test_a_seed_draws_from_the_distribution_and_replays(kl: str) -> None:
    codec = load_kl(kl)
    mean, std = codec.distribution(rgb())
    drawn = torch.stack([codec.encode(rgb(), seed=s) for s in range(40)])
    assert torch.equal(drawn[3], codec.encode(rgb(), seed=3))
    assert not torch.equal(drawn[0], drawn[1])
    z = (drawn - mean) / std
    assert z.mean().abs() < 0.05
    assert abs(z.std() - 1) < 0.05


def test_channels_have_their_own_mean_and_deviation(tmp_path: Path) -> None:
    mean, std = [0.1, -0.2, 0.3, 0.0, 1.0, 2.0], [1.0, 2.0, 0.5, 1.0, 3.0, 1.0]
    codec = load_kl(tiny_kl(tmp_path, scaling_factor=1.0, latents_mean=mean, latents_std=std))
    plain = codec.vae.encode(rgb() * 2 - 1).latent_dist.mode()
    wanted = (plain - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.allclose(codec.encode(rgb()), wanted, atol=1e-5)
    assert torch.allclose(codec.decode(wanted), (codec.vae.decode(plain).sample + 1) / 2, atol=1e-4)


def test_autoencoders_of_video_take_a_picture_as_one_frame(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLWan(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.0, 2.0, 3.0, 4.0],
    )  # fmt: skip
    vae.save_pretrained(tmp_path / "pipeline" / "vae")
    codec = load_kl(str(tmp_path / "pipeline"))
    assert (codec.channels, codec.factor, codec.video) == (4, 8, True)
    latent = codec.encode(rgb())
    with torch.no_grad():
        plain = vae.eval().encode(rgb()[:, :, None] * 2 - 1).latent_dist.mode()[:, :, 0]
    wanted = (plain - torch.tensor([0.1, 0.2, 0.3, 0.4])[:, None, None]) / torch.tensor([1.0, 2, 3, 4])[:, None, None]
    assert torch.allclose(latent, wanted, atol=1e-4)
    assert codec.decode(latent).shape == (2, 3, 64, 96)


def test_large_pictures_go_in_tiles_and_large_batches_in_parts(kl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_kl(kl)
    pictures = rgb(96, 160, 3)
    latent = whole.encode(pictures)
    decoded = whole.decode(latent)
    monkeypatch.setattr(codec_kl, "MOST_PIXELS", 96 * 160)
    assert torch.allclose(whole.encode(pictures), latent, atol=1e-5)
    monkeypatch.setattr(codec_kl, "TILE_PX", 64)
    tiled = KLCodec("kl:tiled", diffusers.AutoencoderKL.from_pretrained(kl))
    shapes = []
    tiled.vae.encoder.register_forward_hook(lambda _m, x, _y: shapes.append(x[0].shape[-1]))
    found = tiled.encode(pictures)
    assert max(shapes) == 64
    assert found.shape == latent.shape
    # Norms are over the tile, so the values are not the same, but they are of the same picture.
    for a, b in ((found, latent), (tiled.decode(latent), decoded)):
        assert torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] > 0.6


def test_samplers_hold_latents_to_the_codecs_range(kl: str) -> None:
    """A head that shouts: the clean latent that follows is far outside, and is held."""
    for name, patch in (("pixel", 2), (f"kl:{kl}", 2)):
        config = small_config("none", codec=name, objective="x0")
        model, codec, objective = build_model(config, 8)
        torch.nn.init.constant_(model.head.bias, 100.0)
        seen = []
        codec.decode = lambda latent, seen=seen: seen.append(latent) or latent  # type: ignore[method-assign,misc]
        picture_, mask = rgb(32, 32, 1), torch.ones(1, 1, 32, 32)
        condition = Condition(
            picture_, mask, mask, torch.zeros(1, 2, 8), torch.ones(1, 2, dtype=torch.bool), torch.tensor([0])
        )
        size = 32 // codec.factor
        with torch.no_grad():
            objective.restore(model, codec, condition, torch.randn(1, codec.channels, size, size), patch)
        del codec.decode  # the loaded codec is shared
        assert seen[0].max() == codec.range[1]


def test_what_is_no_such_codec_is_refused(kl: str, tmp_path: Path) -> None:
    for name in ("zip", "kl:"):
        with pytest.raises(InputError, match="known: pixel, kl:ID_OR_FOLDER"):
            get_codec(name)
    with pytest.raises(InputError, match="there is no such folder"):
        get_codec(f"kl:{tmp_path}/none")
    with pytest.raises(InputError, match=r"has no config\.json"):
        get_codec(f"kl:{tmp_path}")
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(InputError, match="is a UNet2DModel"):
        get_codec(f"kl:{tmp_path}")
    (tmp_path / "config.json").write_bytes((Path(kl) / "config.json").read_bytes())
    torch.save({}, tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(InputError, match="codec kl:"):
        get_codec(f"kl:{tmp_path}")
    with pytest.raises(InputError, match=rf"objective anchored with codec kl:{kl}: works on pixels"):
        build_model(small_config("none", codec=f"kl:{kl}", objective="anchored"), 8)
    assert get_objective("flow").out_features(get_codec(f"kl:{kl}"), 2) == 6 * 4


def test_a_hub_id_is_asked_of_the_hub_and_offline_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="codec kl:nobody/no-such-autoencoder"):
        get_codec("kl:nobody/no-such-autoencoder")
