"""Each rule of the archive standard is broken alone, in files that astropy wrote."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from phoenix.standard import validate
from tests.phoenix.sdp_cubes import GENUINE, NX, NY, NZ, REAL, write_cube, write_white


def found(path: Path) -> set[tuple[str, str]]:
    return {(f.rule, f.keyword) for f in validate(path)}


def test_a_good_cube_and_its_image_pass(tmp_path: Path) -> None:
    assert validate(write_cube(tmp_path)) == []
    assert validate(tmp_path / "IMAGE_FOV_0001.fits") == []


def test_the_genuine_cube_fails_where_it_is_known_to(tmp_path: Path) -> None:
    path = write_cube(tmp_path, base=GENUINE)
    assert found(path) == {("forbidden", "ARCFILE"), ("times", "EXPTIME")}


def test_a_real_cube_of_2014_is_no_archive_product(tmp_path: Path) -> None:
    assert ("category", "PRODCATG") in found(write_cube(tmp_path, base=REAL))
    real = found(write_cube(_sub(tmp_path), {"PRODCATG": "SCIENCE.CUBE.IFS"}, base=REAL))
    assert {("mandatory", "TEXPTIME"), ("mandatory", "PROV1"), ("value", "DATE")} <= real
    assert ("forbidden", "ARCFILE") in real


def _sub(folder: Path) -> Path:
    (folder / "again").mkdir()
    return folder / "again"


MANDATORY = {
    "observation": [
        "ORIGIN",
        "TELESCOP",
        "INSTRUME",
        "OBJECT",
        "OBSTECH",
        "PROG_ID",
        "OBID1",
    ],
    "place": ["RA", "DEC", "RADESYS", "EQUINOX", "SPECSYS", "WAVELMIN", "WAVELMAX"],
    "time": ["EXPTIME", "TEXPTIME", "MJD-OBS", "MJD-END", "DATE"],
    "quality": ["FLUXCAL", "ABMAGLIM", "PIXNOISE", "SPEC_RES", "SKY_RES"],
    "provenance": ["PROCSOFT", "REFERENC", "NCOMBINE", "ASSON1"],
}


@pytest.mark.parametrize("keyword", [k for group in MANDATORY.values() for k in group])
def test_mandatory_keywords(keyword: str, tmp_path: Path) -> None:
    path = write_cube(tmp_path, {keyword: None})
    assert found(path) == {("mandatory", keyword)}


PRIMARY: list[tuple[dict[str, Any], str, str]] = [
    ({"OBJECT": " "}, "mandatory", "OBJECT"),
    ({"OBJECT": 7}, "type", "OBJECT"),
    ({"ORIGIN": "CADC"}, "value", "ORIGIN"),
    ({"INSTRUME": "KMOS"}, "value", "INSTRUME"),
    ({"RADESYS": "FK4"}, "value", "RADESYS"),
    ({"OBSTECH": "IMAGE"}, "value", "OBSTECH"),
    ({"FLUXCAL": "RELATIVE"}, "value", "FLUXCAL"),
    ({"SPECSYS": "EARTH"}, "value", "SPECSYS"),
    ({"DATE": "2026-11-20"}, "value", "DATE"),
    ({"DATE": "2026-13-20T10:00:00"}, "value", "DATE"),
    ({"RA": "03:32:39"}, "type", "RA"),
    ({"RA": 0.0}, "value", "RA"),
    ({"RA": 360.0}, "value", "RA"),
    ({"DEC": 90.0}, "value", "DEC"),
    ({"EXPTIME": -1.0}, "value", "EXPTIME"),
    ({"EXPTIME": 1800.02}, "times", "EXPTIME"),
    ({"MJD-OBS": 40586.9}, "value", "MJD-OBS"),
    ({"MJD-END": 59600.07}, "times", "MJD-END"),
    ({"MJD-END": 59600.07 + 1790 / 86400}, "times", "MJD-END"),
    ({"WAVELMIN": 475.1}, "wavelengths", "WAVELMIN"),
    ({"WAVELMAX": 476.0}, "wavelengths", "WAVELMAX"),
    ({"PIXNOISE": 4.99}, "value", "PIXNOISE"),
    ({"ABMAGLIM": -24.0}, "value", "ABMAGLIM"),
    ({"SKY_RES": 0.0}, "value", "SKY_RES"),
    ({"SPEC_RES": 1.25}, "value", "SPEC_RES"),
    ({"NCOMBINE": 3.0}, "type", "NCOMBINE"),
    ({"NCOMBINE": 2}, "provenance", "NCOMBINE"),
    ({"EQUINOX": 1950.0}, "value", "EQUINOX"),
    ({"TIMESYS": "LOCAL"}, "value", "TIMESYS"),
    ({"HIERARCH ESO INS MODE": "NFM-AO-N"}, "mandatory", "STREHL"),
    ({"PROV2": None, "PROV4": "x.fits"}, "numbering", "PROVi"),
    ({"PROV3": GENUINE["PROV1"]}, "provenance", "PROVi"),
    ({"PROV3": "night log"}, "provenance", "PROV3"),
    ({"OBID3": 5}, "numbering", "OBIDi"),
    ({"OBID1": "200000001"}, "type", "OBID1"),
    ({"PROG_ID": "MULTI"}, "programmes", "PROGIDi"),
    ({"PROGID1": "a", "PROGID2": "b"}, "programmes", "PROG_ID"),
    ({"PROG_ID": "MULTI", "PROGID1": "a", "PROGID3": "b"}, "numbering", "PROGIDi"),
    ({"ASSON1": "other.fits"}, "links", "ASSON1"),
    ({"ASSON1": "../IMAGE_FOV_0001.fits"}, "links", "ASSON1"),
    ({"ASSOC1": "ANCILLARY.IMAGE"}, "links", "ASSOC1"),
    ({"ASSOM2": "d41d8"}, "links", "ASSOC2"),
    ({"SPEC_BIN": 0.125}, "forbidden", "SPEC_BIN"),
    ({"RA_ERR": 0.1}, "forbidden", "RA_ERR"),
    ({"DEC_ERR": 0.1}, "forbidden", "DEC_ERR"),
    ({"PROV0": "x.fits"}, "forbidden", "PROV0"),
    ({"OBID0": 1}, "forbidden", "OBID0"),
    ({"ORIGFILE": "x.fits"}, "forbidden", "ORIGFILE"),
    ({"P3ORIG": "x.fits"}, "forbidden", "P3ORIG"),
    ({"LONGSTRN": "OGIP 1.0"}, "forbidden", "LONGSTRN"),
    ({"PRODCATG": "SCIENCE.IMAGE"}, "category", "PRODCATG"),
]


@pytest.mark.parametrize(("cards", "rule", "keyword"), PRIMARY)
def test_values_of_the_primary_header(
    cards: dict[str, Any], rule: str, keyword: str, tmp_path: Path
) -> None:
    path = write_cube(tmp_path, cards)
    assert found(path) == {(rule, keyword)}
    assert all(f.remedy and f.problem and str(f) for f in validate(path))


def test_wavelengths_in_the_wrong_unit_or_order(tmp_path: Path) -> None:
    in_angstrom = found(write_cube(tmp_path, {"WAVELMIN": 4749.67}))
    assert ("value", "WAVELMIN") in in_angstrom
    exchanged = {"WAVELMIN": GENUINE["WAVELMAX"], "WAVELMAX": GENUINE["WAVELMIN"]}
    path = write_cube(_sub(tmp_path), exchanged)
    assert found(path) == {("wavelengths", "WAVELMIN"), ("wavelengths", "WAVELMAX")}


EXTENSIONS: list[tuple[str, dict[str, Any], str, str]] = [
    ("data", {"BUNIT": None}, "unit", "BUNIT"),
    ("data", {"BUNIT": "10**(-20)*erg/s/cm**2/Angstrom"}, "unit", "BUNIT"),
    ("stat", {"BUNIT": "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)"}, "unit", "BUNIT"),
    *(
        ("data", {k: None}, "wcs", k)
        for k in ("CRVAL1", "CRPIX2", "CTYPE3", "CUNIT3", "CD3_3")
    ),
    ("data", {"CUNIT3": "Angstrom"}, "wcs", "CUNIT3"),
    ("data", {"CTYPE3": "WAVELENGTH"}, "wcs", "CTYPE3"),
    ("data", {"CD1_1": 0.0}, "wcs", "CD1_1"),
    ("data", {"CDELT3": 1.25}, "forbidden", "CDELT3"),
    ("stat", {"PC1_1": 1.0}, "forbidden", "PC1_1"),
    *(
        ("stat", {k: None}, "class", k)
        for k in ("HDUCLASS", "HDUDOC", "HDUVERS", "HDUCLAS1")
    ),
    ("stat", {"HDUCLAS3": None}, "class", "HDUCLAS3"),
    ("stat", {"HDUCLAS3": "SIGMA"}, "class", "HDUCLAS3"),
    ("data", {"HDUCLASS": "OGIP"}, "class", "HDUCLASS"),
    ("data", {"ERRDATA": None}, "links", "ERRDATA"),
    ("data", {"ERRDATA": "NOISE"}, "links", "ERRDATA"),
    ("data", {"QUALDATA": "DQ"}, "links", "QUALDATA"),
    ("stat", {"SCIDATA": None}, "links", "SCIDATA"),
]


@pytest.mark.parametrize(("place", "cards", "rule", "keyword"), EXTENSIONS)
def test_keywords_of_the_extensions(
    place: str, cards: dict[str, Any], rule: str, keyword: str, tmp_path: Path
) -> None:
    path = write_cube(tmp_path, **{place: cards})
    assert (rule, keyword) in found(path)
    assert {(f.rule, f.hdu.split()[-1].lower()) for f in validate(path)} <= {
        (rule, "data"),
        (rule, "stat"),
    }


def test_a_cube_rotated_by_90_degrees_passes(tmp_path: Path) -> None:
    turned = {"CD1_1": 0.0, "CD2_2": 0.0, "CD1_2": 5.6e-5, "CD2_1": 5.6e-5}
    assert validate(write_cube(tmp_path, data=turned, stat=turned)) == []


def test_missing_errors_and_wrong_shapes(tmp_path: Path) -> None:
    path = write_cube(
        tmp_path, stat={"HDUCLAS2": "DATA", "HDUCLAS3": None, "SCIDATA": None}
    )
    assert ("content", "HDUCLAS2") in found(path)
    path = write_cube(_sub(tmp_path), shapes=((NZ, NY, NX), (NZ, NY, NX - 1)))
    assert found(path) == {("content", "NAXISn")}


def test_extensions_need_different_names(tmp_path: Path) -> None:
    assert ("content", "EXTNAME") in found(write_cube(tmp_path, stat={"EXTNAME": "DATA"}))
    assert ("content", "EXTNAME") in found(
        write_cube(_sub(tmp_path), stat={"EXTNAME": None})
    )


def test_long_strings_are_refused(tmp_path: Path) -> None:
    path = write_cube(tmp_path, {"REFERENC": "2026A&A...999A...1X " * 5})
    assert ("forbidden", "CONTINUE") in found(path)


def test_the_white_light_image_must_be_one(tmp_path: Path) -> None:
    path = write_cube(tmp_path, white=False)
    assert found(path) == {("links", "ASSON1")}
    write_white(tmp_path, PRODCATG="ANCILLARY.IMAGE")
    assert found(path) == {("links", "ASSONi")}


def test_a_bad_white_light_image(tmp_path: Path) -> None:
    assert found(write_white(tmp_path, BUNIT="count")) == {("unit", "BUNIT")}
    assert ("wcs", "CTYPE1") in found(write_white(tmp_path, "b.fits", CTYPE1="PIXEL"))


def test_ancillaries_of_other_formats_need_category_and_sum(tmp_path: Path) -> None:
    (tmp_path / "preview.png").write_bytes(b"picture")
    md5 = hashlib.md5(b"picture").hexdigest()
    good = {"ASSON2": "preview.png", "ASSOC2": "ANCILLARY.PREVIEW", "ASSOM2": md5}
    path = write_cube(tmp_path, good)
    assert validate(path) == []
    for keyword in ("ASSOC2", "ASSOM2"):
        path.unlink()
        path = write_cube(tmp_path, good | {keyword: None}, white=False)
        assert found(path) == {("links", keyword)}
    (tmp_path / "preview.png").write_bytes(b"another picture")
    path.unlink()
    path = write_cube(tmp_path, good, white=False)
    assert found(path) == {("links", "ASSOM2")}


def test_sums_are_checked(tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    content = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        start = hdus["DATA"].fileinfo()["datLoc"]
    content[start + 3] ^= 1
    path.write_bytes(content)
    assert found(path) == {("checksum", "DATASUM"), ("checksum", "CHECKSUM")}


def test_a_header_changed_after_the_sum_is_seen(tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"REFEREE FIELD", b"REFEREE FIELT", 1))
    assert found(path) == {("checksum", "CHECKSUM")}


@pytest.mark.parametrize("keyword", ["CHECKSUM", "DATASUM"])
def test_sums_are_mandatory_in_every_unit(keyword: str, tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    first, second, third = path.read_bytes().split(b"XTENSION", 2)
    card = f"{keyword:8}=".encode()
    second = second.replace(card, card.replace(b"UM", b"UN"), 1)
    path.write_bytes(b"XTENSION".join((first, second, third)))
    assert ("checksum", keyword) in found(path)


@pytest.mark.parametrize("cut", [100, 2880 + 7, 2880 * 3, -2880, -1])
def test_truncated_files_are_reported(cut: int, tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    assert [f.rule for f in validate(path)] != []


def test_files_that_are_no_fits(tmp_path: Path) -> None:
    path = tmp_path / "notes.fits"
    path.write_text("nothing")
    assert [f.rule for f in validate(path)] == ["complete"]
    path.write_bytes(b"")
    assert [f.rule for f in validate(path)] == ["complete"]
    assert [f.rule for f in validate(tmp_path / "absent.fits")] == ["complete"]


def test_repeated_and_unreadable_cards(tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    content = path.read_bytes()
    double = content.replace(b"OBSTECH = 'IFU", b"PROCSOFT= 'IFU", 1)
    path.write_bytes(double)
    assert ("unique", "PROCSOFT") in found(path)
    path.write_bytes(content.replace(b"ABMAGLIM=   ", b"ABMAGLIM= * ", 1))
    assert ("readable", "ABMAGLIM") in found(path)


@pytest.mark.interop
def test_what_passes_here_passes_fitsverify(
    tmp_path: Path, fitsverify: Callable[[Path], tuple[int, int]]
) -> None:
    assert fitsverify(write_cube(tmp_path)) == (0, 0)
