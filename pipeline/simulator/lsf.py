"""The line spread: a Gaussian with a displaced, wider second component.

The wavelength of a pixel is that of the line whose mean falls on its centre. A Gaussian
fitted to the skewed profile with equal weights sees it some 0.01 Angstrom blueward, one
weighted by the photon noise sees the mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

WING_WEIGHT = 0.18
"""Share of the light in the second component."""
WING_WIDTH = 1.7
"""Width of the second component in units of the first."""


@dataclass(frozen=True)
class LineSpread:
    """Line spread of all slices of an IFU.

    ``scale``: float64[n_slices], width relative to the nominal one; ``skew``:
    float64[n_slices], displacement of the wing in units of the core's sigma.
    """

    scale: NDArray[np.float64]
    skew: NDArray[np.float64]

    def sigma(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the core's sigma [Angstrom], [n_slices, n], without the pixel."""
        w = (np.asarray(wavelength) - 7000) / 2300
        nominal = 0.93 - 0.055 * w + 0.075 * w**2 + 0.006 * np.sin(5 * w)
        return np.asarray(self.scale[:, None] * nominal)

    def skewness(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the displacement of the wing in units of sigma, [n_slices, n]."""
        w = (np.asarray(wavelength) - 7000) / 2300
        return np.asarray(self.skew[:, None] * (1 - 0.4 * w))

    def parameters(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return centre and sigma of the core, displacement of the wing [Angstrom].

        float64[n_slices, n, 3]; the centre is relative to the mean.
        """
        sigma = self.sigma(wavelength)
        shift = self.skewness(wavelength) * sigma
        return np.stack([-WING_WEIGHT * shift, sigma, shift], axis=-1)

    def total_sigma(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation of the profile [Angstrom], without the pixel."""
        _, sigma, shift = np.moveaxis(self.parameters(wavelength), -1, 0)
        wing = WING_WEIGHT * (WING_WIDTH * sigma) ** 2
        spread = WING_WEIGHT * (1 - WING_WEIGHT) * shift**2
        return np.asarray(np.sqrt((1 - WING_WEIGHT) * sigma**2 + wing + spread))


def pixel_profile(
    offset: NDArray[np.float64], parameters: NDArray[np.float64], pixel: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of a line's light in a pixel centred ``offset`` redward of it.

    ``parameters`` as from `LineSpread.parameters`, broadcast against ``offset``;
    ``pixel``, broadcast too, is the width of the pixel [Angstrom].
    """
    centre, sigma, shift = np.moveaxis(parameters, -1, 0)

    def below(edge: NDArray[np.float64]) -> NDArray[np.float64]:
        core = erf((edge - centre) / (np.sqrt(2) * sigma))
        wing = erf((edge - centre - shift) / (np.sqrt(2) * WING_WIDTH * sigma))
        return np.asarray(0.5 * ((1 - WING_WEIGHT) * core + WING_WEIGHT * wing))

    return below(offset + pixel / 2) - below(offset - pixel / 2)
