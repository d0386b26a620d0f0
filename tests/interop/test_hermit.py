"""A Gauss-Hermite table of the genuine pipeline as the line spread function of ours.

``data/LSF_PROFILE-01.fits`` is what the genuine muse_lsf (2.8.7, ``--method=hermit
--combine=average``) wrote from three simulated arcs of each lamp of IFU 1 and a trace table
of slices 8 pixels wide; with whole slices it takes a quarter of an hour.
"""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from benchmarks.line_spread import OFFSET, WAVELENGTH, truth
from pipeline.algorithms.lsf_hermit import read_parameters
from pipeline.formats.tables import open_tables
from pipeline.instrument import FULL
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.create_sky import CreateSkyParams, create_sky
from pipeline.recipes.lsf import FINE, FINE_STEP
from pipeline.recipes.scipost import scipost
from pipeline.spec import Table
from tests.pipeline.field_pixels import field_pixels, static_table

PATH = Path(__file__).with_name("data") / "LSF_PROFILE-01.fits"
CONTINUUM, LINES = 100.0, 2.0
BRIGHT = (5577.339, 6300.304, 6363.776)


@pytest.fixture(scope="module")
def lsf():
    (frame,) = open_tables(PATH, "LSF_PROFILE").values()
    return frame


def test_our_functions_have_the_widths_that_the_genuine_pipeline_tells(lsf):
    """It counts samples: from the last one below half of the peak to the next one."""
    functions = read_parameters(lsf.read(lsf.names[0]).columns)
    assert sorted(functions) == [(1, s) for s in range(1, FULL.n_slices + 1)]
    header, wavelength = fits.getheader(PATH), np.linspace(FULL.blue, FULL.red, 30)
    for (_, number), function in functions.items():
        profiles = function.at(wavelength, FINE)
        above = profiles > profiles.max(axis=1, keepdims=True) / 2
        widths = FINE_STEP * (above.sum(axis=1) + 1)
        for key, width, error in (
            ("MEAN", widths.mean(), 0.003),
            ("STDEV", widths.std(ddof=1), 0.003),
            ("MIN", widths.min(), 1.01 * FINE_STEP),
            ("MAX", widths.max(), 1.01 * FINE_STEP),
        ):
            told = header[f"ESO QC LSF SLICE{number} FWHM {key}"]
            assert width == pytest.approx(told, abs=error), (number, key)


def pixel_tables(tag):
    """Return the mini field of IFU 1 with a continuum and lines as the truth draws them."""
    lines = static_table("SKY_LINES").read("LINES").columns
    profile = truth(1).mean(axis=0)
    grid = 5400 + 0.1 * np.arange(17000)
    glow = np.zeros(len(grid))
    for wavelength, flux in zip(lines["lambda"], lines["flux"], strict=True):
        own = profile[np.abs(WAVELENGTH - wavelength).argmin()]
        glow += LINES * flux * np.interp(grid - wavelength, OFFSET, own, left=0, right=0)

    def light(wavelength, x, y):
        return CONTINUUM + np.interp(wavelength, grid, glow)

    return field_pixels(light, tag, ifus=(1,))


def fluxes(table):
    """Return the fluxes of bright lines of a table of sky lines."""
    columns = table.columns
    return np.array(
        [columns["flux"][np.abs(columns["lambda"] - w).argmin()] for w in BRIGHT]
    )


@pytest.fixture(scope="module")
def known():
    return static_table("SKY_LINES")


def test_scipost_takes_it(lsf, known):
    frames = {
        "PIXTABLE_OBJECT": pixel_tables("PIXTABLE_OBJECT"),
        "SKY_LINES": [known],
        "LSF_PROFILE": [lsf],
    }
    out = MemoryOutputs()
    scipost.run(frames, scipost.params(rvcorr="none"), out)
    found = fluxes(out["SKY_LINES"].tables["LINES"])
    np.testing.assert_allclose(found, LINES * fluxes(known.read("LINES")), rtol=0.04)
    cube = out["DATACUBE_FINAL"]
    wavelength = cube.header["CRVAL3"] + cube.header["CD3_3"] * np.arange(
        cube.planes.data.shape[0]
    )
    spectrum = np.nanmean(cube.planes.data, axis=(1, 2))
    peak = found[0] * truth(1).mean(axis=0)[6].max()
    near = np.abs(wavelength - BRIGHT[0]) < 10
    assert np.abs(spectrum[near]).max() < 0.03 * peak


def test_create_sky_takes_it(lsf, known):
    grid = np.arange(4150.0, 9801.0, 25.0)
    flat = {"lambda": grid, "response": np.full(grid.size, 20.0)}
    response = Table({**flat, "resperr": np.full(grid.size, 0.01)}, {})
    clear = Table({"lambda": grid, "extinction": np.zeros(grid.size)}, {})
    frames = {
        "PIXTABLE_SKY": pixel_tables("PIXTABLE_SKY"),
        "EXTINCT_TABLE": [MemoryTable({"": clear}, {}, "EXTINCT_TABLE", None)],
        "STD_RESPONSE": [
            MemoryTable(
                {"": response}, {"ESO DRS MUSE FLUX FFCORR": True}, "STD_RESPONSE", None
            )
        ],
        "SKY_LINES": [known],
        "LSF_PROFILE": [lsf],
    }
    out = MemoryOutputs()
    create_sky.run(frames, CreateSkyParams(), out)
    ratio = fluxes(out["SKY_LINES"].tables["LINES"]) / fluxes(known.read("LINES"))
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, rtol=0.05)
