import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.cards import Keywords, card, header_block, read_cards
from pipeline.formats.checksum import bytes_sum, fold, seal
from pipeline.formats.parse import parse_header

ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=150)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    ASCII.map(str.rstrip),
)


@given(VALUES, ASCII)
def test_astropy_reads_every_card(value, comment):
    text = card("KEYWORD", value, comment)
    assert len(text) % 80 == 0
    header = fits.Header.fromstring(header_block([text]))
    assert header["KEYWORD"] == value


@given(VALUES, ASCII)
def test_hierarch_cards_cut_only_long_strings(value, comment):
    text = card("ESO PRO REC1 PARAM1 VALUE", value, comment)
    assert len(text) == 80
    read = parse_header(header_block([text]).decode())["ESO PRO REC1 PARAM1 VALUE"]
    if isinstance(value, str):
        assert value.startswith(read)
        assert read == value or len(value) > 20
    else:
        assert read == value


def test_not_finite_values_are_refused():
    with pytest.raises(ValueError, match="nan"):
        card("X", float("nan"))


def test_float32_values_are_short():
    assert card("ESO QC X", np.float32(1.1)).split("=")[1].strip() == "1.1"


def test_layout_and_commentary_are_left_out():
    header = fits.Header()
    header["NAXIS1"] = 5
    header["EXPTIME"] = (1.0, "time")
    header["TTYPE1"] = "x"
    header["COMMENT"] = "no"
    header["EMPTY"] = None
    read = read_cards(header)
    assert read == {"EXPTIME": 1.0} and read.comments == {"EXPTIME": "time"}


def test_copies_keep_comments():
    first = Keywords({"A": 1}, {"A": "first"})
    assert Keywords(first, {"B": "second"}).comments == {"A": "first", "B": "second"}


@given(st.integers(0, 2**32 - 1))
def test_a_sealed_header_sums_to_minus_zero(data_sum):
    cards = [card("SIMPLE", True), card("CHECKSUM", "0" * 16), card("X", str(data_sum))]
    block = seal(header_block(cards), data_sum)
    assert fold(bytes_sum(block) + data_sum) in (0, 0xFFFFFFFF)
