"""Tests of the header parser, against astropy."""

from pathlib import Path

import pytest
from astropy.io import fits

from pipeline.formats.cards import Keywords, card, header_block, read_cards
from pipeline.formats.parse import parse_header

VALUES = {
    "SIMPLE": True,
    "NAXIS": 0,
    "OBJECT": "O'Neill's star / 3",
    "EXPTIME": 600.0,
    "MJD-OBS": 61285.18125528,
    "ESO DET OUT1 GAIN": 1.17,
    "ESO TEL GEOLON": -70.4045,
    "ESO OBS ID": 200100,
    "ESO QC X": -1.5e-12,
    "ESO OCS FLAG": False,
    "ORIGFILE": "x" * 150 + " & y",
    "EMPTY": "",
}


def text(values):
    return header_block([card(k, v, f"comment of {k}") for k, v in values.items()]).decode()


def test_what_is_written_is_read():
    assert parse_header(text(VALUES)) == VALUES
    assert parse_header(text(VALUES)).comments["EXPTIME"] == "comment of EXPTIME"


def test_equals_astropy():
    ours = parse_header(text(VALUES))
    theirs = fits.Header.fromstring(text(VALUES))
    assert list(ours) == list(theirs)
    for keyword, value in ours.items():
        assert value == theirs[keyword] and type(value) is type(theirs[keyword])
        assert ours.comments[keyword] == theirs.comments[keyword]


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ("KEY     =                    1 / one", 1),
        ("KEY     =               1.D-03", 1e-3),
        ("KEY     = 'a''b     '", "a'b"),
        ("KEY     = +.5", 0.5),
        ("KEY     = 'text / no comment'", "text / no comment"),
    ],
)
def test_forms_of_values(cards, expected):
    assert parse_header(cards.ljust(80) + "END".ljust(80)) == {"KEY": expected}


def test_cards_without_a_value_are_left_out():
    lines = ["COMMENT = 1", "HISTORY a = b", "", "KEY     =", "NOVALUE", "C = (1, 2)"]
    assert parse_header("".join(line.ljust(80) for line in lines)) == {}


def test_nothing_behind_the_end_counts():
    assert parse_header("END".ljust(80) + "A       = 1".ljust(80)) == {}


def test_first_of_two_equal_keywords_counts():
    two = "A       = 1".ljust(80) + "A       = 2".ljust(80)
    assert parse_header(two) == {"A": 1}


def test_real_headers_equal_astropy(tmp_path):
    path = tmp_path / "table.fits"
    columns = [fits.Column("x", "1D", unit="pix", array=[1.0])]
    fits.BinTableHDU.from_columns(columns, name="CHAN01").writeto(path, checksum=True)
    raw = Path(path).read_bytes()
    head = raw[raw.index(b"XTENSION") :][:2880].decode()
    ours, theirs = read_cards(parse_header(head)), read_cards(fits.Header.fromstring(head))
    assert ours == theirs and ours.comments == theirs.comments
    assert isinstance(ours, Keywords) and "NAXIS" not in ours
