"""What setup compiles is every effect there is."""

import json

from tests.cli import uniser
from uniser_core.registry import effect_names


def test_every_effect_is_compiled():
    done = uniser("warm-up", "--json")
    assert sorted(json.loads(done.stdout)) == effect_names()
    assert done.stderr.strip() == ""
