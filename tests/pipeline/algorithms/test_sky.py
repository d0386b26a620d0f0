"""Sky lines drawn, fitted and subtracted, with a line shape that is not the assumed one."""

import numpy as np
import pytest

from pipeline.algorithms.lsf import SliceLsf, mean_lsf, read_lsf
from pipeline.algorithms.sky_fit import (
    continuum_qc,
    fit_sky_lines,
    line_qc,
    sky_continuum,
)
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.sky_spectrum import FieldSky, sky_limits
from pipeline.algorithms.sky_subtract import subtract_model, subtract_spectrum
from pipeline.formats.tables import open_tables
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput, Pixels, Segment, Table
from pipeline.static import static_path

STEP = 0.3125


def static_lsf() -> SliceLsf:
    frames = open_tables(static_path("LSF_PROFILE", "mini"), "LSF_PROFILE")
    return mean_lsf(read_lsf(list(frames.values())))


def known_lines(low: float = 5400.0, high: float = 7000.0) -> SkyLines:
    (frame,) = open_tables(static_path("SKY_LINES"), "SKY_LINES").values()
    return SkyLines.of(frame.read("LINES").columns, low, high)


def skewed(lsf: SliceLsf) -> SliceLsf:
    """The same function, 4 percent broader and skewed; its mean stays."""
    x = lsf.offsets[0] + lsf.offsets[1] * np.arange(lsf.profiles.shape[1])
    rows = []
    for row in lsf.profiles:
        broad = np.interp(x / 1.04, x, row) * (1 + 0.05 * np.clip(x, -3, 3) ** 3 / 27)
        broad = np.clip(broad, 0, None)
        broad /= broad.sum() * lsf.offsets[1]
        rows.append(np.interp(x + (broad * x).sum() * lsf.offsets[1], x, broad))
    return SliceLsf(np.array(rows), lsf.offsets, lsf.nodes)


def pixels_of(wavelength: np.ndarray, data: np.ndarray, slice_number: int = 1) -> Pixels:
    n = wavelength.size
    zero = np.zeros(n, np.float32)
    origin = np.full(n, 1 << 6 | slice_number, np.uint32)
    return Pixels(
        zero, zero, wavelength.astype(np.float32), data.astype(np.float32),
        np.zeros(n, np.uint32), np.ones(n, np.float32), origin,
    )  # fmt: skip


def test_drawn_lines_keep_their_flux() -> None:
    lsf = static_lsf()
    spectrum = lsf.draw(
        np.array([5577.34, 6300.3]), np.array([3.0, 2.0]), 5500.0, 0.25, 4000
    )
    assert spectrum.sum() * 0.25 == pytest.approx(5.0, rel=1e-4)


def test_fluxes_and_shift_are_found_although_the_line_shape_is_wrong() -> None:
    lsf, lines = static_lsf(), known_lines()
    rng = np.random.default_rng(4)
    n_groups = int(lines.group.max()) + 1
    factor = rng.uniform(0.01, 0.03, n_groups)[lines.group] * rng.lognormal(
        0, 0.1, lines.flux.size
    )
    true = lines.flux * factor
    wavelength = 5400 + STEP * np.arange(5120)
    smooth = 60 + 5 * np.sin(wavelength / 150)
    data = (
        skewed(lsf).over_bins(STEP).draw(lines.wavelength + 0.04, true, 5400.0, STEP, 5120)
    )
    stat = np.full(5120, 0.04)
    data = data + smooth + 0.2 * rng.standard_normal(5120)
    found = fit_sky_lines(wavelength, data, stat, lines, lsf).lines
    inside = (lines.wavelength > 5410) & (lines.wavelength < 6990)
    bright = inside & (true > 0.05 * true.max())
    np.testing.assert_allclose(found.flux[bright] / true[bright], 1, atol=0.03)
    total = found.flux[inside].sum() / true[inside].sum()
    assert total == pytest.approx(1, abs=0.01)
    shift = np.median(found.wavelength[bright] - lines.wavelength[bright])
    assert shift == pytest.approx(0.04, abs=0.01)
    image = np.zeros((1, 1), np.float32)
    sky = FieldSky(image, image > 0, (0.0, 0.0), wavelength, data, stat)
    rest = sky_continuum(sky, found, lsf, STEP)
    calm = np.abs(lsf.draw(lines.wavelength, true, 5400.0, STEP, 5119)) < 0.5
    np.testing.assert_allclose(np.median((rest["flux"] - smooth[:-1])[calm]), 0, atol=0.3)
    assert set(continuum_qc(rest)) == {"CONT FLUX", "CONT MAXDEV"}
    qc = line_qc(found)
    assert qc["LINE1 FLUX"] > 0 and f"LINE{n_groups} NAME" in qc


