"""muse_astrometry on a mini field of stars at known places."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.algorithms.astrometry import field_to_plane, plane_from_sky
from pipeline.algorithms.dar import Refraction
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.astrometry import AstrometryParams, astrometry
from pipeline.spec import BadInput, Table
from tests.pipeline.algorithms.test_star import shape
from tests.pipeline.field_pixels import HEADER, field_pixels, static_table

SCALE = (0.2008, 0.1996)
ROTATION = 0.4
OFFSET = (2.0, -1.5)
"""Scales [arcsec/pix] and rotation [deg] of the field, its pointing error [pix]."""

FIELD = {**HEADER, "RA": 330.0, "DEC": -30.0, "OBJECT": "ASTROMETRY"}


def places(table, posang=0.0):
    """Where the field shows the stars of the catalogue [pix]."""
    columns = table.read().columns
    east, north = plane_from_sky(columns["RA"], columns["DEC"], (330.0, -30.0))
    angle = np.radians(ROTATION - posang)
    s, c = np.sin(angle), np.cos(angle)
    x = 3600 * (-c * east - s * north) / SCALE[0] + OFFSET[0]
    y = 3600 * (-s * east + c * north) / SCALE[1] + OFFSET[1]
    return x, y, 10 ** (-0.4 * (columns["mag"] - 16))


def exposure(posang=0.0):
    """Pixel tables of an exposure."""
    table = static_table("ASTROMETRY_REFERENCE")
    header = {**FIELD, "ESO INS DROT POSANG": posang}
    refraction = Refraction.of(header, 7000.0)
    at = 3500 + 10.0 * np.arange(refraction.shift_x.size)
    stars = [s for s in zip(*places(table, posang), strict=True) if abs(s[0]) < 40]
    stars = [s for s in stars if abs(s[1]) < 22]

    def light(wavelength, x, y):
        dx = x + np.interp(wavelength, at, refraction.shift_x)
        dy = y + np.interp(wavelength, at, refraction.shift_y)
        total = np.full(x.shape, 4.0)
        for star_x, star_y, flux in stars:
            total += 900 * flux * shape(np.hypot(dx - star_x, dy - star_y), 3.8)
        return total

    found = field_pixels(light, "PIXTABLE_ASTROMETRY")
    return {
        "PIXTABLE_ASTROMETRY": [replace(t, header={**t.header, **header}) for t in found],
        "ASTROMETRY_REFERENCE": [table],
    }


def solved(frames, **params):
    out = MemoryOutputs()
    astrometry.run(frames, AstrometryParams(**params), out)
    return out


@pytest.fixture(scope="module")
def frames():
    return exposure()


@pytest.fixture(scope="module")
def products(frames):
    return solved(frames)


def test_scale_and_rotation_are_those_of_the_field(products):
    qc = products["ASTROMETRY_WCS"].qc
    assert qc["QC ASTRO NSTARS"] >= 8
    assert qc["QC ASTRO SCALE X"] == pytest.approx(SCALE[0], abs=2e-4)
    assert qc["QC ASTRO SCALE Y"] == pytest.approx(SCALE[1], abs=4e-4)
    assert qc["QC ASTRO ANGLE X"] == pytest.approx(ROTATION, abs=0.06)
    assert qc["QC ASTRO ANGLE Y"] == pytest.approx(ROTATION, abs=0.03)
    assert qc["QC ASTRO MEDRES X"] < 0.01 and qc["QC ASTRO MEDRES Y"] < 0.01


def test_solution_places_the_stars_of_other_exposures(frames, products):
    """Applied as scipost applies it, distances between stars are the true ones."""
    header = products["ASTROMETRY_WCS"].header
    assert (header["CTYPE1"], header["CRPIX1"], header["CRPIX2"]) == (
        "RA---TAN", -0.01, -1.2
    )  # fmt: skip
    for posang in (0.0, 90.0):
        other = {**FIELD, "ESO INS DROT POSANG": posang}
        matrix, _ = field_to_plane(other, header, (0.0, 0.0))
        columns = frames["ASTROMETRY_REFERENCE"][0].read().columns
        true = 3600 * np.stack(plane_from_sky(columns["RA"], columns["DEC"], (330, -30)))
        x, y, _ = places(frames["ASTROMETRY_REFERENCE"][0], posang)
        seen = np.hypot(x, y) < 150
        found = matrix[:2, :2] @ np.stack([x, y])[:, seen]
        error = (found - true[:, seen]) - (found - true[:, seen]).mean(axis=1)[:, None]
        assert np.abs(error).max() < 0.07, posang


def test_table_of_stars_and_image(products):
    stars = products["ASTROMETRY_WCS"].tables["ASTROMETRY_SOURCES"]
    assert stars.units["XPOS"] == "pix"
    assert (np.diff(stars.columns["FLUX"]) <= 0).all()
    known = np.isfinite(stars.columns["RA"])
    assert known.sum() == products["ASTROMETRY_WCS"].qc["QC ASTRO NSTARS"]
    cube = products["DATACUBE_ASTROMETRY"]
    assert (cube.header["CTYPE1"], cube.header["CD3_3"]) == ("PIXEL", 50.0)
    assert list(cube.images) == ["white", "ASTROMETRY_DETECTION"]
    assert cube.qc["QC ASTRO NDET"] >= 3
    image = cube.images["ASTROMETRY_DETECTION"].planes.data
    x, y = stars.columns["XPOS"][0], stars.columns["YPOS"][0]
    peak = np.unravel_index(np.nanargmax(image), image.shape)
    assert np.hypot(peak[1] + 1 - x, peak[0] + 1 - y) < 20


def test_position_angle_is_not_part_of_the_solution():
    turned = exposure(90.0)
    qc = solved(turned)["ASTROMETRY_WCS"].qc
    assert qc["QC ASTRO ANGLE Y"] == pytest.approx(ROTATION, abs=0.06)
    kept = solved(turned, keep_posangle=True)["ASTROMETRY_WCS"].qc
    assert abs(abs(kept["QC ASTRO ANGLE Y"]) - 90.0) < 1.0


def test_every_way_finds_the_same(frames, products):
    whole = products["ASTROMETRY_WCS"].qc["QC ASTRO SCALE X"]
    for params in (
        {"centroid": "gaussian"},
        {"faccuracy": 5.0},
        {"detsigma": -1.2},
        {"darcheck": "correct"},
    ):
        qc = solved(frames, **params)["ASTROMETRY_WCS"].qc
        assert qc["QC ASTRO SCALE X"] == pytest.approx(whole, abs=1e-4), params


def test_wrong_fields_are_refused(frames):
    (table,) = frames["ASTROMETRY_REFERENCE"]
    only = table.read()
    flipped = {**only.columns, "DEC": -60.0 - only.columns["DEC"]}
    other = MemoryTable({"F": Table(flipped, only.units, only.header)}, ifu=None)
    with pytest.raises(BadInput, match="cannot be identified"):
        solved({**frames, "ASTROMETRY_REFERENCE": [other]})
    away = {**only.header, "RA": 30.0}
    other = MemoryTable({"F": Table(only.columns, only.units, away)}, ifu=None)
    with pytest.raises(BadInput, match="nearest field, F"):
        solved({**frames, "ASTROMETRY_REFERENCE": [other]})
    with pytest.raises(BadInput, match="two numbers"):
        solved(frames, rotcenter="middle")


def test_all_declared_numbers_are_written(products):
    for tag in ("ASTROMETRY_WCS", "DATACUBE_ASTROMETRY"):
        declared = {q.name for q in astrometry.qc if q.product == tag}
        found = {re.sub(r"\d+", "#", name) for name in products[tag].qc}
        assert found == declared
