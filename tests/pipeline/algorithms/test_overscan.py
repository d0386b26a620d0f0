"""Tests of the bias level from the overscan of made-up frames."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from pipeline.algorithms.overscan import OverscanParams, check_levels, overscan_level
from pipeline.instrument import MINI
from pipeline.memory import MemoryRaw
from pipeline.spec import BadInput

NY, NX = MINI.raw_shape
ROWS = np.arange(1, NY + 1)
NOISE = 2.5


def level(row, port):
    """Bias of a port [adu] in a raw row, counted from 1."""
    t = row / NY
    return 1000.0 + 20.0 * port + 6.0 * t - 9.0 * t**2 + 4.0 * t**3


def frame(seed=1, offset=0.0, shape=level, noise=NOISE, light=500.0, name="raw.fits"):
    """All pixels of each quarter of the frame have its bias; the middle has light."""
    rng = np.random.default_rng(seed)
    data = np.empty((NY, NX))
    for port, (upper, right) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0)), 1):
        rows = slice(upper * NY // 2, (upper + 1) * NY // 2)
        columns = slice(right * NX // 2, (right + 1) * NX // 2)
        data[rows, columns] = (shape(ROWS[rows], port) + offset)[:, None]
    for quadrant in MINI.quadrants():
        data[quadrant.raw_y, quadrant.raw_x] += light
    data += rng.normal(0, noise, data.shape)
    return MemoryRaw(np.round(data).astype(np.uint16), name=name)


def truth(shape=level):
    rows = np.empty((MINI.shape[0], 2))
    for q in MINI.quadrants():
        raw = np.arange(q.raw_y.start, q.raw_y.stop) + 1
        rows[q.trim_y, 0 if q.number in (1, 4) else 1] = shape(raw, q.number)
    return rows


def test_polynomial_recovers_the_bias():
    difference = overscan_level(frame(noise=0.5), OverscanParams()).rows - truth()
    assert np.abs(difference).max() < 0.2
    assert np.sqrt(np.mean(difference**2)) < 0.03


def test_errors_are_those_of_the_pixels_used():
    """Five columns a row and some six coefficients: no bias, and no more noise."""
    found = [overscan_level(frame(seed), OverscanParams()).rows for seed in range(6)]
    error = NOISE / np.sqrt(5 * 680)
    assert np.abs(np.mean(found, axis=(0, 1)) - truth().mean(axis=0)).max() < 3 * error
    assert np.mean((np.array(found) - truth()) ** 2) < 8 * error**2


def test_keywords_hold_the_polynomial_in_plain_rows():
    raw = frame()
    found = overscan_level(raw, OverscanParams())
    for q in MINI.quadrants():
        name = f"ESO DRS MUSE OVSC{q.number}"
        n = found.keywords[f"{name} POLY NCOEFF"]
        terms = [found.keywords[f"{name} POLY Y{k}"] for k in range(n)]
        rows = np.arange(q.raw_y.start, q.raw_y.stop) + 1.0
        own = found.rows[q.trim_y, 0 if q.number in (1, 4) else 1]
        assert_allclose(np.polynomial.polynomial.polyval(rows, terms), own, rtol=1e-9)
        assert found.keywords[f"{name} MEAN"] == pytest.approx(found.mean[q.number - 1])
        assert found.stdev[q.number - 1] == pytest.approx(np.hypot(NOISE, 0.6), rel=0.1)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_order_is_limited(order):
    params = OverscanParams(overscan=f"vpoly:{order}")
    words = overscan_level(frame(), params).keywords
    assert words["ESO DRS MUSE OVSC1 POLY NCOEFF"] <= order + 1


def test_a_constant_needs_no_polynomial():
    flat = frame(shape=lambda row, port: np.full(np.shape(row), 1000.0), noise=0.0)
    found = overscan_level(flat, OverscanParams())
    assert_allclose(found.rows, 1000.0, atol=1e-6)
    assert max(found.stdev) == 0.0


def test_light_on_the_detector_does_not_matter():
    dark = overscan_level(frame(light=0.0), OverscanParams(ovscignore=0))
    bright = overscan_level(frame(light=30000.0), OverscanParams(ovscignore=0))
    assert_array_equal(dark.rows, bright.rows)


def test_charge_that_trails_into_the_overscan_is_ignored():
    raw = frame()
    clean = overscan_level(raw, OverscanParams()).rows
    for q in MINI.quadrants():
        near = q.over_x.start if q.raw_x.start < q.over_x.start else q.over_x.stop - 1
        raw.data[:, near] += 4  # twice, by both ports of the column
        near = q.over_y.start if q.raw_y.start < q.over_y.start else q.over_y.stop - 1
        raw.data[near, q.raw_x] += 4
    assert_array_equal(overscan_level(raw, OverscanParams()).rows, clean)
    every = overscan_level(raw, OverscanParams(ovscignore=0)).rows
    assert_allclose(every - clean, 2 * 4 / MINI.scan, atol=0.4)
    assert np.mean(every - clean) > 0.8


def struck(strength, seed=5, part=0.002):
    """Return a frame with positive cosmic rays in both overscans."""
    raw = frame()
    rng = np.random.default_rng(seed)
    for q in MINI.quadrants():
        for section in ((slice(None), q.over_x), (q.over_y, q.raw_x)):
            pixels = raw.data[section]
            pixels[rng.random(pixels.shape) < part] += np.uint16(strength)
    return raw


@pytest.mark.parametrize("reject", ["dcr", "dcr:40,8,3,2.5", "fit:4"])
def test_statistics_leave_cosmic_rays_out(reject):
    params = OverscanParams(ovscreject=reject)
    clean, found = overscan_level(frame(), params), overscan_level(struck(3000), params)
    assert_allclose(found.mean, clean.mean, atol=0.05)
    assert_allclose(found.stdev, clean.stdev, rtol=0.03)
    spoiled = overscan_level(struck(3000), OverscanParams(ovscreject="none"))
    assert min(spoiled.stdev) > 100


def test_polynomial_leaves_out_the_cosmic_rays_of_dcr_only():
    found = overscan_level(struck(3000), OverscanParams())
    assert np.abs(found.rows - truth()).max() < 0.7
    for reject in ("none", "fit:4"):
        spoiled = overscan_level(struck(3000), OverscanParams(ovscreject=reject))
        assert np.abs(spoiled.rows - truth()).max() > 2.0


def test_width_of_the_gap_decides():
    """Rays of 60 adu leave a gap of some 50 counts: 16, but not 30 deviations."""
    clean = overscan_level(frame(), OverscanParams())
    narrow = overscan_level(struck(60), OverscanParams(ovscreject="dcr:128,8,3,5.0"))
    wide = overscan_level(struck(60), OverscanParams(ovscreject="dcr:128,8,3,30.0"))
    assert_allclose(narrow.stdev, clean.stdev, rtol=0.03)
    assert min(wide.stdev) > 1.2 * max(clean.stdev)


@pytest.mark.parametrize("argument", ["400", "128,9", "128,8,0", "128,8,3,0"])
def test_boxes_that_do_not_fit_are_refused(argument):
    with pytest.raises(BadInput, match="smaller boxes"):
        overscan_level(frame(), OverscanParams(ovscreject=f"dcr:{argument}"))


@pytest.mark.parametrize("reject", ["none", "dcr", "fit"])
def test_bad_and_saturated_pixels_are_left_out(reject):
    params = OverscanParams(ovscreject=reject)
    raw = frame()
    clean = overscan_level(raw, params)
    places = []
    for q in MINI.quadrants():
        rows = np.arange(q.raw_y.start, q.raw_y.stop, 40)
        places += [(y, x) for y in rows for x in (q.over_x.start + 3, q.over_x.start + 4)]
        columns = range(q.raw_x.start, q.raw_x.stop, 40)
        places += [(q.over_y.start + 3, x) for x in columns]
    bad = np.array(places)
    raw.data[tuple(bad.T)] = 800  # below: no cosmic rays
    found = overscan_level(raw, params, bad_pixels=bad)
    assert_allclose(found.mean, clean.mean, atol=0.03)
    assert np.abs(found.rows - clean.rows).max() < 0.5
    assert min(overscan_level(raw, params).stdev) > 5 or reject == "fit"
    for value in (0, 65535):
        raw.data[tuple(bad.T)] = value
        assert_array_equal(overscan_level(raw, params).rows, found.rows)


def test_pixels_far_from_the_polynomial_are_left_out():
    """Each pixel by itself, as in the genuine pipeline: 30 rms are 75 adu."""
    raw = frame()
    params = OverscanParams(overscan="vpoly:3", ovscreject="none")
    clean = overscan_level(raw, params).rows
    rng = np.random.default_rng(5)
    middle = slice(MINI.quadrant_nx + MINI.scan, MINI.quadrant_nx + 3 * MINI.scan)
    raw.data[:, middle][rng.random((NY, 2 * MINI.scan)) < 0.002] += 150
    found = overscan_level(raw, params.model_copy(update={"ovscsigma": 10.0})).rows
    assert np.abs(found - clean).max() < 0.08
    spoiled = overscan_level(raw, params.model_copy(update={"ovscsigma": 100.0})).rows
    assert np.abs(spoiled - clean).max() > 0.5


def test_factors_that_are_no_improvement_are_refused():
    with pytest.raises(BadInput, match="no improvement"):
        overscan_level(frame(), OverscanParams(overscan="vpoly:3,0.9"))


def test_offset_adjusts_to_the_master():
    params = OverscanParams(overscan="offset")
    first = overscan_level(frame(1), params)
    assert not first.rows.any()
    later = overscan_level(frame(2, offset=7.0), params, first.keywords)
    assert_allclose(later.rows, 7.0, atol=0.1)


def test_none_subtracts_nothing_and_refuses_other_levels():
    params = OverscanParams(overscan="none")
    raws = [
        frame(1, name="a.fits"),
        frame(2, 2.0, name="b.fits"),
        frame(3, 200.0, name="c.fits"),
    ]
    levels = [overscan_level(raw, params) for raw in raws]
    assert not levels[0].rows.any()
    check_levels(levels[:2], raws[:2], 30.0)
    with pytest.raises(BadInput, match=r"c\.fits.*quadrant 1"):
        check_levels(levels, raws, 30.0)
    with pytest.raises(BadInput, match=r"b\.fits"):
        check_levels(levels, raws, 0.1)


@pytest.mark.parametrize(
    "words",
    [
        {"overscan": "spline"},
        {"ovscreject": "all"},
        {"ovscreject": "dcr:1,,2"},
        {"ovscignore": 30},
    ],
)
def test_unknown_methods_are_refused(words):
    with pytest.raises(ValidationError):
        OverscanParams(**words)


def test_limits_of_the_polynomial():
    assert OverscanParams().polynomial_limits() == (15, 1.00001, 1.00001)
    assert OverscanParams(overscan="vpoly:30,1.01,1.02").polynomial_limits() == (
        30,
        1.01,
        1.02,
    )
