"""The contract check: every shipped effect passes it, and each way to break the contract is named."""

from __future__ import annotations

import random

import numpy as np
import pytest

from uniser_core import registry
from uniser_core.check_probe import random_states
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.effect_check import check_effect
from uniser_core.errors import RefusedError
from uniser_core.registry import effect_names, get_effect

SMALL_HW = (300, 400)


@pytest.mark.parametrize("name", effect_names())
def test_every_effect_keeps_the_contract(name):
    report = check_effect(get_effect(name), SMALL_HW)
    assert report.passed, "\n".join(report.lines())
    assert len(report.findings) == 11


@pytest.mark.slow
@pytest.mark.parametrize("name", effect_names())
def test_every_effect_keeps_the_contract_up_to_4k(name):
    report = check_effect(get_effect(name))
    assert report.passed, "\n".join(report.lines())
    assert "pairs/s a core at 512x512" in report.findings[-1].detail
    assert "3840x2160" in report.findings[-1].detail


class Good:
    """A correct effect; the broken ones change one thing each."""

    class Params(EffectParams):
        gain: float

    def sample(self, rng, frame):
        return self.Params(gain=float(rng.uniform(0.2, 0.8)))

    def apply(self, frame, params):
        return Layers(degraded=frame.rgb_HWC * np.float32(params.gain))


def scaled(frame, factor):
    return Layers(degraded=frame.rgb_HWC * np.float32(factor))


class Drifts(Good):
    def apply(self, frame, params):
        self.calls = getattr(self, "calls", 0) + 1
        return scaled(frame, 0.5 + 0.1 / self.calls)


class Draws(Good):
    def apply(self, frame, params):
        return scaled(frame, np.random.default_rng().uniform(0.2, 0.8))


class Scribbles(Good):
    def apply(self, frame, params):
        frame.rgb_HWC[...] *= np.float32(0.5)
        return Layers(degraded=frame.rgb_HWC.copy())


class OwnSeed(Good):
    def sample(self, rng, frame):
        return self.Params(gain=float(np.random.default_rng().uniform(0.2, 0.8)))


class GlobalNumpy(Good):
    def apply(self, frame, params):
        np.random.normal()  # noqa: NPY002
        return scaled(frame, params.gain)


class GlobalPython(Good):
    def sample(self, rng, frame):
        random.random()
        return super().sample(rng, frame)


class Listens(Good):
    """It puts the state back, but its picture follows it."""

    def apply(self, frame, params):
        state = random.getstate()
        gain = random.random()
        random.setstate(state)
        return scaled(frame, gain)


class Wide(Good):
    def apply(self, frame, params):
        return Layers(degraded=frame.rgb_HWC.astype(np.float64) * params.gain)


class Narrow(Good):
    def apply(self, frame, params):
        return Layers(degraded=frame.rgb_HWC[:, :-1])


class NotANumber(Good):
    def apply(self, frame, params):
        return Layers(degraded=np.where(frame.rgb_HWC > 0.1, np.float32(np.nan), frame.rgb_HWC))


class Negative(Good):
    def apply(self, frame, params):
        return Layers(degraded=frame.rgb_HWC - np.float32(0.5))


class Codes(Good):
    def apply(self, frame, params):
        return scaled(frame, 255)


class Strong(Good):
    def apply(self, frame, params):
        return Layers(frame.rgb_HWC, strength=np.full(frame.rgb_HWC.shape[:2], 255, np.float32))


class WrongLayer(Good):
    def apply(self, frame, params):
        return Layers(frame.rgb_HWC * np.float32(0.5), additive=frame.rgb_HWC)


class Peeks(Good):
    def apply(self, frame, params):
        frame.get("depth")
        return scaled(frame, params.gain)


class Asks(Good):
    """Correct: what is asked for first may be read."""

    def apply(self, frame, params):
        return scaled(frame, 0.5 if frame.has("lights") and frame.get("lights") else params.gain)


class AsksOfPhotos(Good):
    """A photo's row does not keep a depth that `needs` does not name, so it would render again without."""

    def apply(self, frame, params):
        return scaled(frame, 0.1 if frame.has("depth") and frame.depth is not None else params.gain)


