"""Tests of the keywords of science data products."""

import numpy as np
import pytest
from astropy.wcs import WCS

from pipeline.algorithms.depth import MeanImage, VarianceMode
from pipeline.algorithms.filters import FilteredImage, white
from pipeline.algorithms.grid import Extent, natural_grid
from pipeline.algorithms.mosaic import Mosaic
from pipeline.algorithms.sdp import (
    exposure_map,
    image_quality,
    mean_exposure,
    origin_keywords,
    resolving_power,
    sdp_keywords,
    sky_resolution,
    time_keywords,
    wcs_keywords,
)

TIMES = (600.0, 300.0)


def headers():
    return [
        {
            "MJD-OBS": 61286.25 + 0.01 * k,
            "EXPTIME": time,
            "ESO TEL AIRM START": 1.2,
            "ESO TEL AIRM END": 1.2,
            "ESO TEL IA FWHMLIN": 0.8,
            "ESO TEL AMBI FWHM START": 0.7 + 0.1 * k,
            "ESO TEL AMBI FWHM END": 0.9,
            "ESO OBS ID": 100 + k,
            "ESO OBS PROG ID": "60.A-9100(A)",
            "ESO PRO ANCESTOR": f"MUSE.{k}.fits",
            "ARCFILE": "product.fits",
        }
        for k, time in enumerate(TIMES)
    ]


def mosaic(noise=3.0):
    extent = Extent((-6.0, 6.0), (-4.0, 4.0), (4750.0, 5000.0))
    grid = natural_grid(extent, (53.1625, -27.791), (0.2, 0.2), 1.25)
    shape = grid.shape[1:]
    rng = np.random.default_rng(1)
    depth, mean = VarianceMode(), MeanImage(shape)
    depth.add(rng.normal(noise**2, 0.2, grid.shape).astype(np.float32))
    mean.add(rng.normal(0.0, noise, grid.shape).astype(np.float32))
    coverage = np.ones((2, *shape), bool)
    coverage[1, :, shape[1] // 2 :] = False
    image = FilteredImage(white(), grid.wavelengths(), shape)
    return Mosaic(grid, [], np.zeros((2, 25), np.int64), coverage, depth, mean, image)


def test_times_begin_with_the_first_and_end_with_the_last():
    words = time_keywords(headers()[::-1], 450.0)
    assert words["MJD-OBS"] == 61286.25
    assert words["MJD-END"] == pytest.approx(61286.26 + 300.0 / 86400, abs=2e-8)
    assert words["MJD-END"] >= 61286.26 + 300.0 / 86400
    assert (words["EXPTIME"], words["TEXPTIME"]) == (450.0, 900.0)


def test_a_long_first_exposure_may_end_last():
    long = [{"MJD-OBS": 100.0, "EXPTIME": 8640.0}, {"MJD-OBS": 100.01, "EXPTIME": 10.0}]
    assert time_keywords(long, 1.0)["MJD-END"] == pytest.approx(100.1, abs=2e-8)


def test_exposure_time_never_exceeds_the_sum():
    assert time_keywords(headers(), 1e6)["EXPTIME"] == 900.0


def test_mean_exposure_counts_what_each_spaxel_saw():
    coverage = np.zeros((2, 20, 30), bool)
    coverage[0, :, :20] = True
    coverage[1, :, 10:20] = True
    assert mean_exposure(coverage, TIMES) == pytest.approx((600.0 + 900.0) / 2)
    coverage[0, 7, 5] = False
    assert mean_exposure(coverage, TIMES) == pytest.approx(750.0)
    assert mean_exposure(np.zeros_like(coverage), TIMES) == 900.0
    assert mean_exposure(coverage[:1, :1, :1], TIMES[:1]) == 600.0


def test_origin_names_programme_blocks_and_raw_files():
    words = origin_keywords(headers())
    assert words["PROG_ID"] == "60.A-9100(A)" and "PROGID1" not in words
    assert (words["OBID1"], words["OBID2"]) == (100, 101)
    assert (words["PROV1"], words["PROV2"]) == ("MUSE.0.fits", "MUSE.1.fits")
    assert words["NCOMBINE"] == 2


def test_blocks_count_once_and_programmes_all():
    one, two = headers()
    two |= {"ESO OBS ID": 100, "ESO OBS PROG ID": "0110.B-0001(A)"}
    del two["ESO PRO ANCESTOR"]
    words = origin_keywords([one, two])
    assert words["OBID1"] == 100 and "OBID2" not in words
    assert words["PROG_ID"] == "MULTI"
    assert (words["PROGID1"], words["PROGID2"]) == ("60.A-9100(A)", "0110.B-0001(A)")
    assert words["PROV2"] == "product.fits"


def test_keywords_of_a_cube():
    seen = mosaic()
    words = sdp_keywords(headers(), seen, True)
    assert words["WAVELMIN"] == pytest.approx(475.0)
    assert words["WAVELMAX"] == pytest.approx(500.0)
    assert words["PIXNOISE"] == pytest.approx(3e-20, rel=0.02)
    assert words["FLUXCAL"] == "ABSOLUTE"
    assert words["PRODCATG"] == "SCIENCE.CUBE.IFS"
    assert 450.0 < words["EXPTIME"] < 900.0 == words["TEXPTIME"]
    assert 22.0 < words["ABMAGLIM"] < 30.0
    _, ny, nx = seen.grid.shape
    centre = WCS(seen.grid.image_wcs()).all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0)
    assert (words["RA"], words["DEC"]) == pytest.approx(tuple(map(float, centre)), abs=1e-9)
    assert sdp_keywords(headers(), seen, False)["FLUXCAL"] == "UNCALIBRATED"


