"""muse_standard on a mini field with a star of known flux."""

import numpy as np
import pytest

from pipeline.algorithms.dar import Refraction
from pipeline.algorithms.response import AREA, PHOTON
from pipeline.algorithms.standard_stars import reference_spectrum
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.standard import StandardParams, standard
from pipeline.spec import BadInput
from tests.pipeline.algorithms.test_star import shape
from tests.pipeline.field_pixels import HEADER, field_pixels, static_table

AIRMASS = 1.1


def efficiency(wavelength):
    return 0.25 + 0.05 * np.sin((wavelength - 5400) / 700)


def absorption(wavelength):
    """The O2 B band, without its lines."""
    return 1 - 0.2 * np.exp(-0.5 * ((wavelength - 6900) / 12) ** 2)


def starlight(others=()):
    """The light of the standard star, and of others: place [pix] and relative flux."""
    star = static_table("STD_FLUX_TABLE").read("Feige110").columns
    dust = static_table("EXTINCT_TABLE").read().columns
    refraction = Refraction.of(HEADER, 7000.0)
    at = 3500 + 10.0 * np.arange(refraction.shift_x.size)

    def light(wavelength, x, y):
        flux = np.interp(wavelength, star["lambda"], star["flux"])
        k = np.interp(wavelength, dust["lambda"], dust["extinction"])
        rate = flux * AREA * wavelength / PHOTON * efficiency(wavelength)
        counts = rate * 60 * 1.25 * 10 ** (-0.4 * k * AIRMASS) * absorption(wavelength)
        x = x + np.interp(wavelength, at, refraction.shift_x)
        y = y + np.interp(wavelength, at, refraction.shift_y)
        profile = shape(np.hypot(x - 5.3, y + 0.8), 4.0)
        for x0, y0, share in others:
            profile = profile + share * shape(np.hypot(x - x0, y - y0), 4.0)
        return 2 + counts * profile

    return light


TABLES = ("EXTINCT_TABLE", "STD_FLUX_TABLE", "FILTER_LIST")


@pytest.fixture(scope="module")
def frames():
    tables = {tag: [static_table(tag)] for tag in TABLES}
    return {"PIXTABLE_STD": field_pixels(starlight(), "PIXTABLE_STD"), **tables}


@pytest.fixture(scope="module")
def products(frames):
    out = MemoryOutputs()
    standard.run(frames, StandardParams(filter="white,Johnson_V,Cousins_R,nothing"), out)
    return out


def test_throughput_is_that_of_the_instrument(products):
    columns = products["STD_RESPONSE"].tables[""].columns
    x = columns["lambda"]
    inside = (x > 5450) & (x < 6950)
    ratio = columns["throughput"][inside] / efficiency(x[inside])
    assert np.median(ratio) == pytest.approx(1, abs=0.01)
    assert np.ptp(np.percentile(ratio, [5, 95])) < 0.025
    assert (columns["resperr"] > 0).all() and (np.diff(x) > 0).all()
    assert x[0] < 5000 and x[-1] > 9000


def test_telluric_absorption_is_kept_apart(products):
    columns = products["STD_TELLURIC"].tables[""].columns
    deep = np.interp(6900, columns["lambda"], columns["ftelluric"])
    assert deep == pytest.approx(0.8 ** (1 / AIRMASS), abs=0.02)
    assert ((columns["ftelluric"] > 0) & (columns["ftelluric"] <= 1)).all()
    beside = np.interp(6700, columns["lambda"], columns["ftelluric"])
    assert beside == pytest.approx(1, abs=0.03)


def test_cube_and_spectra_of_the_field(products):
    cube = products["DATACUBE_STD"]
    assert cube.header["CTYPE1"] == "PIXEL" and cube.header["CD3_3"] == 1.25
    assert set(cube.images) == {"white", "Johnson_V", "Cousins_R"}
    assert cube.qc["QC STANDARD NDET"] >= 1
    assert cube.qc["QC STANDARD FWHM MEDIAN"] == pytest.approx(0.8, abs=0.1)
    fluxes = products["STD_FLUXES"]
    assert fluxes.planes.data.shape == (1, cube.planes.data.shape[0])
    assert fluxes.header["ESO DRS MUSE FLUX NSEL"] == 1
    x, y = (fluxes.header[f"ESO DRS MUSE FLUX OBJ1 {axis}"] for axis in "XY")
    image = cube.images["white"].planes.data
    brightest = np.unravel_index(np.nanargmax(image), image.shape)
    assert np.hypot(x - 1 - brightest[1], y - 1 - brightest[0]) < 1


