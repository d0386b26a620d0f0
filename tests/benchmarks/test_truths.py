"""The truths that benchmarks compare with: particles, sums over boxes, rows of slices."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from benchmarks import cosmic_rays, memory
from benchmarks.a478 import galaxies, row_wavelengths
from benchmarks.covariance import noise_factors
from benchmarks.night import night
from pipeline.algorithms.covariance import Covariance
from pipeline.instrument import MINI
from pipeline.simulator.detector import detector


def test_particles_are_those_of_the_simulator():
    """An exposure and one without particles differ by what is told, but for noise."""
    exposure = next(e for e in night(MINI) if e.kind == "OBJECT")
    ccd = replace(detector(MINI, 2), read_noise=np.full(4, 0.01))
    told = cosmic_rays.particles(MINI, exposure.timestamp, 2)
    assert (told > 100).sum() > 10
    seed = np.array([exposure.seed, 2, int(exposure.mjd * 86400)], np.uint64)
    dark = np.zeros(MINI.shape, np.float32)
    raw = ccd.expose(dark, exposure.exptime, seed).astype(float)
    calm = ccd.expose(dark, 0.0, seed).astype(float)
    for quadrant in MINI.quadrants():
        gain = ccd.gain[quadrant.number - 1]
        seen = gain * (raw - calm)[quadrant.raw_y, quadrant.raw_x]
        true = told[quadrant.trim_y, quadrant.trim_x]
        hit = (true > 300) & (true < 20000)
        assert_allclose(seen[hit], true[hit], rtol=0.4)


def test_voxels_that_particles_hit_are_told_from_good_ones():
    """Hit and kept, hit and removed, lost, touched, hit by too little; then a core."""
    nan = np.nan
    default = np.array([[[50.0, 0.1, nan, 0.5, 4.0, 40.0]]], np.float32)
    everything = np.array([[[50.0, 50.0, 0.0, 0.0, 4.0, 50.0]]], np.float32)
    truth = np.array([[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]], np.float32)
    cubes = [(data, np.full_like(data, 4.0)) for data in (default, everything, truth)]
    core = np.array([[False] * 5 + [True]])
    found = cosmic_rays.counts(cubes, core)
    assert found.tolist() == [[2, 1, 2, 1, 1], [1, 0, 0, 0, 0]]


def test_noise_factors_of_white_and_of_shared_noise():
    rng = np.random.default_rng(3)
    white = rng.normal(0, 2.0, (30, 40, 12, 12)).astype(np.float32)
    stat = np.full_like(white, 4.0)
    header = fits.Header()
    blank = np.ones(white.shape[1:], bool)
    for _, number, found, told in noise_factors(white, stat, header, blank):
        assert found == pytest.approx(told, rel=0.1) and number > 100
    shared = white + np.roll(white, 1, axis=3)
    words = Covariance(np.array([[[0.5, 1.0, 0.5]]])).keywords("HIERARCH ESO QC X")
    header.update(words)
    rows = list(noise_factors(shared, 2 * stat, header, blank))
    assert rows[0][0] == "2 x 2 x 1 planes"
    assert rows[0][2] == pytest.approx(np.sqrt(1.5), rel=0.03)
    assert rows[0][3] == pytest.approx(np.sqrt(1.5), rel=0.01)


def test_wavelengths_of_rows():
    origin = np.array([5 << 11 | 65, 5 << 11 | 65 | 9 << 24, 6 << 11 | 65], np.uint32)
    found = row_wavelengths(origin, np.array([5000.0, 5002.0, 5010.0]))
    assert_allclose(found, [5001.0, 5001.0, 5010.0])


def test_galaxies_are_told_apart():
    y, x = np.indices((40, 60))
    image = np.exp(-0.5 * ((x - 15) ** 2 + (y - 20) ** 2) / 9)
    image += 0.85 * np.exp(-0.5 * ((x - 45) ** 2 + (y - 12) ** 2) / 9)
    image[:, 58:] = np.nan
    faint, bright = galaxies(image)  # from the bottom up
    assert bright[20, 15] and faint[12, 45] and not (faint & bright).any()


def test_exposures_to_combine_have_other_dates_places_and_noise():
    exposures = list(islice(memory.dithered(MINI), 16))
    assert len({e.timestamp for e in exposures}) == 16
    assert len({(e.pointing.ra, e.pointing.dec) for e in exposures}) == 16
    assert len({e.seed for e in exposures}) == 16


def test_pixels_are_counted(tmp_path):
    paths = [tmp_path / name for name in ("one.fits", "two.fits")]
    for path in paths:
        data = fits.ImageHDU(np.zeros((4, 1), np.float32), name="DATA")
        fits.HDUList([fits.PrimaryHDU(), data]).writeto(path)
    assert memory.n_pixels(paths) == 8