class Lossy(Good):
    """It remembers in an attribute what JSON does not carry."""

    class Params(EffectParams):
        gain: float
        hidden: object = None

    def sample(self, rng, frame):
        return self.Params(gain=0.5, hidden=(1, 2))


class Small(Good):
    def apply(self, frame, params):
        return scaled(frame, 1 / frame.rgb_HWC[1, 0].shape[0])


class Refuses(Good):
    def sample(self, rng, frame):
        raise RefusedError("no", "never")


class Raises(Good):
    def apply(self, frame, params):
        raise KeyError("veil")


class Fused(Good):
    def apply_srgb8(self, frame, params):
        return np.zeros((frame.height, frame.width, 3), np.uint8)


class TwoFaced(Good):
    """Its quick way differs from `apply`: stored and recipe rows would be other pictures."""

    def apply_srgb8(self, frame, params):
        return np.full((frame.height, frame.width, 3), 7, np.uint8)


BROKEN = [
    (Drifts, {}, "pure", "same bits"),
    (Draws, {}, "pure", "same bits"),
    (Scribbles, {}, "pure", "shared"),
    (OwnSeed, {}, "draws", "follows from rng"),
    (GlobalNumpy, {}, "no global random", "every random number"),
    (GlobalPython, {}, "no global random", "every random number"),
    (Listens, {}, "no global random", "pure"),
    (Wide, {}, "linear light", "float32"),
    (Narrow, {}, "linear light", "float32"),
    (NotANumber, {}, "linear light", "finite"),
    (Negative, {}, "linear light", "negative"),
    (Codes, {}, "linear light", "1 is white"),
    (Strong, {}, "linear light", "[0, 1]"),
    (WrongLayer, {}, "linear light", "degraded - clean"),
    (Peeks, {}, "needs", "cannot do without"),
    (AsksOfPhotos, {}, "rows", "equals the stored"),
    (Lossy, {}, "params", "come back equal"),
    (Small, {}, "sizes", "every size"),
    (Refuses, {}, "draws", "taken at least once"),
    (Raises, {}, "linear light", "do not raise"),
    (Fused, {}, "8 bits", "equals"),
    (TwoFaced, {"fast": True}, "rows", "equals the stored"),
    (Good, {"needs": ("dpeth",)}, "declares", "channels are"),
    (Good, {"needs": ("lights",), "fast": True}, "declares", "recipe"),
    (Good, {"version": 0}, "declares", "whole number"),
]


@pytest.fixture
def registered(monkeypatch):
    """Registers a class for one test alone."""
    monkeypatch.setattr(registry, "EFFECTS", dict(registry.EFFECTS))

    def make(cls, **options):
        return effect("under-test", **options)(type(cls.__name__, (cls,), {}))()

    return make


@pytest.mark.parametrize(("cls", "options", "rule", "says"), BROKEN, ids=lambda v: getattr(v, "__name__", None))
def test_a_broken_effect_is_told_value_rule_and_remedy(registered, cls, options, rule, says):
    report = check_effect(registered(cls, **options), (160, 240))
    assert not report.passed
    failed = {f.rule: f for f in report.findings if f.result == "FAILED"}
    assert rule in failed, "\n".join(report.lines())
    value, broken_rule, remedy = failed[rule].breach
    assert value
    assert remedy
    assert says in broken_rule


@pytest.mark.parametrize("cls", [Good, Asks])
def test_a_correct_effect_passes_and_the_random_state_is_left(registered, cls):
    before = random_states()
    report = check_effect(registered(cls, fast=cls is Good), (160, 240))
    assert report.passed, "\n".join(report.lines())
    assert random_states() == before


def test_a_need_that_is_not_read_is_noted(registered):
    report = check_effect(registered(Good, needs=("depth",)), (160, 240))
    assert report.passed
    assert [f.rule for f in report.findings if f.result == "note"] == ["needs"]


def test_where_it_raised_is_told(registered):
    report = check_effect(registered(Raises), (160, 240))
    said = next(f.detail for f in report.findings if f.rule == "linear light")
    assert "KeyError: 'veil'" in said
    assert "test_effect_check.py:" in said
