import numpy as np
import pytest
from astropy.io import fits

from pipeline.simulator.scene import Line, Source, standard_flux, standard_position
from pipeline.simulator.stamps import (
    GRID,
    cube_stamps,
    galaxy_stamps,
    star_profile,
    star_stamps,
)


def test_star_has_unit_flux_and_its_width():
    radius = np.linspace(0, 400, 400_001)
    flux = np.trapezoid(2 * np.pi * radius * star_profile(radius, 4.0), radius)
    assert flux == pytest.approx(1, abs=2e-3)
    half = star_profile(np.array([2.0]), 4.0) / star_profile(np.array([0.0]), 4.0)
    assert half[0] == pytest.approx(0.5, abs=1e-6)


def test_stamps_hold_nearly_all_light():
    assert star_stamps((0.8,))[0].sum() * GRID**2 == pytest.approx(1, abs=0.02)
    disc = galaxy_stamps((0.8,), 0.5, 0.5, (1.0, 0.0))[0]
    assert disc.sum() * GRID**2 == pytest.approx(1, abs=0.02)


def test_halves_of_a_disc_lie_on_their_sides():
    disc = galaxy_stamps((0.8,), 0.5, 0.5, (1.0, 0.0), 1)[0]
    x = np.arange(disc.shape[1]) - disc.shape[1] // 2
    assert (disc.sum(axis=0) * x).sum() > 0


@pytest.fixture
def cube(tmp_path):
    data = np.zeros((3, 5, 7), np.float32)
    data[:, 4, 3] = 100  # North of the centre
    header = fits.Header({"CRVAL3": 6000.0, "CRPIX3": 1.0, "CD3_3": 1.25})
    path = tmp_path / "cube.fits"
    hdu = fits.ImageHDU(data, header, name="DATA")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def test_planes_of_a_cube_are_kept_when_north_is_up(cube):
    planes, nodes = cube_stamps(cube, (0.0, 1.0))
    assert nodes.tolist() == [6000.0, 6001.25, 6002.5]
    assert np.unravel_index(planes[0].argmax(), planes[0].shape) == (5, 3)
    assert planes[0].max() == pytest.approx(100e-20)


def test_planes_of_a_cube_turn_with_the_field(cube):
    planes, _ = cube_stamps(cube, (-1.0, 0.0))
    assert np.unravel_index(planes[0].argmax(), planes[0].shape) == (3, 1)


def test_source_spectrum_has_lines_of_their_flux():
    source = Source("x", 0, 0, 1e-17, lines=(Line(6500.0, 3e-16, 1.5),))
    wavelength = np.arange(6400, 6600, 0.125)
    assert source.emission(wavelength).sum() * 0.125 == pytest.approx(3e-16, rel=1e-6)
    moved = source.emission(wavelength, 300.0)
    assert wavelength[moved.argmax()] == pytest.approx(6506.5, abs=0.1)


def test_standard_star_comes_from_the_shipped_table():
    assert standard_position("Feige110")[1] == pytest.approx(-5.1656, abs=1e-3)
    assert 1e-15 < standard_flux("Feige110", np.array([7000.0]))[0] < 1e-12
