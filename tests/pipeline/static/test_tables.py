"""The shipped tables: what is in them, and that they are what the script builds."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline.algorithms.air import vacuum_to_air
from pipeline.instrument import FULL, MINI, SIZES
from pipeline.static import PER_SIZE, TAGS, static_path
from pipeline.static.build import _write_own
from pipeline.static.oh_levels import oh_lines

ALL = [(tag, size) for tag in TAGS for size in (SIZES if tag in PER_SIZE else ["full"])]


def table(tag: str, name: str | int = 1) -> fits.FITS_rec:
    with fits.conf.set_temp("extension_name_case_sensitive", True):
        return fits.getdata(static_path(tag), name)


@pytest.mark.parametrize(("tag", "size"), ALL)
def test_files_say_what_they_are_and_their_sums_agree(tag: str, size: str) -> None:
    with fits.open(static_path(tag, size), checksum=True) as units:  # warnings are errors
        header = units[0].header
        assert header["ESO PRO CATG"] == tag
        assert header["SOURCE1"] and header["LICENSE"]
        assert all("DATASUM" in unit.header for unit in units)


@pytest.mark.parametrize(("tag", "size"), ALL)
@pytest.mark.interop
def test_fitsverify_finds_nothing(tag: str, size: str, fitsverify) -> None:  # type: ignore[no-untyped-def]
    assert fitsverify(static_path(tag, size)) == (0, 0)


def test_own_tables_are_what_the_script_builds(tmp_path: Path) -> None:
    _write_own(tmp_path)
    built = sorted(tmp_path.glob("*.fits"))
    assert len(built) == 7
    for path in built:
        shipped = static_path("ASTROMETRY_WCS").parent / path.name
        assert path.read_bytes() == shipped.read_bytes(), path.name


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="no static MASTER_BIAS"):
        static_path("MASTER_BIAS")


@pytest.mark.parametrize(
    ("ion", "wavelength"),
    [
        ("HgI", 5460.750),
        ("CdI", 5085.822),
        ("NeI", 6402.248),
        ("NeI", 5852.488),
        ("XeI", 8231.634),
    ],
)  # NIST, air
def test_arc_lines_in_air(ion: str, wavelength: float) -> None:
    rows = table("LINE_CATALOG")
    rows = rows[rows["ion"] == ion]
    assert np.abs(rows["lambda"] - wavelength).min() < 2e-3


def test_line_catalogue_serves_both_sizes() -> None:
    assert fits.getheader(static_path("LINE_CATALOG"))["VERSION"] == 3
    rows = table("LINE_CATALOG")
    assert (np.diff(rows["lambda"]) >= 0).all()
    assert set(rows["quality"]) == {0, 1, 3, 5}
    good = rows[rows["quality"] >= 3]
    for size, least in ((FULL, 120), (MINI, 40)):
        inside = good[(good["lambda"] > size.blue) & (good["lambda"] < size.red)]
        assert len(inside) > least
        assert {ion[:2] for ion in inside["ion"]} == {"Ne", "Xe", "Hg", "Cd"}


def test_good_arc_lines_are_isolated_in_their_lamp() -> None:
    rows = table("LINE_CATALOG")
    lamp = np.array(["HgCd" if ion[:2] in ("Hg", "Cd") else ion[:2] for ion in rows["ion"]])
    for row, own in zip(rows, lamp, strict=True):
        if row["quality"] >= 3:
            near = (np.abs(rows["lambda"] - row["lambda"]) < 3.0) & (lamp == own)
            assert rows["flux"][near].sum() < 1.3 * row["flux"]


def test_air_wavelengths() -> None:
    vacuum = np.array([5462.2675, 8233.896])
    np.testing.assert_allclose(vacuum_to_air(vacuum), [5460.750, 8231.634], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "magnitude"), [("GD71", 13.03), ("GD153", 13.35), ("Feige110", 11.83)]
)  # V, CALSPEC
def test_standards_have_their_magnitudes(name: str, magnitude: float) -> None:
    rows, band = table("STD_FLUX_TABLE", name), table("FILTER_LIST", "Johnson_V")
    weight = np.interp(rows["lambda"], band["lambda"], band["throughput"], left=0, right=0)
    flux = (rows["flux"] * weight).sum() / weight.sum()
    assert -2.5 * np.log10(flux / 3.63e-9) == pytest.approx(magnitude, abs=0.06)


def test_standards_carry_position_and_units() -> None:
    with fits.open(static_path("STD_FLUX_TABLE")) as units:
        assert len(units) >= 8
        for unit in units[1:]:
            assert 0 <= unit.header["RA"] < 360 and -90 < unit.header["DEC"] < 90
            assert [c.unit for c in unit.columns] == ["Angstrom", "erg/s/cm**2/Angstrom"]
            assert (unit.data["flux"] > 0).all()


def test_extinction_of_paranal() -> None:
    rows = table("EXTINCT_TABLE")
    found = np.interp([5500, 8000], rows["lambda"], rows["extinction"])
    np.testing.assert_allclose(found, [0.13, 0.03], atol=0.03)  # Patat et al. 2011


@pytest.mark.parametrize("size", SIZES.values(), ids=lambda s: s.name)
def test_geometry_fills_the_field_without_gaps(size) -> None:  # type: ignore[no-untyped-def]
    rows = fits.getdata(static_path("GEOMETRY_TABLE", size.name))
    assert len(rows) == size.n_ifus * size.n_slices
    places = {(x, y) for x, y in zip(rows["x"], rows["y"], strict=True)}
    assert len(places) == len(rows)
    assert np.ptp(rows["y"]) == size.n_ifus * size.slices_per_stack - 1
    assert rows["y"].mean() == pytest.approx(0) and rows["x"].mean() == pytest.approx(0)


def test_sky_lines_have_the_known_ones() -> None:
    rows = table("SKY_LINES", "LINES")
    for wavelength in (5577.339, 6300.304, 6363.776, 7750.64, 8344.60, 8885.85):
        assert np.abs(rows["lambda"] - wavelength).min() < 0.05
    assert sorted(set(rows["group"])) == list(range(11))
    green = rows["flux"][np.argmin(np.abs(rows["lambda"] - 5577.339))]
    red = rows["flux"][np.argmin(np.abs(rows["lambda"] - 6300.304))]
    weak = rows["flux"][np.argmin(np.abs(rows["lambda"] - 6363.776))]
    assert red / weak == pytest.approx(3.1, abs=0.3)  # ratio of transition rates, NIST
    assert 0.3 < red / green < 3


def test_oh_wavelengths() -> None:
    air = {line.name: vacuum_to_air(np.array([line.vacuum]))[0] for line in oh_lines()}
    for name, wavelength in (  # Osterbrock et al. 1996, PASP 108, 277
        ("OH 8-3 Q1(1.5)", 7276.405),
        ("OH 8-3 P1(2.5)", 7316.282),
        ("OH 6-2 P1(2.5)", 8399.170),
        ("OH 7-3 P1(2.5)", 8885.850),
    ):
        assert air[name] == pytest.approx(wavelength, abs=0.15)


@pytest.mark.parametrize("size", SIZES)
def test_line_spread_function_has_unit_area(size: str) -> None:
    image = fits.getdata(static_path("LSF_PROFILE", size))
    assert image.shape == (SIZES[size].n_slices, 16, 150)
    np.testing.assert_allclose(image.sum(axis=-1) * 15 / 149, 1, atol=2e-3)
