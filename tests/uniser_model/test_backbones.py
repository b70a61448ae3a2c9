"""Pretrained video transformers on our sequence: the real classes, at tiny sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from tests.uniser_model import backbones as tiny
from tests.uniser_model.small import SMALL, MemoryCorpus
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_model import checkpoint
from uniser_model.backbones import base_id
from uniser_model.backbones.export import merge
from uniser_model.build import build_model
from uniser_model.config import TrainConfig, build_config
from uniser_model.cost import step_flops
from uniser_model.infer import Restorer
from uniser_model.model import unpatchify
from uniser_model.optim import trained_weights
from uniser_model.plan import kept_bytes
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train

if TYPE_CHECKING:
    from uniser_model.backbones import Backbone

KINDS = ("wan", "cogvideox", "cogvideox-sines")
ROWS, COLUMNS = 4, 6


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`KIND:FOLDER` of each tiny backbone."""
    made = {"wan": tiny.wan(), "cogvideox": tiny.cogvideox(), "cogvideox-sines": tiny.cogvideox(rotary=False)}
    return {n: f"{n.split('-')[0]}:{tiny.saved(m, tmp_path_factory.mktemp(n))}" for n, m in made.items()}


def config_of(backbone: str, text: str = "minilm", model: dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
    values = {**SMALL, "data_uri": "memory", "steps": 5, "objective": "flow", "text": text}
    return build_config({**values, "model": {"backbone": backbone, **(model or {})}, **changes})


def made(config: TrainConfig, text_width: int = tiny.TEXT_WIDTH) -> Backbone:
    return build_model(config, text_width)[0]  # type: ignore[return-value]


def inputs(batch: int = 2, text_width: int = tiny.TEXT_WIDTH) -> list[torch.Tensor]:
    torch.manual_seed(1)
    frames = [torch.randn(batch, tiny.PIXEL_CHANNELS, ROWS, COLUMNS) for _ in range(3)]
    keep = torch.ones(batch, 5, dtype=torch.bool)
    return [*frames, torch.randn(batch, 5, text_width), keep, torch.rand(batch), torch.zeros(batch, dtype=torch.long)]


def as_video(given: list[torch.Tensor]) -> torch.Tensor:
    """(B, C, 3, H, W): input, mask, noisy target."""
    noisy, picture, mask = given[:3]
    return torch.stack((picture, mask, noisy), dim=2)


def test_wan_is_at_first_the_function_that_was_pretrained(places: dict[str, str]) -> None:
    import diffusers

    model, given = made(config_of(places["wan"])), inputs()
    given[4][0, 3:] = False
    reference = diffusers.WanTransformer3DModel.from_pretrained(places["wan"].removeprefix("wan:") + "/transformer")
    text = torch.nn.functional.pad(given[3] * given[4][..., None], (0, 0, 0, 512 - 5))
    wanted = reference(as_video(given), given[5] * 1000, text).sample[:, :, 2]
    model.frames = (0, 1, 2)  # as the library numbers a video's
    said = unpatchify(model(*given), 2, ROWS, COLUMNS)
    assert wanted.std() > 0.1
    assert torch.allclose(said, wanted, atol=1e-4 * wanted.abs().max().item())
    model.frames = (4, 8, 12)
    assert not torch.allclose(unpatchify(model(*given), 2, ROWS, COLUMNS), wanted, atol=1e-2)


@pytest.mark.parametrize("kind", ["cogvideox", "cogvideox-sines"])
def test_cogvideox_is_at_first_the_function_that_was_pretrained(places: dict[str, str], kind: str) -> None:
    import diffusers

    model, given = made(config_of(places[kind], objective="v")), inputs()
    given[5] = torch.tensor([0.4, 0.9])
    alpha = torch.cos(given[5] * torch.pi / 2)
    time = model.native(given[0], alpha[:, None, None, None], (1 - alpha**2).sqrt()[:, None, None, None]).time_B
    # The time is where the pretraining's own noise is as strong.
    scheduler = diffusers.CogVideoXDDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True)
    near = scheduler.alphas_cumprod.sqrt()[time.round().long()]
    assert torch.allclose(near.float(), alpha, atol=2e-3)

    folder = places[kind].removeprefix("cogvideox:") + "/transformer"
    reference = diffusers.CogVideoXTransformer3DModel.from_pretrained(folder)
    model.frames = (0, 1, 2)
    rotary = model._rotary(2, 3, torch.device("cpu")) if kind == "cogvideox" else None  # type: ignore[operator]
    wanted = reference(as_video(given).transpose(1, 2), given[3], time, image_rotary_emb=rotary).sample[:, 2]
    said = unpatchify(model(*given), 2, ROWS, COLUMNS)
    assert wanted.std() > 0.1
    assert torch.allclose(said, wanted, atol=1e-4 * wanted.abs().max().item())


