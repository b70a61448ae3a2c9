"""Reflectance of bare and coated glass by wavelength and angle (thin-film characteristic matrices)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.optics.lens import Lens

Float64 = npt.NDArray[np.float64]
MGF2, ZRO2 = 1.38, 2.05
COATINGS = ("uncoated", "single", "multi", "perfect")
# Makers tune the surfaces of one lens to different colours, so that their sum stays white: quarter waves at these, in
# turn from the front. Their residues are what tints ghosts blue, purple and amber.
DESIGN_NM = (550.0, 505.0, 605.0, 530.0, 570.0)
# Three layers stand less detuning. Their inner layer's index is what oxides allow, as a share of the ideal: short of
# it a coat has two minima and reflects green between them.
MULTI_NM, INNER_SHARE = (540.0, 500.0, 565.0, 520.0, 550.0), (1.0, 1.0, 0.94, 0.92, 0.9)
# Camera response: Gaussians of these centres and standard deviations in nm (a Bayer sensor behind its infrared filter).
RESPONSE_NM = ((600.0, 32.0), (538.0, 36.0), (462.0, 27.0))
ANGLES = 96


@dataclass(frozen=True, eq=False)
class CoatingTable:
    """Reflectances of a lens: (surfaces, bands, ANGLES) float64 over the cosine (0 to 1) in the rarer medium."""

    reflectance: Float64


def check_coating(name: str) -> str:
    """The name, if it is a coating. Raises InputError otherwise."""
    if name not in COATINGS:
        raise InputError(f"coating {name!r}", f"is not one of {', '.join(COATINGS)}", "choose one")
    return name


def layers_of(coating: str, n_glass: float, surface: int) -> tuple[tuple[tuple[float, float], ...], float]:
    """Films on an air-glass surface, (index, quarter waves) from the air inwards, and the design wavelength in nm.

    `single` is a quarter wave of MgF2; `multi` the classical quarter-half-quarter coat (Cox, Hass and Thelen 1962):
    MgF2, ZrO2 and an oxide; at the ideal index of the last nothing is reflected at the design wavelength.
    """
    turn = surface % len(DESIGN_NM)
    if coating == "single":
        return ((MGF2, 1.0),), DESIGN_NM[turn]
    if coating == "multi":
        inner = MGF2 * n_glass**0.5 * INNER_SHARE[turn]
        return ((MGF2, 1.0), (ZRO2, 2.0), (inner, 1.0)), MULTI_NM[turn]
    return (), DESIGN_NM[turn]


def response(wavelength_nm: Float64) -> Float64:
    """Camera response of red, green and blue at each wavelength: (3, n) float64, each row summing to 1."""
    curves = np.stack([np.exp(-0.5 * ((wavelength_nm - c) / s) ** 2) for c, s in RESPONSE_NM])
    return np.asarray(curves / curves.sum(axis=1, keepdims=True))


def film_reflectance(
    n_in: float | Float64,
    n_out: float | Float64,
    cosine_in: Float64,
    wavelength_nm: float | Float64,
    layers: Sequence[tuple[float, float]] = (),
    design_nm: float = 550.0,
) -> Float64:
    """Power reflectance of a stack of lossless films, mean of both polarisations, float64 in [0, 1].

    All arguments broadcast. `layers` run from the side of incidence: (index, quarter waves at `design_nm`). Abeles'
    characteristic matrices (Macleod, Thin-Film Optical Filters); without layers Fresnel's equations.
    """
    n0, ns = np.asarray(n_in, complex), np.asarray(n_out, complex)
    sine = n0 * np.sqrt(1 - np.clip(np.asarray(cosine_in, np.float64), 0, 1) ** 2 + 0j)
    total: Float64 = np.zeros(np.broadcast(n0, ns, sine, np.asarray(wavelength_nm)).shape)

    def cosine(n: npt.NDArray[np.complex128] | complex) -> npt.NDArray[np.complex128]:
        return np.asarray(np.sqrt(1 - (sine / n) ** 2 + 0j))

    for transverse in (True, False):

        def admittance(n: npt.NDArray[np.complex128] | complex, te: bool = transverse) -> npt.NDArray[np.complex128]:
            return np.asarray(n * cosine(n) if te else n / np.where(cosine(n) == 0, 1e-12, cosine(n)))

        b: npt.NDArray[np.complex128] = np.ones_like(sine)
        c = admittance(ns) * b
        for index, quarters in reversed(list(layers)):
            phase = np.pi / 2 * quarters * design_nm / np.asarray(wavelength_nm) * cosine(complex(index))
            y = admittance(complex(index))
            b, c = np.cos(phase) * b + 1j * np.sin(phase) / y * c, 1j * y * np.sin(phase) * b + np.cos(phase) * c
        front = admittance(n0)
        total = total + 0.5 * np.abs((front * b - c) / (front * b + c)) ** 2
    return np.clip(total, 0.0, 1.0)


def coating_table(lens: Lens, coating: str, wavelengths_nm: Float64) -> CoatingTable:
    """Reflectance of each surface, one band a wavelength.

    Cemented faces are never coated. `perfect` reflects nothing at all. Raises InputError for unknown coatings.
    """
    check_coating(coating)
    count = len(lens.surfaces)
    table = np.zeros((count, len(wavelengths_nm), ANGLES))
    if coating == "perfect":
        return CoatingTable(table)
    cosine = np.linspace(0, 1, ANGLES)
    for i, s in enumerate(lens.surfaces):
        before = lens.surfaces[i - 1].glass if i else None
        if s.is_stop or (before is not None and before == s.glass) or (before is None and s.glass.is_air):
            continue
        n1 = before.index(wavelengths_nm) if before is not None else np.ones(len(wavelengths_nm))
        n2 = s.glass.index(wavelengths_nm)
        low, high = np.minimum(n1, n2), np.maximum(n1, n2)
        cemented = before is not None and not before.is_air and not s.glass.is_air
        layers, design = layers_of("uncoated" if cemented else coating, float(np.mean(high)), i)
        table[i] = film_reflectance(
            low[:, None], high[:, None], cosine[None, :], np.asarray(wavelengths_nm)[:, None], layers, design
        )
    return CoatingTable(table)


# Fine enough for the ripples of a three-layer coat.
BAND_NM = np.linspace(420, 680, 27)


@lru_cache(maxsize=64)
def spectral_coating(lens: Lens, coating: str) -> CoatingTable:
    """Reflectances at each of BAND_NM."""
    return coating_table(lens, coating, BAND_NM)


@lru_cache(maxsize=64)
def camera_coating(lens: Lens, coating: str) -> CoatingTable:
    """Reflectances as the camera's red, green and blue see them: three bands."""
    return CoatingTable(response(BAND_NM) @ spectral_coating(lens, coating).reflectance)
