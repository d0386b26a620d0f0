"""Wavelengths in vacuum and in standard air."""

import numpy as np
from numpy.typing import NDArray


def refractive_index(vacuum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the refractive index of standard air at vacuum wavelengths [Angstrom].

    Ciddor (1996, Applied Optics 35, 1566), equation 1: dry air at 15 C, 101325 Pa with
    450 ppm CO2.
    """
    wavenumber2 = (1e4 / vacuum) ** 2
    refractivity = 5792105e-8 / (238.0185 - wavenumber2) + 167917e-8 / (
        57.362 - wavenumber2
    )
    return np.asarray(1 + refractivity)


def vacuum_to_air(vacuum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert vacuum wavelengths to standard air [Angstrom]."""
    return np.asarray(vacuum / refractive_index(vacuum))


def air_to_vacuum(air: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert wavelengths in standard air to vacuum [Angstrom], to 1e-6 of an Angstrom."""
    return np.asarray(air * refractive_index(air * refractive_index(air)))
