"""Header cards: between FITS text and plain dictionaries.

Keywords are written without ``HIERARCH``; the comments of a header that was read
travel with it, so a product repeats what its raw frame says about each keyword.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pipeline.spec import Value

if TYPE_CHECKING:
    from astropy.io import fits

CARD = 80
BLOCK = 2880

REMEMBERED = 8192
"""Cards that are kept, read or written; a product has a thousand."""

_COMMENTARY = {"COMMENT", "HISTORY", "", "END", "CONTINUE"}
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BZERO|BSCALE|CHECKSUM|DATASUM|"
    r"TFIELDS|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DIM|DISP)\d+|"
    r"Z(IMAGE|TENSION|SIMPLE|EXTEND|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TILE\d+|CMPTYPE|"
    r"NAME\d+|VAL\d+|QUANTIZ|DITHER0|BLANK|SCALE|ZERO|HECKSUM|DATASUM|MASKCMP)"
)


class Keywords(dict[str, Value]):
    """A header as a dictionary; ``comments`` holds the comments by keyword."""

    def __init__(
        self,
        values: Mapping[str, Value] | None = None,
        comments: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(values or {})
        inherited = values.comments if isinstance(values, Keywords) else {}
        self.comments: dict[str, str] = {**inherited, **(comments or {})}


def read_cards(header: "fits.Header | Keywords") -> Keywords:
    """Return keywords and comments of a parsed header.

    Commentary, empty cards and what describes the layout of the file are left out.
    """
    if isinstance(header, Keywords):
        kept = {k: v for k, v in header.items() if not _STRUCTURE.fullmatch(k)}
        return Keywords(kept, {k: c for k, c in header.comments.items() if k in kept})
    from astropy.io import fits

    keywords = Keywords()
    for card in header.cards:
        if card.keyword in _COMMENTARY or _STRUCTURE.fullmatch(card.keyword):
            continue
        if isinstance(card.value, fits.card.Undefined):
            continue
        keywords[card.keyword] = card.value
        if card.comment:
            keywords.comments[card.keyword] = card.comment
    return keywords


@lru_cache(REMEMBERED, typed=True)
def card(keyword: str, value: Value, comment: str = "") -> str:
    """Return one card of 80 characters (more, with CONTINUE, for long strings).

    A comment that does not fit is cut, as is a long string under a ``HIERARCH``
    keyword, where the standard has no CONTINUE. The products of a call have most of
    their cards in common: they are remembered.

    Raises
    ------
    ValueError
        If the value is not finite: FITS headers cannot hold it.
    """
    plain = len(keyword) <= 8 and " " not in keyword
    start = f"{keyword:<8}= " if plain else f"HIERARCH {keyword} = "
    if isinstance(value, str):
        return _string_card(start, value, comment, plain)
    text = _number(value)
    return _commented(start + (f"{text:>20}" if plain else text), comment)


def _number(value: Value) -> str:
    """Return a logical or number as FITS text."""
    if isinstance(value, bool | np.bool_):
        return "T" if value else "F"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} cannot be written into a FITS header")
    digits = f"{value:.7G}" if isinstance(value, np.float32) else repr(float(value))
    text = digits.upper()
    mantissa, _, exponent = text.partition("E")
    if "." not in mantissa:
        mantissa += "."
    if mantissa.endswith("."):
        mantissa += "0"
    return f"{mantissa}E{exponent}" if exponent else mantissa


def _string_card(start: str, value: str, comment: str, plain: bool) -> str:
    """Return the card of a string, continued if it is long and may be."""
    ascii_text = value.encode("ascii", "replace").decode().rstrip()
    text = ascii_text.replace("'", "''")
    room = CARD - len(start) - 2
    if len(text) <= room:
        quoted = f"'{text:<8}'"
        return _commented(start + (f"{quoted:<20}" if plain else quoted), comment)
    if not plain:
        return f"{start}'{text[:room]}'".ljust(CARD)
    pieces = list(_pieces(text, CARD - 13))
    lines = [f"{start}'{pieces[0]}&'".ljust(CARD)]
    lines += [f"CONTINUE  '{piece}&'".ljust(CARD) for piece in pieces[1:-1]]
    return "".join(lines) + _commented(f"CONTINUE  '{pieces[-1]}'", comment)


def _pieces(text: str, size: int) -> Iterator[str]:
    """Cut text, but never between the two quotes that stand for one."""
    while text:
        stop = size
        if len(text) > size and text[:size].count("'") % 2:
            stop -= 1
        yield text[:stop]
        text = text[stop:]


def _commented(text: str, comment: str) -> str:
    """Append as much of the comment as fits."""
    comment = comment.encode("ascii", "replace").decode()
    return f"{text} / {comment}"[:CARD].ljust(CARD) if comment else text.ljust(CARD)


def header_block(cards: list[str], capacity: int = 0) -> bytes:
    """Return cards with END, filled with blanks to whole blocks.

    Parameters
    ----------
    cards
        Formatted cards.
    capacity
        Least size [byte]; blank cards stand before END where it is not needed.
    """
    text = "".join(cards)
    needed = -(-(len(text) + CARD) // BLOCK) * BLOCK
    text = text.ljust(max(needed, capacity) - CARD) if capacity > needed else text
    return f"{text}{'END':<80}".ljust(max(needed, capacity)).encode("ascii")
