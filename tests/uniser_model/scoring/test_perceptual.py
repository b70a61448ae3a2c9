"""LPIPS and LIQE with random weights, each against a computation that shares none of their code."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.uniser_model.scoring.test_judges import save_tokenizer
from tests.uniser_model.small import hazy, picture
from uniser_core.errors import InputError
from uniser_model.scoring.benches import Pair
from uniser_model.scoring.judges import JudgesAsked, make_judges
from uniser_model.scoring.liqe import SENTENCES, Liqe
from uniser_model.scoring.lpips import Lpips

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLEAN = picture("perceptual", 72, 101)
PAIR = Pair(hazy(CLEAN, 0.5, 0.9), CLEAN, None, "haze", "Remove haze.")
# torchvision's `features`, layer by layer: channels of a 3x3 convolution, M for a pool; and where lpips taps them.
VGG = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512]
TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


def features(kind: str) -> nn.Sequential:
    if kind == "alex":
        return nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
    layers: list[nn.Module] = []
    width = 3
    for layer in VGG:
        if layer == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(width, int(layer), 3, padding=1), nn.ReLU()]
            width = int(layer)
    return nn.Sequential(*layers)


def by_hand(net: nn.Sequential, taps: Sequence[int], linear: Sequence[np.ndarray], *pictures: np.ndarray) -> float:
    maps: list[list[np.ndarray]] = []
    for rgb8 in pictures:
        x = 2 * (rgb8.astype(np.float32) / 255) - 1
        x = (x - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])
        y = torch.from_numpy(x.astype(np.float32).transpose(2, 0, 1))[None]
        found = []
        for i, layer in enumerate(net):
            y = layer(y)
            if i in taps:
                found.append(y[0].detach().numpy().astype(np.float64))
        maps.append([m / (np.sqrt((m**2).sum(axis=0)) + 1e-10) for m in found])
    return float(sum((w[:, None, None] * (a - b) ** 2).sum(axis=0).mean()
                     for w, a, b in zip(linear, *maps, strict=True)))  # fmt: skip


@pytest.mark.parametrize("kind", ["alex", "vgg"])
def test_lpips_is_the_published_distance(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    net = features(kind)
    linear = [torch.rand(1, n, 1, 1) for n in CHANNELS[kind]]
    save_file({f"features.{k}": v for k, v in net.state_dict().items()}, tmp_path / "net.safetensors")
    torch.save({f"lin{i}.model.1.weight": w for i, w in enumerate(linear)}, tmp_path / "lin.pth")
    places = (str(tmp_path / "net.safetensors"), str(tmp_path / "lin.pth"))
    judge = make_judges(JudgesAsked(lpips=places), "cpu")[0]
    found = judge.scores(PAIR.input_HWC, PAIR)
    wanted = by_hand(net, TAPS[kind], [w.numpy().ravel() for w in linear], PAIR.input_HWC, CLEAN)
    assert found == {f"lpips_{kind}": pytest.approx(wanted, rel=1e-4)}
    assert wanted > 1e-3
    assert judge.scores(CLEAN, PAIR) == {f"lpips_{kind}": 0}
    # All in one file, as the package itself saves it; and a folder of both.
    bounds = [-1, *TAPS[kind]]
    slices = {f"net.slice{1 + next(j for j in range(5) if bounds[j] < int(k.split('.')[0]) <= bounds[j + 1])}.{k}": v
              for k, v in net.state_dict().items()}  # fmt: skip
    whole = (
        slices | {f"lin{i}.model.1.weight": w for i, w in enumerate(linear)} | {"scaling_layer.shift": torch.ones(3)}
    )
    save_file(whole, tmp_path / "whole.lpips.safetensors")
    assert Lpips([str(tmp_path / "whole.lpips.safetensors")]).scores(PAIR.input_HWC, PAIR) == found
    (tmp_path / "whole.lpips.safetensors").unlink()
    assert Lpips([str(tmp_path)]).scores(PAIR.input_HWC, PAIR) == found


@pytest.fixture(scope="module")
def alex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("alex")
    torch.save({"state_dict": {f"module.features.{k}": v for k, v in features("alex").state_dict().items()}},
               folder / "alexnet.pt")  # fmt: skip
    torch.save({f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(CHANNELS["alex"])},
               folder / "lin.pth")  # fmt: skip
    return folder


def test_lpips_of_flare7k_is_also_told_as_its_script_does(alex: Path) -> None:
    judge = Lpips([str(alex)])
    coloured = Pair(PAIR.input_HWC, CLEAN, None, "flare", "Remove flare.", np.zeros((*CLEAN.shape[:2], 3), np.uint8))
    found = judge.scores(PAIR.input_HWC, coloured)
    assert set(found) == {"lpips_alex", "lpips_alex_unscaled"} == set(judge.metrics)
    assert found["lpips_alex"] != found["lpips_alex_unscaled"]
    assert judge.scores(CLEAN, Pair(CLEAN, None, None, "haze", "Remove haze.")) == {}
    assert judge.scores(CLEAN[:31], Pair(CLEAN[:31], CLEAN[:31], None, "haze", "Remove haze.")) == {}


def test_lpips_says_which_weights_are_missing(alex: Path, tmp_path: Path) -> None:
    linear, network = str(alex / "lin.pth"), str(alex / "alexnet.pt")
    vgg = tmp_path / "vgg.pth"
    torch.save({f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(CHANNELS["vgg"])}, vgg)
    some = torch.load(network, weights_only=True)["state_dict"]
    torch.save({k: v for k, v in some.items() if ".3." not in k}, tmp_path / "some.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "code.pth")
    for places, words in (
        ([linear], "no file has the network"),
        ([network], "no file has the linear layers"),
        ([network, linear, str(vgg)], "more than one file has the linear layers"),
        ([network, str(vgg)], "not of alex"),
        ([linear, str(tmp_path / "some.pth")], "not those of alex"),
        ([str(tmp_path / "code.pth")], "is no plain state dict"),
        (["./nowhere"], "does not exist"),
    ):
        with pytest.raises(InputError, match=words):
            Lpips(places)


def test_absent_hub_weights_are_a_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for asked in (JudgesAsked(lpips=("nobody/nothing/vgg.pth",)), JudgesAsked(lpips=("nobody/nothing",))):
        with pytest.raises(InputError, match=r"--lpips nobody/nothing.*not on the hub"):
            make_judges(asked, "cpu")
    with pytest.raises(InputError, match="--liqe"):
        make_judges(JudgesAsked(liqe=(str(tmp_path / "none"),)), "cpu")


def clip(folder: Path, seed: int) -> Any:
    """A CLIP of a few thousand random weights that takes 32 px windows."""
    import transformers

    tokenizer = save_tokenizer(folder, ["<|endoftext|>", "<|startoftext|>"])
    torch.manual_seed(seed)
    sides = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**sides, "vocab_size": len(tokenizer), "max_position_embeddings": 128,
                     "eos_token_id": int(tokenizer.eos_token_id)},
        vision_config={**sides, "image_size": 32, "patch_size": 8}, projection_dim=8,
    )  # fmt: skip
    model = transformers.CLIPModel(config)
    with torch.no_grad():  # biases and norms of a fresh model are all alike
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.2)
    model.save_pretrained(folder)
    return model.eval(), tokenizer


@pytest.mark.parametrize("size", [(72, 101), (150, 200)])
def test_liqe_is_the_expected_quality_of_the_sentences(tmp_path: Path, size: tuple[int, int]) -> None:
    model, tokenizer = clip(tmp_path, 0)
    shown = picture("liqe", *size)
    windows = [shown[y : y + 32, x : x + 32] for y in range(0, size[0] - 31, 32) for x in range(0, size[1] - 31, 32)]
    apart = max(1, len(windows) // 15)
    windows = windows[::apart][:15]
    assert len(windows) == (6 if size[0] == 72 else 15)
    tokens = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
    mean, deviation = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    given = np.stack([((w / 255 - mean) / deviation).transpose(2, 0, 1) for w in windows]).astype(np.float32)
    with torch.no_grad():
        logits = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"],
                       pixel_values=torch.from_numpy(given)).logits_per_image.double().numpy().mean(axis=0)  # fmt: skip
    share = np.exp(logits - logits.max())
    share /= share.sum()
    stars = {"bad": 1, "poor": 2, "fair": 3, "good": 4, "perfect": 5}
    wanted = sum(p * stars[s.split(" of ")[-1].split()[0]] for p, s in zip(share, SENTENCES, strict=True))
    judge = Liqe([str(tmp_path)])
    assert judge.scores(shown, PAIR) == {"liqe": pytest.approx(wanted, abs=1e-4)}
    assert judge.scores(shown[:20], PAIR) == {}
    assert len(set(SENTENCES)) == 495


def as_openai(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names that OpenAI's code gives to the weights of transformers' class."""
    made = {"logit_scale": state["logit_scale"], "visual.proj": state["visual_projection.weight"].T,
            "text_projection": state["text_projection.weight"].T, "input_resolution": torch.tensor(32)}  # fmt: skip
    for side, ours, blocks in (("vision_model", "visual.", "visual.transformer"), ("text_model", "", "transformer")):
        made[f"{ours}positional_embedding"] = state[f"{side}.embeddings.position_embedding.weight"]
        for layer, kind in itertools.product(range(2), ("weight", "bias")):
            theirs, block = f"{side}.encoder.layers.{layer}", f"{blocks}.resblocks.{layer}"
            made[f"{block}.attn.in_proj_{kind}"] = torch.cat(
                [state[f"{theirs}.self_attn.{w}_proj.{kind}"] for w in "qkv"]
            )
            for a, b in (("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"),
                         ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):  # fmt: skip
                made[f"{block}.{a}.{kind}"] = state[f"{theirs}.{b}.{kind}"]
    made["visual.conv1.weight"] = state["vision_model.embeddings.patch_embedding.weight"]
    made["visual.class_embedding"] = state["vision_model.embeddings.class_embedding"]
    made["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    for kind in ("weight", "bias"):
        made[f"visual.ln_pre.{kind}"] = state[f"vision_model.pre_layrnorm.{kind}"]
        made[f"visual.ln_post.{kind}"] = state[f"vision_model.post_layernorm.{kind}"]
        made[f"ln_final.{kind}"] = state[f"text_model.final_layer_norm.{kind}"]
    return made


def test_liqe_takes_the_weights_as_its_authors_name_them(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "tuned").mkdir()
    clip(tmp_path / "plain", 0)
    tuned, _ = clip(tmp_path / "tuned", 1)
    weights = tmp_path / "liqe.pt"
    torch.save({"params": {f"clip_model.{k}": v for k, v in as_openai(tuned.state_dict()).items()}}, weights)
    by_file, by_folder, plain = (
        Liqe([str(p) for p in places])
        for places in ([tmp_path / "plain", weights], [tmp_path / "tuned"], [tmp_path / "plain"])
    )
    found = by_file.scores(CLEAN, PAIR)["liqe"]
    assert found == by_folder.scores(CLEAN, PAIR)["liqe"] != plain.scores(CLEAN, PAIR)["liqe"]
    assert by_file.stamp != plain.stamp
    torch.save(nn.Linear(2, 2).state_dict(), weights)
    with pytest.raises(InputError, match="not LIQE's state dict"):
        Liqe([str(tmp_path / "plain"), str(weights)])
    with pytest.raises(InputError, match="give one or two"):
        Liqe(["a", "b", "c"])
