"""What the benchmark of crossing exposures expects to be seen."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from benchmarks.crossing_night import crossing
from benchmarks.scene import ExpectedScene
from pipeline.instrument import FULL, SAMPLING
from pipeline.recipes.exp_align import exp_align
from pipeline.simulator.optics import Drift
from pipeline.simulator.pointing import field_position

TWO_IFUS = 2 * FULL.slices_per_stack


@pytest.fixture(scope="module")
def exposures():
    return list(crossing(FULL))


def plane(exposure):
    found = WCS(naxis=2)
    found.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    found.wcs.crval = [exposure.pointing.ra, exposure.pointing.dec]
    found.wcs.crpix = [40.5, 40.5]
    found.wcs.cdelt = [-SAMPLING / 3600, SAMPLING / 3600]
    return found


def test_exposures_that_cross_share_stars_that_exp_align_takes(exposures):
    """Two IFUs see two stars in all exposures, no nearer to the rim than is allowed."""
    depth = TWO_IFUS / 2 - exp_align.params().bpixdistance
    shared = [
        source.name
        for source in exposures[0].scene.sources
        if source.radius == 0
        and all(abs(field_position(e, source.ra, source.dec)[1]) < depth for e in exposures)
    ]
    assert len(shared) >= 2
    assert exposures[3].pointing.posang - exposures[0].pointing.posang == 90.0


def test_a_drift_along_the_slices_is_expected(exposures):
    """The traces of the day do not know of it."""
    exposure = exposures[0]
    source = exposure.scene.sources[0]
    still = ExpectedScene(replace(exposure, drift=Drift()), plane(exposure), (80, 80))
    moved = ExpectedScene(exposure, plane(exposure), (80, 80))
    shift = np.subtract(moved.place(source), still.place(source))
    assert_allclose(shift, (-exposure.drift.x * 75.0 / 77.0, 0.0), atol=1e-6)
    turned = exposures[3]
    still = ExpectedScene(replace(turned, drift=Drift()), plane(turned), (80, 80))
    moved = ExpectedScene(turned, plane(turned), (80, 80))
    shift = np.subtract(moved.place(source), still.place(source))
    assert abs(shift[1]) == pytest.approx(turned.drift.x * 75.0 / 77.0, rel=1e-3)


def test_the_image_of_a_combination_is_the_mean_of_those_that_see_it(exposures):
    first, last = exposures[0], exposures[3]
    star = first.scene.sources[0]
    place = (39.0, 41.0)
    height = float(TWO_IFUS)

    def image(exposure, *others):
        scene = ExpectedScene(exposure, plane(first), (80, 80), others, height)
        return scene.image(star, 6000.0, place)

    both = image(first, last)
    assert_allclose(both, 0.5 * (image(first) + image(last)), atol=1e-12)
    assert both.sum() == pytest.approx(1.0, abs=0.03)  # the wings reach further
    assert np.abs(image(first) - image(last)).max() > 1e-4  # airmass and seeing differ
    far = replace(last, error=(30.0, 30.0))
    assert_allclose(image(first, far), image(first), atol=1e-12)
