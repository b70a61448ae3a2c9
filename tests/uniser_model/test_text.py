from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from tests.uniser_model.small import tiny_text
from uniser_core.errors import InputError
from uniser_model.text import PIPELINE_PARTS, PromptCache, load_text_encoder


def test_text_is_token_states_and_padding_is_marked(bert: str) -> None:
    prompts = PromptCache(bert)
    states, keep = prompts.batch(["Remove haze.", "Remove effects."])
    assert states.shape == (2, 5, 24)  # [CLS] remove haze . [SEP]
    assert keep.all()
    longer, keep = prompts.batch(["Remove haze.", "Remove haze flare shadow."])
    assert longer.shape[1] == 7
    assert keep.tolist() == [[True] * 5 + [False] * 2, [True] * 7]
    assert torch.equal(longer[0, :5], states[0])
    assert not longer[0, 5:].any()
    assert (states[0] - states[1]).abs().max() > 1e-3
    assert states.std(dim=1).max() > 0.1  # not one vector repeated


def test_prompts_are_encoded_once_and_the_encoder_only_when_needed(bert: str) -> None:
    prompts = PromptCache(bert)
    first = prompts.get("Remove haze.")
    again = PromptCache("no such encoder", dict(prompts.states))
    assert torch.equal(again.batch(["Remove haze."])[0][0], first)
    assert again.loaded is None
    with pytest.raises(InputError, match="no such encoder"):
        again.get("Remove rain.")


@pytest.mark.parametrize(
    ("kind", "loaded"), [("t5", "T5EncoderModel"), ("umt5", "UMT5EncoderModel"), ("clip", "CLIPTextModel")]
)
def test_families_encode_to_token_states(kind: str, loaded: str, tmp_path: Path) -> None:
    encoder = load_text_encoder(tiny_text(tmp_path, kind))
    assert encoder.width == 16
    assert type(encoder.model).__name__ == loaded  # type: ignore[attr-defined]
    remove, add = encoder.encode("Remove haze."), encoder.encode("Add haze.")
    assert remove.shape == add.shape == (3, 16)
    assert remove.dtype == torch.float32
    assert (remove - add).abs().max() > 1e-3
    assert encoder.encode("Remove haze " * 60).shape == (77, 16)


def test_a_pipelines_own_text_encoder_is_found(tmp_path: Path) -> None:
    for part in PIPELINE_PARTS:
        (tmp_path / part).mkdir()
    tiny_text(tmp_path / "text_encoder", "umt5", tmp_path / "tokenizer")
    assert load_text_encoder(str(tmp_path)).encode("Remove haze.").shape == (3, 16)


def test_half_precision_weights_stay_so_and_states_are_float32(tmp_path: Path) -> None:
    tiny_text(tmp_path, "umt5")
    transformers.UMT5EncoderModel.from_pretrained(tmp_path).to(torch.bfloat16).save_pretrained(tmp_path)
    encoder = load_text_encoder(str(tmp_path))
    assert encoder.model.dtype == torch.bfloat16  # type: ignore[attr-defined]
    assert encoder.encode("Remove haze.").dtype == torch.float32


def test_states_are_kept_on_disk_until_the_encoder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNISER_PROMPT_CACHE", str(tmp_path / "kept"))
    folder = tmp_path / "encoder"
    folder.mkdir()
    name = tiny_text(folder, "t5")
    first = PromptCache(name).get("Remove haze.")
    again = PromptCache(name)
    assert torch.equal(again.get("Remove haze."), first)
    assert again.loaded is None
    assert not torch.equal(again.get("Remove flare."), first)
    assert again.loaded is not None
    # Another encoder in the same place: nothing of the old one is taken.
    model = transformers.T5EncoderModel.from_pretrained(folder)
    model.shared.weight.data.neg_()
    model.save_pretrained(folder)
    assert not torch.allclose(PromptCache(name).get("Remove haze."), first)
    # A damaged file is as good as none.
    for file in (tmp_path / "kept").iterdir():
        file.write_bytes(b"x" * 100)
    assert torch.equal(PromptCache(name).get("Remove haze."), PromptCache(name).get("Remove haze."))
    monkeypatch.setenv("UNISER_PROMPT_CACHE", "/proc/none")
    assert PromptCache(name).get("Remove haze.").shape == (3, 16)


def test_pickled_text_weights_are_refused(tmp_path: Path, bert: str) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((Path(bert) / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="text encoder"):
        load_text_encoder(str(tmp_path))
