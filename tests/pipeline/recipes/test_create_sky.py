"""muse_create_sky on a mini field of sky with a galaxy in it."""

import numpy as np
import pytest

from pipeline.algorithms.lsf import mean_lsf, read_lsf
from pipeline.algorithms.response import AREA, PHOTON
from pipeline.memory import MemoryImage, MemoryOutputs, MemoryTable
from pipeline.recipes.create_sky import CreateSkyParams, create_sky
from pipeline.spec import BadInput, Planes, Table
from tests.pipeline.field_pixels import field_pixels, lamp, static_table

EFFICIENCY = 0.25
SPAXEL = 0.04
AIRMASS = 1.1


def counts_per_flux(wavelength):
    """Counts of a pixel for 1e-20 erg/s/cm2/A."""
    return 1e-20 * AREA * wavelength / PHOTON * EFFICIENCY * 60 * 1.25


@pytest.fixture(scope="module")
def frames():
    lines = static_table("SKY_LINES").read("LINES").columns
    lsf = mean_lsf(read_lsf([static_table("LSF_PROFILE")]))
    dust = static_table("EXTINCT_TABLE").read().columns
    grid = 5400 + 0.1 * np.arange(17000)
    glow = lsf.draw(lines["lambda"] + 0.03, 20 * SPAXEL * lines["flux"], 5400.0, 0.1, 17000)
    rng = np.random.default_rng(8)

    def light(wavelength, x, y):
        k = np.interp(wavelength, dust["lambda"], dust["extinction"])
        sky = np.interp(wavelength, grid, glow) + 20 * 30.0
        galaxy = 20 * 200 * np.exp(-np.hypot(x + 12, y - 2) / 1.2)
        seen = (sky + galaxy) * counts_per_flux(wavelength) * 10 ** (-0.4 * k * AIRMASS)
        return seen + np.where(rng.random(x.size) < 2e-4, 3000.0, 0.0)

    x = np.arange(4150, 9801, 25.0)
    response = 2.5 * np.log10(EFFICIENCY * AREA * x / PHOTON)
    table = Table({"lambda": x, "response": response, "resperr": np.full(x.size, 0.01)}, {})
    return {
        "PIXTABLE_SKY": field_pixels(light, "PIXTABLE_SKY"),
        "EXTINCT_TABLE": [static_table("EXTINCT_TABLE")],
        "STD_RESPONSE": [
            MemoryTable(
                {"": table}, {"ESO DRS MUSE FLUX FFCORR": True}, "STD_RESPONSE", None
            )
        ],
        "SKY_LINES": [static_table("SKY_LINES")],
        "LSF_PROFILE": [static_table("LSF_PROFILE")],
    }


@pytest.fixture(scope="module")
def products(frames):
    out = MemoryOutputs()
    create_sky.run(frames, CreateSkyParams(), out)
    return out


def test_line_fluxes_and_wavelengths(products, frames):
    found = products["SKY_LINES"].tables["LINES"].columns
    known = frames["SKY_LINES"][0].read("LINES").columns
    for wavelength in (5577.339, 6300.304, 6363.776):
        i = np.argmin(np.abs(found["lambda"] - wavelength))
        j = np.argmin(np.abs(known["lambda"] - wavelength))
        assert found["flux"][i] / known["flux"][j] == pytest.approx(20 * SPAXEL, rel=0.02)
        assert found["lambda"][i] - known["lambda"][j] == pytest.approx(0.03, abs=0.01)
    assert (np.diff(found["flux"]) <= 0).all()


def test_continuum_between_the_lines(products):
    columns = products["SKY_CONTINUUM"].tables["CONTINUUM"].columns
    assert np.median(columns["flux"]) == pytest.approx(600, rel=0.01)
    qc = products["SKY_CONTINUUM"].qc
    assert qc["QC SKY CONT FLUX"] == pytest.approx(columns["flux"].sum())


def test_the_continuum_has_the_noise_of_the_spectrum_if_asked_for(frames, products):
    out = MemoryOutputs()
    create_sky.run(frames, CreateSkyParams(csmooth=False), out)
    quiet, loud = (
        made["SKY_CONTINUUM"].tables["CONTINUUM"].columns["flux"]
        for made in (products, out)
    )
    spectrum = out["SKY_SPECTRUM"].tables[""].columns
    at = np.flatnonzero(np.abs(spectrum["lambda"] - 5490.0) < 50.0)  # no bright lines
    noise = np.sqrt(np.median(spectrum["stat"][at]))
    rough, smooth = (np.diff(flux[at]).std() / np.sqrt(2) for flux in (loud, quiet))
    assert rough == pytest.approx(noise, rel=0.2)
    assert smooth < 0.1 * noise
    assert np.median(quiet) == pytest.approx(np.median(loud), rel=0.002)


