"""Columns of a binary table, or an array, read straight from the file.

``astropy.io.fits`` takes 15 ms for a table of 48 rows, most of it for the header, which
`pipeline.formats.scan` has read already. What is not simply stored (scaled columns, arrays
of variable length, compressed images, bits, complex numbers) is left to it.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.scan import Unit

_FORM = re.compile(r"(\d*)([ABDEIJKL])$")
_FLOATS = {-32: ">f4", -64: ">f8"}
_TYPES = {"B": "u1", "D": ">f8", "E": ">f4", "I": ">i2", "J": ">i4", "K": ">i8", "L": "S1"}
_BEYOND = re.compile(r"T(SCAL|ZERO|DIM)\d+|ZIMAGE")


def read_columns(path: Path, unit: Unit) -> dict[str, NDArray[Any]] | None:
    """Return the columns of a table by name, in native byte order.

    None if the unit is no table or has columns that are not simply stored. Text comes
    without trailing blanks; a column with several numbers in each cell is 2-D.
    """
    header = unit.header
    simple = not any(_BEYOND.fullmatch(keyword) for keyword in header)
    if str(header.get("XTENSION", "")).strip() != "BINTABLE" or not simple:
        return None
    forms = [str(header[f"TFORM{i}"]).strip() for i in _numbers(unit)]
    if any(_FORM.match(form) is None or form.startswith("0") for form in forms):
        return None
    names = [str(header.get(f"TTYPE{i}", f"col{i}")).strip() for i in _numbers(unit)]
    row = np.dtype([(str(i), *_kind(form)) for i, form in enumerate(forms)])
    if len(set(names)) < len(names) or row.itemsize != int(header["NAXIS1"]):
        return None
    n_rows = int(header["NAXIS2"])
    fd = os.open(path, os.O_RDONLY)
    try:
        data = os.pread(fd, n_rows * row.itemsize, unit.offset)
    finally:
        os.close(fd)
    table = np.frombuffer(data, row, n_rows)
    return {
        name: _values(table[str(i)], form)
        for i, (name, form) in enumerate(zip(names, forms, strict=True))
    }


def read_array(path: Path, unit: Unit) -> NDArray[Any] | None:
    """Return the array of an extension in native byte order.

    None if the unit is no image of floats that are stored as they are.
    """
    header = unit.header
    kind = _FLOATS.get(int(header["BITPIX"]))
    scaled = any(keyword in header for keyword in ("BSCALE", "BZERO"))
    image = str(header.get("XTENSION", "")).strip() == "IMAGE"
    if kind is None or scaled or not image or not unit.shape:
        return None
    stored = np.fromfile(path, kind, math.prod(unit.shape), offset=unit.offset)
    return stored.astype(stored.dtype.newbyteorder("=")).reshape(unit.shape)


def _numbers(unit: Unit) -> range:
    """Return the numbers of the columns."""
    return range(1, int(unit.header["TFIELDS"]) + 1)


def _kind(form: str) -> tuple[str, tuple[int, ...]]:
    """Return type and shape of a cell."""
    match = _FORM.match(form)
    assert match is not None
    width, letter = int(match[1] or 1), match[2]
    if letter == "A":
        return f"S{width}", ()
    return _TYPES[letter], (width,) if width > 1 else ()


def _values(stored: NDArray[Any], form: str) -> NDArray[Any]:
    """Return a column in native byte order, contiguous."""
    if form.endswith("L"):
        return np.ascontiguousarray(stored == b"T")
    if form.endswith("A"):
        return np.asarray(np.char.rstrip(stored.astype(str)))
    return np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
