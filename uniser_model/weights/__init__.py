"""Weights that come with the package: what `uniser remove` and `uniser add` use when no checkpoint is named."""

from __future__ import annotations

from pathlib import Path

BUNDLED = Path(__file__).parent / "demo"