def test_the_model_is_subtracted_with_the_line_shape_of_the_slice() -> None:
    lsf, lines = static_lsf(), known_lines()
    wide = skewed(lsf)
    shapes = {(1, 1): lsf, (1, 2): wide}
    flux = lines.flux / 1000
    columns = {"lambda": lines.wavelength, "flux": flux}
    continuum = {"lambda": np.linspace(5400, 7000, 1281), "flux": np.full(1281, 5.0)}
    segments = [Segment(0, 1, 1, 0, 10), Segment(0, 1, 2, 10, 20)]
    step = subtract_model(columns, continuum, shapes, segments)
    rng = np.random.default_rng(5)
    for number, shape in ((1, lsf), (2, wide)):
        x = np.sort(rng.uniform(5405, 6995, 20000))
        fine = shape.draw(lines.wavelength, flux, 5400.0, 0.02, 80001)
        truth = 5 + np.interp(x, 5400 + 0.02 * np.arange(80001), fine)
        rest = step(pixels_of(x, truth, number)).data
        assert np.abs(rest).max() < 1e-3 * truth.max()


def test_simple_subtraction_undoes_the_bins_of_the_spectrum() -> None:
    lsf = static_lsf()
    line = np.array([6300.3])
    x = 6200 + STEP * np.arange(640)
    binned = lsf.over_bins(STEP).draw(line, np.array([100.0]), 6200.0, STEP, 640)
    step = subtract_spectrum({"lambda": x, "data": binned})
    fine = lsf.draw(line, np.array([100.0]), 6200.0, 0.01, 20000)
    rest = step(pixels_of(6200 + 0.01 * np.arange(20000), fine)).data
    assert np.abs(rest).max() < 3e-3 * fine.max()


def test_the_darkest_and_the_brightest_are_no_sky() -> None:
    image = np.arange(100, dtype=np.float32).reshape(10, 10)
    image[0, 0] = np.nan
    low, high = sky_limits(image, 0.1, 0.5)
    assert (image < low).sum() == pytest.approx(10, abs=1)
    assert ((image >= low) & (image <= high)).sum() == pytest.approx(45, abs=1)


def test_a_slice_without_line_shape_is_named() -> None:
    lines = known_lines()
    columns = {"lambda": lines.wavelength, "flux": lines.flux}
    continuum = {"lambda": np.linspace(5400, 7000, 100), "flux": np.zeros(100)}
    with pytest.raises(BadInput, match="IFU 1, slice 2"):
        subtract_model(columns, continuum, {(1, 1): static_lsf()}, [Segment(0, 1, 2, 0, 5)])


def test_a_table_is_no_line_spread_function() -> None:
    frame = MemoryTable(
        {"A": Table({"x": np.zeros(3)}, {})}, tag="LSF_PROFILE", name="a.fits"
    )
    with pytest.raises(BadInput, match=r"a\.fits"):
        read_lsf([frame])


def test_no_lines_in_range_is_refused() -> None:
    none = known_lines(3000.0, 3100.0)
    x = np.linspace(3000, 3100, 321)
    with pytest.raises(BadInput, match="SKY_LINES"):
        fit_sky_lines(x, np.ones(321), np.ones(321), none, static_lsf())
