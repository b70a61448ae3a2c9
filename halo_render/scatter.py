"""From drawn parameters to the point spread of glare, streaks and shimmer together: one convolution makes all."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from halo_render.optics import diffraction, iridescence, surface
from halo_render.optics.aperture import Aperture
from halo_render.optics.convolve import Spread
from halo_render.optics.polar import ANGLES, PolarSpread, evaluate, lines
from halo_render.optics.streaks import anamorphic_radial, grease_radial

if TYPE_CHECKING:
    from halo_render.flare_params import FlareParams, Glare, Shimmer, Streak
    from halo_render.optics.source import Sensor

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# The transform of the pupil: more samples reach further from the light before the edges' law takes over.
PUPIL_SIZE, LARGE_PUPIL_SIZE, LARGE_PICTURE_PX = 512, 1024, 1500
# Below this a starburst's transform is hidden in the light's own pixels.
LEAST_CORE_PX, MOST_CORE_PX = 3.0, 160
# Straight blades still bend a little: their rays are this wide.
RAY_DEVIATION_DEG = 0.12
VEIL_RADIUS = 0.35  # of the diagonal


def aperture_of(params: FlareParams) -> Aperture:
    """The stop that ghosts and starburst share."""
    return Aperture(params.blades, params.roundness, params.rotation_deg, params.edge_roughness, params.aperture_seed)


def spread_of(params: FlareParams, sensor: Sensor) -> Spread | None:
    """The point spread at gain 1 on that sensor, or None when nothing scatters."""
    if params.glare is None and params.shimmer is None and not any(s.kind != "smear" for s in params.streaks):
        return None
    neutral = params.model_copy(update={"gain": 1.0, "flare_to_light": {}, "dimming": {}, "light_indices": ()})
    return _spread(neutral.model_dump_json(), sensor)


@lru_cache(maxsize=1)
def _spread(params_json: str, sensor: Sensor) -> Spread:
    from halo_render.flare_params import FlareParams

    params = FlareParams.model_validate_json(params_json)
    reach = 1.02 * math.hypot(sensor.width, sensor.height)
    on_pupil, beside = PolarSpread(reach), PolarSpread(reach)
    core = None
    if params.glare is not None:
        _pupil_parts(on_pupil, params, params.glare, sensor)
        core = _core(params, params.glare, sensor)
        _tails(beside, params.glare, sensor)
    for streak in params.streaks:
        if streak.kind != "smear":
            _streak(beside, streak, sensor, params.wavelengths)
    if params.shimmer is not None:
        _shimmer(beside, params.shimmer, sensor, params.wavelengths)
    if core is not None:
        side = core.shape[0]
        # What else scatters lies over the transform too.
        core = core + evaluate(beside.table(), side, side, (side // 2, side // 2))
    return Spread(on_pupil.with_parts_of(beside), core)


def _focal_px(sensor: Sensor) -> float:
    return sensor.focal_mm * sensor.px_per_mm


def _surface(glare: Glare) -> surface.Surface:
    return surface.Surface(
        glare.dust_density_per_mm2,
        glare.dust_um,
        glare.scratch_density_per_mm2,
        glare.scratch_um,
        glare.scratch_mm,
        glare.fingerprint_cover,
        glare.fingerprint_phase_rad,
        glare.surface_seed,
    )


def _core(params: FlareParams, glare: Glare, sensor: Sensor) -> Float32 | None:
    """Diffraction near the light by transform of the pupil, or None where it stays within a pixel or two."""
    if not glare.diffraction:
        return None
    large = max(sensor.width, sensor.height) > LARGE_PICTURE_PX
    size = LARGE_PUPIL_SIZE if large else PUPIL_SIZE
    step_px = 0.55e-3 * params.f_number * sensor.px_per_mm / diffraction.PADDING
    # Blue reaches least far.
    radius = int(min(diffraction.TRUSTED * size / 2 * step_px * 400 / 550, MOST_CORE_PX))
    if radius < LEAST_CORE_PX:
        return None
    field = surface.pupil(aperture_of(params), _surface(glare), size, sensor.focal_mm / params.f_number)
    spread = diffraction.unsampled(diffraction.point_spread(field))
    return diffraction.colour_spread(spread, step_px, radius, params.wavelengths)


def _pupil_parts(polar: PolarSpread, params: FlareParams, glare: Glare, sensor: Sensor) -> None:
    """The same far from the light, by the law of each: the stop's edges, dust, scratches."""
    if not glare.diffraction:
        return
    radius, focal_px, waves = polar.radius_px, _focal_px(sensor), params.wavelengths
    density, area = diffraction.edge_normals(aperture_of(params), ANGLES)
    harmonic = np.arange(ANGLES // 2 + 1)
    soft = np.exp(-0.5 * (harmonic * math.radians(RAY_DEVIATION_DEG)) ** 2)
    density = np.maximum(np.fft.irfft(np.fft.rfft(density) * soft, ANGLES), 0)
    polar.add(density, diffraction.edge_energy_rgb(radius, params.f_number, sensor.px_per_mm, area, waves))
    face = _surface(glare)
    if face.dust_share > 0:
        polar.add(None, face.dust_share * surface.dust_radial(radius, focal_px, face.dust_um, waves))
    if face.scratch_share > 0:
        count = min(400, max(12, round(face.scratches_per_mm2 * 100)))
        along = surface.scratch_directions(face, count)
        across = np.arctan2(along[:, 0], -along[:, 1])
        wide = np.full(count, math.radians(0.35))
        angular = lines(across, np.full(count, 1 / count), wide)
        polar.add(angular, face.scratch_share * surface.scratch_radial(radius, focal_px, face.scratch_um, waves))


def _tails(polar: PolarSpread, glare: Glare, sensor: Sensor) -> None:
    """Scatter of the glass and the barrel's veil."""
    radius, focal_px = polar.radius_px, _focal_px(sensor)
    if glare.scatter_share > 0:
        tail = surface.abg_radial(radius, focal_px, glare.scatter_b_sin, glare.scatter_g, glare.scatter_blue_exponent)
        polar.add(None, glare.scatter_share * tail)
    if glare.veil_share > 0:
        wide = VEIL_RADIUS * math.hypot(sensor.width, sensor.height)
        energy = radius / wide**2 * (1 + (radius / wide) ** 2) ** -1.5
        polar.add(None, glare.veil_share * np.repeat(energy[:, None], 3, axis=1))


def _streak(polar: PolarSpread, streak: Streak, sensor: Sensor, waves: int) -> None:
    radius, longer = polar.radius_px, max(sensor.width, sensor.height)
    # The picture's y points down.
    angle = np.array([-math.radians(streak.direction_deg)])
    if streak.kind == "anamorphic":
        radial = anamorphic_radial(radius, streak.length * longer, streak.coating_nm, streak.film, streak.seed, waves)
    else:
        radial = grease_radial(radius, _focal_px(sensor), streak.groove_um, streak.seed, waves)
    angular = lines(angle, np.ones(1), np.radians([streak.spread_deg]))
    polar.add(angular, streak.share * radial, streak.thickness * longer)


def _shimmer(polar: PolarSpread, shimmer: Shimmer, sensor: Sensor, waves: int) -> None:
    radius, focal_px = polar.radius_px, _focal_px(sensor)
    if shimmer.needles is not None:
        n = shimmer.needles
        found = iridescence.needles(radius, focal_px, n.count, n.scatterer_um, n.spread_deg, n.seed, waves)
        for angular, radial in found:
            polar.add(angular, n.share * radial)
    if shimmer.ring is not None:
        r = shimmer.ring
        angular = iridescence.fibrous(r.seed, r.fibres, r.depth)
        polar.add(angular, r.share * iridescence.ring_radial(radius, focal_px, r.pitch_um, r.width, waves))
    if shimmer.droplets is not None:
        d = shimmer.droplets
        polar.add(None, d.share * iridescence.droplet_radial(radius, focal_px, d.droplet_um, d.width, waves))
    if shimmer.rainbow is not None:
        b = shimmer.rainbow
        angular = lines(np.array([-math.radians(b.direction_deg)]), np.ones(1), np.radians([b.spread_deg]))
        for order in range(1, b.orders + 1):
            # Higher orders of a shallow grating fade about fourfold each.
            radial = iridescence.ring_radial(radius, focal_px, b.pitch_um / order, 0.03, waves)
            polar.add(angular, b.share * 0.25 ** (order - 1) * radial)
    for arc in shimmer.arcs:
        angular = iridescence.sector(-math.radians(arc.direction_deg), math.radians(arc.half_width_deg))
        at_px = focal_px * math.tan(math.radians(arc.at_deg))
        radial = iridescence.film_arc_radial(radius, at_px, arc.width, arc.thickness_nm, arc.slope, waves)
        polar.add(angular, arc.share * radial)


def shares(params: FlareParams) -> dict[str, float]:
    """Energy of each scattered kind over that of the lights at gain 1; the stop's own diffraction is not counted."""
    found: dict[str, float] = {}
    glare = params.glare
    if glare is not None:
        face = _surface(glare)
        grease = glare.fingerprint_cover * (1 - math.exp(-(glare.fingerprint_phase_rad**2) / 2))
        dirt = face.dust_share + face.scratch_share + grease if glare.diffraction else 0.0
        found["glare"] = glare.scatter_share + glare.veil_share + dirt
    if params.streaks:
        found["streak"] = sum(s.share for s in params.streaks)
    if params.shimmer is not None:
        s = params.shimmer
        parts = (s.needles, s.ring, s.droplets, s.rainbow, *s.arcs)
        found["shimmer"] = sum(p.share for p in parts if p is not None)
    return found
