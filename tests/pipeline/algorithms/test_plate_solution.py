"""The fit of world coordinates against astropy's, its rejection, its residuals."""

import numpy as np
import pytest
from astropy.wcs import WCS

from pipeline.algorithms.astrometry import plane_from_sky, sky_from_plane
from pipeline.algorithms.plate_solution import solve_plate


def truth(angle=0.3, scale=(0.2, 0.2002)):
    """A world coordinate system of a field at high declination."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [6.0, -72.0], [150.5, 150.5]
    wcs.wcs.cd = np.array([[-scale[0] * c, scale[0] * s], [scale[1] * s, scale[1] * c]])
    wcs.wcs.cd /= 3600
    return wcs


def stars(wcs, n=60, noise=0.0, seed=1):
    """Pixels and positions of stars."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(1, 300, (n, 2))
    ra, dec = wcs.all_pix2world(pixels, 1).T
    return pixels + noise * rng.standard_normal((n, 2)), ra, dec


def test_solution_is_that_of_astropy():
    wcs = truth()
    found = solve_plate(*stars(wcs), (6.0, -72.0), (-0.01, -1.2), 2, 3.0)
    assert found is not None and found.used.all()
    assert np.abs(found.cd * 3600 - wcs.wcs.cd * 3600).max() < 1e-8
    assert found.scales == pytest.approx((0.2, 0.2002), abs=1e-8)
    assert found.angles == pytest.approx((-0.3, -0.3), abs=1e-5)
    there = wcs.all_pix2world([[-0.01, -1.2]], 1)[0]
    assert found.position == pytest.approx(there, abs=1e-9)
    words = found.keywords()
    assert (words["CTYPE1"], words["CRPIX2"]) == ("RA---TAN", -1.2)


def test_wrong_stars_are_rejected():
    wcs = truth()
    pixels, ra, dec = stars(wcs, noise=0.02)
    pixels[5] += 1.5
    pixels[17, 1] -= 0.8
    found = solve_plate(pixels, ra, dec, (6.0, -72.0), (0.0, 0.0), 5, 4.0)
    assert found is not None
    assert not found.used[[5, 17]].any() and found.used.sum() >= 52
    assert found.scales == pytest.approx((0.2, 0.2002), abs=2e-5)


def test_residuals_are_the_median_error():
    wcs = truth()
    found = solve_plate(*stars(wcs, 400, 0.05), (6.0, -72.0), (0.0, 0.0), 1, 3.0)
    assert found is not None
    assert np.array(found.residual) * 3600 == pytest.approx(0.6745 * 0.05 * 0.2, rel=0.15)


def test_three_stars_are_too_few():
    pixels, ra, dec = stars(truth(), 3)
    assert solve_plate(pixels, ra, dec, (6.0, -72.0), (0.0, 0.0), 1, 3.0) is None


def test_projection_and_its_inverse_agree():
    east, north = plane_from_sky(np.array([6.02]), np.array([-71.99]), (6.0, -72.0))
    assert sky_from_plane(float(east[0]), float(north[0]), (6.0, -72.0)) == pytest.approx(
        (6.02, -71.99), abs=1e-10
    )
