"""Tags are read from an effect's source where it says them, and are what importing it gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from uniser_core import registry
from uniser_core.effect_tags import _written, effect_tags
from uniser_core.errors import InputError


def test_tags_are_those_of_the_imported_effects() -> None:
    points = registry.points("uniser.effects")
    assert {"haze", "flare", "shadow", "rain"} <= set(points)
    for name, point in points.items():
        assert _written(point.module, name) == registry.get_effect(name).tags
    assert effect_tags("rain") == ("unseen",)
    assert effect_tags("haze") == ()
    with pytest.raises(InputError, match="unknown effect 'fogg'"):
        effect_tags("fogg")


def test_no_effect_is_imported_for_its_tags() -> None:
    code = (
        "import sys; from uniser_core.effect_tags import effect_tags; print(effect_tags('rain'), effect_tags('haze'));"
        "print([m for m in ('numba', 'syn_haze.effect', 'uniser_core.contrib.rain') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["('unseen',) ()", "[]"]


def test_what_is_not_written_out_is_imported(tmp_path, monkeypatch) -> None:
    (tmp_path / "odd_effect.py").write_text("TAGS = ('a',)\n@effect('odd', tags=TAGS)\nclass Odd: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert _written("odd_effect", "odd") is None
    assert _written("odd_effect", "other") is None
    assert _written("no_such_module", "odd") is None