def test_a_noisier_cube_is_less_deep():
    quiet, noisy = (sdp_keywords(headers(), mosaic(n), True) for n in (3.0, 30.0))
    assert noisy["PIXNOISE"] == pytest.approx(10 * quiet["PIXNOISE"], rel=0.03)
    assert quiet["ABMAGLIM"] - noisy["ABMAGLIM"] == pytest.approx(2.5, abs=0.2)


def test_resolving_power_is_that_of_the_instrument():
    """MUSE user manual: 1770 at 4800 and 3590 at 9300 Angstrom, nominally."""
    assert resolving_power(4800.0) == pytest.approx(1770.0, rel=0.1)
    assert resolving_power(9300.0) == pytest.approx(3590.0, rel=0.06)


def test_image_quality_is_better_than_seeing_in_the_red():
    assert image_quality(0.8, 1.0) < 0.8 * (7000 / 5000) ** -0.2
    assert image_quality(0.8, 1.5) > image_quality(0.8, 1.0)
    assert image_quality(1.6, 1.0) > image_quality(0.8, 1.0)


def test_resolution_is_weighted_by_time():
    words = headers()
    words[1] = words[1] | {"ESO TEL IA FWHMLIN": 1.6}
    width, error = sky_resolution(words)
    expected = (2 * image_quality(0.8, 1.2) + image_quality(1.6, 1.2)) / 3
    assert width == pytest.approx(expected)
    assert error == pytest.approx(np.hypot(0.1, 0.3))


def test_unknown_seeing_is_typical():
    words = headers()
    del words[0]["ESO TEL IA FWHMLIN"]
    assert sky_resolution(words) == (0.85, 0.5)


def test_errors_of_the_axes_are_positive():
    words = wcs_keywords()
    assert words["CUNIT3"] == "angstrom"
    assert all(words[k] > 0 for k in ("CRDER3", "CSYER1", "CSYER2"))


def test_exposure_times_of_a_dithered_field():
    coverage = np.zeros((2, 12, 14), bool)
    coverage[0, :, :10] = True
    coverage[1, :, 4:] = True
    coverage[0, 5, 6] = False  # a hole between pixels
    times = exposure_map(coverage, TIMES)
    assert (times[:, :4] == 600.0).all() and (times[:, 10:] == 300.0).all()
    assert (times[:, 4:10] == 900.0).all()
    assert mean_exposure(coverage, TIMES) == pytest.approx(times.mean())
    assert (exposure_map(np.zeros((1, 6, 6), bool), TIMES[:1]) == 0).all()
