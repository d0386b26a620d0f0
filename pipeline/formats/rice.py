"""Rows of Rice-compressed raw images, decompressed when they are asked for.

``astropy`` decompresses whole images, one at a time and with copies. Raw frames have one
tile a row, so rows can be read like those of a plain file, in any thread.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.scan import Unit
from pipeline.kernels.rice import decode_rows, spare_bytes

_DESCRIPTORS = {"1P": ">i4", "1Q": ">i8"}
_USUAL = {"ZCMPTYPE": "RICE_1", "ZBITPIX": 16, "TFIELDS": 1, "ZTILE2": 1}
_OPTIONS = {"BLOCKSIZE": 32, "BYTEPIX": 4}
"""Options of the compression and their defaults (FITS standard 4.0, table 37)."""


@dataclass
class RiceRows:
    """The rows of one compressed extension."""

    path: Path
    unit: Unit
    block: int

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Where the tile of each row begins and ends in the file, int64[ny, 2] [byte].

        Raises
        ------
        ValueError
            If one is elsewhere than in the extension.
        """
        header, offset = self.unit.header, self.unit.offset
        n_rows, width = int(header["NAXIS2"]), int(header["NAXIS1"])
        kind = np.dtype(_DESCRIPTORS[str(header["TFORM1"])[:2]])
        table = self._bytes(offset, n_rows * width)
        found = np.frombuffer(table, kind, 2 * n_rows).reshape(n_rows, 2).astype(np.int64)
        heap = int(header.get("THEAP", n_rows * width))
        start, stop = found[:, 1] + heap, found[:, 1] + heap + found[:, 0]
        if np.any((start < heap) | (stop < start) | (stop > self.unit.size)):
            raise ValueError("the places of rows are damaged")
        return np.column_stack([start, stop]) + offset

    def _bytes(self, start: int, size: int, spare: int = 0) -> NDArray[np.uint8]:
        """Return a part of the file, and room behind it.

        Raises
        ------
        ValueError
            If the file ends before.
        """
        found = np.empty(size + spare, np.uint8)
        fd = os.open(self.path, os.O_RDONLY)
        try:
            n_read = os.preadv(fd, [found.data[:size]], start)
        finally:
            os.close(fd)
        if n_read < size:
            raise ValueError("bytes are missing")
        return found

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint16]:
        """Return raw counts [adu], uint16[n_rows, n_columns].

        Raises
        ------
        ValueError
            If bits are missing.
        """
        nx = int(self.unit.header["ZNAXIS1"])
        first, last, _ = columns.indices(nx)
        places = self._places[rows]
        counts = np.empty((len(places), last), np.uint16)
        if counts.size:
            low, high = int(places[:, 0].min()), int(places[:, 1].max())
            packed = self._bytes(low, high - low, spare_bytes(self.block))
            starts, stops = (places - low).T.copy()
            if not decode_rows(packed, starts, stops, self.block, counts):
                raise ValueError("bits are missing")
        return np.ascontiguousarray(counts[:, first:])


def rice_rows(path: Path, unit: Unit) -> RiceRows | None:
    """Return the rows of a compressed extension; None if they are packed another way."""
    header = unit.header
    options = dict(_OPTIONS)
    for i in range(1, 10):
        if f"ZNAME{i}" in header:
            options[str(header[f"ZNAME{i}"])] = int(header[f"ZVAL{i}"])
    usual = all(header.get(keyword, 1) == value for keyword, value in _USUAL.items())
    whole_rows = header.get("ZTILE1", header["ZNAXIS1"]) == header["ZNAXIS1"]
    known = str(header.get("TFORM1", ""))[:2] in _DESCRIPTORS
    blocks_of_words = options["BYTEPIX"] == 2 and options["BLOCKSIZE"] > 0
    if not (usual and whole_rows and known and blocks_of_words):
        return None
    return RiceRows(path, unit, options["BLOCKSIZE"])
