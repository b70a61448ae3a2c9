"""What a flare is drawn from: ranges of lenses, dirt, streaks and iridescence as they are met with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from halo_render.flare_params import (
    KINDS,
    Droplets,
    FilmArc,
    Glare,
    Kind,
    Needles,
    Rainbow,
    Reflective,
    Ring,
    Shimmer,
    Streak,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.flare_params import FlareParams

Rng = np.random.Generator
BLADES = (0, 5, 6, 7, 8, 9, 10, 11, 14, 18)
# A stop closes step by step; starbursts are pictures of small ones.
F_NUMBERS = (1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0)
WEIGHTS = {
    "glare": (1, 1, 2, 2, 3, 4, 5, 5, 3),
    "reflective": (1, 2, 4, 4, 4, 3, 2, 1, 0),
    "streak": (2, 3, 4, 4, 3, 1, 0, 0, 0),
    "shimmer": (2, 2, 3, 3, 2, 2, 1, 0, 0),
}
SECOND_KIND = 0.45
SECOND_SHARE = 0.5
# Beside another kind, glare is that of a clean lens.
CLEAN_SCATTER, CLEAN_VEIL = (0.0005, 0.003), (0.001, 0.008)
# Most photographs are taken with phones.
PHONE_WEIGHT = 3.0


def short(value: float) -> float:
    """Six significant digits: what a row holds, and exactly what is rendered."""
    return float(f"{value:.6g}")


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Between the two, even in the logarithm."""
    return short(math.exp(rng.uniform(math.log(low), math.log(high))))


def uniform(rng: Rng, low: float, high: float) -> float:
    """Between the two."""
    return short(rng.uniform(low, high))


def seed(rng: Rng) -> int:
    """Of a procedural texture."""
    return int(rng.integers(2**31))


def draw_kinds(rng: Rng, allowed: Sequence[Kind], have_lens: bool) -> tuple[Kind, tuple[Kind, ...]]:
    """(the dominant kind, all kinds of the mix)."""
    possible = [k for k in KINDS if k in allowed and (have_lens or k != "reflective")]
    main = possible[int(rng.integers(len(possible)))]
    others = [k for k in possible if k != main]
    chosen = {main}
    if rng.random() < 0.7 and "glare" in possible:
        chosen.add("glare")  # no lens is without
    while others and rng.random() < SECOND_KIND:
        chosen.add(others[int(rng.integers(len(others)))])
    return main, tuple(k for k in KINDS if k in chosen)


def draw_stop(rng: Rng, main: Kind, widest: float) -> dict[str, Any]:
    """f-number and the stop's shape."""
    weights = np.array(WEIGHTS[main], np.float64)
    f_number = max(widest, F_NUMBERS[int(rng.choice(len(F_NUMBERS), p=weights / weights.sum()))])
    wide_open = f_number <= widest * 1.2
    return {
        "f_number": short(f_number),
        "blades": int(BLADES[int(rng.integers(1 if main == "glare" else 0, len(BLADES)))]),
        "roundness": uniform(rng, 0.6, 1.0) if wide_open else uniform(rng, 0.0, 0.35),
        "rotation_deg": uniform(rng, 0, 359.9),
        "edge_roughness": log_uniform(rng, 1e-5, 1e-3),
        "aperture_seed": seed(rng),
    }


