"""Tests of the pixel-table kernels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.pixels import (
    add_rows_to_spectrum,
    count_pixels,
    fill_pixels,
    line_spans,
    polynomial,
)

NY, NX = 40, 64
LEFT = np.array([[3.2, 0.05, 1e-4], [33.7, -0.02, 0.0]])
RIGHT = np.array([[25.9, 0.05, 1e-4], [60.1, -0.02, 0.0]])
WAVE = np.zeros((2, 3, 4))
WAVE[:, 0, 0] = 5000.0, 5003.0
WAVE[:, 0, 1] = 1.25
WAVE[:, 0, 3] = 1e-5
WAVE[:, 1, 0] = 0.02
WAVE[:, 1, 1] = 1e-4
WAVE[:, 2, 0] = -3e-4
PLACE = np.array(
    [[10.0, 2.0, np.cos(0.01), np.sin(0.01), 20.0], [-5.0, 3.0, 1.0, 0.0, 20.5]]
)
MARKS = np.array([7 << 6 | 1, 7 << 6 | 2]), np.array([1, 13])


def planes(seed=1):
    rng = np.random.default_rng(seed)
    data = rng.normal(100.0, 10.0, (NY, NX)).astype(np.float32)
    return data, rng.integers(0, 4, (NY, NX)).astype(np.uint32), np.abs(data)


def fill(lines, span, detector=None, top=0, wave=WAVE):
    first, last = line_spans(LEFT, RIGHT, NY, NX)
    starts, _, _ = count_pixels(first, last, wave, NY, *span)
    n = starts[lines[1]] - starts[lines[0]]
    out = tuple(np.zeros(n, t) for t in ("f4", "f4", "f4", "f4", "u4", "f4", "u4"))
    detector = detector or planes()
    written = fill_pixels(
        lines,
        NY,
        starts,
        (first, last),
        (LEFT, RIGHT),
        wave,
        PLACE,
        MARKS,
        span,
        detector,
        top,
        out,
    )
    assert written == n
    return out


def reference(span, wave=WAVE):
    """All pixels with plain Python and numpy.polynomial."""
    shift, low, high = span
    data, dq, stat = planes()
    rows = []
    for s in range(2):
        for y in range(1, NY + 1):
            x1, x2 = (
                np.polynomial.polynomial.polyval(y, edge[s]) for edge in (LEFT, RIGHT)
            )
            for x in range(1, NX + 1):
                wavelength = np.polynomial.polynomial.polyval2d(x, y, wave[s]) + shift
                if x1 <= x <= x2 and low <= wavelength <= high:
                    along = ((x1 + x2) / 2 - x) / (x2 - x1) * PLACE[s, 4]
                    origin = (x - MARKS[1][s]) << 24 | y << 11 | MARKS[0][s]
                    rows.append(
                        (
                            PLACE[s, 0] + along * PLACE[s, 2],
                            PLACE[s, 1] + along * PLACE[s, 3],
                            wavelength,
                            data[y - 1, x - 1],
                            dq[y - 1, x - 1],
                            stat[y - 1, x - 1],
                            origin,
                        )
                    )
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("span", [(0.0, -np.inf, np.inf), (0.4, 5010.0, 5040.0)])
def test_equals_plain_python(span):
    actual = fill((0, 2 * NY), span)
    for values, expected in zip(actual, reference(span), strict=True):
        assert_allclose(values, expected, rtol=2e-7, atol=1e-6)


def test_lines_can_be_filled_in_any_parts():
    span = (0.1, 5005.0, 5045.0)
    whole = fill((0, 2 * NY), span)
    parts = [fill((a, a + 8), span) for a in range(0, 2 * NY, 8)]
    for values, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert_array_equal(values, np.concatenate(pieces))


def test_a_block_of_the_detector_suffices():
    data, dq, stat = planes()
    block = tuple(np.ascontiguousarray(plane[16:24]) for plane in (data, dq, stat))
    span = (0.0, -np.inf, np.inf)
    whole = fill((NY + 16, NY + 24), span)
    from_block = fill((NY + 16, NY + 24), span, block, 16)
    for values, expected in zip(from_block, whole, strict=True):
        assert_array_equal(values, expected)


def test_extreme_wavelengths_are_those_of_the_pixels():
    first, last = line_spans(LEFT, RIGHT, NY, NX)
    span = (0.0, 5011.0, 5040.0)
    _, shortest, longest = count_pixels(first, last, WAVE, NY, *span)
    wavelengths = fill((0, 2 * NY), span)[2]
    assert (shortest, longest) == (wavelengths.min(), wavelengths.max())


def test_slice_off_the_detector_has_no_pixels():
    outside = LEFT - [[30.0, 0, 0], [0, 0, 0]]
    first, last = line_spans(outside, RIGHT, NY, NX)
    assert (last[:NY] < first[:NY]).all()
    assert (last[NY:] >= first[NY:]).all()


def test_no_wavelength_in_range_gives_no_rows():
    first, last = line_spans(LEFT, RIGHT, NY, NX)
    starts, shortest, longest = count_pixels(first, last, WAVE, NY, 0.0, 6000.0, 7000.0)
    assert starts[-1] == 0
    assert shortest == np.inf and longest == -np.inf


def test_polynomial_without_terms_is_zero():
    assert polynomial(np.zeros(0), 3.0) == 0.0


@pytest.mark.parametrize("n_terms", [1, 2, 3, 4, 5])
def test_surfaces_of_any_order(n_terms):
    wave = np.zeros((2, n_terms, 4))
    wave[:, : min(n_terms, 3)] = WAVE[:, :n_terms]
    wave[:, 3:, 0] = 1e-7
    span = (0.1, 5010.0, 5040.0)
    for values, expected in zip(
        fill((0, 2 * NY), span, wave=wave), reference(span, wave), strict=True
    ):
        assert_allclose(values, expected, rtol=2e-7, atol=1e-6)


def test_a_line_whose_wavelength_turns_is_kept_at_both_ends():
    turning = np.zeros((2, 3, 4))
    turning[:, 0, 0], turning[:, 1, 0], turning[:, 2, 0] = 5112.5, -15.0, 0.5
    span = (0.0, 5005.0, 5030.0)
    first, expected = reference(span, turning)[0], reference(span, turning)
    for values, wanted in zip(fill((0, 2 * NY), span, wave=turning), expected, strict=True):
        assert_allclose(values, wanted, rtol=2e-7, atol=1e-6)
    assert np.ptp(first[:20]) > 10.0


def test_rows_add_up_to_a_spectrum():
    """Against the pixels of the table, shared between points one by one."""
    spans = line_spans(LEFT, RIGHT, NY, NX)
    data, dq, _ = planes()
    data[10, 20] = np.nan
    sums, expected = np.zeros((30, 2)), np.zeros((30, 2))
    for rows in ((0, 16), (16, NY)):
        block = slice(*rows)
        add_rows_to_spectrum(
            rows, NY, spans, WAVE, data[block].copy(), dq[block].copy(), 5002.0, 1.5, sums
        )
    _, _, wavelength, values, flags, *_ = fill(
        (0, 2 * NY), (0.0, -np.inf, np.inf), (data, dq, data)
    )
    for w, d in zip(wavelength[flags == 0], values[flags == 0], strict=True):
        place = (float(w) - 5002.0) / 1.5
        for point in (int(np.floor(place)), int(np.floor(place)) + 1):
            if np.isfinite(d) and 0 <= point < 30:
                expected[point] += (1 - abs(place - point)) * np.array([1.0, d])
    assert_allclose(sums, expected, rtol=1e-9)
