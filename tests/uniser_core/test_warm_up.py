"""What setup compiles is every effect there is."""

import json

from tests.cli import uniser
from uniser_core.registry import points


def test_every_effect_is_compiled():
    done = uniser("warm-up", "--json")
    assert sorted(json.loads(done.stdout)) == sorted(points("uniser.effects"))
    assert done.stderr.strip() == ""
