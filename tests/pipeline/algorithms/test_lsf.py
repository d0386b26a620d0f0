"""Tests of line spread functions as files hold them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.lsf import SliceLsf, lsf_of, mean_lsf, read_lsf
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput, Table

OFFSETS, NODES = (-7.5, 0.1), (4650.0, 465.0)
X = OFFSETS[0] + OFFSETS[1] * np.arange(151)


def gaussian(sigma, centre=0.0):
    return np.exp(-0.5 * ((X - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def rows(sigma=1.1, centre=0.0):
    return np.array([gaussian(sigma - 0.02 * k, centre) for k in range(11)])


def frame(image, ifu=3, name="CHAN03.LSF_PROFILE"):
    header = {"CRPIX1": 1.0, "CRVAL1": -7.5, "CD1_1": 0.1}
    header |= {"CRPIX2": 2.0, "CRVAL2": 5115.0, "CD2_2": 465.0}
    table = Table({"image": np.asarray(image)}, {}, header)
    return MemoryTable({name: table}, tag="LSF_PROFILE", ifu=ifu, name="lsf.fits")


def test_profiles_are_centred_and_of_area_one():
    image = [7.0 * rows(1.1, 0.23), rows(1.3, -0.4)]
    found = read_lsf([frame(image)])
    assert set(found) == {(3, 1), (3, 2)}
    for number, sigma in ((1, 1.1), (2, 1.3)):
        one = found[3, number]
        assert one.offsets == pytest.approx(OFFSETS) and one.nodes == pytest.approx(NODES)
        assert_allclose(one.profiles.sum(axis=1) * 0.1, 1.0, rtol=1e-4)
        assert_allclose((one.profiles * X).sum(axis=1) * 0.1, 0.0, atol=1e-3)
        assert_allclose(one.profiles, rows(sigma), atol=2e-3)


def test_big_endian_and_single_precision_are_read():
    found = read_lsf([frame(np.array([rows()]).astype(">f4"))])[3, 1]
    assert found.profiles.dtype == np.float64
    assert_allclose(found.profiles, rows(), atol=1e-6)


@pytest.mark.parametrize("empty", [np.zeros((11, 151)), np.full((11, 151), np.nan)])
def test_an_empty_slice_is_named(empty):
    with pytest.raises(BadInput, match="slice 2 is empty"):
        read_lsf([frame([rows(), empty])])


def test_own_function_comes_before_that_for_all():
    common, own = read_lsf([frame([rows(1.4)], ifu=None)]), read_lsf([frame([rows()])])
    both = {**common, **own}
    assert lsf_of(both, 3, 1) is own[3, 1]
    assert lsf_of(both, 4, 1) is common[0, 1]
    assert lsf_of(both, 4, 2) is None


def test_mean_over_slices():
    found = mean_lsf(read_lsf([frame([rows(1.0), rows(1.3)])]))
    assert_allclose(found.profiles, (rows(1.0) + rows(1.3)) / 2, atol=1e-9)
    single = {(1, 1): SliceLsf(rows(), OFFSETS, NODES)}
    assert_allclose(mean_lsf(single).profiles, rows())


def test_lines_have_the_width_of_their_wavelength():
    lsf = SliceLsf(rows(), OFFSETS, NODES)
    for wavelength, sigma in ((4650.0, 1.1), (5115.0, 1.08), (8835.0, 0.92)):
        first = wavelength - 20.0
        spectrum = lsf.draw(np.array([wavelength]), np.array([5.0]), first, 0.1, 401)
        x = first + 0.1 * np.arange(401)
        expected = 5.0 * np.exp(-0.5 * ((x - wavelength) / sigma) ** 2)
        assert_allclose(spectrum, expected / (sigma * np.sqrt(2 * np.pi)), atol=5e-3)


def test_bins_widen_the_function():
    """The variance of a bin of width w is w**2 / 12."""
    lsf = SliceLsf(rows(), OFFSETS, NODES)
    for width in (0.3125, 1.25, 2.5):
        wide = lsf.over_bins(width).profiles
        assert_allclose(wide.sum(axis=1) * 0.1, 1.0, rtol=1e-4)
        growth = ((wide - lsf.profiles) * X**2).sum(axis=1) * 0.1
        assert_allclose(growth, width**2 / 12, rtol=0.03, atol=2e-3)


def test_no_lines_give_no_light():
    nothing = SliceLsf(rows(), OFFSETS, NODES).draw(np.empty(0), np.empty(0), 5e3, 1.0, 9)
    assert not nothing.any()


@pytest.mark.parametrize("n", [150, 151])
def test_smearing_widens_in_place(n):
    x = -7.5 + 0.1 * np.arange(n)
    row = np.exp(-0.5 * (x / 1.0) ** 2) / np.sqrt(2 * np.pi)
    wide = SliceLsf(row[np.newaxis], OFFSETS, NODES).smeared(1.5).profiles[0]
    sigma = np.sqrt(1.0 + 1.5**2)
    expected = np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    assert_allclose(wide, expected, atol=1e-4)
    assert wide.sum() == pytest.approx(row.sum())
