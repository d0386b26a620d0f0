import numpy as np
import pytest

from pipeline.simulator.imaging import paint_source
from pipeline.simulator.lsf import WING_WEIGHT, WING_WIDTH, LineSpread, pixel_profile
from pipeline.simulator.render import add_lines, paint_slice, smear
from pipeline.simulator.stamps import GRID, star_stamps


def test_smear_equals_a_convolution_where_the_kernel_is_constant():
    rng = np.random.default_rng(1)
    spectrum, taps = rng.uniform(0, 1, 300), rng.uniform(0, 1, 9)
    smeared = np.empty(300, np.float32)
    smear(spectrum, np.array([taps] * 5), 100.0, smeared)
    expected = np.convolve(spectrum, taps, "same")
    assert np.allclose(smeared[10:-10], expected[10:-10], rtol=1e-5)


def test_smear_blends_neighbouring_kernels():
    taps = np.array([[1.0], [3.0]])
    smeared = np.empty(101, np.float32)
    smear(np.ones(101), taps, 100.0, smeared)
    assert np.allclose(smeared, np.linspace(1, 3, 101), rtol=1e-6)


def test_line_has_its_flux_and_shape():
    spread = LineSpread(np.array([1.0]), np.array([0.2]))
    line = np.array([6000.3])
    parameters = spread.parameters(line)[0]
    out = np.zeros(400, np.float32)
    add_lines(
        line,
        np.array([500.0]),
        np.ascontiguousarray(parameters),
        1.25,
        WING_WEIGHT,
        WING_WIDTH,
        5975.0,
        0.125,
        out,
    )
    grid = 5975.0 + 0.125 * np.arange(400)
    expected = 500 * pixel_profile(grid - 6000.3, parameters[0], np.array(1.25))
    assert np.allclose(out, expected, atol=2e-3)
    assert out.sum() * 0.125 / 1.25 == pytest.approx(500, rel=1e-4)


def straight_slice(ny=80, left=20.3, width=30.0):
    """Return edges and wavelengths of a slice without bend."""
    wave = np.zeros((ny, 5))
    wave[:, 0] = 6000 + 1.25 * np.arange(ny)
    return np.full(ny, left), np.full(ny, left + width), wave


def test_half_of_the_light_is_left_at_the_edge_of_a_slice():
    left, right, wave = straight_slice()
    image = np.zeros((80, 70), np.float32)
    spectrum = np.full(1000, 100.0, np.float32)
    paint_slice(image, left, right, wave, spectrum, 5990.0, 0.125, np.zeros(2), 1.0, 0.7)
    row = image[40].astype(float)
    assert np.interp(20.3, np.arange(1, 71), row) == pytest.approx(50, abs=1.5)
    assert row[30] == pytest.approx(100, rel=1e-5)
    assert row.sum() == pytest.approx(100 * 30, rel=1e-5)


def test_slit_function_and_level_scale_the_light():
    left, right, wave = straight_slice()
    image = np.zeros((80, 70), np.float32)
    spectrum = np.full(1000, 100.0, np.float32)
    slit = np.array([0.1, 0.2])
    paint_slice(image, left, right, wave, spectrum, 5990.0, 0.125, slit, 2.0, 0.7)
    u = 2 * (40 - 35.3) / 30
    assert image[40, 39] == pytest.approx(200 * (1 + 0.1 * u + 0.2 * u**2), rel=1e-5)


def test_light_of_a_star_is_shared_by_slices_without_loss():
    left, right, wave = straight_slice()
    stamps = star_stamps((0.8, 0.8), 30.0)
    spectrum = np.full(1000, 1000.0, np.float32)
    track = np.tile([1.3, 0.4], (30, 1))
    total = 0.0
    for y in range(-20, 21):
        image = np.zeros((80, 70), np.float32)
        place = np.array([0.0, float(y), 30.0, 0.0])
        nodes = np.array([5000.0, 7000.0])
        paint_source(
            image, left, right, wave, place, stamps, nodes, GRID, track,
            spectrum, 5990.0, 0.125, np.zeros(2), 1.0, 0.7,
        )  # fmt: skip
        total += float(image[40].sum())
    assert total == pytest.approx(1000, rel=0.02)


def test_star_appears_where_it_is():
    left, right, wave = straight_slice()
    image = np.zeros((80, 70), np.float32)
    track = np.tile([4.0, 0.0], (30, 1))
    paint_source(
        image, left, right, wave, np.array([0.0, 0.0, 30.0, 0.0]), star_stamps((0.8, 0.8)),
        np.array([5000.0, 7000.0]), GRID, track, np.full(1000, 1000.0, np.float32),
        5990.0, 0.125, np.zeros(2), 1.0, 0.7,
    )  # fmt: skip
    x = np.arange(1, 71)
    centre = (image[40] * x).sum() / image[40].sum()
    assert centre == pytest.approx(35.3 - 4.0, abs=0.1)
