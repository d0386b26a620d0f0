"""Tests of sources in an image of the field and of their QC values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.sources import background, find_sources, source_qc

STARS = ((12.2, 9.0, 300.0), (40.0, 25.6, 150.0))


def image(stars=STARS, fwhm=4.0, noise=1.0, level=20.0, shape=(40, 60), seed=1):
    y, x = np.indices(shape)
    data = np.random.default_rng(seed).normal(level, noise, shape)
    for a, b, height in stars:
        data += height * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / (fwhm / 2.3548) ** 2)
    return data.astype(np.float32)


def test_sources_lie_where_they_are_and_have_their_width():
    for found, (x, y, _) in zip(find_sources(image()), STARS, strict=True):
        assert (found.x, found.y) == pytest.approx((x + 1, y + 1), abs=0.15)
        assert (found.fwhm_x, found.fwhm_y) == pytest.approx((4.0, 4.0), rel=0.1)


def test_blends_are_told_apart():
    pair = ((20.0, 15.0, 300.0), (27.0, 16.0, 100.0))
    (one, other) = find_sources(image(stars=pair))
    for found, (x, y, _) in zip((one, other), pair, strict=True):
        assert (found.x, found.y) == pytest.approx((x + 1, y + 1), abs=0.5)
        assert found.fwhm_y == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_a_broad_source_is_one(seed):
    """Also where noise makes lumps of it."""
    broad = image(stars=((30.0, 20.0, 12.0),), fwhm=18.0, seed=seed)
    assert len(find_sources(broad)) == 1


def test_background_is_that_of_the_sky():
    level, sigma = background(image())
    assert level == pytest.approx(20.0, abs=0.3)
    assert sigma == pytest.approx(1.0, abs=0.15)


def test_level_does_not_matter_and_gaps_are_no_sources():
    data = image(level=0.0)
    data[:, :4] = np.nan
    found, high = find_sources(data), find_sources(data + np.float32(1000.0))
    assert len(found) == len(high) == 2
    assert found[0].x == pytest.approx(high[0].x, abs=1e-3)


def test_a_turned_image_has_turned_sources():
    data = image(noise=0.5)
    turned = sorted((s.y, s.x) for s in find_sources(data.T.copy()))
    assert_allclose(turned, sorted((s.x, s.y) for s in find_sources(data)), atol=1e-6)


@pytest.mark.parametrize(
    "data", [np.zeros((5, 5)), np.full((5, 5), np.nan), np.ones((1, 1))]
)
def test_empty_images_have_none(data):
    assert find_sources(data.astype(np.float32)) == []


def test_a_single_bright_pixel_is_no_source():
    data = image(stars=())
    data[20, 20] = 1e5
    assert find_sources(data) == []


def test_qc_is_in_seconds_of_arc():
    qc = source_qc(find_sources(image()), 6975.0, (0.2, 0.4))
    assert (qc["LAMBDA"], qc["NDET"], qc["FWHM NVALID"]) == (6975.0, 2, 2)
    assert (qc["POS1 X"], qc["POS2 Y"]) == (13.0, 27.0)
    assert qc["FWHM1 X"] == pytest.approx(0.8, rel=0.1)
    assert qc["FWHM1 Y"] == pytest.approx(1.6, rel=0.1)
    widths = [qc[f"FWHM{k} {axis}"] for k in (1, 2) for axis in "XY"]
    assert qc["FWHM MEDIAN"] == pytest.approx(np.median(widths))


def test_qc_without_sources():
    qc = source_qc([], 6975.0, (0.2, 0.2))
    assert (qc["NDET"], qc["FWHM NVALID"], qc["FWHM MEDIAN"]) == (0, 0, 0.0)
    assert qc["POS0 X"] == qc["FWHM0 Y"] == -1.0


def test_a_source_cut_by_the_border_has_no_width():
    found = find_sources(image(stars=((0.0, 20.0, 300.0),)))
    assert len(found) == 1 and found[0].fwhm_x == -1.0
    qc = source_qc(found, 6975.0, (0.2, 0.2))
    assert (qc["FWHM1 X"], qc["FWHM NVALID"]) == (-1.0, 0)
