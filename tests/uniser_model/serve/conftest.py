from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.uniser_model.serve.client import Client, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(run: str) -> Iterator[Client]:
    """A server with a barely trained small model; small limits, so that tests can go beyond them."""
    with serving("--checkpoint", run, "--max-upload-mb", 2, "--max-megapixels", 1, "--device", "cpu") as client:
        yield client
