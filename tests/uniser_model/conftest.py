from __future__ import annotations

import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, small_config, tiny_bert
from uniser_model.infer import Restorer
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def corpus() -> MemoryCorpus:
    return MemoryCorpus()


@pytest.fixture(scope="session")
def run(bert: str, corpus: MemoryCorpus, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run folder of a barely trained small model."""
    out = tmp_path_factory.mktemp("run") / "run"
    train(small_config(bert, steps=4), out, corpus, prompts=PromptCache(bert), quiet=True)
    return str(out)


@pytest.fixture(scope="session")
def lively(bert: str) -> Restorer:
    """A restorer whose model changes pictures a lot, and differently everywhere."""
    trainer = Trainer(small_config(bert), MemoryCorpus(), PromptCache(bert))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, p in trainer.model.named_parameters():
            p.add_(torch.randn_like(p) * (0.1 if name != "head.bias" else 0.5))
    return Restorer(trainer.model, trainer.config, trainer.prompts)
