"""Extensions made in memory: tables and small images, whole, and tables in parts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import BLOCK, Keywords, card, header_block
from pipeline.formats.checksum import bytes_sum, fold, seal
from pipeline.spec import Header, Table

_LETTER = {"f8": "D", "f4": "E", "i8": "K", "i4": "J", "i2": "I", "u1": "B", "b1": "L"}
_BITPIX = {"f8": -64, "f4": -32, "i8": 64, "i4": 32, "i2": 16, "u1": 8}

Cards = Iterator[str]


@dataclass(frozen=True)
class Extension:
    """One extension: its cards without checksums, and its data.

    ``data``: big-endian and padded, in one or more pieces of whole blocks.
    """

    cards: list[str]
    data: Iterable[bytes]

    def header(self, data_sum: int) -> bytes:
        """Return the header with CHECKSUM and DATASUM."""
        sums = [
            card("CHECKSUM", "0" * 16, "HDU checksum"),
            card("DATASUM", str(data_sum), "data unit checksum"),
        ]
        return seal(header_block([*self.cards, *sums]), data_sum)

    def stored(self) -> bytes:
        """Return it as it stands in a file."""
        data = b"".join(self.data)
        return self.header(fold(bytes_sum(data))) + data


def table_extension(name: str, table: Table) -> Extension:
    """Return a table as extension ``name``; a single column ``image`` is an image."""
    header = Keywords(table.header)
    header.pop("EXTNAME", None)
    if set(table.columns) == {"image"}:
        if table.units.get("image"):
            header["BUNIT"] = table.units["image"]
        return image_extension(name, table.columns["image"], header)
    rows = _rows(table)
    cards = _table_cards(name, table, rows.dtype, len(rows))
    return Extension(cards, [_padded(rows.tobytes())])


def long_table(name: str, n_rows: int, parts: Iterable[Table]) -> Extension:
    """Return a table whose rows are made when they are written.

    Parameters
    ----------
    name
        Of the extension.
    n_rows
        Rows of all parts.
    parts
        One or more tables with some rows each, and the same columns; the keywords and
        units are those of the first.
    """
    waiting = iter(parts)
    first = next(waiting)
    rows = _rows(first)
    every = chain([rows], map(_rows, waiting))
    cards = _table_cards(name, first, rows.dtype, n_rows)
    return Extension(cards, _whole_blocks(_checked(every, rows.dtype, n_rows)))


def _checked(
    parts: Iterable[NDArray[np.void]], kind: np.dtype[np.void], n_rows: int
) -> Iterator[bytes]:
    """Yield the bytes of rows that are as announced."""
    n = 0
    for rows in parts:
        if rows.dtype != kind:
            raise ValueError(f"columns of parts differ: {rows.dtype}, {kind}")
        n += len(rows)
        yield rows.tobytes()
    if n != n_rows:
        raise ValueError(f"the parts have {n} rows, not {n_rows}")


def _whole_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut data anew into pieces of whole blocks; the last one is padded."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) // BLOCK * BLOCK
        yield data[:whole]
        rest = data[whole:]
    yield _padded(rest)


def _rows(table: Table) -> NDArray[np.void]:
    """Return the rows of a table as they are stored."""
    columns = {key: _stored(np.asarray(values)) for key, values in table.columns.items()}
    kind = np.dtype([(k, v.dtype, v.shape[1:]) for k, v in columns.items()])
    rows = np.empty(len(next(iter(columns.values()), ())), kind)
    for key, values in columns.items():
        rows[key] = values
    return rows


def _table_cards(name: str, table: Table, row: np.dtype[np.void], n_rows: int) -> list[str]:
    """Return the cards of a table."""
    header = Keywords(table.header)
    header.pop("EXTNAME", None)
    forms = {key: _form(np.asarray(values)) for key, values in table.columns.items()}
    return [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, "number of bits per data pixel"),
        card("NAXIS", 2, "number of data axes"),
        card("NAXIS1", row.itemsize, "length of data axis 1"),
        card("NAXIS2", n_rows, "length of data axis 2"),
        card("PCOUNT", 0, "number of group parameters"),
        card("GCOUNT", 1, "number of groups"),
        card("TFIELDS", len(forms), "number of table fields"),
        *_column_cards(forms, table.units),
        *_cards(name, header),
    ]


def image_extension(name: str, values: NDArray[Any], header: Header) -> Extension:
    """Return an image as extension ``name``, whose case is kept."""
    kind = values.dtype.str[1:]
    shape = values.shape
    layout = [
        card("XTENSION", "IMAGE", "IMAGE extension"),
        card("BITPIX", _BITPIX[kind], "number of bits per data pixel"),
        card("NAXIS", len(shape), "number of data axes"),
    ]
    for i, length in enumerate(reversed(shape), 1):
        layout.append(card(f"NAXIS{i}", length, f"length of data axis {i}"))
    layout += [
        card("PCOUNT", 0, "required keyword; must = 0"),
        card("GCOUNT", 1, "required keyword; must = 1"),
    ]
    words = Keywords(header)
    words.pop("EXTNAME", None)
    data = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return Extension([*layout, *_cards(name, words)], [_padded(data)])


def _cards(name: str, header: Keywords) -> Cards:
    """Yield the cards of the name and of the keywords."""
    for keyword, value in header.items():
        yield card(keyword, value, header.comments.get(keyword, ""))
    if name:
        yield card("EXTNAME", name, "extension name")


def _column_cards(forms: Mapping[str, str], units: Mapping[str, str]) -> Cards:
    """Yield the cards that describe the columns."""
    for i, (key, form) in enumerate(forms.items(), 1):
        yield card(f"TTYPE{i}", key, f"label for field {i}")
        yield card(f"TFORM{i}", form, f"format of field {i}")
        if units.get(key):
            yield card(f"TUNIT{i}", units[key], f"unit of field {i}")


def _form(values: NDArray[Any]) -> str:
    """Return the TFORM of a column."""
    if values.dtype.kind in "US":
        return f"{_stored(values).dtype.itemsize}A"
    width = int(np.prod(values.shape[1:], dtype=int))
    return f"{width}{_LETTER[values.dtype.str[1:]]}"


def _stored(values: NDArray[Any]) -> NDArray[Any]:
    """Return a column as it is stored: big-endian, text as bytes, logicals as T and F."""
    if values.dtype.kind == "U":
        values = np.char.encode(values, "ascii")
    if values.dtype.kind == "b":
        values = np.where(values, b"T", b"F")
    return values.astype(values.dtype.newbyteorder(">"))


def _padded(data: bytes) -> bytes:
    """Fill data up to whole blocks."""
    return data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")