def test_refraction_left_over_is_seen_and_corrected(frames):
    """Without the theory the star itself tells its drift."""
    out = MemoryOutputs()
    params = StandardParams(lambdaref=-1.0, darcheck="correct")
    with pytest.raises(BadInput, match="lambdaref"):
        standard.run(frames, params, out)
    out = MemoryOutputs()
    standard.run(frames, StandardParams(darcheck="correct"), out)
    words = out["DATACUBE_STD"].header
    assert 0 <= words["ESO DRS MUSE PIXTABLE DAR CHECK"] < 0.05
    assert words["ESO DRS MUSE PIXTABLE DAR CORR"] == 7000.0


def test_qc_and_provenance(products):
    response = products["STD_RESPONSE"]
    assert response.qc["QC STANDARD STARNAME"] == "Feige110"
    assert response.header["ESO DRS MUSE FLUX FFCORR"] is True
    assert response.qc["QC STANDARD ZP R"] == pytest.approx(-2.5 * np.log10(0.25), abs=0.3)
    assert {q for q in response.qc if "THRU" in q} == set()


def test_a_field_without_a_tabulated_star_is_refused(frames):
    tables = [
        type(t)(
            t.pixels, t.segments, {**t.header, "RA": 10.0}, t.tag, t.ifu, t.name, t.flat
        )
        for t in frames["PIXTABLE_STD"]
    ]
    with pytest.raises(BadInput, match="nearest star"):
        standard.run({**frames, "PIXTABLE_STD": tables}, StandardParams(), MemoryOutputs())


def test_an_empty_field_is_refused(frames):
    tables = field_pixels(lambda w, x, y: np.full(w.size, 5.0), "PIXTABLE_STD", (1, 2))
    with pytest.raises(BadInput, match="no star"):
        standard.run({**frames, "PIXTABLE_STD": tables}, StandardParams(), MemoryOutputs())


def test_the_star_may_be_in_any_of_several_tables(frames):
    (whole,) = frames["STD_FLUX_TABLE"]
    names = [name for name in whole.names if name != "Feige110"]
    others = {name: whole.read(name) for name in names}
    tables = [
        MemoryTable(part, tag="STD_FLUX_TABLE", ifu=None)
        for part in (others, {"Feige110": whole.read("Feige110")})
    ]
    name, table = reference_spectrum(tables, HEADER)
    assert name == "Feige110" and table is whole.read("Feige110")


def test_a_bright_neighbour_is_told_apart(frames):
    """It is brighter than the standard, which is the nearest to the pointing."""
    tables = field_pixels(starlight([(-20.3, 2.0, 1.5)]), "PIXTABLE_STD")
    found = {}
    for select in ("distance", "flux"):
        out = MemoryOutputs()
        params = StandardParams(select=select, lambdamin=5800.0, lambdamax=6500.0)
        standard.run({**frames, "PIXTABLE_STD": tables}, params, out)
        words = out["STD_FLUXES"].header
        chosen = words["ESO DRS MUSE FLUX NSEL"]
        columns = out["STD_RESPONSE"].tables[""].columns
        x = columns["lambda"]
        inside = (x > 5850) & (x < 6450)
        ratio = columns["throughput"][inside] / efficiency(x[inside])
        found[select] = words[f"ESO DRS MUSE FLUX OBJ{chosen} X"], np.median(ratio)
    assert found["distance"][0] - found["flux"][0] == pytest.approx(25.6, abs=0.3)
    assert found["distance"][1] == pytest.approx(1.0, abs=0.06)
    assert found["flux"][1] == pytest.approx(1.5, abs=0.2)
