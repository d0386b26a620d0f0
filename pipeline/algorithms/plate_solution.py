"""The world coordinates of an image, fitted to stars of known position."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import (
    Matrix,
    plane_from_sky,
    scales,
    sky_from_plane,
)
from pipeline.spec import Value

Floats = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826
_ARCSEC = 3600.0

LEAST = 4
"""Stars needed: three fix the six numbers of the fit, one checks them."""


@dataclass(frozen=True)
class PlateSolution:
    """A linear map from pixels to the tangent plane.

    Parameters
    ----------
    reference
        CRPIX1 and CRPIX2 [pix, 1-based].
    position
        RA and DEC of the reference pixel [deg].
    cd : float64[2, 2]
        [deg/pix].
    used : bool[n]
        Stars that were not rejected.
    residual
        Median of the absolute residuals of these along x and y of the plane [deg].
    """

    reference: tuple[float, float]
    position: tuple[float, float]
    cd: Matrix
    used: NDArray[np.bool_]
    residual: tuple[float, float]

    @property
    def scales(self) -> tuple[float, float]:
        """Scales along x and y [arcsec/pix]."""
        x, y = scales(self.cd)
        return abs(x) * _ARCSEC, abs(y) * _ARCSEC

    @property
    def angles(self) -> tuple[float, float]:
        """Rotations of the x and the y axis [deg], as the genuine pipeline counts them."""
        cd = self.cd.copy()
        if np.linalg.det(cd) < 0.0:
            cd[0] *= -1.0
        x, y = np.arctan2(cd[0, 1], cd[0, 0]), np.arctan2(-cd[1, 0], cd[1, 1])
        return float(np.degrees(x)), float(np.degrees(y))

    def keywords(self) -> dict[str, Value]:
        """Return the keywords of the world coordinates."""
        words: dict[str, Value] = {"WCSAXES": 2}
        for i, kind in ((0, "RA---TAN"), (1, "DEC--TAN")):
            words[f"CTYPE{i + 1}"], words[f"CUNIT{i + 1}"] = kind, "deg"
            words[f"CRPIX{i + 1}"] = self.reference[i]
            words[f"CRVAL{i + 1}"] = self.position[i]
            words |= {f"CD{i + 1}_{j + 1}": float(self.cd[i, j]) for j in (0, 1)}
            words[f"CSYER{i + 1}"] = self.residual[i]
        return words


def solve_plate(
    pixels: Floats,
    ra: Floats,
    dec: Floats,
    tangent: tuple[float, float],
    reference: tuple[float, float],
    n_iterations: int,
    kappa: float,
) -> PlateSolution | None:
    """Fit shift, rotation, two scales and shear; None if too few stars are left.

    Parameters
    ----------
    pixels : float64[n, 2]
        Centres of the stars [pix, 1-based].
    ra, dec : float64[n]
        Their positions [deg].
    tangent
        Where the plane touches the sky, near the middle of the field [deg].
    reference
        CRPIX1 and CRPIX2 [pix].
    n_iterations
        Fits.
    kappa
        Stars further off in an axis, in robust standard deviations of the residuals, are
        left out of the next fit.
    """
    plane = np.stack(plane_from_sky(ra, dec, tangent), axis=1)
    middle = pixels.mean(axis=0)
    design = np.hstack([pixels - middle, np.ones((len(pixels), 1))])
    used = np.ones(len(pixels), np.bool_)
    for number in range(max(n_iterations, 1)):
        if used.sum() < LEAST:
            return None
        map_ = np.linalg.lstsq(design[used], plane[used], rcond=None)[0]
        residuals = np.abs(plane - design @ map_)
        median = np.median(residuals[used], axis=0)
        if number + 1 < n_iterations:
            used &= (residuals <= kappa * _MAD_TO_SIGMA * median + 1e-12).all(axis=1)
    cd = map_[:2].T.copy()
    east, north = cd @ (np.array(reference) - middle) + map_[2]
    return PlateSolution(
        reference,
        sky_from_plane(float(east), float(north), tangent),
        cd,
        used,
        (float(median[0]), float(median[1])),
    )