@pytest.mark.parametrize("kind", KINDS)
def test_padding_says_nothing(places: dict[str, str], kind: str) -> None:
    model, given = made(config_of(places[kind])), inputs()
    given[4][0, 3:] = False
    said = model(*given)
    given[3][0, 3:] = 7.0
    assert torch.allclose(model(*given), said, atol=1e-5)
    given[3][0, 2] += 1.0
    assert not torch.allclose(model(*given), said, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", ["eps", "v", "flow", "x0"])
def test_every_objective_is_told_of_one_and_the_same_guess(places: dict[str, str], kind: str, objective: str) -> None:
    """What each wants follows from one clean picture and one noise, whatever the pretraining predicted."""
    from uniser_model.objectives import get_objective

    model, given = made(config_of(places[kind], objective=objective)), inputs()
    given[5] = torch.tensor([0.3, 0.8])
    one: Any = get_objective(objective)
    alpha, sigma = one.path(given[5])
    said = unpatchify(model(*given), 2, ROWS, COLUMNS)
    clean = one.clean(said, given[0], alpha, sigma)
    native = model.native(given[0], alpha, sigma)
    time, frames = native.time_B, torch.stack((given[1], given[2], native.latent_BCHW), dim=2)
    guess = unpatchify(model.tokens(frames, given[3], given[4], time, given[6]), 2, ROWS, COLUMNS)
    assert torch.allclose(model.both(guess, native)[0], clean, atol=1e-3)
    # And its noise is what is left of the noisy latent.
    assert torch.allclose(alpha * clean + sigma * model.both(guess, native)[1], given[0], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_roles_and_the_task_can_be_learnt(places: dict[str, str], kind: str) -> None:
    model, given = made(config_of(places[kind])), inputs()
    before = model(*given)
    swapped = [given[0], given[2], given[1], *given[3:]]
    assert (model(*swapped) - before).abs().max() > 1e-4  # their places tell the frames apart
    adding = [*given[:6], torch.ones(2, dtype=torch.long)]
    assert torch.equal(model(*adding), before)
    before.square().mean().backward()
    assert (model.role.grad[1:].abs().amax(dim=1) > 0).all()  # type: ignore[index]
    assert model.task.weight.grad[0].abs().max() > 0  # type: ignore[index]
    with torch.no_grad():
        model.task.weight[1] = 1.0
    assert torch.equal(model(*given), before)
    assert not torch.allclose(model(*adding), before, atol=1e-3)


@pytest.mark.parametrize(("kind", "channels"), [("wan", 16), ("cogvideox", 16)])
def test_what_does_not_fit_is_new_and_silent(tmp_path: Path, kind: str, channels: int) -> None:
    network = getattr(tiny, kind)(channels=channels)
    config = config_of(f"{kind}:{tiny.saved(network, tmp_path)}", objective="anchored", model={"lora_rank": 0})
    model = made(config, text_width=16)
    assert model.new == ["role", "task", "text_in", "patches", "head"]
    said = model(*inputs(text_width=16))
    assert said.shape == (2, ROWS * COLUMNS // 4, 96)
    assert not said.any()
    trained = {"role", "task.weight", *(f"{n}.{w}" for n in model.new[2:] for w in ("weight", "bias"))}
    assert set(trained_weights(model)) == trained
    again = made(config, text_width=16)
    assert torch.equal(again.patches.weight, model.patches.weight)  # type: ignore[union-attr]
    # All that is trained takes part in what comes out: many ranks wait for every gradient.
    whole = made(config_of(config.model.backbone or "", objective="anchored"), text_width=16)
    torch.nn.init.normal_(whole.head.weight)  # type: ignore[union-attr]
    whole(*inputs(text_width=16)).square().mean().backward()
    assert [n for n, p in whole.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.parametrize("kind", ["wan", "cogvideox"])
@pytest.mark.parametrize("rank", [None, 2])
def test_what_is_reckoned_is_what_a_real_pass_takes(places: dict[str, str], kind: str, rank: int | None) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model, given = made(config_of(places[kind], model={"lora_rank": rank})), inputs()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*given)
    passes = 3 if rank is None else 2
    tokens, text_tokens = 3 * ROWS * COLUMNS // 4, 512 if kind == "wan" else 5
    blocks = sum(sum(f.values()) for n, f in counter.get_flop_counts().items() if n.endswith(("blocks.0", "blocks.1")))
    assert 2 * step_flops(model, tokens, 5) / passes == pytest.approx(blocks, rel=0.02)  # type: ignore[arg-type]
    foretold = kept_bytes(model.blocks[0], lambda: model.block_inputs(2, tokens, 5), False)
    held: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        kept.append(tensor)
        return tensor

    kept: list[torch.Tensor] = []
    own = {p.untyped_storage()._cdata for p in model.blocks[0].parameters()}
    block_inputs = [x.clone() if torch.is_tensor(x) else x for x in model.block_inputs(2, tokens, text_tokens)]
    block_inputs[0].requires_grad_(True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        model.blocks[0](*block_inputs)
    assert foretold == pytest.approx(sum(v for k, v in held.items() if k not in own), rel=0.15)


def test_adapters_learn_and_the_base_stays_as_it_was(
    places: dict[str, str], bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    config = config_of(places["wan"], bert, {"lora_rank": 2, "lora_alpha": 4}, optim={"lr": 1e-2}, steps=2)
    trainer = Trainer(config, corpus, PromptCache(bert))
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    for step in range(3):
        trainer.advance(trainer.stream.batch(step, trainer.prompts))
    changed = {n for n, p in trainer.model.named_parameters() if not torch.equal(p, before[n])}
    trained = set(trained_weights(trainer.model))
    assert changed <= trained
    assert {n.split(".")[0] for n in changed} == {"role", "task", "base"}
    assert all("lora_" in n for n in trained if n.startswith("base."))
    assert len([n for n in changed if "lora_B" in n]) == 2 * (4 + 4 + 2)  # layers of attention twice, and feed-forward

    folder = train(config, tmp_path / "run", corpus, prompts=PromptCache(bert), quiet=True)
    stored = load_file(folder / "ema.safetensors")
    assert set(stored) == trained
    told = json.loads((folder / "config.json").read_text())["model"]
    assert told["backbone"] == places["wan"]
    assert told["base_id"] == base_id(config.model)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("wan", {"lora_rank": 2}),
        pytest.param("cogvideox", {}, marks=pytest.mark.slow),
        pytest.param("cogvideox-sines", {"lora_rank": 2, "base_dtype": "bf16"}, marks=pytest.mark.slow),
    ],
)
def test_run_goes_on_to_the_same_bits(
    places: dict[str, str], bert: str, corpus: MemoryCorpus, tmp_path: Path, kind: str, model: dict[str, Any]
) -> None:
    config = config_of(places[kind], bert, model, checkpoint_every=2, keep=9, steps=3)
    runs = [tmp_path / "whole", tmp_path / "broken"]
    for run in runs:
        train(config, run, corpus, prompts=PromptCache(bert), quiet=True)
    latest = runs[1] / "checkpoints" / "latest"
    latest.write_text("step_00000002")
    train(config, runs[1], corpus, prompts=PromptCache(bert), quiet=True)
    for part in ("model", "ema", "optimizer"):
        a, b = (checkpoint.read_part(checkpoint.find(run), part) for run in runs)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[k], b[k]) for k in a)


def test_another_base_is_refused_with_the_difference(bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    place = tiny.saved(tiny.wan(), tmp_path / "base")
    config = config_of(f"wan:{place}", bert, {"lora_rank": 2}, steps=2)
    train(config, tmp_path / "run", corpus, prompts=PromptCache(bert), quiet=True)
    first = base_id(config.model)
    tiny.saved(tiny.wan(), tmp_path / "base", seed=1)
    second = base_id(config.model)
    assert first != second
    with pytest.raises(InputError, match=f"holds the weights {second}, and this was trained on {first}"):
        Restorer.load(tmp_path / "run")
    with pytest.raises(ConfigMismatchError, match=f"model.base_id: {first}, now {second}"):
        train(config, tmp_path / "run", corpus, prompts=PromptCache(bert), quiet=True)
    with pytest.raises(InputError, match=f"another architecture: model.base_id: {first}, here {second}"):
        train(config, tmp_path / "next", corpus, prompts=PromptCache(bert), quiet=True, init=str(tmp_path / "run"))


def test_names_that_cannot_be_are_refused(places: dict[str, str], tmp_path: Path) -> None:
    for backbone, rule in (
        ("sora:x", "must be KIND:ID_OR_FOLDER"),
        ("wan:", "must be KIND:ID_OR_FOLDER"),
        (f"wan:{tmp_path}", "holds no config.json"),
        ("wan:/nowhere", "is no folder and no hub id"),
        (places["cogvideox"].replace("cogvideox:", "wan:"), "is a CogVideoXTransformer3DModel, not a Wan"),
    ):
        with pytest.raises(InputError, match=rule):
            made(config_of(backbone))
    with pytest.raises(InputError, match=r"the backbone's patches are of 2 -> set model.patch=2"):
        made(config_of(places["wan"], model={"patch": 1}))
    with pytest.raises(InputError, match="names no linear layer"):
        made(config_of(places["wan"], model={"lora_rank": 2, "lora_targets": ["nothing"]}))
    with pytest.raises(InputError, match="weights that are trained stay fp32"):
        config_of(places["wan"], model={"base_dtype": "bf16"})
    with pytest.raises(InputError, match="need a backbone"):
        build_config({"data_uri": "x", "steps": 1, "model": {"lora_rank": 4}})
    image = tiny.saved(tiny.wan(image_dim=8, added_kv_proj_dim=48), tmp_path / "image")
    with pytest.raises(InputError, match="image_dim=8: it is no plain text-to-video model"):
        made(config_of(f"wan:{image}"))
    pickled = Path(tiny.saved(tiny.wan(), tmp_path / "pickled")) / "transformer"
    (pickled / "diffusion_pytorch_model.safetensors").rename(pickled / "diffusion_pytorch_model.bin")
    with pytest.raises(InputError, match="holds no safetensors file"):
        made(config_of(f"wan:{pickled}"))


@pytest.mark.parametrize("kind", ["wan", "cogvideox"])
def test_merged_adapters_do_what_they_did_beside_the_base(
    places: dict[str, str], bert: str, corpus: MemoryCorpus, tmp_path: Path, kind: str
) -> None:
    import diffusers

    config = config_of(places[kind], bert, {"lora_rank": 2, "lora_alpha": 16}, objective="anchored")
    trainer = Trainer(config, corpus, PromptCache(bert))
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in trained_weights(trainer.model).values():
            weight.normal_(std=0.1)
    folder = tmp_path / "adapters"
    folder.mkdir()
    tensors = trained_weights(trainer.model)
    checkpoint.write_tensors(folder / "ema.safetensors", tensors)
    checkpoint.write_tensors(folder / "prompts.safetensors", {}, {"prompts": "[]"})
    (folder / "config.json").write_text(config.model_dump_json())
    (folder / "state.json").write_text(json.dumps({"step": 1, "text_width": tiny.TEXT_WIDTH}))
    merged = merge(str(folder), str(tmp_path / "merged"))
    both = [Restorer.load(where) for where in (folder, merged)]
    picture = corpus.read(0)["input_HWC"]
    given = inputs()
    with torch.no_grad():
        a, b = (one.network.model(*given) for one in both)
    assert torch.allclose(a, b, atol=1e-4)
    assert not any("lora" in n for n, _ in both[1].network.model.named_parameters())
    assert (both[0].run(picture).astype(int) - both[1].run(picture)).__abs__().max() <= 1
    # Its base is one that diffusers loads, and is no longer what it was.
    reloaded = getattr(diffusers, both[1].network.model.class_name).from_pretrained(merged / "transformer")  # type: ignore[union-attr]
    before = made(config_of(places[kind])).base.state_dict()
    differing = [n for n, w in reloaded.state_dict().items() if not torch.equal(w, before[n])]
    assert differing
    assert all(".to_" in n or "ff" in n for n in differing)
    with pytest.raises(InputError, match="is there already"):
        merge(str(folder), str(merged))


def test_a_pipelines_own_autoencoder_leaves_its_patches_as_they_were(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    import diffusers

    pipeline = tiny.saved(tiny.wan(channels=4), tmp_path / "pipeline")
    torch.manual_seed(0)
    diffusers.AutoencoderKLWan(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    ).save_pretrained(tmp_path / "pipeline" / "vae")  # fmt: skip
    config = config_of(f"wan:{pipeline}", bert, {"lora_rank": 2}, codec=f"kl:{pipeline}", steps=2)
    assert list(made(config).new) == ["role", "task"]
    run = train(config, tmp_path / "run", corpus, prompts=PromptCache(bert), quiet=True)
    source = corpus.read(0)["input_HWC"]
    restored = Restorer.load(run).run(source, effect="haze")
    assert restored.shape == source.shape
