"""YAML that others wrote: plain values at a bounded cost."""

import time

import pytest
import yaml

from tests.cli import ROOT
from uniser_core.documents import read_yaml
from uniser_core.errors import InputError
from uniser_core.plain_yaml import MOST_BYTES

# Each level holds the one before it eight times.
LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 8)}]\n" for n in range(12)
)
REFUSED = {
    "code": ("!!python/object/apply:os.system ['true']", "not YAML"),
    "deep": ("[" * 5000, "nested too deep"),
    "deep and wide": ("[" * 60 + "a," * 50_000, "not YAML"),
    "deep maps": ("{a: " * 100, "nested too deep"),
    "laughs": (LAUGHS, "too large"),
    "itself": ("a: &a [x, *a]", "holds itself"),
    "merged with itself": ("a: &a {<<: *a}", "holds itself"),
    "long": ("a" * (MOST_BYTES + 1), "at most"),
    "day": ("2026-02-31: x", "not YAML"),
    "key": ("? [a]\n: b", "not YAML"),
    "two": ("--- a\n--- b", "not YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_value_is_refused_in_time(name):
    text, said = REFUSED[name]
    start = time.process_time()
    with pytest.raises(InputError, match=said):
        read_yaml(text, "x")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_are_what_the_safe_loader_says(path):
    assert read_yaml(path.read_bytes(), "x") == yaml.safe_load(path.read_text())


def test_aliases_and_merges_that_end_are_taken():
    text = "base: &b {x: 1, y: [2, 3]}\nown: {<<: *b, x: 4}\nlist: [*b, *b]\n"
    assert read_yaml(text, "x") == yaml.safe_load(text)
    assert read_yaml(text, "x")["own"] == {"x": 4, "y": [2, 3]}
