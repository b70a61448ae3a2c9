from __future__ import annotations

import pytest

from tests.uniser_model.small import MemoryCorpus, small_config, tiny_bert
from uniser_model.text import PromptCache
from uniser_model.trainer import train


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