def test_the_galaxy_is_no_sky_and_cosmic_rays_are_neither(products):
    mask, image = products["SKY_MASK"], products["SKY_IMAGE"]
    assert mask.planes.data.mean() == pytest.approx(0.95 * 0.75, abs=0.02)
    y, x = np.unravel_index(np.nanargmax(image.planes.data), image.planes.data.shape)
    assert mask.planes.data[y, x] == 0
    assert x + image.header["CRVAL1"] == pytest.approx(-12, abs=1.1)
    assert mask.qc["QC SKY LOWLIMIT"] < mask.qc["QC SKY THRESHOLD"]
    sky = image.planes.data[mask.planes.data > 0]
    assert np.std(sky) < 0.02 * np.mean(sky)


def test_spectrum_is_honest(products):
    columns = products["SKY_SPECTRUM"].tables[""].columns
    calm = (columns["lambda"] > 5750) & (columns["lambda"] < 5760) & (columns["dq"] == 0)
    pull = (columns["data"][calm] - np.median(columns["data"][calm])) / np.sqrt(
        columns["stat"][calm]
    )
    assert 0.5 < np.std(pull) < 2.0


def test_a_mask_restricts_the_search(frames, products):
    mask = np.zeros((24, 60), np.float32)
    mask[:, 40:] = 1
    zero = np.zeros_like(mask)
    corner = products["SKY_IMAGE"].header
    header = {k: corner[k] for k in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2")}
    frame = MemoryImage(
        Planes(mask, zero.astype(np.uint32), zero), header, "SKY_MASK", None
    )
    out = MemoryOutputs()
    create_sky.run({**frames, "SKY_MASK": [frame]}, CreateSkyParams(), out)
    chosen = out["SKY_MASK"].planes.data
    assert chosen[:, :39].sum() == 0 and chosen[:, 41:].sum() > 200


def test_two_exposures_are_refused(frames):
    first = frames["PIXTABLE_SKY"][0]
    header = {**first.header, "DATE-OBS": "2026-09-03T04:00:00.000"}
    other = type(first)(
        first.pixels, first.segments, header, first.tag, 1, "b.fits", first.flat
    )
    with pytest.raises(BadInput, match="2 exposures"):
        create_sky.run(
            {**frames, "PIXTABLE_SKY": [first, other]}, CreateSkyParams(), MemoryOutputs()
        )


def test_the_lamp_cancels(frames):
    """What the flat took out is put back, whatever its form."""
    assert np.ptp(lamp(np.arange(5400.0, 7000.0))) > 0.4
    assert frames["PIXTABLE_SKY"][1].header["ESO DRS MUSE FLAT FLUX SKY"] == 2e6


def test_a_response_without_the_lamp_is_refused(frames):
    (response,) = frames["STD_RESPONSE"]
    old = [MemoryTable(response.tables, {}, "STD_RESPONSE", None, "old.fits")]
    with pytest.raises(BadInput, match=r"old\.fits.*without the lamp-flat spectrum"):
        create_sky.run({**frames, "STD_RESPONSE": old}, CreateSkyParams(), MemoryOutputs())


def again(frames, **params):
    out = MemoryOutputs()
    create_sky.run(frames, CreateSkyParams(**params), out)
    return out


def test_every_option_has_its_effect(frames, products):
    """Fraction, ignored part, samplings, rejection and wavelengths are as asked for."""
    plain = products["SKY_MASK"]
    darker = again(frames, ignore=0.3, fraction=0.5)["SKY_MASK"]
    assert darker.planes.data.mean() == pytest.approx(0.7 * 0.5, abs=0.02)
    assert darker.qc["QC SKY LOWLIMIT"] > plain.qc["QC SKY LOWLIMIT"]
    assert darker.qc["QC SKY THRESHOLD"] < plain.qc["QC SKY THRESHOLD"]
    other = again(frames, sampling=0.625, csampling=1.25, lambdamin=5700, lambdamax=6500)
    spectrum = other["SKY_SPECTRUM"].tables[""].columns["lambda"]
    continuum = other["SKY_CONTINUUM"].tables["CONTINUUM"].columns["lambda"]
    assert np.diff(spectrum) == pytest.approx(0.625)
    assert np.diff(continuum) == pytest.approx(1.25)
    assert 5700 <= spectrum[0] < 5702 and 6498 < spectrum[-1] <= 6500


def test_rejection_of_cosmic_rays_can_be_switched_off(frames, products):
    def scatter(found):
        columns = found["SKY_SPECTRUM"].tables[""].columns
        clear = (columns["lambda"] > 5650) & (columns["lambda"] < 5850)
        return np.std(columns["data"][clear])

    def roughness(found):
        image, mask = (found[t].planes.data for t in ("SKY_IMAGE", "SKY_MASK"))
        return np.std(image[mask > 0])

    assert scatter(again(frames, crsigma="15.,0.")) > 1.1 * scatter(products)
    assert roughness(again(frames, crsigma="0.,15.")) > 1.02 * roughness(products)