def draw_coating(rng: Rng, known: Sequence[str]) -> str:
    """Coatings in use, the older the rarer. `known` are the names from bare to best; `perfect` is never drawn."""
    names = [n for n in known if n != "perfect"]
    weights = np.array([0.2, 0.35, 0.45][: len(names)])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def draw_glare(rng: Rng, main: Kind) -> Glare:
    """Dirt and scatter of the front element."""
    if main != "glare":
        return Glare(
            scatter_share=log_uniform(rng, *CLEAN_SCATTER),
            scatter_b_sin=log_uniform(rng, 0.005, 0.05),
            scatter_g=uniform(rng, 1.8, 2.6),
            scatter_blue_exponent=uniform(rng, 0.2, 2),
            veil_share=log_uniform(rng, *CLEAN_VEIL),
            surface_seed=seed(rng),
        )
    dusty, scratched, touched = rng.random(3) < (0.7, 0.5, 0.3)
    return Glare(
        dust_density_per_mm2=log_uniform(rng, 0.1, 15) if dusty else 0.0,
        dust_um=log_uniform(rng, 15, 80),
        scratch_density_per_mm2=log_uniform(rng, 0.01, 0.3) if scratched else 0.0,
        scratch_um=log_uniform(rng, 3, 15),
        scratch_mm=log_uniform(rng, 1, 8),
        fingerprint_cover=uniform(rng, 0.1, 0.6) if touched else 0.0,
        fingerprint_phase_rad=uniform(rng, 0.2, 1.0),
        surface_seed=seed(rng),
        scatter_share=log_uniform(rng, 0.001, 0.02),
        scatter_b_sin=log_uniform(rng, 0.003, 0.06),
        scatter_g=uniform(rng, 1.7, 2.8),
        scatter_blue_exponent=uniform(rng, 0, 1.5),
        veil_share=log_uniform(rng, 0.002, 0.03),
    )


def _weight(kind: Kind, main: Kind) -> float:
    """Ghosts are faint: beside them another kind must be fainter than beside glare."""
    return 1.0 if kind == main else 0.06 if main == "reflective" else 0.25


def draw_streaks(rng: Rng, main: Kind) -> tuple[Streak, ...]:
    """One anamorphic streak, a few ways of a wipe, or a sensor's smear."""
    share = log_uniform(rng, 0.004, 0.04) * _weight("streak", main)
    roll = rng.random()
    if roll < 0.55:
        # Cameras are held level, so nearly all lie near the horizontal.
        turn = rng.normal(0, 2) if rng.random() < 0.8 else rng.uniform(0, 180)
        blue = rng.random() < 0.6
        coating_nm = uniform(rng, 620, 900) if blue else uniform(rng, 340, 520)
        return (
            Streak(
                kind="anamorphic",
                share=short(share),
                direction_deg=short(turn % 180) % 180,
                length=log_uniform(rng, 0.25, 1.6),
                thickness=log_uniform(rng, 0.0004, 0.003),
                spread_deg=0.0,
                coating_nm=coating_nm,
                film=uniform(rng, 1.36, 1.5),
                seed=seed(rng),
            ),
        )
    if roll < 0.92:
        count = int(rng.integers(1, 4))
        weight = rng.dirichlet(np.full(count, 2.0))
        return tuple(
            Streak(
                kind="grease",
                share=short(share * w),
                direction_deg=uniform(rng, 0, 179.9),
                thickness=log_uniform(rng, 0.0005, 0.004),
                spread_deg=log_uniform(rng, 0.2, 4),
                groove_um=log_uniform(rng, 4, 14),
                seed=seed(rng),
            )
            for w in weight
        )
    return (Streak(kind="smear", share=short(share), direction_deg=90.0),)


def draw_shimmer(rng: Rng, main: Kind) -> Shimmer:
    """One to three iridescent parts."""
    share = log_uniform(rng, 0.01, 0.06) * _weight("shimmer", main)
    there = rng.random(5) < (0.7, 0.4, 0.3, 0.3, 0.22)
    if not there.any():
        there[0] = True
    weight = rng.dirichlet(np.full(5, 2.0)) * there
    weight = share * weight / weight.sum()
    return Shimmer(
        needles=_needles(rng, weight[0]) if there[0] else None,
        ring=_ring(rng, weight[1]) if there[1] else None,
        droplets=_droplets(rng, weight[2]) if there[2] else None,
        rainbow=_rainbow(rng, weight[3]) if there[3] else None,
        arcs=_arcs(rng, weight[4]) if there[4] else (),
    )


def _needles(rng: Rng, share: float) -> Needles:
    return Needles(
        share=short(share),
        count=int(log_uniform(rng, 60, 600)),
        scatterer_um=log_uniform(rng, 2.5, 15),
        spread_deg=log_uniform(rng, 0.06, 0.6),
        seed=seed(rng),
    )


def _ring(rng: Rng, share: float) -> Ring:
    return Ring(
        share=short(share),
        pitch_um=log_uniform(rng, 2, 10),
        width=log_uniform(rng, 0.03, 0.12),
        fibres=int(log_uniform(rng, 12, 90)),
        depth=uniform(rng, 0.2, 0.8),
        seed=seed(rng),
    )


