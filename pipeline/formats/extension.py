"""Small extensions, tables and images, made whole in memory: their cards and their data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    """One extension: its cards without checksums, and its data, big-endian and padded."""

    cards: list[str]
    data: bytes

    def stored(self) -> bytes:
        """Return it as it stands in a file, with CHECKSUM and DATASUM."""
        data_sum = fold(bytes_sum(self.data))
        sums = [
            card("CHECKSUM", "0" * 16, "HDU checksum"),
            card("DATASUM", str(data_sum), "data unit checksum"),
        ]
        return seal(header_block([*self.cards, *sums]), data_sum) + self.data


def table_extension(name: str, table: Table) -> Extension:
    """Return a table as extension ``name``; a single column ``image`` is an image."""
    header = Keywords(table.header)
    header.pop("EXTNAME", None)
    if set(table.columns) == {"image"}:
        if table.units.get("image"):
            header["BUNIT"] = table.units["image"]
        return image_extension(name, table.columns["image"], header)
    forms = {key: _form(np.asarray(values)) for key, values in table.columns.items()}
    columns = {key: _stored(np.asarray(values)) for key, values in table.columns.items()}
    n_rows = len(next(iter(columns.values()), ()))
    row = np.dtype([(k, v.dtype, v.shape[1:]) for k, v in columns.items()])
    rows = np.empty(n_rows, row)
    for key, values in columns.items():
        rows[key] = values
    layout = [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, "number of bits per data pixel"),
        card("NAXIS", 2, "number of data axes"),
        card("NAXIS1", row.itemsize, "length of data axis 1"),
        card("NAXIS2", n_rows, "length of data axis 2"),
        card("PCOUNT", 0, "number of group parameters"),
        card("GCOUNT", 1, "number of groups"),
        card("TFIELDS", len(columns), "number of table fields"),
        *_column_cards(forms, table.units),
    ]
    return Extension([*layout, *_cards(name, header)], _padded(rows.tobytes()))


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
    return Extension([*layout, *_cards(name, words)], _padded(data))


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
