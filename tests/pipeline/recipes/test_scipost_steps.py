"""The steps of muse_scipost as recipes: one after the other they make the same cube."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.runner import load_recipes
from pipeline.spec import BadInput, Segment, Table
from tests.pipeline.field_pixels import static_table
from tests.pipeline.sky_pixels import Sky, pixel_tables

RECIPES = load_recipes()
STEPS = {name for name in RECIPES if name.startswith("muse_scipost_")}
LIMITS = {"lambdamin": 5850.0, "lambdamax": 6450.0}


def response():
    grid = np.arange(4500.0, 9800.0, 5.0)
    columns = {"lambda": grid, "response": 39.0 + 0.3 * np.sin(grid / 500)}
    return MemoryTable({"": Table(columns, {"lambda": "Angstrom"})}, ifu=None)


def sky_model():
    grid = np.arange(5800.0, 6500.0, 0.5)
    continuum = {"lambda": grid, "flux": 20 + 0.01 * (grid - 6000)}
    lines = {
        "name": np.array(["a", "b"]),
        "group": np.array([0, 0]),
        "lambda": np.array([6100.2, 6300.3]),
        "flux": np.array([300.0, 500.0]),
        "dq": np.zeros(2, np.int32),
    }
    return {
        "SKY_LINES": [MemoryTable({"LINES": Table(lines, {})}, tag="SKY_LINES", ifu=None)],
        "SKY_CONTINUUM": [MemoryTable({"CONTINUUM": Table(continuum, {})}, ifu=None)],
        "LSF_PROFILE": [static_table("LSF_PROFILE")],
    }


def lit(tables):
    """Tables with the lamp spectra that the flat fields took out, IFU 2 twice as bright."""
    found = []
    for table in tables:
        grid = np.arange(5700.0, 6600.0, 1.25)
        lamp = Table({"lambda": grid, "data": 1 + 0.1 * np.sin(grid / 90)}, {})
        header = {**table.header, "ESO DRS MUSE FLAT FLUX SKY": 1e6 * (table.ifu or 1)}
        found.append(replace(table, header=header, flat=lamp))
    return found


CALIBRATION = {
    "EXTINCT_TABLE": [static_table("EXTINCT_TABLE")],
    "STD_RESPONSE": [replace(response(), header={"ESO DRS MUSE FLUX FFCORR": True})],
}
SOLUTION = {"ASTROMETRY_WCS": [static_table("ASTROMETRY_WCS")]}


def call(name, frames, **params):
    """Run a recipe; return its products."""
    recipe = RECIPES[name]
    out = MemoryOutputs()
    recipe.run(frames, recipe.params(**params), out)
    return out


def step(name, table, tag="PIXTABLE_OBJECT", more=None, **params):
    """Run a step of one table; return the product as the next frame."""
    product = call(f"muse_scipost_{name}", {tag: [table], **(more or {})}, **params)
    return framed(product["PIXTABLE_REDUCED"])


def framed(product):
    """Return a pixel table as the next frame; its slices are found from ``origin``."""
    label = product.pixels.origin & 0x7FF
    starts = [0, *(1 + np.flatnonzero(np.diff(label.astype(int))))]
    ends = [*starts[1:], len(label)]
    return product.frame(
        [
            Segment(0, int(label[a]) >> 6, int(label[a]) & 63, int(a), int(b))
            for a, b in zip(starts, ends, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def tables():
    return lit(pixel_tables(Sky(sky=40.0)))


@pytest.fixture(scope="module")
def merged(tables):
    made = call("muse_scipost_combine_pixtables", {"PIXTABLE_OBJECT": tables})
    return framed(made["PIXTABLE_COMBINED"])


def test_the_steps_make_the_cube_of_scipost(tables, merged):
    model = sky_model()
    whole = call(
        "muse_scipost",
        {"PIXTABLE_OBJECT": tables, **CALIBRATION, **SOLUTION, **model},
        skymethod="subtract-model",
        skymodel_refit=False,
        save="cube",
        **LIMITS,
    )
    table = step("correct_dar", merged, **LIMITS)
    table = step("calibrate_flux", table, more=CALIBRATION)
    table = step("subtract_sky", table, "PIXTABLE_REDUCED", model)
    table = step("correct_rv", table)
    table = step("apply_astrometry", table, more=SOLUTION)
    made = call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [table]})
    one, other = whole["DATACUBE_FINAL"], made["DATACUBE_FINAL"]
    for keyword in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CRVAL3", "SPECSYS"):
        assert one.header[keyword] == pytest.approx(other.header[keyword]), keyword
    data, again = one.planes.data, other.planes.data
    assert data.shape == again.shape
    assert (np.isfinite(data) == np.isfinite(again)).mean() > 0.9999
    both = np.isfinite(data) & np.isfinite(again)
    noise = np.sqrt(np.nanmedian(one.planes.stat))
    rounded = 4e-3  # places in the tables between the steps are float32
    assert np.quantile(np.abs(data - again)[both], 0.999) < rounded * noise
    assert both.mean() > 0.5 and noise > 0


def test_what_was_done_is_in_the_headers(merged):
    assert merged.header["ESO DRS MUSE PIXTABLE MERGED"] == 2
    table = step("correct_dar", merged)
    assert table.header["ESO DRS MUSE PIXTABLE DAR CORRECT"] == 7000.0
    with pytest.raises(BadInput, match="corrected for refraction already"):
        step("correct_dar", table)
    table = step("calibrate_flux", table, more=CALIBRATION)
    with pytest.raises(BadInput, match="calibrated in flux already"):
        step("calibrate_flux", table, more=CALIBRATION)
    spectrum = {"lambda": np.array([5000.0, 7000.0]), "data": np.zeros(2)}
    spectrum = {"SKY_SPECTRUM": [MemoryTable({"": Table(spectrum, {})}, ifu=None)]}
    table = step("subtract_sky_simple", table, "PIXTABLE_REDUCED", spectrum)
    with pytest.raises(BadInput, match="freed from the sky already"):
        step("subtract_sky_simple", table, "PIXTABLE_REDUCED", spectrum)
    table = step("correct_rv", table, rvcorr="helio")
    assert table.header["SPECSYS"] == "HELIOCEN"
    with pytest.raises(BadInput, match="velocity already"):
        step("correct_rv", table)
    table = step("apply_astrometry", table)
    with pytest.raises(BadInput, match="no longer in pixels"):
        step("apply_astrometry", table)


def test_tables_of_ifus_keep_their_lamp_spectrum(tables):
    table = step("correct_dar", tables[0], lambdaref=-1.0)
    assert table.flat is tables[0].flat
    assert "ESO DRS MUSE PIXTABLE DAR CORRECT" not in table.header
    assert np.array_equal(table.pixels.data, tables[0].pixels.data)
    calibrated = step("calibrate_flux", table, more=CALIBRATION)
    assert calibrated.flat is None
    assert calibrated.header["ESO DRS MUSE PIXTABLE FFCORR"] == 1


def test_pixels_outside_the_limits_are_left_out(tables):
    table = step("correct_rv", tables[0], rvcorr="none", **LIMITS)
    inside = np.abs(tables[0].pixels.wavelength - 6150) <= 300
    assert len(table.pixels.data) == inside.sum()
    assert np.array_equal(table.pixels.wavelength, tables[0].pixels.wavelength[inside])


def test_the_sky_is_scaled_by_the_flux_of_the_flat(tables):
    model = sky_model()
    header = {**tables[1].header, "ESO DRS MUSE PIXTABLE FLUXCAL": True}
    table = replace(tables[1], header=header)
    plain = step("subtract_sky", table, "PIXTABLE_REDUCED", model)
    twice = step("subtract_sky", table, "PIXTABLE_REDUCED", model, flux_sky=1e6)
    one, two = (table.pixels.data - t.pixels.data for t in (plain, twice))
    assert np.median(two / one) == pytest.approx(2.0, abs=1e-3)
    product = call(
        "muse_scipost_subtract_sky", {"PIXTABLE_REDUCED": [table], **model}, orig="before"
    )["PIXTABLE_REDUCED"]
    assert np.array_equal(product.extra["before"], table.pixels.data)
    with pytest.raises(BadInput, match="not calibrated in flux"):
        step("subtract_sky", tables[1], "PIXTABLE_REDUCED", model)


def projected(merged):
    """A table in native coordinates."""
    return step("apply_astrometry", step("correct_dar", merged), more=SOLUTION)


def test_the_cube_is_shown_as_a_stack_of_slices(merged):
    table = projected(merged)
    made = call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [table]}, stacked=True)
    image, cube = made["OBJECT_RESAMPLED"], made["DATACUBE_FINAL"]
    assert image.header["CTYPE2"] == "AWAV"
    assert image.planes.data.shape[0] == pytest.approx(cube.planes.data.shape[0], abs=1)
    assert np.nanmedian(image.planes.data) == pytest.approx(
        np.nanmedian(cube.planes.data), rel=0.05
    )


def test_several_exposures_are_combined(merged, tables):
    first = projected(merged)
    date = "2026-09-03T04:31:00.456"
    second = replace(first, header={**first.header, "DATE-OBS": date, "EXPTIME": 300.0})
    product = call("muse_scipost_combine_pixtables", {"PIXTABLE_OBJECT": [second, first]})[
        "PIXTABLE_COMBINED"
    ]
    n = len(first.pixels.data)
    header = product.header
    assert header["ESO DRS MUSE PIXTABLE WCS"] == "positioned (final)"
    assert header["ESO DRS MUSE PIXTABLE EXP2 FIRST"] == n
    assert np.unique(product.extra["weight"][:n]).tolist() == [1.0]
    assert np.unique(product.extra["weight"][n:]).tolist() == [0.5]
    east = product.pixels.xpos[:n] * np.cos(np.radians(header["CRVAL2"])) * 3600
    field = -0.2 * (merged.pixels.xpos - np.median(merged.pixels.xpos))
    assert np.corrcoef(east, field)[0, 1] > 0.9999
    later = pixel_tables(Sky(), date=date)
    with pytest.raises(BadInput, match="is one of 2 tables"):
        call("muse_scipost_combine_pixtables", {"PIXTABLE_OBJECT": [*tables, *later]})
    alone = [tables[0], later[0]]
    with pytest.raises(BadInput, match="not 'projected'"):
        call("muse_scipost_combine_pixtables", {"PIXTABLE_OBJECT": alone})


def agree(one, other, fraction=1e-3):
    """Whether two cubes have the same voxels, to a fraction of the noise of nearly all."""
    data, again = one.planes.data, other.planes.data
    assert data.shape == again.shape
    assert (np.isfinite(data) == np.isfinite(again)).mean() > 0.9999
    both = np.isfinite(data) & np.isfinite(again)
    noise = np.sqrt(np.nanmedian(one.planes.stat))
    assert noise > 0
    assert np.quantile(np.abs(data - again)[both], 0.999) < fraction * noise


def positioned(*exposures):
    """Exposures in one table with RA and DEC."""
    return framed(
        call("muse_scipost_combine_pixtables", {"PIXTABLE_OBJECT": list(exposures)})[
            "PIXTABLE_COMBINED"
        ]
    )


def test_a_cube_of_a_combined_table_is_that_of_exp_combine(merged):
    first = projected(merged)
    pixels = first.pixels._replace(data=first.pixels.data + 50)
    more = {"DATE-OBS": "2026-09-03T04:31:00.456", "EXPTIME": 300.0}
    more["RA"] = first.header["RA"] + 0.6 / 3600
    second = replace(first, pixels=pixels, header={**first.header, **more})
    table = positioned(first, second)
    n = len(first.pixels.data)
    table = replace(
        table,
        segments=[
            s._replace(exposure=1 + (s.start >= n)) for s in framed_at(table, n).segments
        ],
    )
    whole = call(
        "muse_exp_combine",
        {"PIXTABLE_REDUCED": [first, second]},
        crsigma=15,
        pixfrac="1.0",
        save="cube",
    )["DATACUBE_FINAL"]
    made = call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [table]}, pixfrac="1.0")[
        "DATACUBE_FINAL"
    ]
    agree(whole, made)
    assert made.header["CTYPE1"] == "RA---TAN"
    without = replace(table, further={})
    equal = call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [without]}, pixfrac="1.0")[
        "DATACUBE_FINAL"
    ]
    assert np.nanmedian(equal.planes.data) - np.nanmedian(made.planes.data) > 5


def framed_at(table, row):
    """The table with a segment that begins at a row."""
    found = []
    for s in table.segments:
        if s.start < row < s.stop:
            found += [s._replace(stop=row), s._replace(start=row)]
        else:
            found.append(s)
    return replace(table, segments=found)


@pytest.mark.parametrize("kind", ["Cube", "Euro3D"])
def test_pixels_of_the_field_make_a_cube_along_its_axes(merged, kind):
    made = call(
        "muse_scipost_make_cube",
        {"PIXTABLE_OBJECT": [merged]},
        format=kind,
        stacked=True,
    )
    cube = made["DATACUBE_FINAL"]
    assert (cube.header["CTYPE1"], cube.header["CUNIT2"]) == ("PIXEL", "pixel")
    assert cube.header["CRVAL1"] == pytest.approx(merged.pixels.xpos.min(), abs=1e-4)
    assert cube.header["CRVAL2"] == pytest.approx(merged.pixels.ypos.min(), abs=1e-4)
    _, ny, nx = cube.planes.data.shape
    for n, values in ((nx, merged.pixels.xpos), (ny, merged.pixels.ypos)):
        assert n == pytest.approx(values.max() - values.min() + 1, abs=0.51)
    x, y = (getattr(merged.pixels, a) for a in ("xpos", "ypos"))
    x, y = (np.rint(a - a.min()).astype(int) for a in (x, y))
    seen = np.zeros((ny, nx), bool)
    seen[y.clip(0, ny - 1), x.clip(0, nx - 1)] = True
    assert np.array_equal(np.isfinite(cube.planes.data).any(axis=0) & seen, seen)
    image = made["OBJECT_RESAMPLED"].planes.data
    assert np.nanmedian(image) == pytest.approx(np.nanmedian(cube.planes.data), rel=0.05)
    if kind == "Euro3D":
        assert cube.spaxels.unit == "pix"
        assert cube.spaxels.ra[0, 0] == pytest.approx(cube.header["CRVAL1"])
        assert cube.spaxels.ra[0, 2] == pytest.approx(cube.header["CRVAL1"] + 2)


def test_voxels_of_the_field_may_have_another_size(merged):
    params = {"dx": 2.0, "dy": 1.5, "dlambda": 2.5}
    usual, coarse = (
        call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [merged]}, **p)["DATACUBE_FINAL"]
        for p in ({}, params)
    )
    assert coarse.header["CD1_1"] == 2.0 and coarse.header["CD2_2"] == 1.5
    assert coarse.header["CD3_3"] == 2.5
    assert coarse.header["CRVAL1"] == pytest.approx(usual.header["CRVAL1"])
    for axis, width in ((2, 2.0), (1, 1.5), (0, 2.5 / 1.25)):
        n = usual.planes.data.shape[axis] / width
        assert coarse.planes.data.shape[axis] == pytest.approx(n, abs=1.1)
    assert np.nanmean(coarse.planes.data) == pytest.approx(
        np.nanmean(usual.planes.data), rel=0.03
    )


def test_tables_that_make_no_cube_are_refused(merged):
    grid = MemoryTable({}, {"CTYPE1": "RA---TAN"}, "OUTPUT_WCS", None)
    frames = {"PIXTABLE_OBJECT": [merged], "OUTPUT_WCS": [grid]}
    with pytest.raises(BadInput, match="in pixels of the field"):
        call("muse_scipost_make_cube", frames)
    header = {**merged.header, "ESO DRS MUSE PIXTABLE WCS": "bent"}
    bent = replace(merged, header=header)
    with pytest.raises(BadInput, match="neither projected nor positioned"):
        call("muse_scipost_make_cube", {"PIXTABLE_OBJECT": [bent]})