def _droplets(rng: Rng, share: float) -> Droplets:
    return Droplets(share=short(share), droplet_um=log_uniform(rng, 4, 25), width=uniform(rng, 0.04, 0.2))


def _rainbow(rng: Rng, share: float) -> Rainbow:
    return Rainbow(
        share=short(share),
        pitch_um=log_uniform(rng, 1.6, 8),
        direction_deg=uniform(rng, 0, 179.9),
        spread_deg=log_uniform(rng, 0.5, 6),
        orders=int(rng.integers(1, 4)),
    )


def _arcs(rng: Rng, share: float) -> tuple[FilmArc, ...]:
    count = int(rng.integers(1, 3))
    return tuple(
        FilmArc(
            share=short(0.5 * share / count),
            at_deg=uniform(rng, 4, 22),
            width=uniform(rng, 0.05, 0.16),
            direction_deg=uniform(rng, 0, 359.9),
            half_width_deg=uniform(rng, 35, 100),
            thickness_nm=uniform(rng, 180, 460),
            slope=uniform(rng, 0.15, 0.4),
        )
        for _ in range(count)
    )


def subdued(params: FlareParams, found: dict[str, float]) -> FlareParams:
    """The same flare with its other kinds of scatter at most SECOND_SHARE of the dominant one's energy.

    `found` is the energy of each kind. Ghosts are few and bright, scatter is wide and faint: they are not compared.
    """
    changes: dict[str, Any] = {}
    for kind, share in found.items():
        if kind == params.variant or params.variant not in found or share == 0:
            continue
        f = min(1.0, SECOND_SHARE * found[params.variant] / share)
        if f == 1:
            continue
        if kind == "glare" and params.glare is not None:
            glare = {n: short(getattr(params.glare, n) * f) for n in ("scatter_share", "veil_share")}
            changes["glare"] = params.glare.model_copy(update=glare)
        elif kind == "streak":
            changes["streaks"] = tuple(s.model_copy(update={"share": short(s.share * f)}) for s in params.streaks)
        elif params.shimmer is not None:
            changes["shimmer"] = _fainter(params.shimmer, f)
    return params.model_copy(update=changes)


def _fainter(shimmer: Shimmer, factor: float) -> Shimmer:
    changes: dict[str, Any] = {}
    for name in ("needles", "ring", "droplets", "rainbow"):
        part = getattr(shimmer, name)
        if part is not None:
            changes[name] = part.model_copy(update={"share": short(part.share * factor)})
    changes["arcs"] = tuple(a.model_copy(update={"share": short(a.share * factor)}) for a in shimmer.arcs)
    return shimmer.model_copy(update=changes)


def draw_reflective(rng: Rng) -> Reflective:
    """Ghosts, of which the faintest few percent are left out."""
    return Reflective(loss=0.06)


def draw_dimming(rng: Rng, groups: Sequence[str], chance: float = 0.25) -> dict[str, float]:
    """Factors of some light groups: off, dimmed or brighter; empty most often."""
    if len(groups) < 2 or rng.random() >= chance:
        return {}
    chosen = {}
    for name in sorted(groups):
        roll = rng.random()
        if roll < 0.15:
            chosen[name] = 0.0
        elif roll < 0.55:
            chosen[name] = log_uniform(rng, 0.25, 2.0)
    return chosen


def target_psnr_db(rng: Rng) -> float:
    """The figure that a flare's strength is drawn for, as published test sets show: 15 to 35 dB, most about 23."""
    return short(15 + 20 * float(rng.beta(2.0, 2.6)))


def draw_lens(rng: Rng, half_field_deg: float, wanted: str = "") -> tuple[str, float, tuple[str, ...]]:
    """(the wanted prescription, or one that sees that far; its widest f-number, coatings from bare to best)."""
    from halo_render.optics.coating import COATINGS
    from halo_render.optics.lens import lenses_for, load_lens

    names = [wanted] if wanted else lenses_for(half_field_deg)
    weights = np.array([PHONE_WEIGHT if n.startswith("phone") else 1.0 for n in names])
    name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    return name, load_lens(name).f_number, tuple(COATINGS)
