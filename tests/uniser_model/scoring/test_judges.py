"""Judges: the real classes of transformers on tiny random weights, and an endpoint on a loopback server."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.uniser_model.small import hazy, picture
from uniser_core.errors import InputError
from uniser_model.scoring.benches import Pair
from uniser_model.scoring.judges import ClipIqa
from uniser_model.scoring.qa import QwenQa, parsed, qwen_qa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLEAN = picture("qa", 64, 96)
PAIR = Pair(hazy(CLEAN, 0.5, 0.9), CLEAN, None, "haze", "Remove haze.")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]


def save_tokenizer(folder: Path, special: list[str]) -> Any:
    """A byte-level tokenizer: every text has tokens, and the special ones are one each."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=special[0], pad_token=special[0], additional_special_tokens=special[1:]
    )
    fast.save_pretrained(folder)
    return fast


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Qwen2.5-VL of a few thousand random weights."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = save_tokenizer(folder, SPECIAL)
    ids = {t: int(tokenizer.convert_tokens_to_ids(t)) for t in SPECIAL}
    text = {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}}  # fmt: skip
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32,
              "fullatt_block_indexes": [1], "window_size": 56}  # fmt: skip
    config = transformers.Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, image_token_id=ids["<|image_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    transformers.Qwen2VLImageProcessorPil().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def server() -> Iterator[dict[str, Any]]:
    """A server that gives the answers in its list, one a request, and keeps what it was asked."""
    state: dict[str, Any] = {"answers": [], "asked": [], "headers": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = state["answers"].pop(0)
            state["asked"].append(body)
            state["headers"].append(dict(self.headers))
            reply = json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
            self.send_response(503 if answer is None else 200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Silent."""

    http = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    state["url"] = f"http://127.0.0.1:{http.server_address[1]}/v1"
    yield state
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("85", 85), ("About 70%.", 70), ("0", 0), ("100 percent", 100), ("12.5", 12.5), ("90, yes, 90", 90),
     ("none", None), ("", None), ("140", None), ("-5", None), ("between 20 and 40", None), ("2026", None)],
)  # fmt: skip
def test_only_one_clear_number_is_read(answer: str, expected: float | None) -> None:
    assert parsed(answer) == expected


def test_endpoint_is_asked_and_its_answers_averaged(server: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    server["answers"] = ["80", None, "I cannot say", "60"]  # the refusal is tried again
    judge = qwen_qa(server["url"], "qwen", 3, "cpu")
    assert judge.scores(CLEAN, PAIR) == {"qa_removed": 70, "qa_unread": pytest.approx(1 / 3)}
    assert [b["seed"] for b in server["asked"]] == [0, 1, 1, 2]
    content = server["asked"][0]["messages"][0]["content"]
    assert [c["type"] for c in content] == ["image_url", "image_url", "text"]
    assert "haze" in content[2]["text"]
    assert content[0]["image_url"]["url"] != content[1]["image_url"]["url"]
    assert server["headers"][0]["Authorization"] == "Bearer a-key"
    assert "a-key" not in judge.stamp
    server["answers"] = ["no idea"]
    assert qwen_qa(server["url"], "qwen", 1, "cpu").scores(CLEAN, PAIR) == {"qa_removed": None, "qa_unread": 1}
    assert server["asked"][-1]["temperature"] == 0


def test_an_endpoint_that_is_not_there_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uniser_model.scoring.qa.TRIES", 0)
    judge = qwen_qa("http://127.0.0.1:9/v1", "qwen", 1, "cpu")
    with pytest.raises(InputError, match="gave no answer"):
        judge.scores(CLEAN, PAIR)
    with pytest.raises(InputError, match="told a model"):
        qwen_qa("http://127.0.0.1:9/v1", None, 1, "cpu")
    with pytest.raises(InputError, match="must be 1 or more"):
        qwen_qa("http://127.0.0.1:9/v1", "qwen", 0, "cpu")


def test_the_real_model_answers_in_process(qwen: str) -> None:
    judge = qwen_qa(qwen, None, 1, "cpu")
    assert isinstance(judge, QwenQa)
    question = judge.question.format(effect="haze")
    answers = [judge.oracle.ask([PAIR.input_HWC, CLEAN], question, seed) for seed in (None, None, 1, 2)]
    assert answers[0] == answers[1]  # the likeliest answer is one answer
    assert len(set(answers[1:])) == 3
    # Another picture is another answer: the pixels reach the model.
    assert judge.oracle.ask([CLEAN, 255 - CLEAN], question, None) != answers[0]
    found = judge.scores(CLEAN, PAIR)
    assert set(found) == {"qa_removed", "qa_unread"}
    with pytest.raises(InputError, match="hub id or folder"):
        qwen_qa(qwen + "/none", None, 1, "cpu")


def test_clip_iqa_by_the_real_class(tmp_path: Path) -> None:
    import torch
    import transformers

    tokenizer = save_tokenizer(tmp_path, ["<|endoftext|>", "<|startoftext|>"])
    torch.manual_seed(0)
    sides = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    end = int(tokenizer.eos_token_id)
    config = transformers.CLIPConfig(
        text_config={**sides, "vocab_size": len(tokenizer), "max_position_embeddings": 32, "eos_token_id": end},
        vision_config={**sides, "image_size": 32, "patch_size": 8}, projection_dim=8,
    )  # fmt: skip
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(tmp_path)
    judge = ClipIqa(str(tmp_path))
    found = [judge.scores(p, PAIR)["clip_iqa"] for p in (CLEAN, 255 - CLEAN, CLEAN)]
    assert found[0] == found[2] != found[1]
    assert all(0 < x < 1 for x in found if x is not None)
    with pytest.raises(InputError, match="CLIP"):
        ClipIqa(str(tmp_path / "none"))
