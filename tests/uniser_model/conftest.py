from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.cli import uniser
from tests.uniser_model.small import MemoryCorpus, picture, save, small_config, tiny_bert
from uniser_model.infer import Restorer
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def prompt_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The token states that tests make are not kept in the user's cache."""
    folder = str(tmp_path_factory.mktemp("prompts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNISER_PROMPT_CACHE", folder)
        yield folder


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
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus of a few photos with something in front of them, made as a user makes it."""
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(3):
        save(folder / "photos" / f"{i}.png", picture(str(i)))
    uniser("synth", "occlude", "--source", folder / "photos", "--variants", 2, "--out", folder / "pairs")
    (folder / "recipe.yaml").write_text(f"sources: ['{folder / 'pairs'}']\n")
    uniser("corpus", "build", folder / "recipe.yaml", "--out", folder / "corpus")
    return str(folder / "corpus")


@pytest.fixture(scope="session")
def lively(bert: str) -> Restorer:
    """A restorer whose model changes pictures a lot, and differently everywhere."""
    trainer = Trainer(small_config(bert), MemoryCorpus(), PromptCache(bert))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, p in trainer.model.named_parameters():
            p.add_(torch.randn_like(p) * (0.1 if name != "head.bias" else 0.5))
    return Restorer(trainer.model, trainer.config, trainer.prompts)
